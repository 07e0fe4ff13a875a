//! Following a daemon to the process that stays: `expect stop`, `expect fork` and `expect daemon` of init(5).

use crate::conf::stanza::Expect;

/// How far a main process has come on its way to being ready.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stage {
    /// It is ready, or is not followed.
    #[default]
    Settled,
    /// It is being made: its program does not run yet.
    Launched,
    /// Its program runs and has not forked.
    Original,
    /// It is the first child, and has not begun to run.
    FirstBorn,
    /// It is the first child.
    First,
    /// It is the second child, and has not begun to run.
    SecondBorn,
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
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
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
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What the job file expects.
    pub expect: Expect,
    /// How far the process has come.
    pub stage: Stage,
    /// What was seen.
    pub seen: Seen,
    /// What is done.
    pub order: Order,
    /// How far it has come then; [`Stage::Settled`] is ready.
    pub next: Stage,
}

/// FACTS 3.6. What is not in the table changes nothing; a traced process then goes on with the signal that stopped it.
#[rustfmt::skip]
pub static TABLE: [Row; 13] = {
    use Stage::*;
    use Seen::*;
    const fn row(expect: Expect, stage: Stage, seen: Seen, order: Order, next: Stage) -> Row {
        Row { expect, stage, seen, order, next }
    }
    [
        //  expect          stage       seen      order             next
        row(Expect::None,   Launched,   Executed, Order::Nothing,   Settled),
        row(Expect::Stop,   Launched,   Stop,     Order::Continue,  Settled),

        row(Expect::Fork,   Launched,   Trap,     Order::Follow,    Original),
        row(Expect::Fork,   Original,   Exec,     Order::Resume,    Original),
        row(Expect::Fork,   Original,   Fork,     Order::Switch,    FirstBorn),
        row(Expect::Fork,   FirstBorn,  Stop,     Order::Detach,    Settled),

        row(Expect::Daemon, Launched,   Trap,     Order::Follow,    Original),
        row(Expect::Daemon, Original,   Exec,     Order::Resume,    Original),
        row(Expect::Daemon, Original,   Fork,     Order::Switch,    FirstBorn),
        row(Expect::Daemon, FirstBorn,  Stop,     Order::Follow,    First),
        row(Expect::Daemon, First,      Exec,     Order::Detach,    Settled),
        row(Expect::Daemon, First,      Fork,     Order::Switch,    SecondBorn),
        row(Expect::Daemon, SecondBorn, Stop,     Order::Detach,    Settled),
    ]
};

/// The row for what was seen.
pub fn row(expect: Expect, stage: Stage, seen: Seen) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.expect == expect && row.stage == stage && row.seen == seen)
}

impl Expect {
    /// Whether the process must be traced to see what it is expected to do.
    pub const fn traces(self) -> bool {
        matches!(self, Expect::Fork | Expect::Daemon)
    }
}
