//! The record that a re-exec carries over because it cannot be observed again: the owners of processes, and the groups.

use serde::{Deserialize, Serialize};

use super::attribution::Life;
use super::evidence::PastProcess;
use super::executables::ExecutablesRecord;
use super::job_processes::Containment;
use super::owner::Owner;
use super::table::Member;

/// The processes of jobs, as far as they are known.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct ContainmentRecord {
    lives: Vec<Life>,
    past: Vec<(Owner, PastProcess)>,
    children: Vec<Member>,
    executables: ExecutablesRecord,
    /// The directory of the groups.
    home: Option<String>,
}

impl Containment {
    /// The record for a re-exec.
    pub(crate) fn carry(&self) -> ContainmentRecord {
        let home = self.groups.as_ref().and_then(|groups| groups.home().to_str());
        let (lives, past) = (self.attribution.lives().cloned().collect(), self.attribution.past().to_vec());
        let (children, executables) = (self.table.entries().to_vec(), self.executables.carry());
        ContainmentRecord { lives, past, children, executables, home: home.map(str::to_owned) }
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
