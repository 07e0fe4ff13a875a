//! The expect table: following a daemon to the process that stays (init(5), `expect`), and which stanza would be right when the
//! daemon does otherwise.

use core::hash::Hash;

use crate::expect::Expect;
use crate::limits::{FEW_LOOKS, LOOK_MILLISECONDS, QUICK_LOOK_MILLISECONDS};
use crate::signal::Signal;

/// How far a main process has come on its way to being ready.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stage {
    /// It is ready, or is not followed.
    #[default]
    Settled,
    /// It is being made: its program does not run yet.
    Launched,
    /// Its program runs and has not forked, as far as can be seen.
    Original,
    /// It is the first child, and has not begun to run.
    FirstBorn,
    /// It is the first child.
    First,
    /// It is the second child, and has not begun to run.
    SecondBorn,
    /// It was taken to be ready, and may still do what is expected.
    Late,
}

impl Stage {
    /// Whether its job can go on.
    pub const fn is_ready(self) -> bool {
        matches!(self, Stage::Settled | Stage::Late)
    }

    /// Whether the process has been made and has not begun to run, as far as was seen.
    pub const fn is_newborn(self) -> bool {
        matches!(self, Stage::FirstBorn | Stage::SecondBorn)
    }

    /// How far a process has come that is followed because the one before it is gone: a word of its own is still waited for,
    /// forks are not.
    pub const fn adopted(expect: Expect) -> Stage {
        match expect {
            Expect::None | Expect::Stop | Expect::Fork | Expect::Daemon => Stage::Settled,
            Expect::Notify | Expect::Descriptor | Expect::PidFile | Expect::Auto => Stage::Original,
        }
    }
}

/// What was seen of a process that is being followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// It runs its program (untraced).
    Executed,
    /// It stopped for its first exec (traced).
    Trap,
    /// It stopped because it stopped itself, or as every traced child does at birth.
    Stop,
    /// It forked (traced).
    Fork,
    /// It replaced its program (traced).
    Exec,
    /// It said that it is ready, or named the process that is.
    Ready,
    /// Nothing of all that for as long as [`ExpectRow::patience`] says, with all its processes idle.
    Quiet,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FollowOrder {
    /// Nothing.
    Nothing,
    /// Send it SIGCONT.
    Continue,
    /// Have its forks and execs reported, and let it go on.
    Follow,
    /// Let it go on.
    Resume,
    /// Let it go for good.
    Detach,
    /// Let it go for good, and follow its child.
    Switch,
    /// It runs, traced: let it go for good at the next chance.
    Release,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct ExpectRow {
    /// What the job file expects.
    pub expect: Expect,
    /// How far the process has come.
    pub stage: Stage,
    /// What was seen.
    pub seen: Seen,
    /// What is done.
    pub order: FollowOrder,
    /// How far it has come then; [`Stage::Settled`] is ready.
    pub next: Stage,
    /// For [`Seen::Quiet`]: after how many idle looks; see [`ExpectRow::interval`].
    pub patience: u8,
}

impl ExpectRow {
    /// Milliseconds until the next look at processes that are expected to do something. When `busy` looks have found them
    /// computing, and these are more than a few, they are looked at less and less often.
    pub const fn interval(expect: Expect, busy: u8) -> u32 {
        let first = match expect {
            Expect::PidFile | Expect::Auto => QUICK_LOOK_MILLISECONDS,
            _ => LOOK_MILLISECONDS,
        };
        first << busy.saturating_sub(FEW_LOOKS)
    }

    /// After how many looks at processes that compute nothing more is waited for: more than a minute, by
    /// [`interval`](Self::interval).
    pub const fn most_busy(expect: Expect) -> u8 {
        match expect {
            Expect::PidFile | Expect::Auto => FEW_LOOKS + 8,
            _ => FEW_LOOKS + 5,
        }
    }
}

/// `expect` of init(5), each stop and fork as measured on Upstart 1.13.2, and what makes the wrong file work. What is not in the
/// table changes nothing; a traced process then goes on with the signal that stopped it.
///
/// The rows of `Quiet` are there because a process that was expected to do something and has gone idle instead will
/// hardly do it any more. If it does, nothing is lost: when it has ended, the one that stays is followed.
#[rustfmt::skip]
pub static EXPECTS: [ExpectRow; 33] = {
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
        row(Expect::Fork,       Original,   Exec,     FollowOrder::Resume,    Original),
        row(Expect::Fork,       Original,   Fork,     FollowOrder::Switch,    FirstBorn),
        row(Expect::Fork,       FirstBorn,  Stop,     FollowOrder::Detach,    Settled),

        row(Expect::Daemon,     Launched,   Trap,     FollowOrder::Follow,    Original),
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

/// When a stop counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopOf {
    /// Any process.
    Any,
    /// A traced process.
    Traced,
    /// A traced process whose life has not begun, as far as was seen.
    Newborn,
}

/// What it shows that a signal stopped a process.
#[derive(Clone, Copy, Debug)]
pub struct StopRow {
    /// The signal.
    pub signal: Signal,
    /// Whose stop it must be.
    pub of: StopOf,
    /// What that shows.
    pub seen: Seen,
}

/// The stops that mean something for `expect`. Any other signal that stops a traced process is passed on to it.
#[rustfmt::skip]
pub static STOPS: [StopRow; 3] = {
    const fn row(signal: Signal, of: StopOf, seen: Seen) -> StopRow {
        StopRow { signal, of, seen }
    }
    [
        //  signal        of               shows
        row(Signal::TRAP, StopOf::Traced,  Seen::Trap),
        row(Signal::STOP, StopOf::Any,     Seen::Stop),
        row(Signal::CONT, StopOf::Newborn, Seen::Stop), // SIGCONT takes the stop of its birth away from a child
    ]
};

/// What a stop by a signal shows.
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

/// Whether a stop of a process in this stage is tracing's own doing: the first one of its program, or of its life.
pub fn is_of_tracing(stage: Stage, seen: Seen) -> bool {
    let stop = STOPS.iter().any(|row| row.seen == seen);
    stop && EXPECTS.iter().any(|row| row.expect.traces() && row.stage == stage && row.seen == seen)
}

/// The row for what was seen.
pub fn row(expect: Expect, stage: Stage, seen: Seen) -> Option<&'static ExpectRow> {
    EXPECTS.iter().find(|row| row.expect == expect && row.stage == stage && row.seen == seen)
}

/// Which process of a job is the daemon when not the one that `expect` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// The one that is followed, which does not do what is expected.
    Itself,
    /// The one that the supervisor made: what was followed was a helper of its own.
    Launched,
    /// A child of the one that the supervisor made.
    Child,
    /// A grandchild of it.
    Grandchild,
    /// A descendant of it, by how many forks cannot be told.
    Akin,
    /// A descendant of those that were traced: how many forks were seen says more of it than its session.
    Descendant,
    /// The one between the one that the supervisor made and the one that is followed.
    Middle,
    /// Another one, after a helper of the daemon's that had been followed.
    Later,
    /// Another one, after the one that was taken to be ready because it had gone idle.
    Late,
}

/// One row of what is to be learnt.
#[derive(Clone, Copy, Debug)]
pub struct Advice {
    /// What the job file expects.
    pub expect: Expect,
    /// How many forks led to the daemon, those included that only its adoption shows; `None` is any number.
    pub forks: Option<u8>,
    /// Who is the daemon.
    pub relation: Relation,
    /// What the daemon has done.
    pub saw: &'static str,
    /// What the job file should expect.
    pub right: Expect,
}

/// What to tell the author of the file. Where no row fits, see [`UNCLEAR`].
#[rustfmt::skip]
pub static ADVICE: [Advice; 27] = {
    use Expect as E;
    use Relation::*;
    const fn row(expect: Expect, forks: Option<u8>, relation: Relation, saw: &'static str, right: Expect) -> Advice {
        Advice { expect, forks, relation, saw, right }
    }
    [
        //  expect         forks    daemon      it did                          right
        row(E::None,       None,    Child,      "one fork",                     E::Fork),
        row(E::None,       None,    Grandchild, "two forks",                    E::Daemon),
        row(E::None,       None,    Akin,       "a fork or more",               E::Auto),

        row(E::Stop,       None,    Itself,     "no SIGSTOP",                   E::None),
        row(E::Stop,       None,    Child,      "one fork",                     E::Fork),
        row(E::Stop,       None,    Grandchild, "two forks",                    E::Daemon),
        row(E::Stop,       None,    Akin,       "a fork or more",               E::Auto),

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

/// Whether the process has forked as it was expected to, and only its birth is still to be seen.
pub(crate) fn is_last(expect: Expect, stage: Stage) -> bool {
    expect.traces() && row(expect, stage, Seen::Stop).is_some_and(|row| row.next.is_ready())
}

/// Forks beyond this number are not told apart.
pub(crate) const MOST_FORKS: u8 = 4;

/// What is said where the table knows nothing better.
pub const UNCLEAR: (&str, Expect) = ("something else", Expect::Auto);

/// What the daemon has done, and what the job file should expect.
pub fn advice(expect: Expect, forks: u8, relation: Relation) -> (&'static str, Expect) {
    let fits = |row: &&Advice| {
        row.expect == expect && row.relation == relation && row.forks.is_none_or(|followed| followed == forks)
    };
    ADVICE.iter().find(fits).map_or(UNCLEAR, |row| (row.saw, row.right))
}
