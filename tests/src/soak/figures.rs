//! Counts of the things that a supervisor holds.

use std::fs;
use std::path::Path;

use crate::system::System;
use crate::system::limits::descriptors;
use crate::system::processes::number_in_status;

/// The names of the counts.
pub const FIGURES: [&str; 6] =
    ["descriptors", "children", "control groups", "resident memory (KB)", "inotify watches", "runtime files"];

/// The place of resident memory among them.
const MEMORY: usize = 3;

/// The growth of resident memory that does not count, in KB: pages of tables and of the program that are used for the
/// first time.
const GROWTH: usize = 2048;

/// The counts, in the order of their names.
#[derive(Clone, Debug)]
pub struct Figures(pub [usize; 6]);

impl Figures {
    /// The counts of a supervisor.
    pub fn of(system: &System) -> Figures {
        let pid = system.pid();
        let read = |file: String| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let open = descriptors(pid);
        let links: Vec<_> =
            open.iter().filter_map(|number| fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()).collect();
        // The supervisor keeps the directory of its groups open.
        let home = links.iter().find(|path| path.starts_with("/sys/fs/cgroup"));
        let watches = open.iter().map(|number| read(format!("fdinfo/{number}")).matches("inotify wd:").count());
        // Every orphan becomes a child, and a zombie stays one.
        let children = read(format!("task/{pid}/children")).split_whitespace().count();
        let memory = number_in_status(pid, "VmRSS").unwrap_or_default() as usize;
        let run = system.folder().path("run");
        let groups = home.map_or(0, |home| count_below(home, true));
        Figures([open.len(), children, groups, memory, watches.sum(), count_below(&run, false)])
    }

    /// Takes over the counts that are higher.
    pub fn raise(&mut self, now: &Figures) {
        self.0.iter_mut().zip(now.0).for_each(|(most, now)| *most = now.max(*most));
    }

    /// The names of the counts that have grown.
    pub fn leaks(&self, before: &Figures) -> Vec<&'static str> {
        let most = |index: usize| before.0[index] + if index == MEMORY { GROWTH } else { 0 };
        (0..FIGURES.len()).filter(|&index| self.0[index] > most(index)).map(|index| FIGURES[index]).collect()
    }
}

/// The number of entries below a directory, or of directories only.
fn count_below(directory: &Path, directories_only: bool) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let count = |entry: fs::DirEntry| {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let own = usize::from(is_directory || !directories_only);
        own + if is_directory { count_below(&entry.path(), directories_only) } else { 0 }
    };
    entries.map(count).sum()
}
