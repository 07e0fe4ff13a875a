//! Promises: what must follow from any state without help from outside.

use uphold_core::{Exit, JobCommand, Signal};

use crate::child::{Child, Trace};
use crate::choices::PATIENCE;
use crate::explore::NOW;
use crate::happening::{Happening, Text, letter};
use crate::kernel::{CLIENTS, Client};
use crate::memory::image_of;
use crate::world::{Memory, World};

/// The most inputs that a forced stop may take.
const FORCED_INPUTS: usize = 64;

/// A forced stop brings a job to rest with no other help than the ends of the killed processes, and also when no killed
/// process ever ends. The client gets its reply.
///
/// # Errors
/// The job does not come to rest; the error names the state in which it stays.
pub fn force_always_ends<M: Memory + Clone>(world: &World<M>, name: &'static str) -> Result<(), String> {
    for dies in [true, false] {
        let mut world = world.clone();
        let lives = world.status().iter().any(|status| status.split(' ').next() == Some(name));
        if world.kernel.ended || !lives {
            return Ok(());
        }
        stays_after_force(&mut world, name, dies).map_or(Ok(()), |stays| {
            let all = if dies { "" } else { " of what never dies" };
            Err(format!("a forced stop{all} does not end: {stays}"))
        })?;
    }
    Ok(())
}

fn stays_after_force<M: Memory + Clone>(world: &mut World<M>, name: &'static str, dies: bool) -> Option<String> {
    const ASKER: usize = CLIENTS - 1;
    world.now = NOW;
    world.kernel.journal = Some(Vec::new());
    world.kernel.killed.clear();
    world.kernel.rested.clear();
    let (command, text) = (JobCommand::Force, Text::Borrowed(name));
    world.happen(&Happening::Ask { client: ASKER, command, wait: true, text });
    for _ in 0..FORCED_INPUTS {
        if let Some(fault) = world.kernel.fault.take() {
            return Some(fault);
        }
        if world.kernel.rested.iter().any(|rested| rested == name) {
            let waits = world.kernel.clients[ASKER] == Client::Waits;
            return waits.then(|| "the client got no reply when the job came to rest".to_owned());
        }
        if world.kernel.clients[ASKER] == Client::Idle {
            // An event of another job may have started it again.
            let started = |status: &String| status.starts_with(&format!("{name} start/"));
            if world.status().iter().any(started) {
                return None;
            }
            let answer = world.kernel.journal.iter().flatten().find(|line| line.starts_with(letter(ASKER)));
            return Some(format!("it was answered before its end: {answer:?}"));
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
    let waits = |status: &Vec<String>| status.iter().any(|status| status.contains("start/spawned"));
    let expects = |child: &Child| matches!(child.trace, Trace::Launched | Trace::Newborn) || child.vanished;
    let before = world.status();
    // It has no main process any more, and whether another one is the daemon cannot be seen.
    let held = world.kernel.hides && before.iter().any(|status| status.ends_with("start/spawned"));
    if held || !waits(&before) || world.kernel.children.iter().any(expects) {
        return Ok(());
    }
    match world.pass_until_ordered(NOW, PATIENCE) {
        Some(_) => Ok(()),
        None => Err(format!("{}: idle, and nothing comes of it", before.join("; "))),
    }
}

/// A state is saved, restored, and saved again with the same image: no rule of the snapshot forbids a state that can be
/// reached.
///
/// # Errors
/// The image is refused, or changes.
pub fn image_is_taken<M: Memory + Clone>(world: &World<M>) -> Result<(), String> {
    let mut memory = world.memory.clone();
    if world.kernel.ended || !memory.supervisor().is_calm() {
        return Ok(());
    }
    let image = image_of(&mut memory)?;
    let restored = memory.supervisor().restore(&mut &image[..]);
    restored.map_err(|error| format!("its own image is refused: {error}"))?;
    if image_of(&mut memory)? == image { Ok(()) } else { Err("its image is not that of the same state".into()) }
}
