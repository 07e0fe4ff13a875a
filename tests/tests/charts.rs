//! Pictures: `graph` names each job, event and edge once, as dot and as SVG, and nothing in the picture lies on
//! anything else, whatever the graph.
//!
//! `CASES` sets the number of random graphs, and `SEED` the first of them. `PICTURES` names a folder for the picture of
//! a real tree's boot.

#[path = "charts/picture.rs"]
mod picture;
#[path = "charts/random.rs"]
mod random;
#[path = "charts/stubs.rs"]
mod stubs;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use picture::{Rect, boxes, edges, rect};
use random::{fault, random};
use roxmltree::Document;
use uphold_initctl::chart::layout::lay_out;
use uphold_tests::simulation::dice::Dice;
use uphold_tests::system::processes::Signal;
use uphold_tests::system::programs::{built, installed};
use uphold_tests::system::{Launch, System, run, skipped};
use uphold_tests::variables::number;

/// The number of random graphs.
const CASES: u64 = 300;

/// Jobs whose names and events have every character that XML and dot escape.
const JOBS: &[(&str, &str)] = &[
    ("mount", "start on startup-of-test\nemits disk\nemits net-*\nexec sleep 1000\n"),
    ("udev", "start on disk\nstop on runlevel [06]\nexec sleep 1000\n"),
    ("net", "start on (started udev and net-up IFACE=lo) or stopped gone\nstop on stopping udev\nexec sleep 1000\n"),
    ("a<b>&\"c'\\n", "start on 'x<y>&\"z'\nstop on starting net\nemits net-down\nexec sleep 1000\n"),
    ("net-up", "start on starting net-up\nexec sleep 1000\n"),
];

/// The nodes of the graph of these jobs.
const NODES: &[&str] = &[
    "event:disk",
    "event:net-down",
    "event:net-up",
    "event:runlevel",
    "event:started udev",
    "event:starting net",
    "event:starting net-up",
    "event:startup-of-test",
    "event:stopped gone",
    "event:stopping udev",
    "event:x<y>&\"z",
    "job:a<b>&\"c'\\n",
    "job:gone",
    "job:mount",
    "job:net",
    "job:net-up",
    "job:udev",
];

/// Its edges: the two ends and the stanza.
const EDGES: &[(&str, &str, &str)] = &[
    ("disk", "udev", "start on"),
    ("net-up", "net", "start on"),
    ("runlevel", "udev", "stop on"),
    ("started udev", "net", "start on"),
    ("starting net", "a<b>&\"c'\\n", "stop on"),
    ("starting net-up", "net-up", "start on"),
    ("startup-of-test", "mount", "start on"),
    ("stopped gone", "net", "start on"),
    ("stopping udev", "net", "stop on"),
    ("x<y>&\"z", "a<b>&\"c'\\n", "start on"),
    ("a<b>&\"c'\\n", "net-down", "emits"),
    ("gone", "stopped gone", "emits"),
    ("mount", "disk", "emits"),
    ("mount", "net-up", "emits"),
    ("net", "starting net", "emits"),
    ("net-up", "starting net-up", "emits"),
    ("udev", "started udev", "emits"),
    ("udev", "stopping udev", "emits"),
];

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

/// A quoted text of dot, and the rest of the line.
fn quoted(line: &str) -> (String, &str) {
    let (mut text, mut letters) =
        (String::new(), line.trim_start().strip_prefix('"').expect("a quotation mark").chars());
    loop {
        match letters.next().expect("the end of the text") {
            '"' => break,
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    (text, letters.as_str())
}

#[test]
fn dot_names_each_node_and_each_edge_once() {
    let system = System::start(JOBS);
    let dot = system.order(&["graph"]);
    let (mut nodes, mut lines) = (vec![], vec![]);
    for line in dot.lines().filter(|line| line.trim_start().starts_with('"')) {
        let (from, rest) = quoted(line);
        match rest.strip_prefix(" -> ") {
            None => nodes.push(from),
            Some(rest) => {
                let (to, rest) = quoted(rest);
                let (_, tooltip) = rest.split_once("tooltip=").expect("a tooltip");
                let stanza =
                    ["start on", "stop on", "emits"].into_iter().find(|stanza| quoted(tooltip).0.starts_with(stanza));
                let name = |node: &str| node.split_once(':').expect("a kind").1.to_owned();
                lines.push((name(&from), name(&to), stanza.expect("a stanza")));
            }
        }
    }
    assert_eq!(sorted(nodes), NODES);
    let expected = EDGES.iter().map(|&(from, to, stanza)| (from.to_owned(), to.to_owned(), stanza));
    assert_eq!(sorted(lines), sorted(expected));
    match installed("dot") {
        None => skipped("Graphviz is not installed"),
        Some(program) => {
            let file = system.folder().write("graph.dot", &dot);
            let mut command = Command::new(program);
            command.arg("-Tsvg").arg(file);
            let ran = run(command);
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
            let drawn = Document::parse_with_options(
                &ran.out,
                roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() },
            );
            let drawn = drawn.expect("Graphviz writes XML");
            let of_class = |class| drawn.descendants().filter(|node| node.attribute("class") == Some(class)).count();
            assert_eq!([of_class("node"), of_class("edge")], [NODES.len(), EDGES.len()]);
        }
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn the_picture_shows_each_node_and_each_edge_once() {
    let system = System::start(JOBS);
    let svg = system.order(&["graph", "--svg"]);
    let picture = Document::parse(&svg).expect("it is XML");
    let drawn = boxes(&picture);
    let names = drawn.iter().map(|(kind, name, _)| match kind.as_str() {
        "event" => format!("event:{name}"),
        _ => format!("job:{name}"),
    });
    assert_eq!(sorted(names), NODES);
    let missing: Vec<&str> =
        drawn.iter().filter(|(kind, ..)| kind == "missing").map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(missing, ["gone"]);
    let expected = EDGES.iter().map(|&(from, to, stanza)| (from.to_owned(), to.to_owned(), stanza.to_owned()));
    assert_eq!(sorted(edges(&picture)), sorted(expected));
    let rects: Vec<Rect> = drawn.iter().map(|(.., rect)| *rect).collect();
    assert_eq!(Rect::overlaps(&rects), None);
    // A box is at least as wide as its name in a font of 12 pixels.
    assert!(drawn.iter().all(|(_, name, rect)| rect.width >= 6.0 * name.chars().count() as f64));
    system.end(Signal::SIGTERM);
}

#[test]
fn a_neighbourhood_is_the_jobs_and_what_is_next_to_them() {
    let system = System::start(JOBS);
    let svg = system.order(&["graph", "--svg", "udev"]);
    let picture = Document::parse(&svg).expect("it is XML");
    let names: BTreeSet<String> = boxes(&picture).into_iter().map(|(_, name, _)| name).collect();
    let expected = ["disk", "mount", "net", "runlevel", "started udev", "stopping udev", "udev"];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(edges(&picture).len(), 7);
    let unknown = system.initctl(&["graph", "udev", "nosuch"]);
    assert_eq!((unknown.code, unknown.out.as_str(), unknown.err.as_str()), (1, "", "initctl: Unknown job: nosuch\n"));
    system.end(Signal::SIGTERM);
}

/// The whole trees of job files of real systems beside the checkout.
#[test]
fn whole_systems_are_drawn_without_overlap() {
    let Ok(systems) = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/systems")) else {
        return skipped("no corpus beside the checkout");
    };
    for system in systems {
        let folder = system.expect("a folder").path();
        // Nothing starts: these jobs are for other machines.
        let running = Launch::new(&[]).conf_dir(&folder.join("init")).option("--startup-event=never").start();
        let svg = running.order(&["graph", "--svg"]);
        let picture = Document::parse(&svg).expect("it is XML");
        let (drawn, listed) = (boxes(&picture), running.order(&["show-config"]));
        let jobs: Vec<&str> =
            drawn.iter().filter(|(kind, ..)| kind == "job").map(|(_, name, _)| name.as_str()).collect();
        let listed = listed.lines().filter(|line| !line.starts_with(' '));
        assert_eq!(sorted(jobs), sorted(listed), "{}", folder.display());
        let rects: Vec<Rect> = drawn.iter().map(|(.., rect)| *rect).collect();
        assert_eq!(Rect::overlaps(&rects), None, "{}", folder.display());
        running.end(Signal::SIGTERM);
    }
}

/// Jobs of which one is held up: the task `keys` runs while `net` is starting.
const BOOT: &[(&str, &str)] = &[
    ("mount", "start on startup\ntask\nemits disk\nscript\nsleep 0.2\n@INITCTL@ emit disk\nsleep 0.2\nend script\n"),
    ("udev", "start on disk\npre-start exec sleep 0.2\nexec sleep 1000\n"),
    ("net", "start on started udev\nexec sleep 1000\n"),
    ("keys", "start on starting net\ntask\nexec sleep 0.4\n"),
    ("last", "start on started net\ntask\nexec sleep 2\n"),
    ("broken", "start on started net\nexec /no/such/program\n"),
    ("fails", "start on started net\ntask\nexec sh -c 'exit 3'\n"),
    ("a<b>&\"c'", "start on startup\nexec sleep 1000\n"),
    ("each", "start on started net or started udev\ninstance $JOB\nexec sleep 1000\n"),
    ("never", "start on no-such-event\nexec sleep 1000\n"),
];

/// A system that has booted with these jobs, until one of them is at rest.
fn booted(jobs: &[(&str, &str)], last: &str) -> System {
    let initctl = format!("{} --user", built().initctl.display());
    let jobs: Vec<(&str, String)> =
        jobs.iter().map(|(name, text)| (*name, text.replace("@INITCTL@", &initctl))).collect();
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut system = System::start(&jobs);
    let ended = |system: &mut System| system.order(&["why", last]).contains("It is a task").then_some(());
    system.await_some(last, ended);
    system
}

/// The lines of `blame`: the job with what follows it, and milliseconds.
fn blamed(text: &str) -> Vec<(String, u32)> {
    let of = |line: &str| {
        let (span, job) = line.trim_start().split_once(' ').expect("a time and a name");
        let number = span.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = if span.ends_with("ms") { 1.0 } else { 1000.0 };
        (job.to_owned(), (number.parse::<f64>().expect("a number") * unit).round() as u32)
    };
    text.lines().filter(|line| line.starts_with("  ")).map(of).collect()
}

#[test]
fn the_longest_starter_is_first() {
    let mut system = booted(BOOT, "last");
    let said = system.order(&["blame"]);
    let all = blamed(&said);
    let jobs: Vec<&str> = all.iter().map(|(job, _)| job.as_str()).collect();
    let expected = [
        "a<b>&\"c'",
        "broken (failed)",
        "each (net)",
        "each (udev)",
        "fails (failed)",
        "keys",
        "last",
        "mount",
        "net",
        "udev",
    ];
    assert_eq!(sorted(jobs.clone()), expected, "{said}");
    assert!(all.is_sorted_by(|one, next| one.1 >= next.1), "{said}");
    let took = |job: &str| all.iter().find(|(name, _)| name == job).map_or(0, |(_, took)| *took);
    // Each includes what its processes sleep.
    assert!(took("mount") >= 600 && took("keys") >= 400 && took("udev") >= 200 && took("last") >= 2000, "{said}");
    // The next program remembers it, also after SIGKILL, and the times stay the same.
    system.order(&["restart-init"]);
    assert_eq!(system.order(&["blame"]), said);
    system.kill();
    system.start_again();
    let again = blamed(&system.order(&["blame"]));
    let names = |all: &[(String, u32)]| sorted(all.iter().map(|(job, _)| job.clone()));
    assert_eq!(names(&again), names(&all));
    system.end(Signal::SIGTERM);
}

/// A bar: the job, when it was started, when it was ready, and whether it is on the critical path.
type Bar = (String, u64, Option<u64>, bool);

/// The bars of a picture of the boot, from top to bottom.
fn bars(svg: &str) -> Vec<Bar> {
    let picture = Document::parse(svg).expect("it is XML");
    let of_class = |class: &'static str| {
        move |node: &roxmltree::Node<'_, '_>| {
            node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
        }
    };
    let bar = |node: roxmltree::Node<'_, '_>| {
        let number = |name: &str| node.attribute(name).and_then(|text| text.parse().ok());
        let work = node.children().find(of_class("work")).expect("a bar");
        let label = node.children().find(|child| child.tag_name().name() == "text").and_then(|text| text.text());
        let job = node.attribute("data-job").expect("a job").to_owned();
        // Of several bars in a row, the last has the name.
        assert!(label.is_none_or(|label| label.starts_with(&job)), "{label:?}");
        let begun = number("data-begun").expect("a number");
        (rect(work).y, (job, begun, number("data-ready"), of_class("critical")(&node)))
    };
    let mut bars: Vec<(f64, Bar)> = picture.descendants().filter(of_class("run")).map(bar).collect();
    bars.sort_by(|one, other| one.0.total_cmp(&other.0));
    bars.into_iter().map(|(_, bar)| bar).collect()
}

fn critical_path(svg: &str) -> Vec<String> {
    let picture = Document::parse(svg).expect("it is XML");
    let lines = picture.descendants().filter(|node| node.attribute("class") == Some("critical-path"));
    let text: String = lines.filter_map(|line| line.text()).collect();
    let jobs = text.trim_start_matches("Critical path: ").split(" → ");
    jobs.map(|job| job.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_boot_is_drawn_with_its_critical_path() {
    let system = booted(BOOT, "last");
    let svg = system.order(&["timeline"]);
    let all = bars(&svg);
    let jobs: Vec<&str> = all.iter().map(|(job, ..)| job.as_str()).collect();
    let expected =
        ["a<b>&\"c'", "broken", "each (net)", "each (udev)", "fails", "keys", "last", "mount", "net", "udev"];
    assert_eq!(sorted(jobs), expected);
    assert!(all.is_sorted_by_key(|bar| bar.1), "in the order of their starts: {all:?}");
    let of = |job: &str| all.iter().find(|bar| bar.0 == job).expect("a bar");
    // `mount` waits for those that its event starts, and is done after `udev`; `net` is held up by `keys`.
    let ready = |job: &str| of(job).2.expect("it was ready");
    assert!(of("udev").1 < ready("udev") && ready("udev") <= of("net").1, "{all:?}");
    assert!(of("net").1 <= of("keys").1 && ready("keys") <= ready("net") && ready("net") <= of("last").1, "{all:?}");
    assert_eq!([of("broken").2, of("each (net)").2.map(|ready| ready.min(1))], [None, Some(1)]);
    assert_eq!(critical_path(&svg), ["mount", "udev", "keys", "net", "last"]);
    let marked = all.iter().filter(|bar| bar.3).map(|bar| bar.0.as_str());
    assert_eq!(sorted(marked), sorted(["mount", "udev", "keys", "net", "last"]));
    // The happenings of the ring have the same order.
    let monitor = system.order(&["why", "net"]);
    let places = ["state starting", "state spawned", "state running"].map(|state| monitor.find(state));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{monitor}");
    // Nothing of it changes by a re-exec, nor when a job is started later.
    system.order(&["restart-init"]);
    assert_eq!(bars(&system.order(&["timeline"])), all);
    system.order(&["stop", "udev"]);
    assert_eq!(bars(&system.order(&["timeline"])).len(), all.len());
    system.end(Signal::SIGTERM);
}

/// The tree of a real system boots with stub programs in place of its own.
#[test]
fn the_boot_of_a_real_tree_is_drawn() {
    let tree = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus/systems/ubuntu-14.04-vps/init"));
    if !tree.is_dir() {
        return skipped("no corpus beside the checkout");
    }
    let initctl = format!("{} --user", built().initctl.display());
    let jobs = stubs::jobs(tree, &initctl);
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut system = Launch::new(&jobs).option("--verbose").start();
    for job in ["tty1", "console", "cron", "ssh"] {
        system.await_running(job);
    }
    let log = system.log();
    let svg = system.order(&["timeline"]);
    if let Ok(folder) = std::env::var("PICTURES") {
        fs::write(Path::new(&folder).join("timeline.svg"), &svg).expect("it is written");
        fs::write(Path::new(&folder).join("blame.txt"), system.order(&["blame"])).expect("it is written");
    }
    let all = bars(&svg);
    let names: BTreeSet<&str> = all.iter().map(|(job, ..)| job.split(' ').next().unwrap_or_default()).collect();
    // The log has a line for each start, in the same order. Instances that have gone share a row.
    let class = |job: &str| job.split(' ').next().unwrap_or_default().to_owned();
    let first_of_each = |jobs: &mut dyn Iterator<Item = String>| {
        let mut first: Vec<String> = vec![];
        jobs.for_each(|job| {
            if !first.contains(&job) {
                first.push(job)
            }
        });
        first
    };
    let starts = log
        .lines()
        .filter_map(|line| line.strip_prefix("init: ")?.strip_suffix(" state changed from waiting to starting"));
    let started = first_of_each(&mut starts.map(class));
    let drawn = first_of_each(&mut all.iter().map(|(job, ..)| class(job)));
    assert_eq!(drawn.get(..started.len()), Some(&started[..]));
    let path = critical_path(&svg);
    println!("{} bars, the critical path: {path:?}", all.len());
    assert!(all.len() > 40, "{} bars", all.len());
    assert!(path.windows(2).all(|pair| names.contains(pair[0].as_str()) && pair[0] != pair[1]), "{path:?}");
    assert!(path.iter().any(|job| job == "mountall"), "everything waits for the file systems: {path:?}");
    let rows: BTreeSet<&str> = all.iter().map(|(job, ..)| job.as_str()).collect();
    let blamed = blamed(&system.order(&["blame"]));
    assert!(
        blamed.len() > 40 && blamed.iter().all(|(job, _)| rows.contains(job.trim_end_matches(" (failed)"))),
        "{blamed:?}"
    );
    system.end(Signal::SIGTERM);
}

#[test]
fn random_graphs_are_drawn_without_overlap() {
    let first = number("SEED").unwrap_or(1);
    for seed in first..first + number("CASES").unwrap_or(CASES) {
        let mut dice = Dice::new(seed);
        let boxes = 1 + dice.roll(40);
        let links = dice.roll(90);
        let (sizes, links) = random(&mut dice, boxes, links);
        assert_eq!(fault(&sizes, &links), None, "SEED={seed} CASES=1");
    }
}

#[test]
fn a_thousand_jobs_are_drawn() {
    let (sizes, links) = random(&mut Dice::new(1), 1000, 1500);
    let begun = std::time::Instant::now();
    let layout = lay_out(&sizes, &links);
    println!("1,000 boxes and 1,500 links: {} ms", begun.elapsed().as_millis());
    assert_eq!((layout.corners.len(), layout.lines.iter().filter(|line| line.len() >= 4).count()), (1000, 1500));
}
