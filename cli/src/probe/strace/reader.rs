//! From the lines of a log of strace(1) to facts.

use crate::probe::facts::{Birth, End, Fact, What, rename};
use crate::probe::strace::line::{Event, field, number, quoted};
use crate::probe::system_calls::{is_pid_file, process_id};
use nix::sys::signal::Signal;
use std::collections::HashMap;
use std::str::FromStr;

/// Signals by which a person ends a program.
const ENDING: [&str; 4] = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGKILL"];

/// The facts of a log, while it is read.
#[derive(Default)]
pub struct Reader {
    /// The process that was started.
    pub first: Option<u32>,
    /// The command line of that process.
    pub command: Vec<String>,
    /// The facts so far.
    pub facts: Vec<Fact>,
    /// The process of each thread.
    threads: HashMap<u32, u32>,
    /// The parent of each process.
    parents: HashMap<u32, u32>,
    /// The calls that go on, by thread.
    unfinished: HashMap<u32, String>,
    /// Events of threads whose makers have not been read yet.
    early: HashMap<u32, Vec<(u64, String, Owned)>>,
    /// The file, or the kind and the address of the socket, behind a descriptor of a process.
    files: HashMap<(u32, u32), String>,
    /// The thread whose last call asked for the parent of its process, if that was the last call in the log.
    asked: Option<u32>,
}

/// An event that waits.
enum Owned {
    Call(String, String),
    Signal(String),
    Exited(i32),
    Killed,
}

impl Reader {
    /// Takes an event of a thread.
    pub fn take(&mut self, thread: u32, at: u64, event: &Event<'_>) {
        let (name, owned) = match *event {
            Event::Unfinished(name, arguments) => {
                // The call of a new process may go on when its first line comes.
                self.unfinished.insert(thread, format!("{name}({arguments}"));
                return;
            }
            Event::Resumed(name, rest, result) => {
                let begun = self.unfinished.remove(&thread).unwrap_or_default();
                let begun = begun.split_once('(').map_or("", |(_, arguments)| arguments);
                (name, Owned::Call(format!("{begun}{rest}"), result.into()))
            }
            Event::Call(name, arguments, result) => (name, Owned::Call(arguments.into(), result.into())),
            Event::Signal(name, rest) => (name, Owned::Signal(rest.into())),
            Event::Exited(status) => ("", Owned::Exited(status)),
            Event::Killed(signal) => (signal, Owned::Killed),
        };
        if self.first.is_none() {
            self.first = Some(thread);
            self.threads.insert(thread, thread);
        }
        if self.threads.contains_key(&thread) {
            self.happened(thread, at, name, &owned);
        } else {
            self.early.entry(thread).or_default().push((at, name.into(), owned));
        }
    }

    fn happened(&mut self, thread: u32, at: u64, name: &str, event: &Owned) {
        let process = self.threads.get(&thread).copied().unwrap_or(thread);
        match event {
            Owned::Call(arguments, result) => self.call(thread, process, at, name, arguments, result),
            Owned::Exited(status) => self.ended(thread, process, at, End::Status(*status)),
            Owned::Killed => {
                let signal = Signal::from_str(name).map_or(0, |signal| signal as i32);
                self.ended(thread, process, at, End::Signal(signal));
            }
            Owned::Signal(about) => {
                let sender = field(about, "si_pid").and_then(number);
                let is_own = sender.is_some_and(|pid| self.threads.contains_key(&pid));
                // Older versions report the stop by which they attach.
                if name == "SIGSTOP" && sender != Some(0) {
                    self.note(process, at, What::Stopped);
                } else if ENDING.contains(&name) && !is_own {
                    self.note(process, at, What::Told);
                }
            }
        }
    }

    fn note(&mut self, pid: u32, at: u64, what: What) {
        self.facts.push(Fact { at, pid, what });
    }

    fn ended(&mut self, thread: u32, process: u32, at: u64, end: End) {
        if thread == process {
            self.note(process, at, What::Exit(end));
        }
    }

    fn call(&mut self, thread: u32, process: u32, at: u64, name: &str, arguments: &str, result: &str) {
        let Some(value) = number(result) else { return };
        let asked = std::mem::replace(&mut self.asked, (name == "getppid").then_some(thread)) == Some(thread);
        let descriptor = number(arguments);
        match name {
            "fork" | "vfork" | "clone" | "clone3" if value > 0 => {
                if asked {
                    self.note(process, at, What::AsksParent);
                }
                self.made(thread, process, at, name, arguments, value);
            }
            "execve" | "execveat" => {
                let words = words(arguments);
                if self.command.is_empty() {
                    self.command = words.clone();
                }
                self.note(process, at, What::Exec(words.join(" ")));
            }
            "setsid" => self.note(process, at, What::Session),
            "setuid" | "setreuid" | "setresuid" => self.user(process, at, arguments),
            "open" | "openat" | "creat" => {
                if let Some(path) = quoted(arguments).into_iter().next() {
                    self.files.insert((process, value), path);
                }
            }
            "socket" => {
                let kind = if arguments.contains("SOCK_DGRAM") { "udp" } else { "tcp" };
                self.files.insert((process, value), kind.into());
            }
            "bind" => self.bound(process, at, descriptor, arguments),
            "listen" => {
                if let Some(address) = self.file(process, descriptor) {
                    self.note(process, at, What::Listens(address));
                }
            }
            "write" | "pwrite64" | "writev" => self.written(process, at, descriptor, arguments),
            "rename" | "renameat" | "renameat2" => {
                if let [from, to, ..] = &quoted(arguments)[..] {
                    rename(&mut self.facts, from, to);
                    for file in self.files.values_mut() {
                        if file.strip_prefix("unix ").unwrap_or(file) == from {
                            *file = file.replace(from, to);
                        }
                    }
                }
            }
            // A signal that a thread waits for is not delivered.
            "rt_sigtimedwait" if ENDING.iter().any(|signal| result.contains(signal)) => {
                self.note(process, at, What::Told);
            }
            "sendto" | "sendmsg" => {
                if let Some(text) = quoted(arguments).into_iter().find(|text| text.contains("READY=1")) {
                    self.note(process, at, What::Notified(text));
                }
            }
            _ => {}
        }
    }

    /// A thread made a thread or a process: its flags decide which, and what Upstart would see.
    fn made(&mut self, thread: u32, process: u32, at: u64, name: &str, arguments: &str, child: u32) {
        let is_thread = arguments.contains("CLONE_THREAD");
        let how = match name {
            "fork" => Birth::Fork,
            "vfork" => Birth::Vfork,
            _ if arguments.contains("CLONE_VFORK") => Birth::Vfork,
            _ if arguments.contains("SIGCHLD") => Birth::Fork,
            _ => Birth::Clone,
        };
        self.threads.insert(child, if is_thread { process } else { child });
        if is_thread {
            self.note(process, at, What::Thread);
        } else {
            self.parents.insert(child, process);
            self.note(process, at, What::Born { child, how, by_thread: thread != process });
        }
        for (at, name, event) in self.early.remove(&child).unwrap_or_default() {
            self.happened(child, at, &name, &event);
        }
    }

    /// The file or the socket behind a descriptor: of the process, or of the ancestor that opened it.
    fn file(&self, process: u32, descriptor: Option<u32>) -> Option<String> {
        let descriptor = descriptor?;
        let mut at = Some(process);
        for _ in 0..=self.parents.len() {
            if let Some(file) = self.files.get(&(at?, descriptor)) {
                return Some(file.clone());
            }
            at = self.parents.get(&at?).copied();
        }
        None
    }

    fn bound(&mut self, process: u32, at: u64, descriptor: Option<u32>, arguments: &str) {
        let kind = self.file(process, descriptor).unwrap_or_else(|| "tcp".into());
        let Some((address, port)) = address(arguments) else { return };
        let Some(descriptor) = descriptor else { return };
        let kind = match kind.split(' ').next() {
            _ if port == Some(0) => return,
            _ if port.is_none() => "unix",
            Some("udp") => "udp",
            _ => "tcp",
        };
        let address = format!("{kind} {address}");
        if kind == "udp" {
            self.note(process, at, What::Listens(address.clone()));
        }
        self.files.insert((process, descriptor), address);
    }

    fn written(&mut self, process: u32, at: u64, descriptor: Option<u32>, arguments: &str) {
        let holds = quoted(arguments).first().and_then(|text| process_id(text));
        if let (Some(holds), Some(path)) = (holds, self.file(process, descriptor))
            && is_pid_file(&path)
        {
            self.note(process, at, What::PidFile { path, holds });
        }
    }

    fn user(&mut self, process: u32, at: u64, arguments: &str) {
        // Of three ids the second is the effective one.
        let ids: Vec<&str> = arguments.split(", ").collect();
        if let Some(user) = ids.get(1).or(ids.first()).and_then(|id| number(id)) {
            self.note(process, at, What::User(user));
        }
    }
}

/// The words of a command line: the path, and the arguments after the program's own name.
fn words(arguments: &str) -> Vec<String> {
    let path = quoted(arguments.split(", [").next().unwrap_or_default());
    let list = arguments.split_once('[').map_or("", |(_, rest)| array(rest));
    path.into_iter().take(1).chain(quoted(list).into_iter().skip(1)).collect()
}

/// The address in the arguments of bind(2), and its port if it has one.
fn address(arguments: &str) -> Option<(String, Option<u32>)> {
    let texts = quoted(arguments);
    if arguments.contains("AF_UNIX") {
        let at = if arguments.contains("sun_path=@") { "@" } else { "" };
        return Some((format!("{at}{}", texts.first()?), None));
    }
    let port = arguments.split_once("htons(").and_then(|(_, rest)| number(rest))?;
    let host = texts.first()?;
    let host = if arguments.contains("AF_INET6") { format!("[{host}]") } else { host.clone() };
    Some((format!("{host}:{port}"), Some(port)))
}

/// The text up to the end of an array: a bracket outside quotation marks.
fn array(text: &str) -> &str {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b']' if !is_quoted => return &text[..at],
            _ => {}
        }
    }
    text
}
