//! The path and the arguments of the new program.

use std::env::{args_os, split_paths, var_os};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::unistd::{AccessFlags, access};

/// The words by which a program gets the state of an earlier one.
pub(crate) fn own_words(image: i32) -> [OsString; 3] {
    ["--restart".into(), "--state-fd".into(), image.to_string().into()]
}

/// The arguments of this program, with these words instead of those that an earlier program has added.
pub(crate) fn arguments(given: impl IntoIterator<Item = OsString>, own: &[OsString]) -> Vec<OsString> {
    let mut given = given.into_iter();
    let mut words: Vec<OsString> = given.next().into_iter().collect();
    words.extend_from_slice(own);
    while let Some(word) = given.next() {
        match word.as_bytes() {
            b"--restart" => {}
            b"--state-fd" => drop(given.next()),
            crashed if crashed.starts_with(b"--crashed=") => {}
            b"--" => {
                words.push(word);
                words.extend(given);
                break;
            }
            _ => words.push(word),
        }
    }
    words
}

/// The path by which this program was started. After an upgrade, the path in `/proc` would be that of the old program.
pub fn own_program() -> PathBuf {
    let name = PathBuf::from(args_os().next().unwrap_or_default());
    if name.as_os_str().as_bytes().contains(&b'/') {
        return name;
    }
    let path = var_os("PATH").unwrap_or_default();
    let found = split_paths(&path).map(|directory| directory.join(&name));
    let found = found.filter(|_| !name.as_os_str().is_empty()).find(|path| access(path, AccessFlags::X_OK).is_ok());
    found.or_else(|| std::fs::read_link("/proc/self/exe").ok()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_program_gets_the_old_ones_words_and_the_image() {
        let words = |words: &[&str]| {
            let given = words.iter().map(OsString::from).collect::<Vec<_>>().into_iter();
            arguments(given, &own_words(7))
                .into_iter()
                .map(|word| word.into_string().unwrap())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(words(&["/sbin/init"]), "/sbin/init --restart --state-fd 7");
        assert_eq!(words(&["init", "--restart", "--state-fd", "4", "-v"]), "init --restart --state-fd 7 -v");
        assert_eq!(words(&["init", "--crashed=5:why", "-v"]), "init --restart --state-fd 7 -v");
        assert_eq!(
            words(&["init", "--confdir", "a", "--", "--restart"]),
            "init --restart --state-fd 7 --confdir a -- --restart"
        );
    }
}
