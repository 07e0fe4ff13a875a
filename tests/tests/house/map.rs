//! The list of the sources in `docs/architecture.md`.

use crate::sources::Source;

/// The lines of the sections whose heading contains a word. A section includes its subsections.
fn sections<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let (mut found, mut depth) = (vec![], None);
    for line in page.lines() {
        let level = line.bytes().take_while(|&byte| byte == b'#').count();
        if level > 0 && depth.is_none_or(|depth| level <= depth) {
            let words = line.to_lowercase();
            let is_named = words.split(|byte: char| !byte.is_alphanumeric() && byte != '-').any(|word| word == heading);
            depth = is_named.then_some(level);
        }
        if depth.is_some() {
            found.push(line);
        }
    }
    found
}

/// The entries of a source folder that the package's sections do not list, and the rows about entries that are not
/// there. An entry is the name of a file without its extension, or the name of a folder with a slash; the page writes
/// it in backticks in the first column of a table, alone or with its path.
pub fn unnamed(page: &str, heading: &str, folder: &str, entries: &[String]) -> Vec<String> {
    let sections = sections(page, heading);
    if sections.is_empty() {
        return vec![format!("docs/architecture.md: no heading names `{heading}`; write a section on {folder}/")];
    }
    // The odd parts of a cell that is divided at its backticks are the names in it.
    let names: Vec<&str> = sections
        .iter()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|name| name.strip_prefix(&format!("{folder}/")).unwrap_or(name).trim_end_matches(".rs"))
        .collect();
    let is_named = |entry: &String| names.contains(&entry.as_str());
    let exists = |name: &str| {
        entries.iter().any(|entry| entry == name || entry.ends_with('/') && name.starts_with(entry.as_str()))
    };
    let fault = |entry: &String| {
        format!(
            "docs/architecture.md: the section on `{heading}` has no line for `{entry}` of {folder}/; say what is in it"
        )
    };
    let stale = |name: &&str| {
        format!("docs/architecture.md: the section on `{heading}` has a line for `{name}`, which is not in {folder}/")
    };
    let missing = entries.iter().filter(|entry| !is_named(entry)).map(fault);
    missing.chain(names.iter().filter(|name| !exists(name)).map(stale)).collect()
}

/// The entries directly below a folder.
pub fn entries(sources: &[Source], folder: &str) -> Vec<String> {
    let entry = |source: &Source| match source.path.strip_prefix(folder)?.split_once('/') {
        Some((inner, _)) => Some(format!("{inner}/")),
        None => Some(source.path.strip_prefix(folder)?.trim_end_matches(".rs").to_string()),
    };
    let mut entries: Vec<String> = sources.iter().filter_map(entry).collect();
    entries.sort();
    entries.dedup();
    entries
}
