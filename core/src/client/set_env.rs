//! Changing environments while jobs run: initctl(8) set-env, unset-env, reset-env, get-env and list-env.

use crate::answer::{Answer, Denial};
use crate::bytes::{Strings, split_variable};
use crate::control::Refusal;
use crate::effect::Effect;
use crate::environment::Variable;
use crate::ids::{ClientId, JobId};
use crate::input::EnvChange;
use crate::limits::{EVENTS_PER_JOB, Full, Limit};
use crate::machine::Supervisor;
use crate::memory::arena::{TextHandle, cost};
use crate::process::Process;
use crate::target::EnvTable;

/// The owner of an environment.
#[derive(Clone, Copy)]
enum Owner {
    Everybody,
    Job(JobId),
}

impl Supervisor<'_> {
    /// Changes an environment for a client, and replies.
    pub(crate) fn change(&mut self, client: ClientId, table: EnvTable<'_>, change: EnvChange<'_>) {
        let done = self.change_table(table, change);
        let answer = done.map_or_else(Answer::Denied, |()| Answer::Done);
        self.order(Effect::Reply { client, answer });
    }

    fn change_table(&mut self, table: EnvTable<'_>, change: EnvChange<'_>) -> Result<(), Denial> {
        if let EnvChange::Reset = change {
            return self.reset(table);
        }
        match self.owner_of(table)? {
            Owner::Job(job) => Ok(self.change_job(job, change)?),
            Owner::Everybody => {
                self.check_room_to_change(change)?;
                self.change_base(change)?;
                Ok(self.for_each_job(|all, job| all.change_job(job, change))?)
            }
        }
    }

    fn for_each_job(&mut self, mut change: impl FnMut(&mut Self, JobId) -> Result<(), Full>) -> Result<(), Full> {
        let mut at = self.jobs.first();
        while let Some(job) = at {
            at = self.jobs.after(job);
            change(self, job)?;
        }
        Ok(())
    }

    /// Checks that the environment of all jobs can be changed, so that it is changed as a whole or not at all: each
    /// list may grow by one entry, also in each event of a job, and one list at a time exists twice.
    fn check_room_to_change(&self, change: EnvChange<'_>) -> Result<(), Full> {
        let entry = cost(match change {
            EnvChange::Set { entry, .. } => entry.len().saturating_add("=\0".len()),
            EnvChange::Unset { name } => name.len().saturating_add("\0".len()),
            EnvChange::Reset => 0,
        });
        let lists = self.jobs.ids().filter_map(|id| self.jobs.get(id)).map(|job| job.environment);
        let longest = lists.chain([self.globals.base_environment]).map(|list| self.text.get(list).len()).max();
        let (jobs, longest) = (self.jobs.len(), cost(longest.unwrap_or(0)));
        let of_jobs = entry.saturating_mul(1 + EVENTS_PER_JOB).saturating_mul(jobs);
        self.text.check_room(jobs.saturating_add(2), of_jobs.saturating_add(entry).saturating_add(longest))
    }

    /// Resets an environment. Values that become longer need more room in events.
    fn reset(&mut self, table: EnvTable<'_>) -> Result<(), Denial> {
        match self.owner_of(table)? {
            Owner::Everybody => {
                let first = self.text.copy(self.globals.first_environment)?;
                let now = core::mem::replace(&mut self.globals.base_environment, first);
                let done = self.for_each_job(|all, job| all.reserve_present_text(job));
                let unused = match done {
                    Ok(()) => now,
                    Err(_) => core::mem::replace(&mut self.globals.base_environment, now),
                };
                self.text.free(unused);
                Ok(done?)
            }
            Owner::Job(job) => Ok(self.give(job, TextHandle::EMPTY)?),
        }
    }

    /// Replaces a job's own layer of its environment; on failure the new one is freed.
    fn give(&mut self, id: JobId, new: TextHandle) -> Result<(), Full> {
        let Some(job) = self.jobs.get_mut(id) else { return Ok(()) };
        let old = core::mem::replace(&mut job.environment, new);
        let done = self.reserve_present_text(id);
        let unused = match (done, self.jobs.get_mut(id)) {
            (Err(_), Some(job)) => core::mem::replace(&mut job.environment, old),
            _ => old,
        };
        self.text.free(unused);
        done
    }

    fn reserve_present_text(&mut self, id: JobId) -> Result<(), Full> {
        let environment = self.jobs.get(id).map_or(TextHandle::EMPTY, |job| job.environment);
        self.reserve_event_text(id, environment)
    }

    fn owner_of(&mut self, table: EnvTable<'_>) -> Result<Owner, Denial> {
        let EnvTable::Job { job, instance } = table else { return Ok(Owner::Everybody) };
        if job.is_empty() {
            return Err(Denial::EmptyJob);
        }
        let class = self.find_class(job);
        self.scratch.clear();
        let told = if class.is_some() { instance } else { job };
        self.scratch.extend_from_slice(told).map_err(|_| Denial::Full(Limit::InstanceName))?;
        let class = class.ok_or(Denial::UnknownJob)?;
        self.find_job(class, instance).map(Owner::Job).ok_or(Denial::UnknownInstanceOf(class))
    }

    fn change_base(&mut self, change: EnvChange<'_>) -> Result<(), Full> {
        let base = self.globals.base_environment;
        let new = match change {
            EnvChange::Set { entry, replace } => {
                if !replace && self.find_spot(base, split_variable(entry).0).is_some() {
                    return Ok(());
                }
                self.list_with(base, entry, true)?
            }
            EnvChange::Unset { name } => self.list_with(base, name, false)?,
            EnvChange::Reset => return Ok(()),
        };
        self.text.replace(&mut self.globals.base_environment, new);
        Ok(())
    }

    /// Changes the environment that a job was given. A removed name stays in it without a value, and hides the value of
    /// the job's class or of the base.
    fn change_job(&mut self, id: JobId, change: EnvChange<'_>) -> Result<(), Full> {
        let Some(given) = self.jobs.get(id).map(|job| job.environment) else { return Ok(()) };
        let new = match change {
            EnvChange::Set { entry, replace } => {
                if !replace && self.spot(id, split_variable(entry).0).is_some() {
                    // The base may have got the variable just now.
                    return self.reserve_present_text(id);
                }
                self.list_with(given, entry, true)?
            }
            EnvChange::Unset { name } if self.spot(id, name).is_some() => self.list_hiding(given, name)?,
            EnvChange::Unset { .. } | EnvChange::Reset => return Ok(()),
        };
        self.give(id, new)
    }

    /// A copy of a list without the entries of a name, and with a new entry in their place if wanted; `KEY` alone
    /// becomes `KEY=`.
    fn list_with(&mut self, list: TextHandle, entry: &[u8], add: bool) -> Result<TextHandle, Full> {
        let (name, value) = split_variable(entry);
        match add {
            true => self.replace_entries(list, name, &[name, b"=", value.unwrap_or_default(), b"\0"]),
            false => self.replace_entries(list, name, &[]),
        }
    }

    fn list_hiding(&mut self, list: TextHandle, name: &[u8]) -> Result<TextHandle, Full> {
        self.replace_entries(list, name, &[name, b"\0"])
    }

    /// A copy of a list with the pieces of an entry in the place of the first entry of a name, or at the end, and
    /// without the others of that name.
    fn replace_entries(&mut self, list: TextHandle, name: &[u8], pieces: &[&[u8]]) -> Result<TextHandle, Full> {
        self.text.begin()?;
        let (mut from, mut wanted) = (0, true);
        loop {
            let rest = Strings(self.text.get(list).get(from..).unwrap_or(&[]));
            let next = rest.iter().next().map(|entry| (entry.len().saturating_add(1), split_variable(entry).0 == name));
            if wanted && next.is_none_or(|(_, is_its)| is_its) {
                pieces.iter().try_for_each(|piece| self.text.push(piece))?;
                wanted = false;
            }
            let Some((len, is_its)) = next else { return Ok(self.text.finish()) };
            if !is_its {
                self.text.push_part(list, from, len)?;
            }
            from = from.saturating_add(len);
        }
    }

    /// One variable of a table.
    ///
    /// # Errors
    /// There is no such job, or no such variable.
    pub fn get_variable<'a>(&'a mut self, table: EnvTable<'a>, name: &'a [u8]) -> Result<&'a [u8], Refusal<'a>> {
        if name.is_empty() {
            return Err(Refusal::EmptyVariable);
        }
        match self.owner_of(table) {
            Ok(owner) => self.read_variable(owner, name).ok_or(Refusal::NoSuchVariable(name)),
            Err(denial) => Err(self.refusal(denial)),
        }
    }

    fn read_variable(&self, owner: Owner, name: &[u8]) -> Option<&[u8]> {
        match owner {
            Owner::Everybody => self.find_spot(self.globals.base_environment, name).map(|spot| self.value(spot)),
            Owner::Job(job) => self.variable(job, name),
        }
    }

    /// The variables of a table, without those that Upstart adds to every process.
    ///
    /// # Errors
    /// There is no such job.
    pub fn variables<'a>(
        &'a mut self,
        table: EnvTable<'_>,
    ) -> Result<impl Iterator<Item = Variable<'a>> + 'a, Refusal<'a>> {
        let owner = match self.owner_of(table) {
            Ok(owner) => owner,
            Err(denial) => return Err(self.refusal(denial)),
        };
        let (job, base) = match owner {
            Owner::Job(job) => (Some(job), TextHandle::EMPTY),
            Owner::Everybody => (None, self.globals.base_environment),
        };
        let of_job = job.into_iter().flat_map(|job| self.environment_without_added(job, Process::Main));
        let of_all = Strings(self.text.get(base)).iter().map(|entry| Variable(entry, &[]));
        Ok(of_job.chain(of_all))
    }
}
