//! The record of the boot: the first changes of state of all jobs, which the ring forgets.

use uphold_core::control::boot::{Entry, Start, Step};
use uphold_core::{EventId, Fnv, Instant, JobId, State, Supervisor};

use crate::capacity::BOOT;

/// Bytes of the largest entry in the form of postcard.
const ENTRY: usize = 16;

const _: () = assert!(size_of::<Entry>() == 12, "the memory of an entry");

/// The record, apart from its entries.
#[derive(Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct BootHead {
    /// The beginning.
    began: Option<Instant>,
    /// Whether there was no room for an entry.
    is_full: bool,
}

/// The record. It has all the memory that it will ever need, and is resident as far as it is used.
pub(super) struct Boot {
    head: BootHead,
    entries: Vec<Entry>,
    /// The event that is being offered, and since when.
    offered: Option<(EventId, Instant)>,
    /// The last event in the record.
    noted: Option<EventId>,
}

/// The lower half of a hash.
fn half(name: &[u8]) -> u16 {
    Fnv::new().with(name).value() as u16
}

impl Boot {
    pub(super) fn new() -> Boot {
        Boot { head: BootHead::default(), entries: Vec::with_capacity(BOOT), offered: None, noted: None }
    }

    /// Notes that an event is being offered. It enters the record when it starts a job.
    pub(super) fn offer(&mut self, event: EventId, now: Instant) {
        self.head.began.get_or_insert(now);
        self.offered = Some((event, now));
    }

    /// Notes a change of the state of a job of that name. `failed`: whether it comes to rest after a failure.
    pub(super) fn note(
        &mut self,
        supervisor: &Supervisor<'_>,
        (job, name): (JobId, u32),
        (from, to): (State, State),
        failed: bool,
        now: Instant,
    ) {
        if self.head.is_full {
            return;
        }
        let step = match (from, to) {
            (State::Waiting, State::Starting) => Step::Started(self.start(supervisor, job, now)),
            (_, State::Waiting) if failed => Step::Failed,
            (State::Starting, _) | (_, State::Spawned | State::Running | State::Stopping | State::Waiting) => {
                Step::State(to)
            }
            _ => return,
        };
        let instance = half(supervisor.instance_name(job));
        self.put(name, instance, step, now);
    }

    /// How a job was started. The event that did it enters the record.
    fn start(&mut self, supervisor: &Supervisor<'_>, job: JobId, now: Instant) -> Start {
        let is_task = supervisor.is_task(job);
        let events = supervisor.started_by(job);
        let mut words = events.split(|&byte| byte == b' ');
        let Some((event, at)) = self.offered.filter(|_| !events.is_empty()) else {
            return Start::of(is_task, false);
        };
        let (name, _, environment) = supervisor.event(event);
        if !words.any(|word| word == name || word.strip_prefix(name) == Some(b"/failed")) {
            // The goal was start before this event, and the job had to stop first.
            return Start::of(is_task, false);
        }
        if self.noted != Some(event) {
            self.noted = Some(event);
            let of = |key: &[u8]| environment.iter().find_map(|entry| entry.strip_prefix(key));
            let is_of_a_job = matches!(name, b"starting" | b"started" | b"stopping" | b"stopped");
            let hash = match of(b"JOB=").filter(|_| is_of_a_job) {
                Some(job) => Fnv::new().with(name).with(b" ").with(job),
                None => Fnv::new().with(name),
            };
            let instance = half(of(b"INSTANCE=").unwrap_or_default());
            self.put(hash.value(), instance, Step::Event, at.min(now));
        }
        Start::of(is_task, true)
    }

    fn put(&mut self, name: u32, instance: u16, step: Step, now: Instant) {
        if self.entries.len() >= BOOT {
            self.head.is_full = true;
            return;
        }
        let at = self.since(now);
        self.entries.push(Entry { at, name, instance, step });
    }

    /// Milliseconds since the record began.
    pub(super) fn since(&mut self, now: Instant) -> u32 {
        let began = *self.head.began.get_or_insert(now);
        u32::try_from(now.0.saturating_sub(began.0)).unwrap_or(u32::MAX)
    }

    pub(super) fn is_full(&self) -> bool {
        self.head.is_full
    }

    /// The entries from a place on, as many as fit into the room, and the place of the next one.
    pub(super) fn page<'r>(&self, from: usize, room: &'r mut [u8]) -> (&'r [u8], Option<u32>) {
        let (mut used, mut one) = (0, [0; ENTRY]);
        let mut rest = self.entries.iter().zip(0_u32..).skip(from);
        let next = rest.find_map(|(entry, at)| {
            let bytes = postcard::to_slice(entry, &mut one).map_or(&[][..], |bytes| &*bytes);
            match room.get_mut(used..used + bytes.len()) {
                Some(place) => {
                    place.copy_from_slice(bytes);
                    used += bytes.len();
                    None
                }
                None => Some(at),
            }
        });
        (&room[..used], next)
    }

    /// The record, for the next program.
    pub(super) fn carry(&self) -> (&BootHead, impl Iterator<Item = &Entry> + Clone) {
        (&self.head, self.entries.iter())
    }

    /// Takes the record of another program.
    pub(super) fn put_back(&mut self, head: BootHead, entries: &[Entry]) {
        let kept = entries.get(..BOOT).unwrap_or(entries);
        self.head = BootHead { is_full: head.is_full || kept.len() < entries.len(), ..head };
        self.entries.extend_from_slice(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uphold_core::control::boot::Page;

    fn entries(boot: &Boot, room: usize) -> Vec<Entry> {
        let (mut all, mut from, mut room) = (vec![], Some(0), vec![0; room]);
        while let Some(start) = from {
            let (bytes, next) = boot.page(start as usize, &mut room);
            all.extend(Page { now: 0, is_full: false, next, entries: bytes }.list());
            from = next;
        }
        all
    }

    #[test]
    fn the_first_entries_are_kept_and_the_loss_is_known() {
        let mut boot = Boot::new();
        for at in 0..BOOT as u64 {
            boot.put(7, 9, Step::State(State::Running), Instant(5_000_000_000 + at));
        }
        assert!(!boot.is_full());
        boot.put(7, 9, Step::Failed, Instant(6_000_000_000));
        let all = entries(&boot, 100);
        assert_eq!((all.len(), boot.is_full(), boot.entries.capacity()), (BOOT, true, BOOT));
        assert_eq!(
            all[BOOT - 1],
            Entry { at: BOOT as u32 - 1, name: 7, instance: 9, step: Step::State(State::Running) }
        );
    }

    #[test]
    fn a_record_is_handed_over() {
        let mut boot = Boot::new();
        boot.put(7, 9, Step::Event, Instant(50));
        boot.put(8, 9, Step::Started(Start::TaskByEvent), Instant(70));
        let (head, carried) = boot.carry();
        let mut next = Boot::new();
        next.put_back(*head, &carried.copied().collect::<Vec<_>>());
        next.put(8, 9, Step::Failed, Instant(90));
        let times: Vec<u32> = entries(&next, 40).iter().map(|entry| entry.at).collect();
        assert_eq!(times, [0, 20, 40]);
    }

    #[test]
    fn the_largest_entry_has_room() {
        let entry = Entry { at: u32::MAX, name: u32::MAX, instance: u16::MAX, step: Step::State(State::PostStop) };
        assert!(postcard::to_slice(&entry, &mut [0; ENTRY]).is_ok());
    }
}
