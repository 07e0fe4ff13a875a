//! The record that a re-exec carries over because it cannot be observed again: the owners of processes, and the groups.

use std::io::Result;

use super::attribution::Life;
use super::evidence::PastProcess;
use super::executables::ExecutablesRecord;
use super::job_processes::Containment;
use super::owner::Owner;
use super::table::Member;
use crate::image::{Reader, Writer};

/// The processes of jobs, as far as they are known.
#[derive(Default)]
pub(crate) struct ContainmentRecord {
    lives: Vec<Life>,
    past: Vec<(Owner, PastProcess)>,
    children: Vec<Member>,
    executables: ExecutablesRecord,
    /// The directory of the groups.
    home: Option<String>,
}

impl ContainmentRecord {
    /// Reads the records.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(ContainmentRecord {
            lives: reader.get_all()?,
            past: reader.get()?,
            children: reader.get()?,
            executables: ExecutablesRecord { known: reader.get_all()?, newcomers: reader.get_all()? },
            home: reader.get()?,
        })
    }

    /// The directory of the groups.
    pub(crate) fn home(&self) -> Option<&str> {
        self.home.as_deref()
    }
}

impl Containment {
    /// Writes the records.
    pub(crate) fn carry(&self, writer: &mut Writer<'_>) -> Result<()> {
        writer.put_all(self.attribution.lives())?;
        writer.put(&self.attribution.past())?;
        writer.put(&self.table.entries())?;
        self.executables.carry(writer)?;
        writer.put(&self.groups.as_ref().and_then(|groups| groups.home().to_str()))
    }

    /// Restores the record of the previous program.
    pub(crate) fn put_back(&mut self, carried: ContainmentRecord) {
        let ContainmentRecord { lives, past, children, executables, home } = carried;
        self.executables.put_back(executables);
        let now = self.groups.as_ref().and_then(|groups| groups.home().to_str());
        let same = home.is_some() && home.as_deref() == now;
        for mut life in lives {
            // In a group that is not known here no process can be found.
            life.group = life.group.filter(|_| same);
            life.members = 0;
            self.attribution.put_back(life);
        }
        past.into_iter().for_each(|(owner, mark)| self.attribution.mark(owner, mark.number, mark.start));
        children.into_iter().for_each(|known| self.know(known.pid, known.owner));
    }
}
