//! Promises: what must follow from any state without help from outside.

use std::cell::RefCell;

use uphold_core::control::Status;
use uphold_core::{Exit, Goal, JobCommand, Process, Signal, State};

use crate::child::{Child, Trace};
use crate::choices::PATIENCE;
use crate::explore::{NOW, Step};
use crate::happening::Happening;
use crate::kernel::Client;
use crate::memory::write_image;
use crate::world::{Memory, World};

/// The most inputs that a forced stop may take.
const FORCED_INPUTS: usize = 64;

/// After a step that forces the stop of a job, it comes to rest with no other help than the ends of the killed
/// processes, and also when no killed process ever ends, unless something starts it again. A client that waits gets
/// its reply then.
///
/// # Errors
/// It does not come to rest; the error names the state in which it stays.
pub fn forced_stops_end<M: Memory + Clone>(world: &World<M>, step: &Step) -> Result<(), String> {
    let Happening::Ask { client, command: JobCommand::Force, wait, ref text } = step.happening else { return Ok(()) };
    let name = text.split(' ').next().unwrap_or_default();
    let asker = (wait && world.kernel.clients[client] == Client::Waits).then_some(client);
    for dies in [true, false] {
        let mut world = world.clone();
        stays_after_force(&mut world, name, asker, dies).map_or(Ok(()), |stays| {
            let all = if dies { "" } else { " of what never dies" };
            Err(format!("a forced stop{all} does not end: {stays}"))
        })?;
    }
    Ok(())
}

/// After a step that orders the end, every job is to stop: none is forgotten, and none starts again.
///
/// # Errors
/// A job is to run on.
pub fn the_end_stops_all<M: Memory + Clone>(world: &World<M>, step: &Step) -> Result<(), String> {
    if !matches!(step.happening, Happening::Shutdown | Happening::Logout) {
        return Ok(());
    }
    let mut world = world.clone();
    let is_done = world.is_calm() && !world.kernel.ended;
    let runs = is_done && world.memory.supervisor().statuses(0).any(|(status, _)| status.goal == Goal::Start);
    if runs { Err(format!("the end has begun, and {}", world.status().join("; "))) } else { Ok(()) }
}

/// Whether a job is to stop, and not at rest.
fn is_stopping<M: Memory>(world: &mut World<M>, name: &str) -> bool {
    let stops = |status: &Status<'_>| status.goal == Goal::Stop && status.state != State::Waiting;
    world.memory.supervisor().statuses(0).any(|(status, _)| status.job == name.as_bytes() && stops(&status))
}

/// Whether a job has this goal.
fn has_goal<M: Memory>(world: &mut World<M>, name: &str, goal: Goal) -> bool {
    world.memory.supervisor().statuses(0).any(|(status, _)| status.job == name.as_bytes() && status.goal == goal)
}

fn stays_after_force<M: Memory + Clone>(
    world: &mut World<M>,
    name: &str,
    asker: Option<usize>,
    dies: bool,
) -> Option<String> {
    for _ in 0..FORCED_INPUTS {
        if let Some(fault) = world.kernel.fault.take() {
            return Some(fault);
        }
        let waits = asker.is_some_and(|asker| world.kernel.clients[asker] == Client::Waits);
        if world.kernel.ended {
            return None;
        }
        if !world.is_calm() {
            // The drain was cut short. A job that something starts again is not to end any more.
            if has_goal(world, name, Goal::Start) {
                return None;
            }
            world.happen(&Happening::Turn);
            continue;
        }
        if !is_stopping(world, name) {
            return waits.then(|| "the client got no reply when the job came to rest".to_owned());
        }
        if asker.is_some() && !waits {
            return Some(format!("it was answered before its end: {}", world.status().join("; ")));
        }
        world.kernel.children.iter_mut().for_each(|child| child.sleeps = !dies);
        let killed = world.kernel.killed.first().copied().filter(|_| dies);
        if let Some(pid) = killed {
            world.happen(&Happening::Ends { pid, exit: Exit::Signal(Signal::KILL.0) });
        } else if let Some(deadline) = world.deadline() {
            world.happen(&Happening::Passes { milliseconds: deadline.0.saturating_sub(world.now.0) as u32 });
        } else {
            break;
        }
    }
    Some(world.status().join("; "))
}

/// A job that waits for readiness goes on by itself when its main process is idle and does no more of what its file
/// expects.
///
/// # Errors
/// The job does not go on.
pub fn idleness_ends_every_start<M: Memory + Clone>(world: &World<M>) -> Result<(), String> {
    let mut world = world.clone();
    let waits = world.memory.supervisor().statuses(0).any(|(status, _)| status.state == State::Spawned);
    let expects = |child: &Child| matches!(child.trace, Trace::Launched | Trace::Newborn) || child.vanished;
    if !waits || world.kernel.children.iter().any(expects) {
        return Ok(());
    }
    let before = world.status();
    if !before.iter().any(|status| status.contains("start/spawned")) {
        return Ok(());
    }
    // It has no main process any more, and whether another one is the daemon cannot be seen.
    let held = world.kernel.hides && before.iter().any(|status| status.ends_with("start/spawned"));
    match held || world.pass_until_ordered(NOW, PATIENCE).is_some() {
        true => Ok(()),
        false => Err(format!("{}: idle, and nothing comes of it", before.join("; "))),
    }
}

/// The most orders after which a supervisor that is left alone has learned which process is the master.
const LOOKS: usize = 8;

/// A process that an earlier fork made, and that stays and forks once more, is the daemon's master: when the job has
/// run for some time, it is followed, and not its worker. A master that is hidden, or that a notification or a pid
/// file passes over, need not be.
///
/// # Errors
/// The worker is followed.
pub fn no_worker_is_followed<M: Memory + Clone>(world: &World<M>) -> Result<(), String> {
    let followed_worker = |world: &World<M>| {
        let all = &world.kernel.children;
        let idle = |child: &&Child| child.trace == Trace::Off && !child.vanished;
        let is_master = |child: &&Child| idle(child) && child.forked && child.process == Process::Main;
        let masters = all.iter().filter(is_master);
        let mut pairs = masters.flat_map(|master| all.iter().map(move |worker| (master, worker)));
        let follows = |worker: &Child, master: &Child| worker.watched && worker.parent == Some(master.pid);
        pairs.find(|(master, worker)| follows(worker, master) && idle(worker)).map(|(_, worker)| worker.pid)
    };
    if world.kernel.hides || followed_worker(world).is_none() {
        return Ok(());
    }
    let mut world = world.clone();
    world.now = NOW;
    for _ in 0..LOOKS {
        if world.pass_until_ordered(world.now, PATIENCE).is_none() {
            break;
        }
        world.check();
    }
    let all_run = world.memory.supervisor().statuses(0).all(|(status, _)| status.state == State::Running);
    match followed_worker(&world).filter(|_| all_run) {
        Some(worker) => Err(format!("{worker} is followed, and not its master: {}", world.status().join("; "))),
        None => Ok(()),
    }
}

/// A state is saved, restored, and saved again with the same image: no rule of the snapshot forbids a state that can be
/// reached.
///
/// # Errors
/// The image is refused, or changes.
pub fn image_is_taken<M: Memory + Clone>(world: &World<M>) -> Result<(), String> {
    thread_local! {
        static IMAGES: RefCell<[Vec<u8>; 2]> = RefCell::default();
    }
    if world.kernel.ended {
        return Ok(());
    }
    let mut memory = world.memory.clone();
    if !memory.supervisor().is_calm() {
        return Ok(());
    }
    IMAGES.with_borrow_mut(|[first, second]| {
        write_image(&mut memory, first)?;
        let restored = memory.supervisor().restore(&mut &first[..]);
        restored.map_err(|error| format!("its own image is refused: {error}"))?;
        write_image(&mut memory, second)?;
        if first == second { Ok(()) } else { Err("its image is not that of the same state".into()) }
    })
}
