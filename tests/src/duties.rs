//! The duties of a supervisor to daemons and to the readers of its log, in whole systems: a reason that may pass
//! ends no job, a daemon is never started beside a copy of itself, the late forks of a stopped daemon end with it, and
//! advice comes once.

use uphold_core::{ClassId, Exit, Expect, Goal, JobId, Notice, Pid, Process, State, Supervisor};

use crate::child::{Child, Trace};

/// The error number of a spawn that lacks a resource. Only these checks look at error numbers.
pub(crate) const LACKS: i32 = 11;

/// The error number of a trace that is refused to a supervisor which can do without.
pub(crate) const UNTRACED: i32 = 1;

/// A piece of advice: of which file, what it expects, what was seen and what would be right.
type Advice = (ClassId, Expect, &'static str, Option<Expect>);

/// The stanzas of a job file that decide about the duties to its daemon.
#[derive(Clone, Copy, Default)]
pub(crate) struct Declared {
    /// Whether another process may take the place of its main process.
    is_followed: bool,
    /// Whether the main process is expected to become a daemon, or to report.
    expects: bool,
}

impl Declared {
    /// Those of a file.
    pub(crate) fn of(file: &str) -> Declared {
        let has = |stanza: &str| file.lines().any(|line| line.starts_with(stanza));
        let expects = has("expect ") || has("pid file ");
        Declared { is_followed: (expects || has("respawn")) && !has("task"), expects }
    }
}

/// The notes about one job.
#[derive(Clone, Copy)]
struct Run {
    job: JobId,
    goal: Goal,
    state: State,
    /// Whether the main process was ready once since its launch.
    was_ready: bool,
}

/// The notes, and the duties that follow from them.
#[derive(Clone, Default)]
pub(crate) struct Duties {
    runs: Vec<Run>,
    advice: Vec<Advice>,
    /// The job whose daemon has ended in this input and has left its successor.
    left_heir: Option<JobId>,
    /// Processes that were forked while a daemon that was never ready was being killed.
    doomed: Vec<Pid>,
}

impl Duties {
    fn run(&self, job: JobId) -> Option<&Run> {
        self.runs.iter().find(|run| run.job == job)
    }

    fn run_mut(&mut self, job: JobId) -> Option<&mut Run> {
        if !self.runs.iter().any(|run| run.job == job) {
            self.runs.push(Run { job, goal: Goal::Stop, state: State::Waiting, was_ready: false });
        }
        self.runs.iter_mut().find(|run| run.job == job)
    }

    /// The next input comes.
    pub(crate) fn begin_input(&mut self) {
        self.left_heir = None;
    }

    /// A main process ends; these are the others of its job. One of them is its successor if it is an orphan now that
    /// runs the same program, and the daemon has ended in order. Returns whether there is one.
    pub(crate) fn ends(&mut self, main: &Child, exit: Exit, others: &[Child], declared: Declared) -> bool {
        // A job that is being restarted has the goal again, and its daemon is to be replaced.
        let is_leaving = |run: &Run| matches!(run.state, State::Stopping | State::Killed);
        let stays = self.run(main.job).is_some_and(|run| run.goal == Goal::Start && !is_leaving(run));
        let is_heir = |other: &Child| {
            let is_its = other.job == main.job && other.process == Process::Main && other.pid != main.pid;
            let is_free = !other.watched && other.trace == Trace::Off && !other.vanished && !other.sleeps;
            let is_orphan = other.parent.is_none_or(|parent| parent == main.pid);
            let replaces = exit == Exit::Status(0) && other.twin && is_orphan;
            is_its && is_free && (replaces || other.named)
        };
        let left = main.watched && stays && declared.is_followed && others.iter().any(is_heir);
        self.left_heir = left.then_some(main.job);
        left
    }

    /// A main process is spawned. Returns the fault if the job's daemon has left a successor just now.
    pub(crate) fn spawned(&mut self, job: JobId, process: Process) -> Option<String> {
        self.run_mut(job).filter(|_| process == Process::Main)?.was_ready = false;
        (self.left_heir == Some(job)).then(|| "a second daemon beside the successor of the first".into())
    }

    /// A process was forked without the supervisor's knowledge. Returns whether it has to end with its job.
    pub(crate) fn forked(&mut self, child: &Child, declared: Declared) -> bool {
        let is_late = self.run(child.job).is_some_and(|run| run.state == State::Killed && !run.was_ready);
        let dooms = is_late && declared.expects;
        self.doomed.extend(dooms.then_some(child.pid));
        dooms
    }

    /// A process is no more.
    pub(crate) fn gone(&mut self, pid: Pid) {
        self.doomed.retain(|doomed| *doomed != pid);
    }

    /// Whether a process had to end before its job came to rest.
    pub(crate) fn had_to_end(&self, child: &Child) -> bool {
        self.doomed.contains(&child.pid)
    }

    /// A job is at rest.
    pub(crate) fn rest(&mut self, job: JobId) {
        self.runs.retain(|run| run.job != job);
    }

    /// Takes a message. `is_pressed`: jobs are forced to stop, or the end was ordered, so that nothing is tried again.
    pub(crate) fn hear(&mut self, supervisor: &Supervisor<'_>, notice: Notice, is_pressed: bool) -> Option<String> {
        match notice {
            Notice::GoalChanged { job, to, .. } => self.run_mut(job)?.goal = to,
            Notice::StateChanged { job, to, .. } => {
                let run = self.run_mut(job)?;
                run.was_ready |= matches!(to, State::PostStarting | State::Running);
                run.state = to;
            }
            Notice::SpawnFailed { job, process: process @ (Process::Main | Process::PreStart), error }
                if !is_pressed && self.run(job).is_some_and(|run| run.goal == Goal::Start) =>
            {
                let what = match error.code {
                    LACKS => "for a reason that may pass",
                    UNTRACED => "because the kernel does not trace",
                    _ => return None,
                };
                return Some(format!("a {process} process is given up {what}"));
            }
            Notice::Mistaken { job, expected, saw, right, .. } => {
                let advice = (supervisor.class_of(job)?, expected, saw, right);
                if self.advice.contains(&advice) {
                    return Some(format!("{} gets the same advice again", supervisor.job_name(job)));
                }
                self.advice.push(advice);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use uphold_core::{JobCommand, SpawnError, SpawnStage};

    use super::*;
    use crate::happening::{Happening, Text};
    use crate::kernel::Kernel;
    use crate::world::{Small, World};

    /// A world in which a job of this file was started, and its main process.
    fn started(file: &str) -> (World<Small>, Child) {
        let mut world = World::new(Small::new());
        world.check_whole(0);
        (world.kernel.keeps, world.kernel.pauses) = (true, true);
        world.load("a", file).expect("there is room");
        ask(&mut world, JobCommand::Start);
        let main = world.kernel.children[0];
        (world, main)
    }

    fn ask(world: &mut World<Small>, command: JobCommand) {
        world.happen(&Happening::Ask { client: 0, command, wait: false, text: Text::Borrowed("a") });
    }

    /// Whether a new main process of a job would be a second daemon after this end of the first.
    fn is_second(file: &str, happening: fn(Pid) -> Happening, exit: Exit) -> bool {
        let (mut world, main) = started(file);
        world.happen(&happening(main.pid));
        world.kernel.ledger.duties.begin_input();
        world.kernel.end(main.pid, exit);
        world.kernel.ledger.duties.spawned(main.job, Process::Main).is_some()
    }

    #[test]
    fn a_copy_that_a_daemon_leaves_in_order_is_its_successor() {
        let twin = |pid| Happening::Doubles { pid };
        let worker = |pid| Happening::Leaves { pid };
        let file = "respawn\nexec main\n";
        assert!(is_second(file, twin, Exit::Status(0)));
        assert!(!is_second(file, twin, Exit::Status(1)), "it has failed");
        assert!(!is_second(file, worker, Exit::Status(0)), "another program");
        assert!(!is_second("respawn\ntask\nexec main\n", twin, Exit::Status(0)), "a task is no daemon");
    }

    #[test]
    fn what_an_unready_daemon_forks_while_it_is_killed_ends_with_it() {
        let late = |kernel: &Kernel| kernel.ledger.duties.doomed.len();
        for (file, count) in [("expect fd 3\nexec main\n", 1), ("respawn\nexec main\n", 0)] {
            let (mut world, main) = started(file);
            ask(&mut world, JobCommand::Stop);
            world.happen(&Happening::Leaves { pid: main.pid });
            assert_eq!(late(&world.kernel), count, "{file}");
        }
        let (mut world, main) = started("expect fd 3\nexec main\n");
        world.happen(&Happening::Leaves { pid: main.pid });
        assert_eq!(late(&world.kernel), 0, "it is not to be killed");
    }

    #[test]
    fn a_reason_that_may_pass_gives_up_nothing_and_advice_comes_once() {
        let (mut world, main) = started("respawn\nexec main\n");
        let supervisor = world.memory.supervisor();
        let duties = &mut world.kernel.ledger.duties;
        let failed = |code| {
            let error = SpawnError { stage: SpawnStage::Fork, code };
            Notice::SpawnFailed { job: main.job, process: Process::Main, error }
        };
        for code in [LACKS, UNTRACED] {
            assert!(duties.hear(&supervisor, failed(code), false).is_some());
            assert!(duties.hear(&supervisor, failed(code), true).is_none(), "it is forced to stop");
        }
        assert!(duties.hear(&supervisor, failed(2), false).is_none());
        let (expected, right, following) = (Expect::Fork, Some(Expect::Daemon), None);
        let advice = Notice::Mistaken { job: main.job, expected, saw: "two forks", right, following };
        assert!(duties.hear(&supervisor, advice, false).is_none());
        assert!(duties.hear(&supervisor, advice, false).is_some());
    }
}
