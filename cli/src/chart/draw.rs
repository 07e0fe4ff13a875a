//! A graph as a picture.

use std::fmt::Write as _;

use super::layout::{Layout, Link, Point, Size, lay_out};
use super::model::{Edge, EdgeKind, Graph, Node, NodeKind};
use super::svg::{FONT, MARGIN, Number, Xml, head, width};

/// The height of a box.
const HEIGHT: f64 = 26.0;

/// The room beside a name in a box; in an ellipse it is more.
const PADDING: f64 = 9.0;

/// The height of the heading and the legend.
const LEGEND: f64 = 64.0;

/// How far a line between two boxes of one column goes out of it.
const BULGE: f64 = 24.0;

/// The styles. Each kind of line has its own dashes and its own end, so that the colours are not needed.
const STYLE: &str = r##"<style>
.job rect { fill: white; stroke: black; stroke-width: 1.2 }
.missing rect { fill: white; stroke: black; stroke-dasharray: 4 3 }
.event ellipse { fill: #f2f2f2; stroke: #555; stroke-width: 0.8 }
.wanted rect { stroke-width: 3 }
text { fill: black }
path.line { fill: none; stroke-width: 1.2 }
path.start { stroke: #1a4f9c }
path.stop { stroke: #a51d2d; stroke-dasharray: 6 3 }
path.emits { stroke: #1e6b2e; stroke-dasharray: 1.5 2.5 }
.edge:hover path, .job:hover rect, .event:hover ellipse { stroke-width: 3 }
</style>
<defs>
<marker id="start" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5L8 4L0 7.5z" fill="#1a4f9c"/></marker>
<marker id="stop" viewBox="0 0 8 12" refX="7" refY="6" markerWidth="8" markerHeight="12" markerUnits="userSpaceOnUse" orient="auto"><path d="M6 0.5V11.5" stroke="#a51d2d" stroke-width="2.4"/></marker>
<marker id="emits" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0.5 0.5L8 4L0.5 7.5" fill="none" stroke="#1e6b2e" stroke-width="1.3"/></marker>
</defs>
"##;

/// The class of a kind of line, which is also the name of its end.
const fn class(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::StartOn => "start",
        EdgeKind::StopOn => "stop",
        EdgeKind::Emits => "emits",
    }
}

/// The graph as SVG. The jobs of that name have a thick border.
pub fn svg(graph: &Graph, wanted: &[&str]) -> String {
    let sizes: Vec<Size> = graph.nodes.iter().map(size).collect();
    let link = |edge: &Edge| Link {
        from: edge.from,
        to: edge.to,
        kind: edge.kind as u8,
        shapes: edge.kind != EdgeKind::StopOn,
    };
    let links: Vec<Link> = graph.edges.iter().map(link).collect();
    let layout = lay_out(&sizes, &links);
    let count = |kind| graph.nodes.iter().filter(|node| node.kind == kind).count();
    let (jobs, events) = (count(NodeKind::Job), count(NodeKind::Event));
    let title = match wanted {
        [] => format!("{jobs} jobs and {events} events"),
        some => format!("{jobs} jobs and {events} events around {}", some.join(", ")),
    };
    let legend = Legend::new(&title);
    let (wide, high) = (layout.size.width.max(legend.width), layout.size.height + LEGEND);
    let mut text = head(wide + 2.0 * MARGIN, high + 2.0 * MARGIN, &title);
    text.push_str(STYLE);
    let _ = writeln!(text, "<g transform=\"translate({MARGIN} {MARGIN})\">\n{}</g>", legend.text);
    let _ = writeln!(text, "<g transform=\"translate({MARGIN} {})\">", MARGIN + LEGEND);
    edges(&mut text, graph, &layout);
    for (node, (&corner, &size)) in graph.nodes.iter().zip(layout.corners.iter().zip(&sizes)) {
        let is_wanted = node.kind == NodeKind::Job && wanted.contains(&node.name.as_str());
        text.push_str(&drawn(node, corner, size, is_wanted));
    }
    text.push_str("</g>\n</svg>\n");
    text
}

fn size(node: &Node) -> Size {
    let beside = if node.kind == NodeKind::Event { 2.0 * PADDING } else { PADDING };
    Size { width: (width(&node.name, FONT) + 2.0 * beside).ceil(), height: HEIGHT }
}

/// The lines, which are below the boxes. Those that start jobs lie above the others, since a reader follows them.
fn edges(text: &mut String, graph: &Graph, layout: &Layout) {
    for kind in [EdgeKind::StopOn, EdgeKind::Emits, EdgeKind::StartOn] {
        let of_kind = graph.edges.iter().zip(&layout.lines).filter(|(edge, _)| edge.kind == kind);
        for (Edge { from, to, event, .. }, line) in of_kind {
            let (class, name) = (class(kind), |&at: &usize| Xml(&graph.nodes[at].name));
            let (stanza, path) = (kind.stanza(), path(line));
            let _ = writeln!(
                text,
                "<g class=\"edge\" data-from=\"{}\" data-to=\"{}\"><title>{}: {stanza} {}</title>\
                 <path class=\"line {class}\" d=\"{path}\" marker-end=\"url(#{class})\"/></g>",
                name(from),
                name(to),
                name(if kind == EdgeKind::Emits { from } else { to }),
                Xml(event)
            );
        }
    }
}

/// A line in the language of SVG: straight within a column, curved between two.
fn path(line: &[Point]) -> String {
    let mut path = String::new();
    let mut last: Option<Point> = None;
    for (at, &point) in line.iter().enumerate() {
        let (x, y) = (Number(point.x), Number(point.y));
        let _ = match last {
            None => write!(path, "M{x} {y}"),
            Some(before) if before == point => Ok(()),
            Some(_) if at % 2 == 1 => write!(path, "L{x} {y}"),
            Some(before) => {
                let bend = if before.x == point.x { [before.x + BULGE; 2] } else { [(before.x + point.x) / 2.0; 2] };
                let [one, other] = bend.map(Number);
                write!(path, "C{one} {} {other} {y} {x} {y}", Number(before.y))
            }
        };
        last = Some(point);
    }
    path
}

/// A box or an ellipse with its name.
fn drawn(node: &Node, corner: Point, size: Size, is_wanted: bool) -> String {
    let Size { width, height } = size;
    let class = match node.kind {
        NodeKind::Job if is_wanted => "job wanted",
        NodeKind::Job => "job",
        NodeKind::MissingJob => "missing",
        NodeKind::Event => "event",
    };
    let about = match node.kind {
        NodeKind::MissingJob => "there is no such job",
        NodeKind::Event => "event",
        NodeKind::Job => &node.about,
    };
    let (x, y) = (corner.x + width / 2.0, corner.y + height / 2.0);
    let shape = match node.kind {
        NodeKind::Event => {
            let (x, y, rx, ry) = (Number(x), Number(y), Number(width / 2.0), Number(height / 2.0));
            format!("<ellipse cx=\"{x}\" cy=\"{y}\" rx=\"{rx}\" ry=\"{ry}\"/>")
        }
        _ => {
            let (x, y) = (Number(corner.x), Number(corner.y));
            format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"2\"/>")
        }
    };
    let (name, about, x, y) = (Xml(&node.name), Xml(about), Number(x), Number(y + FONT * 0.35));
    format!(
        "<g class=\"{class}\" data-name=\"{name}\"><title>{name}\n{about}</title>{shape}\
         <text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{name}</text></g>\n"
    )
}

/// The heading and the legend.
struct Legend {
    text: String,
    width: f64,
}

impl Legend {
    fn new(title: &str) -> Legend {
        let mut text = format!("<text x=\"0\" y=\"14\" font-size=\"16\" font-weight=\"bold\">{}</text>\n", Xml(title));
        let mut at = 0.0;
        let mut sign = |sign: String, wide: f64, word: &str| {
            let (x, after) = (Number(at), Number(wide + 6.0));
            let _ = writeln!(
                text,
                "<g transform=\"translate({x} 38)\">{sign}<text x=\"{after}\" y=\"4\">{word}</text></g>"
            );
            at += wide + 6.0 + width(word, FONT) + 18.0;
        };
        let shape = "x=\"0\" y=\"-8\" width=\"28\" height=\"16\" rx=\"2\"";
        sign(format!("<g class=\"job\"><rect {shape}/></g>"), 28.0, "job");
        sign(format!("<g class=\"missing\"><rect {shape}/></g>"), 28.0, "job without a file");
        sign("<g class=\"event\"><ellipse cx=\"16\" cy=\"0\" rx=\"16\" ry=\"8\"/></g>".to_owned(), 32.0, "event");
        for (kind, word) in [
            (EdgeKind::StartOn, "start on: the event starts the job"),
            (EdgeKind::StopOn, "stop on: the event stops the job"),
            (EdgeKind::Emits, "the job emits the event"),
        ] {
            let class = class(kind);
            let line = format!("<path class=\"line {class}\" d=\"M0 0H44\" marker-end=\"url(#{class})\"/>");
            sign(line, 44.0, word);
        }
        Legend { width: at.max(width(title, 16.0)), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_straight_and_then_curved() {
        let point = |x, y| Point { x, y };
        let line = [point(0.0, 1.0), point(9.0, 1.0), point(19.0, 5.0), point(19.0, 5.0)];
        assert_eq!(path(&line), "M0 1L9 1C14 1 14 5 19 5");
        let level = [point(0.0, 1.0), point(9.0, 1.0), point(9.0, 5.0), point(0.0, 5.0)];
        assert_eq!(path(&level), "M0 1L9 1C33 1 33 5 9 5L0 5");
    }
}
