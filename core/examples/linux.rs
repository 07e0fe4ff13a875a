//! A supervisor for Linux in one file: the core and the standard library.
//!
//! It runs two jobs: a service that stays, and one that fails again and again until its respawn limit is reached. Then
//! it stops the service, as a person would with `initctl stop service`, and ends by itself within some seconds.
//!
//! ```text
//! cargo run -p uphold-core --example linux
//! ```
//!
//! `uphold-linux` does the same in earnest: it waits without polling, follows daemons into the background, knows each
//! process of a job, keeps output, and serves `initctl`.
#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use uphold_core::bytes::split_variable;
use uphold_core::control::Reply;
use uphold_core::{
    ClassId, ClientId, DefineError, Effect, Exit, Input, Instant, JobCommand, JobId, Launch, Notice, Pid, Process,
    Scope, Signal, SpawnError, SpawnStage, Stanza, Strings, Supervisor, Target, Variable, storage,
};

const SERVICE: &str = "start on startup\nexec sleep 60\n";

const CRASHER: &str = "\
start on started service
respawn
respawn limit 2 10
script
  sleep 0.1
  exit 1
end script
";

/// Room for a handful of jobs: the two numbers give all others.
type Memory = storage! { classes: 4, jobs: 4 };

fn main() -> io::Result<()> {
    supervise(&mut io::stdout())
}

/// Supervises until everything has ended.
pub fn supervise(out: &mut dyn Write) -> io::Result<()> {
    let mut memory = Box::new(Memory::new());
    let mut supervisor = memory.supervisor();
    let mut world = World::new(out);
    supervisor.set_base_environment(Strings(b"PATH=/usr/bin:/bin\0")).map_err(io::Error::other)?;
    for (name, file) in [("service", SERVICE), ("crasher", CRASHER)] {
        world.load(&mut supervisor, name, file).map_err(io::Error::other)?;
    }
    supervisor.handle(world.now(), Input::event(b"startup"));
    // The contract: one input in, every effect out, then the next input.
    loop {
        while let Some(effect) = supervisor.poll_effect() {
            // An answer is handled before the next effect is polled.
            if let Some(answer) = world.perform(&supervisor, effect)? {
                supervisor.handle(world.now(), answer);
            }
        }
        if world.ended {
            return writeln!(world.out, "ended");
        }
        let input = world.wait_until(supervisor.next_deadline())?;
        supervisor.handle(world.now(), input);
    }
}

/// Everything that the supervisor knows only by its inputs, and changes only by its effects.
struct World<'o> {
    out: &'o mut dyn Write,
    start: std::time::Instant,
    /// The command of each process of each class, as text for the shell.
    scripts: HashMap<(ClassId, Process), Vec<u8>>,
    children: Vec<(JobId, Pid, Child)>,
    /// The facts that are known already. They become inputs one by one.
    ready: VecDeque<Input<'static>>,
    ended: bool,
}

impl<'o> World<'o> {
    fn new(out: &'o mut dyn Write) -> Self {
        let (scripts, children, ready) = (HashMap::new(), Vec::new(), VecDeque::new());
        World { out, start: std::time::Instant::now(), scripts, children, ready, ended: false }
    }

    /// The time of any monotonic clock: the core owns none.
    fn now(&self) -> Instant {
        Instant(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Defines a class. The supervisor keeps what its decisions depend on, the world what makes processes.
    fn load(&mut self, supervisor: &mut Supervisor<'_>, name: &str, file: &str) -> Result<(), DefineError> {
        let mut kept = Vec::new();
        let class = supervisor.define(name.as_bytes(), &mut file.as_bytes().to_vec(), |stanza| match *stanza {
            Stanza::Exec(process, line) => kept.push((process, [b"exec ", line].concat())),
            Stanza::Script(process, lines) => kept.push((process, lines.to_vec())),
            // `chdir`, `umask`, `limit` and the like are for the world too; this one ignores them.
            _ => {}
        })?;
        self.scripts.extend(kept.into_iter().map(|(process, script)| ((class, process), script)));
        Ok(())
    }

    /// Carries out an effect. The result is its answer. `docs/embedding.md` goes through the effects.
    fn perform(&mut self, supervisor: &Supervisor<'_>, effect: Effect) -> io::Result<Option<Input<'static>>> {
        match effect {
            Effect::Spawn { job, process, launch } => {
                return Ok(Some(match self.spawn(supervisor, job, process, launch) {
                    Ok(pid) => Input::Spawned { job, process, pid },
                    Err(error) => Input::SpawnFailed { job, process, pid: None, error, passing: false },
                }));
            }
            // A child that has exited keeps its process id until it is reaped, so no other process gets the signal.
            Effect::Signal { pid, signal, scope } => {
                let found = self.signal(signal, scope, |_, its| its == pid)?;
                return Ok((!found).then_some(Input::Gone { pid }));
            }
            // A process that has moved to another group is not reached; a control group would know it.
            Effect::Sweep { job, signal } => {
                self.signal(signal, Scope::Group, |its, _| its == job)?;
            }
            Effect::Wake { pid, .. } => {
                self.signal(Signal::CONT, Scope::Group, |_, its| its == pid)?;
            }
            // Only for traced processes, and the standard library cannot trace.
            Effect::Follow { .. } | Effect::Resume { .. } | Effect::Detach { .. } | Effect::Release { .. } => {}
            // The processes that a main process leaves behind are in /proc or in a control group. This world does not
            // search there, so no process takes another's place.
            Effect::Survey { job, anywhere: _ } => {
                return Ok(Some(Input::Survivors { job, survivors: &[], complete: true }));
            }
            Effect::Watch { .. } | Effect::Report { .. } | Effect::Rested { .. } => {}
            Effect::Reply { client: _, answer } => {
                match supervisor.reply(answer) {
                    Reply::Job(status) => writeln!(self.out, "reply: {status}")?,
                    reply => writeln!(self.out, "reply: {reply:?}")?,
                }
                self.ready.push_back(Input::Shutdown);
            }
            Effect::Log(notice) => self.log(supervisor, notice)?,
            Effect::Retired(class) => self.scripts.retain(|(its, _), _| *its != class),
            Effect::Ended => self.ended = true,
        }
        Ok(None)
    }

    fn spawn(
        &mut self,
        supervisor: &Supervisor<'_>,
        job: JobId,
        process: Process,
        launch: Launch,
    ) -> Result<Pid, SpawnError> {
        let failed = |stage, code| SpawnError { stage, code };
        if launch.trace {
            // The standard library cannot trace. The order comes again without this.
            return Err(failed(SpawnStage::Trace, 0));
        }
        let class = supervisor.class_of(job).ok_or(failed(SpawnStage::Fork, 0))?;
        let mut command = Command::new("/bin/sh");
        command.args(["-e", "-c"]).arg(OsStr::from_bytes(&self.scripts[&(class, process)]));
        command.env_clear().process_group(0);
        for Variable(start, rest) in supervisor.environment(job, process) {
            if let (name, Some(value)) = split_variable(&[start, rest].concat()) {
                command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
            }
        }
        let child = command.spawn().map_err(|error| failed(SpawnStage::Execute, error.raw_os_error().unwrap_or(0)))?;
        let pid = Pid::new(child.id()).ok_or(failed(SpawnStage::Fork, 0))?;
        self.children.push((job, pid, child));
        // The program runs when `spawn` returns. That is a fact of its own, after the answer.
        self.ready.push_back(Input::Executed { pid });
        Ok(pid)
    }

    /// Sends a signal to the children that are meant. False if there is none.
    fn signal(&self, signal: Signal, scope: Scope, is_meant: impl Fn(JobId, Pid) -> bool) -> io::Result<bool> {
        let mut found = false;
        for (_, pid, _) in self.children.iter().filter(|(job, pid, _)| is_meant(*job, *pid)) {
            let target = if scope == Scope::Group { format!("-{pid}") } else { pid.to_string() };
            // The standard library has no kill(2), but the shell has.
            let kill = ["-c", "kill -s \"$0\" -- \"$1\"", &signal.to_string(), &target];
            Command::new("/bin/sh").args(kill).status()?;
            found = true;
        }
        Ok(found)
    }

    /// Prints a message, and does what a person who reads it would do.
    fn log(&mut self, supervisor: &Supervisor<'_>, notice: Notice) -> io::Result<()> {
        match notice {
            Notice::GoalChanged { .. } | Notice::StateChanged { .. } | Notice::HandlingEvent(_) => return Ok(()),
            Notice::RespawningTooFast { .. } => {
                let client = ClientId { slot: 0, generation: 0 };
                let target = Target::named(b"service");
                self.ready.push_back(Input::Command { client, command: JobCommand::Stop, target, wait: true });
            }
            _ => {}
        }
        let (_, words) = supervisor.message(notice, |_| "refused by the kernel");
        writeln!(self.out, "{words}")
    }

    /// The next fact. A real world sleeps in poll(2) until a signal, a client or the deadline wakes it.
    fn wait_until(&mut self, deadline: Option<Instant>) -> io::Result<Input<'static>> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Ok(input);
            }
            // One at a time: a process id that has been reaped may be given to the next process that is made.
            let exited = |(_, _, child): &mut (JobId, Pid, Child)| matches!(child.try_wait(), Ok(Some(_)));
            if let Some(place) = self.children.iter_mut().position(exited) {
                let (_, pid, mut child) = self.children.swap_remove(place);
                let status = child.wait()?;
                let killed = status.signal().map_or(Exit::Unknown, |signal| Exit::Signal(signal as u8));
                return Ok(Input::Exited { pid, exit: status.code().map_or(killed, |code| Exit::Status(code as u8)) });
            }
            if deadline.is_some_and(|deadline| deadline <= self.now()) {
                return Ok(Input::Tick);
            }
            sleep(Duration::from_millis(10));
        }
    }
}
