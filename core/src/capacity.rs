//! The size of a [`Storage`](crate::Storage) by name: what an embedder counts, and the rules that give the rest.

use crate::limits::{CHAINS, EVENTS_PER_JOB};

/// The sizes of a [`Storage`](crate::Storage). [`storage!`](crate::storage) turns it into a type.
///
/// Two numbers suffice: [`Capacity::of`] derives the others from the classes and jobs. Each of them can be given as
/// well, for job files that are larger or smaller than most:
///
/// ```
/// use uphold_core::{Capacity, storage};
///
/// type Mine = storage! { classes: 8, jobs: 8 };
/// type Tight = storage! { jobs: 3, classes: 3, text: 1500, scratch: 64 };
///
/// static MEMORY: std::sync::Mutex<Mine> = std::sync::Mutex::new(Mine::new());
/// assert_eq!(Mine::CAPACITY, Capacity::of(8, 8));
/// assert_eq!(Tight::CAPACITY, Capacity { text: 1500, scratch: 64, ..Capacity::of(3, 3) });
/// ```
///
/// # The stack
///
/// A storage is all the memory that a supervisor keeps. Its calls also use the stack, and do not recurse. The largest
/// frames hold a text that is being put together: an instance's name ([`INSTANCE_NAME`](crate::limits::INSTANCE_NAME)),
/// an event's name ([`EVENT_NAME`](crate::limits::EVENT_NAME)) or an argument of `stop on`
/// ([`ARGUMENT`](crate::limits::ARGUMENT)). Each has 1,024 bytes whatever the capacity is, and so has the record that
/// [`save`](crate::Supervisor::save) and [`restore`](crate::Supervisor::restore) put together. `docs/proof.md`
/// of the repository states the most that each call needs, read from the program: for the loop 4.5 KB on x86-64, and
/// 3 KB on a Cortex-M3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Capacity {
    /// Job classes: one for each job file, and one for each new version of a file while an instance of the old version
    /// still runs. Below 65,536.
    pub classes: usize,
    /// Job instances that are not at rest. Below 65,536.
    pub jobs: usize,
    /// Live processes. At least, and by rule, two for each job: its main process and one other.
    pub processes: usize,
    /// Events that are not finished. Two for each job are set aside for its own events; at least one more is needed for
    /// events of clients. By rule four more, and another one for every ten jobs.
    pub events: usize,
    /// Waiters: clients that wait for a reply, and events that wait for jobs. By rule as many as events, and four
    /// clients.
    pub waiters: usize,
    /// Events named in conditions, counted once for each class whose `start on` names the event, and once for each
    /// instance whose `stop on` does. By rule three for each class and three for each job, because most conditions have
    /// one to three, and eight more, because some conditions have eleven.
    pub leaves: usize,
    /// Distinct event names in conditions; and, counted separately, the conditions that name each. By rule four for
    /// each class, two of `start on` and two of `stop on`.
    pub names: usize,
    /// Bytes of text: names, environments, conditions and the variables of events; not the commands that a job runs,
    /// which the world keeps. Each piece costs 8 bytes besides its own. By rule 256 bytes for each class, because half
    /// of all real job files have less than 200 bytes of such text, and 384 bytes for each job, for its name, its
    /// environment and its two events.
    pub text: usize,
    /// Pieces of text. By rule ten for each class, five for each job, two for each event, one for each event name and
    /// four for the supervisor's own: as many as there can be.
    pub pieces: usize,
    /// Hash chains of each of the four tables: a power of two. By rule the next one from the number of classes or jobs,
    /// whichever is larger, up to 4,096.
    pub chains: usize,
    /// Bytes of scratch memory: the longest name of a job in a request, and the longest name of an instance, which may
    /// be no longer than [`INSTANCE_NAME`](crate::limits::INSTANCE_NAME) either. By rule 256, because file names have
    /// up to 255 bytes; real names of jobs and instances have below 60.
    pub scratch: usize,
}

impl Capacity {
    /// Room for this many classes and jobs with job files of the usual kind. Each field's documentation states its
    /// rule.
    pub const fn of(classes: usize, jobs: usize) -> Capacity {
        let events = EVENTS_PER_JOB.saturating_mul(jobs).saturating_add(jobs / 10).saturating_add(4);
        let names = classes.saturating_mul(4);
        let most = if classes > jobs { classes } else { jobs };
        Capacity {
            classes,
            jobs,
            processes: jobs.saturating_mul(2),
            events,
            waiters: waiters(events),
            leaves: classes.saturating_add(jobs).saturating_mul(3).saturating_add(8),
            names,
            text: classes.saturating_mul(256).saturating_add(jobs.saturating_mul(384)),
            pieces: pieces(classes, jobs, events, names),
            chains: if most < CHAINS { most.next_power_of_two() } else { CHAINS },
            scratch: 256,
        }
    }
}

const fn waiters(events: usize) -> usize {
    events.saturating_add(4)
}

const fn pieces(classes: usize, jobs: usize, events: usize, names: usize) -> usize {
    let of_classes_and_jobs = classes.saturating_mul(10).saturating_add(jobs.saturating_mul(5));
    of_classes_and_jobs.saturating_add(events.saturating_mul(2)).saturating_add(names).saturating_add(4)
}

/// The counts given to [`storage!`](crate::storage).
#[doc(hidden)]
#[allow(missing_docs)]
pub struct Given {
    pub classes: Option<usize>,
    pub jobs: Option<usize>,
    pub processes: Option<usize>,
    pub events: Option<usize>,
    pub waiters: Option<usize>,
    pub leaves: Option<usize>,
    pub names: Option<usize>,
    pub text: Option<usize>,
    pub pieces: Option<usize>,
    pub chains: Option<usize>,
    pub scratch: Option<usize>,
}

const fn or(given: Option<usize>, derived: usize) -> usize {
    match given {
        Some(count) => count,
        None => derived,
    }
}

impl Given {
    #[doc(hidden)]
    pub const NOTHING: Given = Given {
        classes: None,
        jobs: None,
        processes: None,
        events: None,
        waiters: None,
        leaves: None,
        names: None,
        text: None,
        pieces: None,
        chains: None,
        scratch: None,
    };

    #[doc(hidden)]
    #[allow(clippy::panic, reason = "evaluated when the program is built")]
    pub const fn capacity(self) -> Capacity {
        let (Some(classes), Some(jobs)) = (self.classes, self.jobs) else {
            panic!("storage! needs the numbers of classes and jobs");
        };
        // An overridden count also counts for those that are derived from it.
        let rule = Capacity::of(classes, jobs);
        let (events, names) = (or(self.events, rule.events), or(self.names, rule.names));
        Capacity {
            classes,
            jobs,
            processes: or(self.processes, rule.processes),
            events,
            waiters: or(self.waiters, waiters(events)),
            leaves: or(self.leaves, rule.leaves),
            names,
            text: or(self.text, rule.text),
            pieces: or(self.pieces, pieces(classes, jobs, events, names)),
            chains: or(self.chains, rule.chains),
            scratch: or(self.scratch, rule.scratch),
        }
    }
}
