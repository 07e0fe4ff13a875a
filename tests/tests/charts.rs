//! Pictures: `graph` names each job, event and edge once, as dot and as SVG, and nothing in the picture lies on
//! anything else, whatever the graph.
//!
//! `CASES` sets the number of random graphs, and `SEED` the first of them.

#[path = "charts/picture.rs"]
mod picture;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use picture::{Rect, boxes, edges};
use roxmltree::Document;
use uphold_initctl::chart::layout::{Link, Point, Size, lay_out};
use uphold_tests::simulation::dice::Dice;
use uphold_tests::system::processes::Signal;
use uphold_tests::system::programs::installed;
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

/// A random graph: sizes of boxes, and links between them, with circles, links from a box to itself, and parallel ones.
fn random(dice: &mut Dice, boxes: usize, links: usize) -> (Vec<Size>, Vec<Link>) {
    let size = |dice: &mut Dice| Size { width: 20.0 + dice.roll(200) as f64, height: 26.0 };
    let sizes = (0..boxes).map(|_| size(dice)).collect();
    let link = |dice: &mut Dice| Link {
        from: dice.roll(boxes),
        to: dice.roll(boxes),
        kind: dice.roll(3) as u8,
        shapes: dice.roll(4) > 0,
    };
    (sizes, (0..links).map(|_| link(dice)).collect())
}

/// The first fault of a drawing.
fn fault(sizes: &[Size], links: &[Link]) -> Option<String> {
    let layout = lay_out(sizes, links);
    let rect =
        |(corner, size): (&Point, &Size)| Rect { x: corner.x, y: corner.y, width: size.width, height: size.height };
    let rects: Vec<Rect> = layout.corners.iter().zip(sizes).map(rect).collect();
    if let Some(pair) = Rect::overlaps(&rects) {
        return Some(format!("boxes overlap: {pair:?}"));
    }
    let whole = Rect { x: 0.0, y: 0.0, width: layout.size.width, height: layout.size.height };
    if let Some(out) = rects.iter().find(|rect| !whole.holds(rect)) {
        return Some(format!("{out:?} is outside of {whole:?}"));
    }
    for (at, (link, line)) in links.iter().zip(&layout.lines).enumerate() {
        let (Some(first), Some(last)) = (line.first(), line.last()) else {
            return Some(format!("link {at} is not drawn"));
        };
        if !rects[link.from].has_on_side(*first) || !rects[link.to].has_on_side(*last) {
            return Some(format!("link {at} does not lead from its box to its box: {line:?}"));
        }
        let pierced = line.windows(2).find_map(|pair| rects.iter().find(|rect| rect.is_crossed_by(pair[0], pair[1])));
        if let Some(rect) = pierced {
            return Some(format!("link {at} runs through {rect:?}: {line:?}"));
        }
    }
    None
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
