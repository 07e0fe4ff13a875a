//! The programs and process settings of each class: the part of a job file that only the shim needs.
//!
//! Each class has one packed text, and settings only if its job file has any, so most of ten thousand classes cost no
//! more than their text.

use std::borrow::Cow;
use std::ffi::NulError;

use uphold_core::conf::{Console, Stanza};
use uphold_core::{ClassId, Process};

use crate::capacity::{CLASSES, PROGRAM_SLACK, PROGRAM_TEXT};
use crate::conf::command::Command;
use crate::conf::settings::{DEFAULT_UMASK, Preparation, ResourceLimit, Settings, TextSetting};

/// The options of the loader for `apparmor load`: replace a known profile, and write it to the cache.
const LOADER_OPTIONS: [&[u8]; 2] = [b"-r", b"-W"];

/// The option of the program for `tmpfiles`.
const FILE_MAKER_OPTIONS: [&[u8]; 1] = [b"--create"];

/// The size of the header of each packed command: the process, whether it is a script, and its length.
const HEADER: usize = 6;

/// The programs of one class, for another table. The text has `PROCESS FORM LENGTH TEXT` for each process.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct ProgramRecord<'r> {
    class: ClassId,
    text: Cow<'r, [u8]>,
    settings: Option<Cow<'r, Settings>>,
}

/// The place of one class's programs.
#[derive(Default)]
struct ProgramSlot {
    /// The class that owns the place; it may be another one by now.
    class: Option<ClassId>,
    start: u32,
    len: u32,
    settings: Option<Box<Settings>>,
}

/// The programs of all classes, indexed by the class's place.
pub struct Programs {
    table: Vec<ProgramSlot>,
    /// All texts, with holes where classes have been retired.
    text: Vec<u8>,
    holes: usize,
    /// The settings of a class without settings of its own.
    plain: Settings,
}

/// The programs of a class whose job file is being read.
pub struct Draft {
    commands: [Option<(bool, Box<[u8]>)>; Process::COUNT],
    settings: Settings,
}

impl Programs {
    /// A table without classes. `console` and `umask` are the defaults for jobs without these stanzas.
    pub fn new(console: Console, umask: u16) -> Self {
        let mut plain = Settings::default();
        plain.console = console;
        plain.umask = Some(umask).filter(|&umask| umask != DEFAULT_UMASK);
        // Capacity costs nothing until it is used, and moving to a larger table would cost.
        Programs { table: Vec::with_capacity(CLASSES), text: Vec::with_capacity(PROGRAM_TEXT), holes: 0, plain }
    }

    /// A draft with the defaults.
    pub fn draft(&self) -> Draft {
        Draft { commands: Default::default(), settings: self.plain.clone() }
    }

    /// Stores the draft of a class.
    pub fn keep(&mut self, class: ClassId, draft: Draft) {
        let settings = (draft.settings != self.plain).then_some(Cow::Borrowed(&draft.settings));
        self.put_back(ProgramRecord { class, text: draft.pack().into(), settings });
    }

    /// Frees the programs of a class.
    pub fn retire(&mut self, class: ClassId) {
        if self.table.get(class.index()).is_some_and(|place| place.class == Some(class)) {
            self.clear(class.index());
        }
    }

    fn clear(&mut self, index: usize) {
        let ProgramSlot { len, .. } = std::mem::take(&mut self.table[index]);
        self.holes += len as usize;
        if self.holes > PROGRAM_SLACK && self.holes > self.text.len() / 2 {
            let mut text = Vec::with_capacity(self.text.capacity());
            for place in &mut self.table {
                let start = text.len() as u32;
                text.extend_from_slice(&self.text[place.start as usize..(place.start + place.len) as usize]);
                place.start = start;
            }
            (self.text, self.holes) = (text, 0);
        }
    }

    /// All programs, for [`put_back`](Self::put_back) in another table.
    pub(crate) fn all(&self) -> impl Iterator<Item = ProgramRecord<'_>> + Clone {
        self.table.iter().filter_map(|place| {
            let settings = place.settings.as_deref().map(Cow::Borrowed);
            Some(ProgramRecord { class: place.class?, text: self.text(place).into(), settings })
        })
    }

    /// Stores a program from another table.
    pub(crate) fn put_back(&mut self, program: ProgramRecord<'_>) {
        let ProgramRecord { class, text, settings } = program;
        let index = class.index();
        if self.table.len() <= index {
            self.table.resize_with(index + 1, ProgramSlot::default);
        }
        self.clear(index);
        let settings = settings.map(|settings| Box::new(settings.into_owned()));
        let place = ProgramSlot { class: Some(class), start: self.text.len() as u32, len: text.len() as u32, settings };
        self.text.extend_from_slice(&text);
        self.table[index] = place;
    }

    fn text(&self, place: &ProgramSlot) -> &[u8] {
        &self.text[place.start as usize..(place.start + place.len) as usize]
    }

    /// The default `umask`.
    pub(crate) fn umask(&self) -> u16 {
        self.plain.umask.unwrap_or(DEFAULT_UMASK)
    }

    /// The command of a process of the class.
    pub fn command(&self, class: ClassId, process: Process) -> Option<Command<'_>> {
        let mut rest = self.text(self.place(class)?);
        while let Some((&[which, form, a, b, c, d], after)) = rest.split_first_chunk::<HEADER>() {
            let (text, next) = after.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize)?;
            if usize::from(which) == process.index() {
                return Some(if form == 0 { Command::Exec(text) } else { Command::Script(text) });
            }
            rest = next;
        }
        None
    }

    /// The process settings of the class.
    pub fn settings(&self, class: ClassId) -> &Settings {
        self.place(class).and_then(|place| place.settings.as_deref()).unwrap_or(&self.plain)
    }

    fn place(&self, class: ClassId) -> Option<&ProgramSlot> {
        self.table.get(class.index()).filter(|place| place.class == Some(class))
    }
}

impl Draft {
    /// Adds the part of a stanza that concerns programs and settings. Other stanzas concern only the core.
    ///
    /// # Errors
    /// A text for the kernel contains a NUL byte.
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
            Stanza::Limit(resource, soft, hard) => settings.set_limit(ResourceLimit { resource, soft, hard }),
            Stanza::Chroot(path) => settings.set(TextSetting::Chroot, path)?,
            Stanza::Chdir(path) => settings.set(TextSetting::Chdir, path)?,
            Stanza::Setuid(user) => settings.set(TextSetting::Setuid, user)?,
            Stanza::Setgid(group) => settings.set(TextSetting::Setgid, group)?,
            Stanza::Cgroup(words) => {
                let words: heapless::Vec<&[u8], 4> = words.iter().take(4).collect();
                settings.group_mut().take(&words);
            }
            Stanza::Expect(expect) => settings.expect(expect.has_messages(), None),
            Stanza::ReadyDescriptor(number) => settings.expect(false, u16::try_from(number).ok()),
            Stanza::PidFile(path) => settings.readiness_mut().pid_file = Some(path.into()),
            Stanza::Watchdog(seconds) => settings.readiness_mut().watchdog = seconds,
            Stanza::ApparmorLoad(profile) => {
                let words: Vec<&[u8]> = LOADER_OPTIONS.into_iter().chain([profile]).collect();
                settings.prepare(Preparation::Profile, &words);
            }
            Stanza::ApparmorSwitch(profile) => settings.set(TextSetting::Profile, &[b"exec ", profile].concat())?,
            Stanza::Tmpfiles(files) => {
                let files: Vec<&[u8]> = FILE_MAKER_OPTIONS.into_iter().chain(files.iter()).collect();
                settings.prepare(Preparation::Files, &files);
            }
            _ => {}
        }
        Ok(())
    }

    fn pack(&self) -> Vec<u8> {
        let commands =
            || self.commands.iter().enumerate().filter_map(|(which, command)| Some((which, command.as_ref()?)));
        let mut text = Vec::with_capacity(commands().map(|(_, (_, line))| HEADER + line.len()).sum());
        for (which, (script, line)) in commands() {
            text.extend_from_slice(&[which as u8, u8::from(*script)]);
            text.extend_from_slice(&(line.len() as u32).to_le_bytes());
            text.extend_from_slice(line);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_when_holes_are_closed() {
        let mut storage = <uphold_core::storage! { classes: 8, jobs: 1 }>::new();
        let mut supervisor = storage.supervisor();
        let mut programs = Programs::new(Console::None, DEFAULT_UMASK);
        let long = vec![b'x'; PROGRAM_SLACK];
        let mut keep = |programs: &mut Programs, name: &[u8], line: &[u8]| {
            let class = supervisor.begin_class(name).unwrap();
            let mut draft = programs.draft();
            draft.apply(&Stanza::Exec(Process::Main, line)).unwrap();
            draft.apply(&Stanza::Script(Process::PostStop, name)).unwrap();
            programs.keep(class, draft);
            class
        };
        let classes = [b"a", b"b", b"c"].map(|name| keep(&mut programs, name, &long));
        let last = keep(&mut programs, b"d", b"line");
        for class in classes {
            assert_eq!(programs.command(class, Process::Main), Some(Command::Exec(&long)));
            programs.retire(class);
            assert_eq!(programs.command(class, Process::Main), None);
            assert_eq!(programs.command(last, Process::Main), Some(Command::Exec(b"line")));
            assert_eq!(programs.command(last, Process::PostStop), Some(Command::Script(b"d")));
            assert_eq!(programs.command(last, Process::PreStop), None);
        }
        assert!(programs.text.len() < PROGRAM_SLACK, "the holes are still there");
        let mut other = Programs::new(Console::None, DEFAULT_UMASK);
        programs.all().for_each(|program| other.put_back(program));
        assert_eq!(other.command(last, Process::Main), Some(Command::Exec(b"line")));
    }
}
