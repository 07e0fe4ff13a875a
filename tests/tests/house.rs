//! The layout of the sources: layers import downwards only, files form no cycle, the supervisor's methods do not
//! recurse, `unsafe` is in few modules, files and functions stay short, and `docs/architecture.md` lists every part.
//! The tables in this file describe the layout; a change of the layout changes them.

#[path = "house/faulty.rs"]
mod faulty;
#[path = "house/graph.rs"]
mod graph;
#[path = "house/layers.rs"]
mod layers;
#[path = "house/map.rs"]
mod map;
#[path = "house/methods.rs"]
mod methods;
#[path = "house/package.rs"]
mod package;
#[path = "house/permits.rs"]
mod permits;
#[path = "house/reader.rs"]
mod reader;
#[path = "house/sizes.rs"]
mod sizes;
#[path = "house/sources.rs"]
mod sources;
#[path = "house/states.rs"]
mod states;

use std::fs;

use methods::Methods;
use package::Package;
use sources::{Source, files};
use uphold_tests::system::programs::workspace;

/// The layers of a package from top to bottom. An entry is a file or a folder directly below the source folder. It may
/// use the entries of the rows below its own row.
type Layers = &'static [&'static [&'static str]];

const CORE: Layers = &[
    &["lib"],
    &["explore", "snapshot"],
    &["supervisor", "words"],
    &["client"],
    &["offer", "shutdown"],
    &["job"],
    &["class"],
    &["event"],
    &["todo", "environment", "occupancy"],
    &["storage"],
    &["capacity", "machine"],
    &["records"],
    &["memory", "tables", "control", "conf"],
    // The vocabulary.
    &["input", "effect"],
    &["notice"],
    &["answer", "target", "spawn", "expect", "state"],
    &["process"],
    &["limits"],
    &["signal", "time", "ids", "bytes"],
];

const SHIM: Layers = &[
    &["main"],
    &["lib"],
    &["boot"],
    &["run_loop"],
    &["turn"],
    &["repair", "world_requests"],
    &["crash"],
    &["takeover"],
    &["handover"],
    &["linux"],
    &["launch"],
    &["keep"],
    &["clients", "containment", "readiness"],
    &["conf", "watch"],
    &["history", "output"],
    &["image"],
    &["descriptors"],
    &["kernel"],
    &["capacity", "clock", "pending"],
];

const CLI: Layers = &[
    &["main"],
    &["lib"],
    &["dispatch"],
    &["help"],
    &["tools"],
    &["service"],
    &["command"],
    &["order"],
    &["chart"],
    &["jobs", "monitor"],
    &["descriptions", "dry_run", "environment", "sessions", "why"],
    &["requests"],
    &["config", "probe", "system"],
    &["wait_reporter"],
    &["context"],
    &["connection", "json", "print"],
    &["invocation"],
    &["options"],
    &["condition", "failure", "signals"],
];

const TRACE: Layers = &[&["lib"]];

/// The test kit.
const KIT: Layers = &[
    &["bin"],
    &["lib"],
    &["fuzz", "simulation"],
    &["compare", "injector", "soak", "walk", "scenario", "promises"],
    &["choices", "opinion"],
    &["explore", "drain", "talk"],
    &["world"],
    &["journal"],
    &["invariants", "whole"],
    &["kernel"],
    &["ledger"],
    &["duties"],
    &["child", "happening", "memory", "names", "released"],
    &["depth", "dice", "system", "page", "tally", "variables"],
];

/// A package to check.
struct Layout {
    /// The library's name in paths.
    name: &'static str,
    folder: &'static str,
    layers: Layers,
    /// A word in the heading of the section of `docs/architecture.md` that lists the package's files.
    heading: &'static str,
}

const PACKAGES: [Layout; 5] = [
    Layout { name: "uphold_core", folder: "core/src", layers: CORE, heading: "core" },
    Layout { name: "uphold_linux", folder: "linux-shim/src", layers: SHIM, heading: "shim" },
    Layout { name: "uphold_initctl", folder: "cli/src", layers: CLI, heading: "cli" },
    Layout { name: "uphold_trace", folder: "trace/src", layers: TRACE, heading: "trace" },
    Layout { name: "uphold_tests", folder: "tests/src", layers: KIT, heading: "kit" },
];

/// Parts of the core, each with the only other parts that it may use.
const RESTRICTED: [(&str, &[&str]); 2] = [
    ("memory", &["ids", "limits", "time", "bytes"]),
    ("tables", &["process", "state", "expect", "limits", "signal", "time"]),
];

/// Every attribute about `unsafe` in the packages. A file that is not the root of a package needs none.
const PERMITS: [&str; 10] = [
    "cli/src/lib.rs: #![forbid(unsafe_code)]",
    "cli/src/main.rs: #![forbid(unsafe_code)]",
    "core/src/lib.rs: #![forbid(unsafe_code)]",
    "linux-shim/src/launch/mod.rs: #[allow(unsafe_code)] pub(crate) mod child;",
    "linux-shim/src/lib.rs: #![deny(unsafe_code)]",
    "linux-shim/src/lib.rs: #[allow(unsafe_code)] pub mod kernel;",
    "linux-shim/src/main.rs: #![forbid(unsafe_code)]",
    "trace/src/lib.rs: #![deny(unsafe_code)]",
    "trace/src/lib.rs: #[allow(unsafe_code)] fn ptrace(request: u32, tid: u32, address: usize, data: usize) -> io::Result<libc::c_long> {",
    "trace/src/lib.rs: #[allow(unsafe_code)] fn wait(status: &mut i32) -> libc::pid_t {",
];

/// The type whose longest chain of calls is printed, and the fewest methods that it can have: with fewer, the test
/// found the wrong type.
const MACHINE: (&str, usize) = ("Supervisor", 150);

/// Files of the core that name a state outside `tables/` and outside assertions, each with the number of places: the
/// words of the states and the state of a job at rest; the state of a new instance; the status of a job without one.
const NAMES_OF_STATES: [(&str, usize); 4] =
    [("state.rs", 19), ("job/instance.rs", 1), ("job/step.rs", 1), ("control/mod.rs", 1)];

/// Files of the core that set a job's state, each with the number of places.
const SETS_A_STATE: [(&str, usize); 1] = [("job/step.rs", 2)];

const MOST_LINES: usize = 450;
const MOST_COLUMNS: usize = 120;
const MOST_LINES_OF_A_FUNCTION: usize = 100;
/// The length above which a function is printed.
const MANY_LINES_OF_A_FUNCTION: usize = 70;

impl Layout {
    fn sources(&self) -> Vec<Source> {
        files(|path| path.starts_with(&format!("{}/", self.folder)) && path.ends_with(".rs"))
    }

    fn parse(&self) -> Package {
        Package::parse(self.name, self.folder, &self.sources())
    }
}

/// Fails if there is any fault, and lists them.
fn hold(rule: &str, faults: Vec<String>) {
    assert!(faults.is_empty(), "{rule}; {} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn layers_import_downwards_only() {
    let mut faults = vec![];
    for layout in &PACKAGES {
        let package = layout.parse();
        let found = layers::faults(&package, layout.folder, layout.layers);
        if !found.is_empty() {
            println!("the rows that the imports of {} allow today: {:?}", layout.folder, layers::rows(&package));
        }
        faults.extend(found);
    }
    hold("imports and calls point downwards; the tables of layers are in tests/tests/house.rs", faults);
}

#[test]
fn memory_and_tables_import_the_vocabulary_only() {
    let [core, ..] = PACKAGES;
    let package = core.parse();
    let faults = RESTRICTED.iter().flat_map(|(from, allowed)| layers::strangers(&package, core.folder, from, allowed));
    hold("some parts of the core know nothing of jobs and events", faults.collect());
}

#[test]
fn unsafe_code_is_in_few_modules() {
    let sources: Vec<Source> = PACKAGES[..4].iter().flat_map(Layout::sources).collect();
    let mut found = permits::permits(&sources);
    found.sort();
    assert_eq!(
        found, PERMITS,
        "`unsafe` is allowed in the shim's `kernel` and `launch/child`, and in `trace`; the table is PERMITS"
    );
}

#[test]
fn files_form_no_cycle() {
    let cycles = |layout: &Layout| -> Vec<String> {
        layers::cycles(&layout.parse()).iter().map(|cycle| format!("{}: {cycle}", layout.folder)).collect()
    };
    hold("files form no cycle; move the named items into one of the files or below", {
        PACKAGES.iter().flat_map(cycles).collect()
    });
}

#[test]
fn methods_of_the_core_do_not_recurse() {
    let (name, fewest) = MACHINE;
    let methods = Methods::of(&PACKAGES[0].parse());
    let cycles = methods.types().into_iter().flat_map(|of| methods.graph(of).cycles());
    hold("no method calls itself on any way; turn the recursion into a loop or a queue", cycles.collect());
    let machine = methods.types().into_iter().find(|of| of.1 == name).expect("the type of MACHINE has methods");
    let graph = methods.graph(machine);
    let (count, chain) = (methods.count(machine), graph.longest_chain());
    println!("{count} methods of {name}; the longest chain has {}: {}", chain.len(), chain.join(" → "));
    assert!(count >= fewest, "{name} has {count} methods; correct the name or the number in MACHINE");
}

#[test]
fn the_architecture_page_lists_every_part() {
    let page = fs::read_to_string(workspace().join("docs/architecture.md")).expect("the page is readable");
    let faults = PACKAGES[..4].iter().flat_map(|layout| {
        let entries = map::entries(&layout.sources(), &format!("{}/", layout.folder));
        map::unnamed(&page, layout.heading, layout.folder, &entries)
    });
    hold("docs/architecture.md lists every file and folder of the source folders", faults.collect());
}

#[test]
fn files_functions_and_comment_lines_are_short() {
    let sources = files(|path| path.ends_with(".rs"));
    let mut faults = vec![];
    for source in &sources {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            faults.push(format!("{}: {lines} lines; split it, {MOST_LINES} are allowed", source.path));
        }
        faults.extend(sizes::wide_comments(source, MOST_COLUMNS));
        for function in sizes::functions(source) {
            let length = format!("{}: `{}` has {} lines", function.place, function.name, function.lines);
            if function.lines > MOST_LINES_OF_A_FUNCTION {
                faults.push(format!("{length}; split it, {MOST_LINES_OF_A_FUNCTION} are allowed"));
            } else if function.lines > MANY_LINES_OF_A_FUNCTION {
                println!("{length}");
            }
        }
    }
    hold("nothing is too long", faults);
}

#[test]
fn states_are_named_in_tables_only() {
    let [core, ..] = PACKAGES;
    let package = core.parse();
    hold(
        "outside tables/ the core asks a row what a state means, and only a step sets a state",
        states::faults(&states::uses(&package), core.folder, &NAMES_OF_STATES, &SETS_A_STATE),
    );
}
