//! The owners of the supervisor's children, by process id.

use uphold_core::{JobId, Pid};

use super::owner::Owner;

/// A child of the supervisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Member {
    /// The process id, which is the child's until it is reaped.
    pub(super) pid: Pid,
    /// The owner.
    pub(super) owner: Owner,
}

/// The known children. Process ids lead to places in a table whose size is a power of two; neighbouring ids have
/// neighbouring places, so only the used part of the table is resident.
pub(super) struct Table {
    /// The index of an entry plus one; 0 for none.
    places: Vec<u32>,
    entries: Vec<Member>,
}

impl Table {
    /// A table for so many entries; it has at least half as many places again.
    pub(super) fn new(room: usize) -> Self {
        Table { places: vec![0; (room + room / 3).next_power_of_two()], entries: Vec::with_capacity(room) }
    }

    /// Every known child.
    pub(super) fn entries(&self) -> &[Member] {
        &self.entries
    }

    fn mask(&self) -> usize {
        self.places.len() - 1
    }

    fn place(&self, at: usize) -> Option<(usize, Member)> {
        let entry = (*self.places.get(at)? as usize).checked_sub(1)?;
        Some((entry, *self.entries.get(entry)?))
    }

    /// The place of a process id, or the place for it.
    fn find(&self, pid: Pid) -> Result<(usize, usize), usize> {
        let mut at = pid.get() as usize & self.mask();
        // There are more places than entries, so this ends.
        while let Some((entry, known)) = self.place(at) {
            if known.pid == pid {
                return Ok((at, entry));
            }
            at = (at + 1) & self.mask();
        }
        Err(at)
    }

    /// A job is at rest: its remaining processes belong to no job.
    pub(super) fn disown(&mut self, job: JobId) {
        let of_job = |owner: Owner| matches!(owner, Owner::Main(of) | Owner::Hook(of) if of == job);
        let left = self.entries.iter_mut().filter(|known| of_job(known.owner));
        left.for_each(|known| known.owner = Owner::NoJob);
    }

    /// The owner of a child, if known.
    pub(super) fn get(&self, pid: Pid) -> Option<Owner> {
        let (_, entry) = self.find(pid).ok()?;
        self.entries.get(entry).map(|known| known.owner)
    }

    /// Notes the owner of a child. Returns whether there was room.
    pub(super) fn put(&mut self, pid: Pid, owner: Owner) -> bool {
        match self.find(pid) {
            Ok((_, entry)) => self.entries.iter_mut().skip(entry).take(1).for_each(|known| known.owner = owner),
            Err(_) if self.entries.len() == self.entries.capacity() => return false,
            Err(at) => {
                self.entries.push(Member { pid, owner });
                self.set(at, self.entries.len());
            }
        }
        true
    }

    fn set(&mut self, at: usize, place: usize) {
        if let Some(slot) = self.places.get_mut(at) {
            *slot = place as u32;
        }
    }

    /// Removes a child, and returns its owner.
    pub(super) fn take(&mut self, pid: Pid) -> Option<Owner> {
        let (mut hole, entry) = self.find(pid).ok()?;
        let mut next = (hole + 1) & self.mask();
        while let Some((moved, known)) = self.place(next) {
            let home = known.pid.get() as usize;
            // An entry may not be placed before its first possible place.
            if next.wrapping_sub(home) & self.mask() >= next.wrapping_sub(hole) & self.mask() {
                self.set(hole, moved + 1);
                hole = next;
            }
            next = (next + 1) & self.mask();
        }
        self.set(hole, 0);
        let last = self.entries.last()?.pid;
        if last != pid
            && let Ok((at, _)) = self.find(last)
        {
            self.set(at, entry + 1);
        }
        Some(self.entries.swap_remove(entry).owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_holds_what_a_map_holds() {
        let mut table = Table::new(48);
        let mut map = BTreeMap::new();
        let mut random: u32 = 1;
        for _ in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Process ids that share places.
            let pid = Pid::new(1 + (random >> 20) % 8 + 64 * ((random >> 9) % 12)).unwrap();
            if random >> 31 == 0 {
                assert_eq!(table.take(pid).is_some(), map.remove(&pid).is_some());
            } else if table.put(pid, Owner::NoJob) {
                map.insert(pid, ());
            } else {
                assert_eq!(map.len(), 48);
            }
            assert_eq!(table.entries().len(), map.len());
        }
        map.keys().for_each(|&pid| assert_eq!(table.get(pid), Some(Owner::NoJob)));
    }
}
