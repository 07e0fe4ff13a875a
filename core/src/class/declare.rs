//! Declaring a class stanza by stanza, and what can be read of it.

use crate::bytes::Strings;
use crate::conf::{ConditionText, KillScope, Operator, Stanza};
use crate::expect::Expect;
use crate::ids::ClassId;
use crate::limits::{CONDITION_EVENTS, EVENT_NAME, Full, Limit};
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::memory::index::Fnv;
use crate::records::class::Class;
use crate::tables::respawn::{RespawnDelay, RespawnLimit};

/// The number of events in a condition.
fn count_events(condition: ConditionText<'_>) -> usize {
    condition.operators().filter(|operator| matches!(operator, Operator::Event(..))).count()
}

/// Applies a stanza that is one plain value.
fn set(class: &mut Class, stanza: &Stanza<'_>) {
    match *stanza {
        Stanza::Exec(process, _) | Stanza::Script(process, _) => class.processes |= 1 << process.index(),
        Stanza::Task => class.task = true,
        Stanza::Respawn => class.respawn = true,
        Stanza::RespawnLimit { count, interval } => class.limit = RespawnLimit { count, interval },
        Stanza::RespawnRetry(seconds) => class.retry = seconds,
        Stanza::InstanceLimit(count) => class.most_instances = count,
        Stanza::RespawnDelay { least, most } => class.delay = RespawnDelay { least, most },
        Stanza::Expect(expect) => class.expect = expect,
        Stanza::ReadyDescriptor(_) => class.expect = Expect::Descriptor,
        Stanza::PidFile(_) => class.expect = Expect::PidFile,
        Stanza::StartTimeout(seconds) => class.start_timeout = seconds,
        Stanza::HookTimeout(seconds) => class.hook_timeout = seconds,
        Stanza::Watchdog(seconds) => class.watchdog = seconds,
        Stanza::KillSignal(signal) => class.kill_signal = signal,
        Stanza::KillScope(scope) => class.kill_job = scope == KillScope::Job,
        Stanza::KillTimeout(seconds) => class.kill_timeout = seconds,
        Stanza::ReloadSignal(signal) => class.reload_signal = signal,
        _ => {}
    }
}

impl Supervisor<'_> {
    /// Begins a class. Its stanzas follow with [`apply`](Self::apply), then it is committed or abandoned. It has no
    /// effect before.
    ///
    /// # Errors
    /// There is no room for the class ([`Limit::Classes`]) or its name ([`Limit::Text`], [`Limit::Pieces`]); nothing
    /// has begun.
    pub fn begin_class(&mut self, name: &[u8]) -> Result<ClassId, Full> {
        let hash = Fnv::new().with(name).value();
        let name = self.text.add(name)?;
        self.classes.insert(Class::draft(name, hash)).inspect_err(|_| self.text.free(name))
    }

    /// Adds one stanza to a class that was begun. Stanzas that concern only the world are ignored.
    ///
    /// # Errors
    /// There is no room for a text ([`Limit::Text`], [`Limit::Pieces`]) or for a condition's events
    /// ([`Limit::Operators`]), or a condition names more events than [`CONDITION_EVENTS`] or a longer one than
    /// [`EVENT_NAME`]. The class then lacks the stanza, and must be abandoned.
    pub fn apply(&mut self, id: ClassId, stanza: &Stanza<'_>) -> Result<(), Full> {
        match *stanza {
            Stanza::StartOn(condition) => self.set_start_on(id, condition),
            Stanza::Manual => self.set_start_on(id, ConditionText::default()),
            Stanza::StopOn(condition) => self.set_stop_on(id, condition),
            Stanza::Env(entry) => self.append(id, |class| &mut class.environment, &[entry, b"\0"]),
            Stanza::Export(names) => self.append(id, |class| &mut class.exports, &[names.0]),
            Stanza::Import(names) => self.append(id, |class| &mut class.imports, &[names.0]),
            Stanza::Emits(names) => self.append(id, |class| &mut class.emits, &[names.0]),
            Stanza::NormalExit(code) => self.append(id, |class| &mut class.normal_exits, &[&code.to_le_bytes()]),
            Stanza::Instance(pattern) => self.set_text(id, |class| &mut class.instance, pattern),
            Stanza::Usage(usage) => self.set_text(id, |class| &mut class.usage, usage),
            _ => {
                if let Some(class) = self.classes.get_mut(id) {
                    set(class, stanza);
                }
                Ok(())
            }
        }
    }

    fn set_text(&mut self, id: ClassId, field: fn(&mut Class) -> &mut TextHandle, bytes: &[u8]) -> Result<(), Full> {
        let new = self.text.add(bytes)?;
        if let Some(class) = self.classes.get_mut(id) {
            self.text.replace(field(class), new);
        }
        Ok(())
    }

    fn append(&mut self, id: ClassId, field: fn(&mut Class) -> &mut TextHandle, pieces: &[&[u8]]) -> Result<(), Full> {
        let Some(class) = self.classes.get_mut(id) else { return Ok(()) };
        pieces.iter().try_for_each(|piece| self.text.append(field(class), piece))
    }

    fn set_start_on(&mut self, id: ClassId, condition: ConditionText<'_>) -> Result<(), Full> {
        let events = self.check_condition(condition)?;
        let leaves = self.make_leaves(events)?;
        if let Err(full) = self.set_text(id, |class| &mut class.start_on, condition.0) {
            self.free_leaves(leaves);
            return Err(full);
        }
        if let Some(class) = self.classes.get_mut(id) {
            class.start_events = events as u8;
            let old = core::mem::replace(&mut class.start_leaves, leaves);
            self.free_leaves(old);
        }
        Ok(())
    }

    fn set_stop_on(&mut self, id: ClassId, condition: ConditionText<'_>) -> Result<(), Full> {
        let events = self.check_condition(condition)?;
        self.set_text(id, |class| &mut class.stop_on, condition.0)?;
        if let Some(class) = self.classes.get_mut(id) {
            class.stop_events = events as u8;
        }
        Ok(())
    }

    pub(crate) fn check_condition(&self, condition: ConditionText<'_>) -> Result<usize, Full> {
        let is_long = |operator| matches!(operator, Operator::Event(name, _) if name.len() > EVENT_NAME);
        match count_events(condition) {
            events if events > CONDITION_EVENTS => Err(Full { limit: Limit::ConditionEvents }),
            _ if condition.operators().any(is_long) => Err(Full { limit: Limit::EventName }),
            events => Ok(events),
        }
    }

    /// The name of a class; empty if the class does not exist any more.
    pub fn class_name(&self, id: ClassId) -> &[u8] {
        self.classes.get(id).map_or(&[], |class| self.text.get(class.name))
    }

    /// The `usage` text of a class; empty if it has none.
    pub fn usage(&self, id: ClassId) -> &[u8] {
        self.classes.get(id).map_or(&[], |class| self.text.get(class.usage))
    }

    /// The entries of `normal exit`.
    pub(crate) fn normal_exits(&self, class: &Class) -> impl Iterator<Item = i32> + '_ {
        self.text
            .get(class.normal_exits)
            .chunks_exact(4)
            .filter_map(|code| Some(i32::from_le_bytes(code.try_into().ok()?)))
    }

    /// The events in a class's `emits` stanzas.
    pub fn emits(&self, id: ClassId) -> Strings<'_> {
        Strings(self.classes.get(id).map_or(&[], |class| self.text.get(class.emits)))
    }

    /// The `start on` and the `stop on` of a class.
    pub fn conditions(&self, id: ClassId) -> (ConditionText<'_>, ConditionText<'_>) {
        self.classes.get(id).map_or((ConditionText(&[]), ConditionText(&[])), |class| {
            (ConditionText(self.text.get(class.start_on)), ConditionText(self.text.get(class.stop_on)))
        })
    }

    /// The class in force under a name.
    pub fn find_class(&self, name: &[u8]) -> Option<ClassId> {
        self.find_class_hashed(Fnv::new().with(name).value(), name)
    }

    pub(crate) fn find_class_hashed(&self, hash: u32, name: &[u8]) -> Option<ClassId> {
        self.class_index.find(&self.classes, hash, |class| self.text.get(class.name) == name)
    }
}
