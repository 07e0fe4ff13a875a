//! Environments in layers: the base that every job gets, the `env` stanzas, what the command or events gave, what stopped the
//! job, and what Upstart adds. A later layer replaces what an earlier one says (init(5) "Job environment"; the order was
//! measured on Upstart 1.13.2). Nothing is copied until the world asks.

use crate::bytes::{Strings, split_variable};
use crate::ids::{ClassId, JobId};
use crate::limits::Full;
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::process::Process;

/// One variable of an environment, as it stands between its name and the next: `NAME=` or the whole entry, then the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Variable<'a>(pub &'a [u8], pub &'a [u8]);

impl<'a> Variable<'a> {
    fn name(self) -> &'a [u8] {
        split_variable(self.0).0
    }
}

/// Where a value lies in the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub text: TextHandle,
    pub from: usize,
    pub len: usize,
}

/// The value of the last variable of that name, and where it begins.
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

/// The last entry of each name, but for names that were taken away.
fn last_of_each<'a>(all: impl Iterator<Item = Variable<'a>> + Clone) -> impl Iterator<Item = Variable<'a>> + Clone {
    let later = all.clone();
    all.enumerate()
        .filter(move |(place, entry)| !later.clone().skip(*place).skip(1).any(|other| other.name() == entry.name()))
        .map(|(_, entry)| entry)
        .filter(|entry| entry.0.contains(&b'='))
}

impl Supervisor<'_> {
    /// The environment that every job begins with (`KEY=VALUE` each): in system mode `PATH` and `TERM`, in user mode all of
    /// the supervisor's own.
    ///
    /// # Errors
    /// There is no room for the text ([`Limit::Text`](crate::Limit::Text) or [`Limit::Pieces`](crate::Limit::Pieces)); what was set before stays.
    pub fn set_base_environment(&mut self, entries: Strings<'_>) -> Result<(), Full> {
        let first = self.text.add(entries.0)?;
        self.text.replace(&mut self.globals.first_environment, first);
        let base = self.text.copy(first)?;
        self.text.replace(&mut self.globals.base_environment, base);
        Ok(())
    }

    /// The supervisor's own environment, from which `env NAME` without a value copies.
    ///
    /// # Errors
    /// There is no room for the text ([`Limit::Text`](crate::Limit::Text) or [`Limit::Pieces`](crate::Limit::Pieces)); what was set before stays.
    pub fn set_own_environment(&mut self, entries: Strings<'_>) -> Result<(), Full> {
        let new = self.text.add(entries.0)?;
        self.text.replace(&mut self.globals.own_environment, new);
        Ok(())
    }

    /// The address by which a job's processes reach the supervisor (`UPSTART_SESSION`), in user mode.
    ///
    /// # Errors
    /// There is no room for the text ([`Limit::Text`](crate::Limit::Text) or [`Limit::Pieces`](crate::Limit::Pieces)); what was set before stays.
    pub fn set_session(&mut self, address: &[u8]) -> Result<(), Full> {
        let new = self.text.add(address)?;
        self.text.replace(&mut self.globals.session, new);
        Ok(())
    }

    pub(crate) fn find_spot(&self, text: TextHandle, name: &[u8]) -> Option<Spot> {
        let (from, value) = find(Strings(self.text.get(text)), name)?;
        Some(Spot { text, from, len: value.len() })
    }

    pub(crate) fn value(&self, spot: Spot) -> &[u8] {
        self.text.get(spot.text).get(spot.from..).and_then(|rest| rest.get(..spot.len)).unwrap_or(&[])
    }

    /// What a class's `env` stanzas say of a name: the last one counts, and one without a value copies the supervisor's.
    fn class_spot(&self, class: ClassId, name: &[u8]) -> Option<Spot> {
        let list = self.classes.get(class)?.environment;
        let last = Strings(self.text.get(list)).iter().filter(|entry| split_variable(entry).0 == name).last()?;
        if split_variable(last).1.is_some() {
            self.find_spot(list, name)
        } else {
            self.find_spot(self.globals.own_environment, name)
        }
    }

    /// What a job of a class would get before any command or event.
    pub(crate) fn class_variable(&self, class: ClassId, name: &[u8]) -> Option<&[u8]> {
        let spot = self.class_spot(class, name).or_else(|| self.find_spot(self.globals.base_environment, name));
        spot.map(|spot| self.value(spot))
    }

    /// Where the value of a job's variable lies.
    pub(crate) fn spot(&self, id: JobId, name: &[u8]) -> Option<Spot> {
        let job = self.jobs.get(id)?;
        let given = Strings(self.text.get(job.environment));
        if given.iter().any(|entry| entry == name) {
            return None; // taken away (see `variables`)
        }
        self.find_spot(job.environment, name)
            .or_else(|| self.class_spot(job.class, name))
            .or_else(|| self.find_spot(self.globals.base_environment, name))
    }

    /// A job's variable, as its conditions and events see it.
    pub(crate) fn variable(&self, id: JobId, name: &[u8]) -> Option<&[u8]> {
        self.spot(id, name).map(|spot| self.value(spot))
    }

    /// What a process of a job gets as its environment, no name twice.
    pub fn environment(&self, id: JobId, process: Process) -> impl Iterator<Item = Variable<'_>> + Clone {
        self.over_base(self.layers(id, process).chain(self.added(id)))
    }

    /// The same without what Upstart adds.
    pub(crate) fn environment_without_added(
        &self,
        id: JobId,
        process: Process,
    ) -> impl Iterator<Item = Variable<'_>> + Clone {
        self.over_base(self.layers(id, process))
    }

    /// What every job begins with, and what lies over it. The base is long and has no name twice, and what lies over it is
    /// short: so only that is searched.
    fn over_base<'a>(
        &'a self,
        layers: impl Iterator<Item = Variable<'a>> + Clone,
    ) -> impl Iterator<Item = Variable<'a>> + Clone {
        let above = layers.clone();
        let base = Strings(self.text.get(self.globals.base_environment)).iter().map(|entry| Variable(entry, &[]));
        let uncovered = base.filter(move |entry| !above.clone().any(|other| other.name() == entry.name()));
        uncovered.chain(last_of_each(layers))
    }

    /// The variables of every layer above the base, one after another; the last of a name counts.
    fn layers(&self, id: JobId, process: Process) -> impl Iterator<Item = Variable<'_>> + Clone {
        let job = self.jobs.get(id);
        let class = job.and_then(|job| self.classes.get(job.class));
        let text = |text: Option<TextHandle>| Strings(self.text.get(text.unwrap_or_default()));
        let stopping = matches!(process, Process::PreStop | Process::PostStop);
        let whole = |entry| Variable(entry, &[]);
        let declared = text(class.map(|class| class.environment)).iter().filter_map(|entry| self.declared(entry));
        let given = text(job.map(|job| job.environment)).iter().map(whole);
        let stop = text(job.filter(|_| stopping).map(|job| job.stop_environment)).iter().map(whole);
        declared.chain(given).chain(stop)
    }

    /// What Upstart adds.
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

    /// An `env` stanza's entry; one without a value takes the supervisor's, and is dropped if that has none.
    fn declared<'a>(&'a self, entry: &'a [u8]) -> Option<Variable<'a>> {
        match split_variable(entry) {
            (_, Some(_)) => Some(Variable(entry, &[])),
            (name, None) => {
                let own = Strings(self.text.get(self.globals.own_environment));
                own.iter().find(|own| split_variable(own).0 == name).map(|own| Variable(own, &[]))
            }
        }
    }
}
