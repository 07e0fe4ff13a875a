//! Environments in layers: the base that every job gets, the `env` stanzas, the variables of the command or events that
//! started the job, those of what stopped it, and those that Upstart adds. A later layer replaces the variables of an
//! earlier one, each in its place (init(5) "Job environment"; the order was measured on Upstart 1.13.2). Nothing is
//! copied until the world asks.

use crate::bytes::{Strings, split_variable};
use crate::ids::{ClassId, JobId};
use crate::limits::Full;
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::process::Process;

/// One variable of an environment, in two pieces to be joined: `NAME=` and the value, or the whole entry and nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Variable<'a>(pub &'a [u8], pub &'a [u8]);

impl<'a> Variable<'a> {
    fn name(self) -> &'a [u8] {
        split_variable(self.0).0
    }
}

/// The place of a value in the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub text: TextHandle,
    pub from: usize,
    pub len: usize,
}

/// The value of the last variable of that name, and its offset.
fn find<'a>(list: Strings<'a>, name: &[u8]) -> Option<(usize, &'a [u8])> {
    let mut from: usize = 0;
    let mut found = None;
    for entry in list.iter() {
        if let (key, Some(value)) = split_variable(entry)
            && key == name
        {
            found = Some((from.saturating_add(key.len()).saturating_add(1), value));
        }
        from = from.saturating_add(entry.len()).saturating_add(1);
    }
    found
}

/// The value of the last variable of that name.
pub(crate) fn find_value<'a>(list: Strings<'a>, name: &[u8]) -> Option<&'a [u8]> {
    find(list, name).map(|(_, value)| value)
}

/// The last of the entries with a name.
fn last_with<'a>(all: &(impl Iterator<Item = Variable<'a>> + Clone), name: &[u8]) -> Option<Variable<'a>> {
    all.clone().filter(|entry| entry.name() == name).last()
}

/// Each name once: the last entry, at the place of the first.
fn each_once<'a>(all: impl Iterator<Item = Variable<'a>> + Clone) -> impl Iterator<Item = Variable<'a>> + Clone {
    let whole = all.clone();
    all.enumerate().filter_map(move |(place, entry)| {
        let is_first = !whole.clone().take(place).any(|other| other.name() == entry.name());
        is_first.then(|| last_with(&whole, entry.name())).flatten()
    })
}

impl Supervisor<'_> {
    /// Sets the environment that every job begins with (`KEY=VALUE` each): in system mode `PATH` and `TERM`, in user
    /// mode all of the supervisor's own.
    ///
    /// # Errors
    /// There is no room for the text ([`Limit::Text`](crate::Limit::Text) or [`Limit::Pieces`](crate::Limit::Pieces));
    /// the previous one stays.
    pub fn set_base_environment(&mut self, entries: Strings<'_>) -> Result<(), Full> {
        let first = self.text.add(entries.0)?;
        self.text.replace(&mut self.globals.first_environment, first);
        let base = self.text.copy(first)?;
        self.text.replace(&mut self.globals.base_environment, base);
        Ok(())
    }

    /// The environment that every job begins with.
    pub fn base_environment(&self) -> Strings<'_> {
        Strings(self.text.get(self.globals.base_environment))
    }

    /// Sets the supervisor's own environment, from which `env NAME` without a value copies.
    ///
    /// # Errors
    /// There is no room for the text ([`Limit::Text`](crate::Limit::Text) or [`Limit::Pieces`](crate::Limit::Pieces));
    /// the previous one stays.
    pub fn set_own_environment(&mut self, entries: Strings<'_>) -> Result<(), Full> {
        let new = self.text.add(entries.0)?;
        self.text.replace(&mut self.globals.own_environment, new);
        Ok(())
    }

    /// Sets the address by which a job's processes reach the supervisor (`UPSTART_SESSION`), in user mode.
    ///
    /// # Errors
    /// There is no room for the text ([`Limit::Text`](crate::Limit::Text) or [`Limit::Pieces`](crate::Limit::Pieces));
    /// the previous one stays.
    pub fn set_session(&mut self, address: &[u8]) -> Result<(), Full> {
        let new = self.text.add(address)?;
        self.text.replace(&mut self.globals.session, new);
        Ok(())
    }

    /// The address that was set by [`set_session`](Self::set_session).
    pub fn session(&self) -> &[u8] {
        self.text.get(self.globals.session)
    }

    pub(crate) fn find_spot(&self, text: TextHandle, name: &[u8]) -> Option<Spot> {
        let (from, value) = find(Strings(self.text.get(text)), name)?;
        Some(Spot { text, from, len: value.len() })
    }

    pub(crate) fn value(&self, spot: Spot) -> &[u8] {
        self.text.get(spot.text).get(spot.from..).and_then(|rest| rest.get(..spot.len)).unwrap_or(&[])
    }

    /// The value of a name in a class's `env` stanzas: the last one counts, and one without a value copies the
    /// supervisor's.
    fn class_spot(&self, class: ClassId, name: &[u8]) -> Option<Spot> {
        let list = self.classes.get(class)?.environment;
        let last = Strings(self.text.get(list)).iter().filter(|entry| split_variable(entry).0 == name).last()?;
        if split_variable(last).1.is_some() {
            self.find_spot(list, name)
        } else {
            self.find_spot(self.globals.own_environment, name)
        }
    }

    /// The value of a name in a job of a class before any command or event.
    pub(crate) fn class_variable(&self, class: ClassId, name: &[u8]) -> Option<&[u8]> {
        let spot = self.class_spot(class, name).or_else(|| self.find_spot(self.globals.base_environment, name));
        spot.map(|spot| self.value(spot))
    }

    /// The place of the value of a job's variable.
    pub(crate) fn spot(&self, id: JobId, name: &[u8]) -> Option<Spot> {
        let job = self.jobs.get(id)?;
        let given = Strings(self.text.get(job.environment));
        if given.iter().any(|entry| entry == name) {
            return None; // removed (see `set_env`)
        }
        self.find_spot(job.environment, name)
            .or_else(|| self.class_spot(job.class, name))
            .or_else(|| self.find_spot(self.globals.base_environment, name))
    }

    /// The value of a job's variable in its conditions and events.
    pub(crate) fn variable(&self, id: JobId, name: &[u8]) -> Option<&[u8]> {
        self.spot(id, name).map(|spot| self.value(spot))
    }

    /// The environment of a process of a job, each name once.
    pub fn environment(&self, id: JobId, process: Process) -> impl Iterator<Item = Variable<'_>> + Clone {
        self.over_base(self.layers(id, process).chain(self.added(id)))
    }

    /// The same without the variables that Upstart adds.
    pub(crate) fn environment_without_added(
        &self,
        id: JobId,
        process: Process,
    ) -> impl Iterator<Item = Variable<'_>> + Clone {
        self.over_base(self.layers(id, process))
    }

    /// The base and the layers above it. The base has each name once, so only the layers above are searched for others.
    fn over_base<'a>(
        &'a self,
        layers: impl Iterator<Item = Variable<'a>> + Clone,
    ) -> impl Iterator<Item = Variable<'a>> + Clone {
        let above = layers.clone();
        let base = Strings(self.text.get(self.globals.base_environment)).iter().map(|entry| Variable(entry, &[]));
        let replaced = base.clone().map(move |entry| last_with(&above, entry.name()).unwrap_or(entry));
        let others = each_once(layers).filter(move |entry| !base.clone().any(|other| other.name() == entry.name()));
        // A name without a value has been removed.
        replaced.chain(others).filter(|entry| entry.0.contains(&b'='))
    }

    /// The variables of every layer above the base, one after another; the last one of a name counts.
    fn layers(&self, id: JobId, process: Process) -> impl Iterator<Item = Variable<'_>> + Clone {
        let job = self.jobs.get(id);
        let class = job.and_then(|job| self.classes.get(job.class));
        let text = |text: Option<TextHandle>| Strings(self.text.get(text.unwrap_or_default()));
        let stopping = matches!(process, Process::PreStop | Process::PostStop);
        let whole = |entry| Variable(entry, &[]);
        let stanzas = text(class.map(|class| class.environment)).iter().map(whole);
        let declared = each_once(stanzas).filter_map(|entry| self.declared(entry.0));
        let given = text(job.map(|job| job.environment)).iter().map(whole);
        let stop = text(job.filter(|_| stopping).map(|job| job.stop_environment)).iter().map(whole);
        declared.chain(given).chain(stop)
    }

    /// The variables that Upstart adds.
    fn added(&self, id: JobId) -> impl Iterator<Item = Variable<'_>> + Clone {
        let job = self.jobs.get(id);
        let class = job.and_then(|job| self.classes.get(job.class));
        let added = [
            (&b"UPSTART_JOB="[..], class.map(|class| class.name)),
            (&b"UPSTART_INSTANCE="[..], job.map(|job| job.name)),
            (&b"UPSTART_SESSION="[..], Some(self.globals.session).filter(|session| !session.is_empty())),
        ];
        added.into_iter().filter_map(move |(name, value)| Some(Variable(name, self.text.get(value?))))
    }

    /// The last `env` stanza of a name. Without a value it gets the supervisor's; if there is none, the class has no
    /// such variable, whatever its earlier stanzas say.
    fn declared<'a>(&'a self, entry: &'a [u8]) -> Option<Variable<'a>> {
        match split_variable(entry) {
            (_, Some(_)) => Some(Variable(entry, &[])),
            (name, None) => {
                let mut own = Strings(self.text.get(self.globals.own_environment)).iter();
                own.find(|own| split_variable(own).0 == name).map(|copied| Variable(copied, &[]))
            }
        }
    }
}
