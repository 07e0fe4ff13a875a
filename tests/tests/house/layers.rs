//! The order of a package's layers, and the cycles among its files.

use std::collections::BTreeSet;

use crate::graph::Graph;
use crate::methods::Methods;
use crate::package::Package;

/// A file that uses another file, and how.
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    line: usize,
    what: String,
}

/// The arrows between a package's files: imported names, and methods called on `self` that another file defines.
fn arrows(package: &Package) -> Vec<Arrow<'_>> {
    let short = |file: usize| package.files[file].short.as_str();
    let imports = package.imports().into_iter().map(|import| Arrow {
        from: short(import.from),
        to: short(import.to),
        line: import.line,
        what: format!("uses `{}`", import.name),
    });
    let calls = Methods::of(package).calls_between_files().into_iter().map(|call| Arrow {
        from: short(call.from),
        to: short(call.to),
        line: call.line,
        what: format!("calls `{}()`", call.name),
    });
    imports.chain(calls).collect()
}

/// The cycles among a package's files.
pub fn cycles(package: &Package) -> Vec<String> {
    let mut graph = Graph::default();
    for arrow in arrows(package) {
        graph.add(arrow.from, arrow.to, &format!("line {}: {}", arrow.line, arrow.what));
    }
    graph.cycles()
}

/// The file or folder directly below the source folder that a file belongs to.
pub fn part(short: &str) -> &str {
    short.split('/').next().unwrap_or(short).trim_end_matches(".rs")
}

/// The faults in the order of a package's layers. `rows` names the package's parts from top to bottom.
pub fn faults(package: &Package, folder: &str, rows: &[&[&str]]) -> Vec<String> {
    let row_of = |part: &str| rows.iter().position(|row| row.contains(&part));
    let parts: BTreeSet<&str> = package.files.iter().map(|file| part(&file.short)).collect();
    let missing = parts.iter().filter(|part| row_of(part).is_none()).map(|part| {
        format!("{folder}/{part}: no row of the layers' table names it; give it one, as low as its imports allow")
    });
    let gone = rows.iter().copied().flatten().filter(|part| !parts.contains(*part)).map(|part| {
        format!("{folder}/{part}: the layers' table names it and it does not exist; take it out of the table")
    });
    let mut faults: Vec<String> = missing.chain(gone).collect();
    for Arrow { from, to, line, what } in arrows(package) {
        let (Some(upper), Some(lower)) = (row_of(part(from)), row_of(part(to))) else { continue };
        if part(from) == part(to) || upper < lower {
            continue;
        }
        let place = if upper == lower { "stands beside it in one layer" } else { "is a layer above it" };
        faults.push(format!(
            "{folder}/{from}:{line}: {what} of {to}, but `{}` {place}; move the definition down, or what needs it up",
            part(to)
        ));
    }
    faults
}

/// The parts of a package in rows, each part as low as its uses allow; `None` if the parts use one another in a cycle.
pub fn rows(package: &Package) -> Option<Vec<Vec<&str>>> {
    let arrows: BTreeSet<(&str, &str)> =
        arrows(package).iter().map(|arrow| (part(arrow.from), part(arrow.to))).collect();
    let mut left: BTreeSet<&str> = package.files.iter().map(|file| part(&file.short)).collect();
    let mut rows = vec![];
    while !left.is_empty() {
        let is_used_up =
            |from: &&&str| !arrows.iter().any(|(user, used)| user == *from && used != user && left.contains(used));
        let row: Vec<&str> = left.iter().filter(is_used_up).copied().collect();
        if row.is_empty() {
            return None;
        }
        left.retain(|part| !row.contains(part));
        rows.insert(0, row);
    }
    Some(rows)
}

/// The uses that leave the list of parts that `from` may use.
pub fn strangers(package: &Package, folder: &str, from: &str, allowed: &[&str]) -> Vec<String> {
    if !package.files.iter().any(|file| part(&file.short) == from) {
        return vec![format!("{folder}/{from}: a rule names it and it does not exist; correct the rule")];
    }
    let is_fault =
        |arrow: &Arrow| part(arrow.from) == from && part(arrow.to) != from && !allowed.contains(&part(arrow.to));
    let fault = |Arrow { from: file, to, line, what }| {
        format!(
            "{folder}/{file}:{line}: {what} of {to}, but `{from}` may use {allowed:?} only; move what it needs there"
        )
    };
    arrows(package).into_iter().filter(is_fault).map(fault).collect()
}
