//! The test of a restored world: it serves, and ends with nothing left.

use uphold_core::bytes::Strings;
use uphold_core::{ClientId, Exit, Goal, Input, JobCommand, Occupancy, Pid, Process, Select, State, Target};
use uphold_tests::child::{Child, Trace};
use uphold_tests::kernel::Kernel;
use uphold_tests::world::{Memory, World};

/// The kernel that fits a restored supervisor: the processes that it shows live.
fn kernel_of<M: Memory>(memory: &mut M, old: &Kernel) -> Kernel {
    let mut kernel = Kernel::default();
    kernel.answers_anyone = true;
    let supervisor = memory.supervisor();
    let shown = supervisor.statuses(0).flat_map(|(status, _)| status.processes.iter().copied().collect::<Vec<_>>());
    for pid in shown.filter_map(|(_, pid)| Pid::new(pid)) {
        let Some((job, process)) = supervisor.owner(pid) else { continue };
        let trace = old.children.iter().find(|child| child.pid == pid).map_or(Trace::Off, |child| child.trace);
        let child = Child { trace, ..Child::new(pid, job, process) };
        kernel.children.push(child);
    }
    kernel
}

/// Faults that are the image's, which says of processes what the kernel does not know, or of a forced stop that it has
/// taken too long. The core cannot know better.
const OF_THE_IMAGE: [&str; 3] = ["an order to", "too many processes", "was lost when its job came to rest"];

/// The most inputs and deadlines until a world has come to its end.
const PATIENCE: usize = 600;

/// The most deadlines in a row after which a process ends.
const SLOW: usize = 20;

/// A restored world. Where processes are `slow`, time passes first; hooks, and what was killed, end by themselves.
#[derive(Clone)]
struct Restored<M> {
    world: World<M>,
    slow: bool,
    waited: usize,
}

impl<M: Memory> Restored<M> {
    fn fault(&mut self) -> Option<String> {
        self.world.kernel.fault.take().filter(|fault| !OF_THE_IMAGE.iter().any(|known| fault.contains(known)))
    }

    fn give(&mut self, input: Input<'_>) -> Result<(), String> {
        self.world.give(input);
        self.fault().map_or(Ok(()), Err)
    }

    /// Lets a process end or time pass up to the next deadline; false if there is neither.
    fn go_on(&mut self) -> Result<bool, String> {
        let deadline = self.world.deadline().filter(|_| self.slow && self.waited < SLOW);
        let kernel = &self.world.kernel;
        let ends = |child: &&Child| child.process != Process::Main || kernel.killed.contains(&child.pid);
        let first = kernel.children.first().filter(|_| deadline.is_none());
        let next = kernel.children.iter().find(ends).or(first).map(|child| child.pid);
        if let Some(pid) = next {
            self.waited = 0;
            self.world.kernel.forget(pid);
            return self.give(Input::Exited { pid, exit: Exit::Signal(15) }).map(|()| true);
        }
        let Some(deadline) = self.world.deadline() else { return Ok(false) };
        self.waited += 1;
        self.world.now = deadline;
        self.give(Input::Tick).map(|()| true)
    }

    /// Shuts down. Then nothing may be left but the classes, and after them nothing at all.
    fn shut_down(mut self) -> Result<(), String> {
        self.give(Input::Shutdown)?;
        for _ in 0..PATIENCE {
            // The time for the end may be over before the jobs have stopped: their processes are killed then.
            if (self.world.kernel.ended && self.jobs().is_empty()) || !self.go_on()? {
                break;
            }
        }
        if !self.world.kernel.ended {
            return Err(format!("never ended: {:?}", self.world.status()));
        }
        // A stop that was called off when the main process had ended leaves a job that runs without one. If that comes
        // of the event session-end, only the time for the end is a bound.
        let runs_empty = |status: &String| status.ends_with("start/running");
        if self.world.status().iter().any(runs_empty) {
            self.order_stops()?;
            for _ in 0..PATIENCE {
                self.go_on()?;
            }
        }
        let jobs = self.world.status();
        self.world.kernel.children.clear();
        let classes: Vec<Vec<u8>> =
            self.world.memory.supervisor().statuses(0).map(|(status, _)| status.job.to_vec()).collect();
        for class in classes {
            self.world.memory.supervisor().delete_class(&class);
            self.give(Input::Tick)?;
        }
        let mut supervisor = self.world.memory.supervisor();
        supervisor.set_base_environment(Strings::EMPTY).expect("no room is needed");
        supervisor.set_own_environment(Strings::EMPTY).expect("no room is needed");
        supervisor.set_session(b"").expect("no room is needed");
        let left = supervisor.occupancy();
        if left == Occupancy::default() { Ok(()) } else { Err(format!("leaked: {jobs:?}, {left:?}")) }
    }

    /// The jobs that are not at rest: class, instance and goal.
    fn jobs(&mut self) -> Vec<(Vec<u8>, Vec<u8>, Goal)> {
        let supervisor = self.world.memory.supervisor();
        let all = supervisor.statuses(0).map(|(status, _)| status);
        all.filter(|status| (status.goal, status.state) != (Goal::Stop, State::Waiting))
            .map(|status| (status.job.to_vec(), status.instance.to_vec(), status.goal))
            .collect()
    }

    /// Orders every job to stop that has another goal.
    fn order_stops(&mut self) -> Result<(), String> {
        for (job, instance, _) in self.jobs().into_iter().filter(|(.., goal)| *goal != Goal::Stop) {
            let target = Target { job: &job, select: Select::Name(&instance) };
            let client = ClientId { slot: 3, generation: 77 };
            self.give(Input::Command { client, command: JobCommand::Stop, target, wait: false })?;
        }
        Ok(())
    }

    /// Stops every job, and lets every process end. No job is still on its way to rest then. Events of jobs that stop
    /// may start others and wait for them, so these are stopped too.
    fn stop(mut self) -> Result<(), String> {
        for _ in 0..3 {
            self.order_stops()?;
            for _ in 0..PATIENCE {
                if !self.jobs().iter().any(|(.., goal)| *goal == Goal::Stop) {
                    return Ok(());
                }
                if !self.go_on()? {
                    break;
                }
            }
        }
        Err(format!("never stopped: {:?}", self.world.status()))
    }
}

/// Restores an image, and lives on with what it gives; false if it is refused.
///
/// # Errors
/// The restored world does not serve or does not end.
pub fn try_out<M: Memory + Clone, O>(image: &[u8], old: &World<O>, memory: &M) -> Result<bool, String> {
    let mut memory = memory.clone();
    if memory.supervisor().restore(&mut &image[..]).is_err() {
        let empty = memory.supervisor().occupancy() == Occupancy::default();
        return if empty { Ok(false) } else { Err("it is refused and not empty".into()) };
    }
    let kernel = kernel_of(&mut memory, &old.kernel);
    let mut restored = Restored { world: World::new(memory), slow: false, waited: 0 };
    (restored.world.kernel, restored.world.now) = (kernel, old.now);
    restored.world.check();
    restored.fault().map_or(Ok(()), |fault| Err(format!("invariant: {fault}")))?;
    for slow in [false, true] {
        Restored { slow, ..restored.clone() }.stop()?;
        Restored { slow, ..restored.clone() }.shut_down()?;
    }
    Ok(true)
}
