//! The copy of the workspace in which the mutants are built.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// The files that the copy has beside the workspace's.
const ADDED: [(&str, &str); 4] = [
    ("core/src/mutant.rs", include_str!("../copied/mutant.rs")),
    ("tests/examples/play.rs", include_str!("../copied/play.rs")),
    ("tests/examples/simulate.rs", include_str!("../copied/simulate.rs")),
    ("tests/examples/walks.rs", include_str!("../copied/walks.rs")),
];

/// Where the sources are that become mutants.
pub const SOURCES: &str = "core/src";

/// Writes a file, unless it is as it should be: what is newer is built again.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, text)
}

/// The files of the workspace, as paths from its root, sorted.
///
/// # Errors
/// A folder cannot be read.
pub fn files(root: &Path) -> io::Result<Vec<String>> {
    let (mut found, mut folders) = (vec![], vec![String::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            match entry.file_type()? {
                kind if kind.is_dir() && name != ".git" && name != "target" => folders.push(path),
                kind if kind.is_file() => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Makes the copy equal to the workspace, but for the sources that become mutants.
///
/// # Errors
/// A file cannot be read or written.
pub fn renew(root: &Path, copy: &Path) -> io::Result<()> {
    let is_source = |path: &str| path.starts_with(SOURCES) && path.ends_with(".rs");
    let wanted = files(root)?;
    for path in wanted.iter().filter(|path| !is_source(path)) {
        write(&copy.join(path), &fs::read(root.join(path))?)?;
    }
    for (path, text) in ADDED {
        write(&copy.join(path), text.as_bytes())?;
    }
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).chain(ADDED.map(|(path, _)| path)).collect();
    for path in files(copy)?.iter().filter(|path| !wanted.contains(path.as_str())) {
        fs::remove_file(copy.join(path))?;
    }
    Ok(())
}
