//! The core cannot panic, does not recurse, and needs no more stack than `docs/proof.md` states: read from the assembly
//! of every call that an embedder makes into it (`core/examples/doors`), for two machines, optimised for speed and for
//! size. Measurements in practice are compared with it.
//!
//! `cargo test -p uphold-tests --test bounded -- --nocapture` prints the findings.

#[path = "bounded/assembly.rs"]
mod assembly;
#[path = "bounded/graph.rs"]
mod graph;
#[path = "bounded/limits.rs"]
mod limits;
#[path = "bounded/measured.rs"]
mod measured;
#[path = "bounded/registers.rs"]
mod registers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use assembly::Program;
use graph::{Findings, look, plain};
use limits::{BUILDS, Build, DOORS, Door, LEFT, Reach};
use uphold_tests::system::programs::workspace;

/// The assembly of the doors, or the reason for which it is not there.
fn assembly_of(build: &Build) -> Result<String, String> {
    let mut tool = Command::new(workspace().join("tools/doors"));
    // Cargo's own, for a compiler that may be another.
    tool.env_remove("CARGO").env_remove("RUSTC").args([build.target, build.level]);
    let output = tool.output().expect("the tool runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) {
        return Err(errors.lines().last().unwrap_or_default().to_owned());
    }
    assert!(output.status.success(), "tools/doors {} {}: {errors}", build.target, build.level);
    let path = String::from_utf8_lossy(&output.stdout);
    Ok(fs::read_to_string(path.trim()).expect("the assembly is a text"))
}

/// The findings behind each door, by the door's name.
fn behind_the_doors(build: &Build) -> Option<BTreeMap<String, Findings>> {
    let program = match assembly_of(build) {
        Ok(assembly) => Program::read(&assembly),
        Err(why) => {
            println!("{why}");
            return None;
        }
    };
    let name =
        |symbol: &str| plain(symbol).strip_prefix("doors::").filter(|name| !name.contains("::")).map(str::to_owned);
    let doors = program.functions.keys().filter_map(|symbol| Some((name(symbol)?, symbol)));
    Some(doors.map(|(name, symbol)| (name, look(&program, build.routines, symbol))).collect())
}

/// The faults of one door.
fn faults(build: &Build, door: &Door, found: &Findings) -> Vec<String> {
    let mut faults = Vec::new();
    let mut places = 0;
    for (function, callee, times) in &found.panics {
        let known = LEFT.iter().find(|left| {
            let is_it = (left.target, left.level) == (build.target, build.level) && left.doors.contains(&door.name);
            is_it && (left.function, left.callee) == (function, callee)
        });
        places += times;
        if known.is_none_or(|left| places > left.places) {
            faults.push(format!("{function} can panic: it calls {callee}, in {times} places"));
        }
    }
    if found.panics_reach_the_handler {
        faults.push("the panic handler can be reached in an unknown way".to_owned());
    }
    faults.extend(found.unknown.iter().map(|routine| format!("{routine}: an unknown routine of the platform")));
    match door.reach {
        Reach::Words => {
            let strange = found.cycles.iter().flatten().filter(|function| !limits::is_of_words(function));
            faults.extend(strange.map(|function| format!("{function} recurses")));
        }
        Reach::Bytes(bounds) => {
            faults.extend(found.cycles.iter().map(|cycle| format!("these recurse: {cycle:?}")));
            let bound = if build.target.starts_with("thumb") { bounds.1 } else { bounds.0 };
            if let Some((bytes, way)) = found.deepest.as_ref().filter(|deepest| deepest.0 > bound) {
                faults.push(format!("{bytes} bytes of stack, more than {bound}: {way:#?}"));
            }
        }
    }
    if door.is_of_the_loop() {
        let outside = found.indirect.iter().filter(|(_, is_own)| !is_own);
        faults.extend(outside.map(|(function, _)| format!("{function} calls through a pointer that it was given")));
    }
    faults
}

/// Prints the findings behind a door.
fn show(door: &str, found: &Findings) {
    let depth = found.deepest.as_ref().map_or("?".to_owned(), |deepest| deepest.0.to_string());
    let (functions, indirect, cycles) = (found.functions, found.indirect.len(), found.cycles.len());
    println!(
        "{door:15} {depth:>6} bytes, {functions} functions, {indirect} with calls through pointers, {cycles} cycles"
    );
    for (function, callee, places) in &found.panics {
        println!("                can panic in {places} places: {function} calls {callee}");
    }
}

fn check(build: &Build) {
    let Some(behind) = behind_the_doors(build) else { return };
    println!("{} at opt-level {}", build.target, build.level);
    let named: BTreeSet<&str> = DOORS.iter().map(|door| door.name).collect();
    assert_eq!(behind.keys().map(String::as_str).collect::<BTreeSet<_>>(), named, "the doors and the table differ");
    let mut all = Vec::new();
    for door in DOORS {
        let found = &behind[door.name];
        show(door.name, found);
        all.extend(faults(build, door, found).into_iter().map(|fault| format!("{}: {fault}", door.name)));
    }
    assert!(all.is_empty(), "{} at opt-level {}:\n{}", build.target, build.level, all.join("\n"));
}

#[test]
fn on_x86_64_for_speed() {
    check(&BUILDS[0]);
}

#[test]
fn on_x86_64_for_size() {
    check(&BUILDS[1]);
}

#[test]
fn on_thumb_for_speed() {
    check(&BUILDS[2]);
}

#[test]
fn on_thumb_for_size() {
    check(&BUILDS[3]);
}

#[test]
fn the_page_states_the_bounds() {
    let page = fs::read_to_string(workspace().join("docs/proof.md")).expect("the page is there");
    for door in DOORS {
        let row = match door.reach {
            Reach::Bytes((x86, thumb)) => format!("| `{}` | {x86} | {thumb} |", door.name),
            Reach::Words => continue,
        };
        assert!(page.contains(&row), "docs/proof.md lacks the row {row}");
    }
}
