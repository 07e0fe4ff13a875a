//! Job classes: what a job file declares, as far as decisions depend on it.

use crate::bytes::Strings;
use crate::condition::LeafId;
use crate::conf::stanza::{ConditionText, Expect, Operator, Stanza};
use crate::index::{Fnv, Indexed};
use crate::interest::InterestId;
use crate::limits::{CONDITION_EVENTS, EVENT_NAME, Full, KILL_TIMEOUT_SECONDS, Limit};
use crate::process::Process;
use crate::respawn::RespawnLimit;
use crate::signal::Signal;
use crate::storage::{ClassId, JobId};
use crate::supervisor::Supervisor;
use crate::text::Text;

/// A job class.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Class {
    pub(crate) name: Text,
    pub(crate) hash: u32,
    pub(crate) chain: Option<ClassId>,
    pub(crate) phase: Phase,
    /// What takes this class's place when its last instance has ended.
    pub(crate) successor: Option<ClassId>,
    /// Its file is gone: so is the class when its last instance has ended.
    pub(crate) deleted: bool,
    /// `KEY=VALUE` or `KEY` entries, in file order.
    pub(crate) environment: Text,
    pub(crate) exports: Text,
    /// The only variables of events that instances are given; empty: all of them are.
    pub(crate) imports: Text,
    pub(crate) emits: Text,
    pub(crate) instance: Text,
    pub(crate) usage: Text,
    /// Four bytes an entry, little end first.
    pub(crate) normal_exits: Text,
    pub(crate) start_on: Text,
    pub(crate) start_leaves: Option<LeafId>,
    pub(crate) stop_on: Text,
    pub(crate) interests: Option<InterestId>,
    pub(crate) first_job: Option<JobId>,
    pub(crate) last_job: Option<JobId>,
    /// One bit a process that the class has.
    pub(crate) processes: u8,
    pub(crate) respawn: bool,
    pub(crate) task: bool,
    pub(crate) expect: Expect,
    pub(crate) limit: RespawnLimit,
    pub(crate) kill_signal: Signal,
    /// Seconds from the kill signal to SIGKILL; 0 is at once.
    pub(crate) kill_timeout: u32,
    /// Seconds from its launch in which the main process must be ready; 0 is for ever.
    pub(crate) start_timeout: u32,
    /// Seconds that each other process may run; 0 is for ever.
    pub(crate) hook_timeout: u32,
    /// Seconds in which the main process must say that it is alive; 0 is never.
    pub(crate) watchdog: u32,
    pub(crate) reload_signal: Signal,
    /// How many events `start on` and `stop on` name, at most [`CONDITION_EVENTS`] each.
    pub(crate) start_events: u8,
    pub(crate) stop_events: u8,
}

/// How far a class is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Phase {
    /// Its file is being read.
    Draft,
    /// It waits for the last instance of the class before it to end.
    Successor,
    /// It is what its name means.
    Current,
}

impl Class {
    fn draft(name: Text, hash: u32) -> Class {
        Class {
            name,
            hash,
            chain: None,
            phase: Phase::Draft,
            successor: None,
            deleted: false,
            environment: Text::EMPTY,
            exports: Text::EMPTY,
            imports: Text::EMPTY,
            emits: Text::EMPTY,
            instance: Text::EMPTY,
            usage: Text::EMPTY,
            normal_exits: Text::EMPTY,
            start_on: Text::EMPTY,
            start_leaves: None,
            stop_on: Text::EMPTY,
            interests: None,
            first_job: None,
            last_job: None,
            processes: 0,
            respawn: false,
            task: false,
            expect: Expect::None,
            limit: RespawnLimit::DEFAULT,
            kill_signal: Signal::TERM,
            kill_timeout: KILL_TIMEOUT_SECONDS,
            start_timeout: 0,
            hook_timeout: 0,
            watchdog: 0,
            reload_signal: Signal::HUP,
            start_events: 0,
            stop_events: 0,
        }
    }

    /// Whether the class has this process.
    pub(crate) const fn has(&self, process: Process) -> bool {
        self.processes & (1 << process.index()) != 0
    }

    /// Whether it is what its name means.
    pub(crate) const fn is_current(&self) -> bool {
        matches!(self.phase, Phase::Current)
    }

    /// The most events that can ever wait for one instance.
    pub(crate) fn most_waiting_events(&self) -> usize {
        usize::from(self.start_events.max(self.stop_events))
    }

    pub(crate) fn texts(&mut self) -> [&mut Text; 10] {
        [
            &mut self.name,
            &mut self.environment,
            &mut self.exports,
            &mut self.imports,
            &mut self.emits,
            &mut self.instance,
            &mut self.usage,
            &mut self.normal_exits,
            &mut self.start_on,
            &mut self.stop_on,
        ]
    }
}

impl Indexed for Class {
    fn hash(&self) -> u32 {
        self.hash
    }
    fn next(&mut self) -> &mut Option<ClassId> {
        &mut self.chain
    }
    fn peek(&self) -> Option<ClassId> {
        self.chain
    }
}

/// How many events a condition names.
fn count_events(condition: ConditionText<'_>) -> usize {
    condition.operators().filter(|operator| matches!(operator, Operator::Event(..))).count()
}

impl Supervisor<'_> {
    /// Begins a class; its stanzas follow with [`apply`](Self::apply), then it is committed or abandoned. Nobody sees it before.
    ///
    /// # Errors
    /// There is no room for the class ([`Limit::Classes`]) or its name ([`Limit::Text`]); nothing has begun.
    pub fn begin_class(&mut self, name: &[u8]) -> Result<ClassId, Full> {
        let hash = Fnv::new().with(name).value();
        let name = self.text.add(name)?;
        self.classes.insert(Class::draft(name, hash)).inspect_err(|_| self.text.free(name))
    }

    /// Adds one stanza to a class that was begun. Stanzas that concern only the world are passed over.
    ///
    /// # Errors
    /// There is no room for a text or for a condition's events ([`Limit::Text`], [`Limit::Operators`]), or a condition names more events
    /// than [`CONDITION_EVENTS`] or a longer one than [`EVENT_NAME`]. The class then lacks the stanza, and is to be abandoned.
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
                    class.set(stanza);
                }
                Ok(())
            }
        }
    }

    fn set_text(&mut self, id: ClassId, field: fn(&mut Class) -> &mut Text, bytes: &[u8]) -> Result<(), Full> {
        let new = self.text.add(bytes)?;
        if let Some(class) = self.classes.get_mut(id) {
            self.text.replace(field(class), new);
        }
        Ok(())
    }

    fn append(&mut self, id: ClassId, field: fn(&mut Class) -> &mut Text, pieces: &[&[u8]]) -> Result<(), Full> {
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

    fn check_condition(&self, condition: ConditionText<'_>) -> Result<usize, Full> {
        let is_long = |operator| matches!(operator, Operator::Event(name, _) if name.len() > EVENT_NAME);
        match count_events(condition) {
            events if events > CONDITION_EVENTS => Err(Full { limit: Limit::ConditionEvents }),
            _ if condition.operators().any(is_long) => Err(Full { limit: Limit::EventName }),
            events => Ok(events),
        }
    }

    /// A class's name; empty if it is no more.
    pub fn class_name(&self, id: ClassId) -> &[u8] {
        self.classes.get(id).map_or(&[], |class| self.text.get(class.name))
    }

    /// A class's `usage` text; empty if it has none.
    pub fn usage(&self, id: ClassId) -> &[u8] {
        self.classes.get(id).map_or(&[], |class| self.text.get(class.usage))
    }

    /// What `normal exit` lists.
    pub(crate) fn normal_exits(&self, class: &Class) -> impl Iterator<Item = i32> + '_ {
        self.text
            .get(class.normal_exits)
            .chunks_exact(4)
            .filter_map(|code| Some(i32::from_le_bytes(code.try_into().ok()?)))
    }

    /// The events that a class says it emits.
    pub fn emits(&self, id: ClassId) -> Strings<'_> {
        Strings(self.classes.get(id).map_or(&[], |class| self.text.get(class.emits)))
    }

    /// A class's `start on` and `stop on`.
    pub fn conditions(&self, id: ClassId) -> (ConditionText<'_>, ConditionText<'_>) {
        self.classes.get(id).map_or((ConditionText(&[]), ConditionText(&[])), |class| {
            (ConditionText(self.text.get(class.start_on)), ConditionText(self.text.get(class.stop_on)))
        })
    }
}

impl Class {
    /// The stanzas that are one plain value.
    fn set(&mut self, stanza: &Stanza<'_>) {
        match *stanza {
            Stanza::Exec(process, _) | Stanza::Script(process, _) => self.processes |= 1 << process.index(),
            Stanza::Task => self.task = true,
            Stanza::Respawn => self.respawn = true,
            Stanza::RespawnLimit { count, interval } => self.limit = RespawnLimit { count, interval },
            Stanza::Expect(expect) => self.expect = expect,
            Stanza::ReadyDescriptor(_) => self.expect = Expect::Descriptor,
            Stanza::PidFile(_) => self.expect = Expect::PidFile,
            Stanza::StartTimeout(seconds) => self.start_timeout = seconds,
            Stanza::HookTimeout(seconds) => self.hook_timeout = seconds,
            Stanza::Watchdog(seconds) => self.watchdog = seconds,
            Stanza::KillSignal(signal) => self.kill_signal = signal,
            Stanza::KillTimeout(seconds) => self.kill_timeout = seconds,
            Stanza::ReloadSignal(signal) => self.reload_signal = signal,
            _ => {}
        }
    }
}
