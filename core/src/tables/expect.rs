//! The expect table: how a daemon is followed to the process that stays (init(5), `expect`), and which stanza would be
//! right when the daemon behaves differently.

use core::hash::Hash;

use crate::expect::Expect;
use crate::limits::{FEW_LOOKS, LOOK_MILLISECONDS, QUICK_LOOK_MILLISECONDS};
use crate::signal::Signal;

/// The stages of a main process until it is ready.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stage {
    /// The process is ready, or is not followed.
    #[default]
    Settled,
    /// The process is being launched: its program does not run yet.
    Launched,
    /// The program runs and has not forked, as far as seen.
    Original,
    /// The process is the first child, and has not begun to run.
    FirstBorn,
    /// The process is the first child.
    First,
    /// The process is the second child, and has not begun to run.
    SecondBorn,
    /// The process was assumed to be ready, and may still do what is expected.
    Late,
}

impl Stage {
    /// Whether the job can move on.
    pub const fn is_ready(self) -> bool {
        matches!(self, Stage::Settled | Stage::Late)
    }

    /// Whether the process was forked and has not begun to run, as far as seen.
    pub const fn is_newborn(self) -> bool {
        matches!(self, Stage::FirstBorn | Stage::SecondBorn)
    }

    /// The stage of a process that replaces the previous main process: its own report of readiness is still awaited,
    /// forks are not.
    pub const fn adopted(expect: Expect) -> Stage {
        match expect {
            Expect::None | Expect::Stop | Expect::Fork | Expect::Daemon => Stage::Settled,
            Expect::Notify | Expect::Descriptor | Expect::PidFile | Expect::Auto => Stage::Original,
        }
    }
}

/// An observation of a process that is followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// The process runs its program (untraced).
    Executed,
    /// The process stopped for its first exec (traced).
    Trap,
    /// The process was stopped by SIGSTOP: it stopped itself, or it is a traced child at birth.
    Stop,
    /// The process forked (traced).
    Fork,
    /// The process replaced its program (traced).
    Exec,
    /// The process is reported to be ready, or to be the main one.
    Ready,
    /// None of these for as long as [`ExpectRow::patience`] requires, with all processes of the job idle.
    Quiet,
}

/// An order to the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FollowOrder {
    /// Nothing.
    Nothing,
    /// Send SIGCONT.
    Continue,
    /// Have forks and execs reported, and resume.
    Follow,
    /// Resume.
    Resume,
    /// Detach.
    Detach,
    /// Detach, and follow the child.
    Switch,
    /// Detach from the running process as soon as possible.
    Release,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct ExpectRow {
    /// The stanza of the job file.
    pub expect: Expect,
    /// The stage of the process.
    pub stage: Stage,
    /// The observation.
    pub seen: Seen,
    /// The order.
    pub order: FollowOrder,
    /// The next stage; [`Stage::Settled`] is ready.
    pub next: Stage,
    /// For [`Seen::Quiet`]: the number of checks that must find the processes idle; see [`ExpectRow::interval`].
    pub patience: u8,
}

impl ExpectRow {
    /// Milliseconds until the next check of processes that are expected to do something. After a few checks that found
    /// them `busy`, the intervals double.
    pub const fn interval(expect: Expect, busy: u8) -> u32 {
        let first = match expect {
            Expect::PidFile | Expect::Auto => QUICK_LOOK_MILLISECONDS,
            _ => LOOK_MILLISECONDS,
        };
        let most = ExpectRow::most_busy(expect);
        let busy = if busy < most { busy } else { most };
        first << busy.saturating_sub(FEW_LOOKS)
    }

    /// The number of checks after which a process that computes is assumed to be ready: more than a minute, by
    /// [`interval`](Self::interval).
    pub const fn most_busy(expect: Expect) -> u8 {
        match expect {
            Expect::PidFile | Expect::Auto => FEW_LOOKS + 8,
            _ => FEW_LOOKS + 5,
        }
    }
}

/// `expect` of init(5), each stop and fork as measured on Upstart 1.13.2, and the rows that make a wrong file work. An
/// observation without a row changes nothing; a traced process is then resumed with the signal that stopped it.
///
/// The rows of `Quiet` exist because a process that was expected to do something and is idle instead will hardly do it
/// any more. If it does, nothing is lost: after its exit, the process that stays is followed.
#[rustfmt::skip]
pub static EXPECTS: [ExpectRow; 35] = {
    use Stage::*;
    use Seen::*;
    const fn row(expect: Expect, stage: Stage, seen: Seen, order: FollowOrder, next: Stage) -> ExpectRow {
        ExpectRow { expect, stage, seen, order, next, patience: 0 }
    }
    const fn quiet(expect: Expect, stage: Stage, patience: u8, order: FollowOrder, next: Stage) -> ExpectRow {
        ExpectRow { expect, stage, seen: Quiet, order, next, patience }
    }
    [
        //  expect              stage       seen      order             next
        row(Expect::None,       Launched,   Executed, FollowOrder::Nothing,   Settled),

        row(Expect::Stop,       Launched,   Stop,     FollowOrder::Continue,  Settled),
        row(Expect::Stop,       Late,       Stop,     FollowOrder::Continue,  Settled),

        row(Expect::Fork,       Launched,   Trap,     FollowOrder::Follow,    Original),
        row(Expect::Fork,       Launched,   Executed, FollowOrder::Nothing,   Original), // the world does not trace
        row(Expect::Fork,       Original,   Exec,     FollowOrder::Resume,    Original),
        row(Expect::Fork,       Original,   Fork,     FollowOrder::Switch,    FirstBorn),
        row(Expect::Fork,       FirstBorn,  Stop,     FollowOrder::Detach,    Settled),

        row(Expect::Daemon,     Launched,   Trap,     FollowOrder::Follow,    Original),
        row(Expect::Daemon,     Launched,   Executed, FollowOrder::Nothing,   Original), // likewise
        row(Expect::Daemon,     Original,   Exec,     FollowOrder::Resume,    Original),
        row(Expect::Daemon,     Original,   Fork,     FollowOrder::Switch,    FirstBorn),
        row(Expect::Daemon,     FirstBorn,  Stop,     FollowOrder::Follow,    First),
        row(Expect::Daemon,     First,      Exec,     FollowOrder::Detach,    Settled),
        row(Expect::Daemon,     First,      Fork,     FollowOrder::Switch,    SecondBorn),
        row(Expect::Daemon,     SecondBorn, Stop,     FollowOrder::Detach,    Settled),

        row(Expect::Notify,     Launched,   Executed, FollowOrder::Nothing,   Original),
        row(Expect::Notify,     Original,   Ready,    FollowOrder::Nothing,   Settled),
        row(Expect::Descriptor, Launched,   Executed, FollowOrder::Nothing,   Original),
        row(Expect::Descriptor, Original,   Ready,    FollowOrder::Nothing,   Settled),
        row(Expect::PidFile,    Launched,   Executed, FollowOrder::Nothing,   Original),
        row(Expect::PidFile,    Original,   Ready,    FollowOrder::Nothing,   Settled),
        row(Expect::Auto,       Launched,   Executed, FollowOrder::Nothing,   Original),
        row(Expect::Auto,       Original,   Stop,     FollowOrder::Continue,  Settled),

        //    expect              stage       idle looks  order           next
        quiet(Expect::Stop,       Launched,   4,          FollowOrder::Nothing,   Late),
        quiet(Expect::Fork,       Original,   4,          FollowOrder::Release,   Settled),
        quiet(Expect::Fork,       FirstBorn,  4,          FollowOrder::Release,   Settled), // its stop was taken away
        quiet(Expect::Daemon,     Original,   4,          FollowOrder::Release,   Settled),
        quiet(Expect::Daemon,     FirstBorn,  4,          FollowOrder::Release,   Settled), // likewise
        quiet(Expect::Daemon,     First,      1,          FollowOrder::Release,   Settled),
        quiet(Expect::Daemon,     SecondBorn, 4,          FollowOrder::Release,   Settled), // likewise
        quiet(Expect::Notify,     Original,   4,          FollowOrder::Nothing,   Settled),
        quiet(Expect::Descriptor, Original,   4,          FollowOrder::Nothing,   Settled),
        quiet(Expect::PidFile,    Original,   40,         FollowOrder::Nothing,   Settled),
        quiet(Expect::Auto,       Original,   2,          FollowOrder::Nothing,   Settled),
    ]
};

/// The processes whose stop counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopOf {
    /// Any process.
    Any,
    /// A traced process.
    Traced,
    /// A traced process that has not begun to run, as far as seen.
    Newborn,
}

/// The observation in a stop by a signal.
#[derive(Clone, Copy, Debug)]
pub struct StopRow {
    /// The signal.
    pub signal: Signal,
    /// The process that is stopped.
    pub of: StopOf,
    /// The observation.
    pub seen: Seen,
}

/// The stops that count for `expect`. Any other signal that stops a traced process is passed on to it.
#[rustfmt::skip]
pub static STOPS: [StopRow; 3] = {
    const fn row(signal: Signal, of: StopOf, seen: Seen) -> StopRow {
        StopRow { signal, of, seen }
    }
    [
        //  signal        of               shows
        row(Signal::TRAP, StopOf::Traced,  Seen::Trap),
        row(Signal::STOP, StopOf::Any,     Seen::Stop),
        row(Signal::CONT, StopOf::Newborn, Seen::Stop), // SIGCONT takes away the stop at a child's birth
    ]
};

/// The observation in a stop by a signal.
pub fn stop(signal: Signal, traced: bool, stage: Option<Stage>) -> Option<Seen> {
    let fits = |row: &&StopRow| {
        row.signal == signal
            && match row.of {
                StopOf::Any => true,
                StopOf::Traced => traced,
                StopOf::Newborn => traced && stage.is_some_and(Stage::is_newborn),
            }
    };
    STOPS.iter().find(fits).map(|row| row.seen)
}

/// Whether a stop of a process in this stage is caused by tracing: it is the first one of its program, or of its life.
pub fn is_of_tracing(stage: Stage, seen: Seen) -> bool {
    let stop = STOPS.iter().any(|row| row.seen == seen);
    stop && EXPECTS.iter().any(|row| row.expect.traces() && row.stage == stage && row.seen == seen)
}

/// The row for an observation.
pub fn row(expect: Expect, stage: Stage, seen: Seen) -> Option<&'static ExpectRow> {
    EXPECTS.iter().find(|row| row.expect == expect && row.stage == stage && row.seen == seen)
}

/// The relation of the daemon to the launched process, when the daemon is not the process that `expect` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// The process that is followed, which does not do what is expected.
    Itself,
    /// The process to which the forks of a launch that is traced to learn have led.
    Counted,
    /// The launched process: the one that was followed was a helper.
    Launched,
    /// A descendant of the launched process, by an unknown number of forks.
    Akin,
    /// A descendant of the traced processes: the number of forks that were seen tells more than its session.
    Descendant,
    /// The process between the launched process and the one that is followed.
    Middle,
    /// Another process, after a helper that was followed.
    Later,
    /// Another process, after one that was assumed to be ready because it had gone idle.
    Late,
}

/// A row of the advice on wrong files.
#[derive(Clone, Copy, Debug)]
pub struct Advice {
    /// The job file's `expect`.
    pub expect: Expect,
    /// The number of forks to the daemon, including those that only its adoption shows; `None` is any number.
    pub forks: Option<u8>,
    /// The relation of the daemon to the launched process.
    pub relation: Relation,
    /// The daemon's behaviour, in words.
    pub saw: &'static str,
    /// The `expect` that would be right; `None` if only a traced launch can tell.
    pub right: Option<Expect>,
}

/// The advice on wrong files. A launch that is traced to learn is looked up as one of `expect daemon`. If no row fits,
/// see [`UNCLEAR`].
#[rustfmt::skip]
pub static ADVICE: [Advice; 25] = {
    use Expect as E;
    use Relation::*;
    const fn row(expect: Expect, forks: Option<u8>, relation: Relation, saw: &'static str, right: Expect) -> Advice {
        Advice { expect, forks, relation, saw, right: Some(right) }
    }
    const fn unknown(expect: Expect, relation: Relation, saw: &'static str) -> Advice {
        Advice { expect, forks: None, relation, saw, right: None }
    }
    [
        //  expect         forks    daemon      it did                          right
        unknown(E::None,            Akin,       "a fork or more"),

        row(E::Stop,       None,    Itself,     "no SIGSTOP",                   E::None),
        unknown(E::Stop,            Akin,       "a fork or more"),

        row(E::Fork,       Some(0), Itself,     "no fork",                      E::None),
        row(E::Fork,       Some(1), Descendant, "a fork that tracing misses",   E::Auto),
        row(E::Fork,       Some(2), Descendant, "two forks",                    E::Daemon),
        row(E::Fork,       Some(3), Descendant, "three forks",                  E::Auto),
        row(E::Fork,       None,    Launched,   "a helper's fork",              E::None),
        row(E::Fork,       None,    Later,      "a helper's fork first",        E::Auto),
        row(E::Fork,       Some(1), Late,       "its fork late",                E::Fork),
        row(E::Fork,       None,    Late,       "more forks late",              E::Auto),

        row(E::Daemon,     Some(0), Itself,     "no fork",                      E::None),
        row(E::Daemon,     Some(1), Itself,     "one fork",                     E::Fork),
        row(E::Daemon,     Some(1), Counted,    "one fork",                     E::Fork),
        row(E::Daemon,     Some(2), Counted,    "two forks",                    E::Daemon),
        row(E::Daemon,     None,    Middle,     "one fork",                     E::Fork),
        row(E::Daemon,     Some(1), Descendant, "a fork that tracing misses",   E::Auto),
        row(E::Daemon,     Some(3), Descendant, "three forks",                  E::Auto),
        row(E::Daemon,     None,    Launched,   "a helper's fork",              E::None),
        row(E::Daemon,     None,    Later,      "a helper's fork first",        E::Auto),
        row(E::Daemon,     Some(2), Late,       "its last fork late",           E::Daemon),
        row(E::Daemon,     None,    Late,       "other forks late",             E::Auto),

        row(E::Notify,     None,    Itself,     "no READY=1",                   E::Auto),
        row(E::Descriptor, None,    Itself,     "no newline",                   E::Auto),
        row(E::PidFile,    None,    Itself,     "no process id in the file",    E::Auto),
    ]
};

/// Whether the process has forked as expected, and only its birth is still to be seen.
pub(crate) fn is_last(expect: Expect, stage: Stage) -> bool {
    expect.traces() && row(expect, stage, Seen::Stop).is_some_and(|row| row.next.is_ready())
}

/// The largest number of forks that are distinguished.
pub(crate) const MOST_FORKS: u8 = 4;

/// The advice if no row fits.
pub const UNCLEAR: (&str, Option<Expect>) = ("something else", Some(Expect::Auto));

/// The bit of a lesson: rows that say the same are one lesson.
pub(crate) fn lesson(expect: Expect, advice: (&'static str, Option<Expect>)) -> u32 {
    let place = ADVICE.iter().position(|row| (row.expect, (row.saw, row.right)) == (expect, advice));
    1 << place.unwrap_or(ADVICE.len())
}

// There is a bit for each lesson, and one for what fits no row.
const _: () = assert!(ADVICE.len() < u32::BITS as usize);

/// The daemon's behaviour, and the `expect` that would be right; `None` if only a traced launch can tell.
pub fn advice(expect: Expect, forks: u8, relation: Relation) -> (&'static str, Option<Expect>) {
    let fits = |row: &&Advice| {
        row.expect == expect && row.relation == relation && row.forks.is_none_or(|followed| followed == forks)
    };
    ADVICE.iter().find(fits).map_or(UNCLEAR, |row| (row.saw, row.right))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that computes is waited for a little more than a minute, and the checks become rarer.
    #[test]
    fn a_busy_process_is_waited_for_more_than_a_minute() {
        for (expect, looks, all) in [
            (Expect::Fork, 9, [2500, 2500, 2500, 2500, 2500, 5000, 10_000, 20_000, 40_000].as_slice()),
            (Expect::Auto, 12, &[250, 250, 250, 250, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000]),
            (Expect::PidFile, 12, &[250, 250, 250, 250, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000]),
        ] {
            assert_eq!(ExpectRow::most_busy(expect), looks, "{expect}");
            let intervals = (0..looks).map(|busy| ExpectRow::interval(expect, busy));
            assert!(intervals.clone().eq(all.iter().copied()), "{expect}");
            assert!(intervals.sum::<u32>() > 60_000, "{expect}");
        }
    }

    #[test]
    fn a_stop_shows_what_its_process_can_do() {
        let seen = [
            (Signal::TRAP, false, None, None),
            (Signal::TRAP, true, None, Some(Seen::Trap)),
            (Signal::STOP, false, None, Some(Seen::Stop)),
            (Signal::CONT, true, None, None),
            (Signal::CONT, true, Some(Stage::Original), None),
            (Signal::CONT, true, Some(Stage::FirstBorn), Some(Seen::Stop)),
            (Signal::CONT, false, Some(Stage::FirstBorn), None),
        ];
        for (signal, traced, stage, seen) in seen {
            assert_eq!(stop(signal, traced, stage), seen, "{signal} {traced} {stage:?}");
        }
    }
}
