//! What each class's processes run and how they are set up: the part of a job file that only the world needs.
//!
//! One packed text a class, and settings only where a job file has some: most of ten thousand classes cost what they say.

use std::ffi::NulError;

use uphold_core::conf::stanza::{Console, Stanza};
use uphold_core::process::Process;
use uphold_core::storage::ClassId;

use crate::command::Command;
use crate::preparation::{FILE_MAKER_OPTIONS, LOADER_OPTIONS};
use crate::settings::{DEFAULT_UMASK, Limit, Preparation, Settings, Text};

/// In front of each packed command: which process, whether it is a script, and its length.
const HEADER: usize = 6;

/// One class's programs. The text holds for each process that there is `PROCESS FORM LENGTH TEXT`.
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Program {
    /// Whose this is: a place may be another class's by now.
    class: Option<ClassId>,
    text: Box<[u8]>,
    settings: Option<Box<Settings>>,
}

/// The programs of all classes, by the class's place.
pub struct Programs {
    table: Vec<Program>,
    /// What a class without settings has.
    plain: Settings,
}

/// The programs of a class whose job file is being read.
pub struct Draft {
    commands: [Option<(bool, Box<[u8]>)>; Process::COUNT],
    settings: Settings,
}

impl Programs {
    /// No class; `console` and `umask` are what a job has that says nothing about them.
    pub fn new(console: Console, umask: u16) -> Self {
        let mut plain = Settings::default();
        plain.console = console;
        plain.umask = Some(umask).filter(|&umask| umask != DEFAULT_UMASK);
        Programs { table: Vec::new(), plain }
    }

    /// Nothing but the defaults.
    pub fn draft(&self) -> Draft {
        Draft { commands: Default::default(), settings: self.plain.clone() }
    }

    /// Keeps what was read for a class.
    pub fn keep(&mut self, class: ClassId, draft: Draft) {
        let index = class.index();
        if self.table.len() <= index {
            self.table.resize_with(index + 1, Program::default);
        }
        let settings = (draft.settings != self.plain).then(|| Box::new(draft.settings.clone()));
        self.table[index] = Program { class: Some(class), text: draft.pack(), settings };
    }

    /// Lets go of what was kept for a class.
    pub fn retire(&mut self, class: ClassId) {
        if let Some(program) = self.table.get_mut(class.index()).filter(|program| program.class == Some(class)) {
            *program = Program::default();
        }
    }

    /// All programs, for [`put_back`](Self::put_back) in another table.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Program> {
        self.table.iter().filter(|program| program.class.is_some())
    }

    /// Keeps a program that another table had.
    pub(crate) fn put_back(&mut self, program: Program) {
        let Some(index) = program.class.map(ClassId::index) else { return };
        if self.table.len() <= index {
            self.table.resize_with(index + 1, Program::default);
        }
        self.table[index] = program;
    }

    /// What `umask` is for a job that says nothing about it.
    pub(crate) fn umask(&self) -> u16 {
        self.plain.umask.unwrap_or(DEFAULT_UMASK)
    }

    /// What a process of the class runs.
    pub fn command(&self, class: ClassId, process: Process) -> Option<Command<'_>> {
        let mut rest: &[u8] = &self.program(class)?.text;
        while let Some((&[which, form, a, b, c, d], after)) = rest.split_first_chunk::<HEADER>() {
            let (text, next) = after.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize)?;
            if usize::from(which) == process.index() {
                return Some(if form == 0 { Command::Exec(text) } else { Command::Script(text) });
            }
            rest = next;
        }
        None
    }

    /// How the processes of the class are set up.
    pub fn settings(&self, class: ClassId) -> &Settings {
        self.program(class).and_then(|program| program.settings.as_deref()).unwrap_or(&self.plain)
    }

    fn program(&self, class: ClassId) -> Option<&Program> {
        self.table.get(class.index()).filter(|program| program.class == Some(class))
    }
}

impl Draft {
    /// Takes what a stanza says about programs; the others are the core's alone.
    pub fn apply(&mut self, stanza: &Stanza<'_>) -> Result<(), NulError> {
        let settings = &mut self.settings;
        match *stanza {
            Stanza::Exec(process, line) => self.commands[process.index()] = Some((false, line.into())),
            Stanza::Script(process, body) => self.commands[process.index()] = Some((true, body.into())),
            Stanza::Console(console) => settings.console = console,
            Stanza::Debug => settings.debug = true,
            Stanza::Umask(mask) => settings.umask = Some(mask),
            Stanza::Nice(nice) => settings.nice = Some(nice),
            Stanza::OomScore(score) => settings.oom_score = Some(score),
            Stanza::Limit(resource, soft, hard) => settings.set_limit(Limit { resource, soft, hard }),
            Stanza::Chroot(path) => settings.set(Text::Chroot, path)?,
            Stanza::Chdir(path) => settings.set(Text::Chdir, path)?,
            Stanza::Setuid(user) => settings.set(Text::Setuid, user)?,
            Stanza::Setgid(group) => settings.set(Text::Setgid, group)?,
            Stanza::Cgroup(words) => {
                let words: heapless::Vec<&[u8], 4> = words.iter().take(4).collect();
                settings.group_mut().take(&words);
            }
            Stanza::ApparmorLoad(profile) => {
                let words: Vec<&[u8]> = LOADER_OPTIONS.into_iter().chain([profile]).collect();
                settings.prepare(Preparation::Profile, &words);
            }
            Stanza::ApparmorSwitch(profile) => settings.set(Text::Profile, &[b"exec ", profile].concat())?,
            Stanza::Tmpfiles(files) => {
                let files: Vec<&[u8]> = FILE_MAKER_OPTIONS.into_iter().chain(files.iter()).collect();
                settings.prepare(Preparation::Files, &files);
            }
            _ => {}
        }
        Ok(())
    }

    fn pack(&self) -> Box<[u8]> {
        let commands =
            || self.commands.iter().enumerate().filter_map(|(which, command)| Some((which, command.as_ref()?)));
        let mut text = Vec::with_capacity(commands().map(|(_, (_, line))| HEADER + line.len()).sum());
        for (which, (script, line)) in commands() {
            text.extend_from_slice(&[which as u8, u8::from(*script)]);
            text.extend_from_slice(&(line.len() as u32).to_le_bytes());
            text.extend_from_slice(line);
        }
        text.into_boxed_slice()
    }
}
