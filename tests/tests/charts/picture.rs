//! The contents of a picture, read from its SVG.

use roxmltree::{Document, Node};
use uphold_initctl::chart::layout::Point;

/// A rectangle, or the one around an ellipse.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// How far things may lie on each other by rounding.
const NEARLY: f64 = 0.2;

impl Rect {
    fn right(&self) -> f64 {
        self.x + self.width
    }

    fn bottom(&self) -> f64 {
        self.y + self.height
    }

    fn meets(&self, other: &Rect) -> bool {
        let is_apart = self.right() <= other.x + NEARLY
            || other.right() <= self.x + NEARLY
            || self.bottom() <= other.y + NEARLY
            || other.bottom() <= self.y + NEARLY;
        !is_apart
    }

    /// The first two that overlap.
    pub fn overlaps(rects: &[Rect]) -> Option<(Rect, Rect)> {
        let pairs =
            rects.iter().enumerate().flat_map(|(at, one)| rects[at + 1..].iter().map(move |other| (*one, *other)));
        pairs.into_iter().find(|(one, other)| one.meets(other))
    }

    /// Whether the other one is inside.
    pub fn holds(&self, other: &Rect) -> bool {
        self.x <= other.x + NEARLY
            && self.y <= other.y + NEARLY
            && other.right() <= self.right() + NEARLY
            && other.bottom() <= self.bottom() + NEARLY
    }

    /// Whether a point is on the left or the right side.
    pub fn has_on_side(&self, point: Point) -> bool {
        let on = |side: f64| (point.x - side).abs() <= NEARLY;
        (on(self.x) || on(self.right())) && self.y <= point.y && point.y <= self.bottom()
    }

    /// Whether a line between two points, straight or curved in the way of these pictures, may run through it.
    pub fn is_crossed_by(&self, one: Point, other: Point) -> bool {
        let (x, y) = (one.x.min(other.x), one.y.min(other.y));
        let line = Rect { x, y, width: (one.x - other.x).abs(), height: (one.y - other.y).abs() };
        self.meets(&line)
    }
}

/// The number of an attribute.
fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{node:?} has no number {name}"))
}

/// The rectangle of a shape.
pub fn rect(node: Node<'_, '_>) -> Rect {
    if node.tag_name().name() == "ellipse" {
        let [cx, cy, rx, ry] = ["cx", "cy", "rx", "ry"].map(|name| number(node, name));
        return Rect { x: cx - rx, y: cy - ry, width: 2.0 * rx, height: 2.0 * ry };
    }
    let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| number(node, name));
    Rect { x, y, width, height }
}

fn class<'a>(node: Node<'a, '_>) -> &'a str {
    node.attribute("class").unwrap_or_default().split(' ').next().unwrap_or_default()
}

/// Jobs and events: each with its kind, its name and its place.
pub fn boxes(picture: &Document<'_>) -> Vec<(String, String, Rect)> {
    let named = picture.descendants().filter(|node| node.has_attribute("data-name"));
    let of = |node: Node<'_, '_>| {
        let shape = node.children().find(|child| matches!(child.tag_name().name(), "rect" | "ellipse"));
        let name = node.attribute("data-name").unwrap_or_default().to_owned();
        let text = node.children().find(|child| child.tag_name().name() == "text").and_then(|text| text.text());
        assert_eq!(text, Some(name.as_str()), "a box shows its name");
        (class(node).to_owned(), name, rect(shape.expect("a shape")))
    };
    named.map(of).collect()
}

/// The lines: from, to, and the stanza.
pub fn edges(picture: &Document<'_>) -> Vec<(String, String, String)> {
    let lines = picture.descendants().filter(|node| class(*node) == "edge");
    let of = |node: Node<'_, '_>| {
        let line = node.children().find(|child| class(*child) == "line").expect("a line");
        let stanza = match line.attribute("class") {
            Some("line start") => "start on",
            Some("line stop") => "stop on",
            Some("line emits") => "emits",
            other => panic!("a line of class {other:?}"),
        };
        let title = node.children().find_map(|child| child.text()).expect("a title");
        assert!(title.contains(stanza), "{title}");
        assert!(line.attribute("d").is_some_and(|path| path.starts_with('M') && path.len() > 8), "it is drawn");
        let end = |name: &str| node.attribute(name).unwrap_or_default().to_owned();
        (end("data-from"), end("data-to"), stanza.to_owned())
    };
    lines.map(of).collect()
}
