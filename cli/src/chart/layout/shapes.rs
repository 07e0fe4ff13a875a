//! Sizes, links and drawings.

/// A point.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Point {
    /// From left to right.
    pub x: f64,
    /// From top to bottom.
    pub y: f64,
}

/// A size.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Size {
    /// From left to right.
    pub width: f64,
    /// From top to bottom.
    pub height: f64,
}

/// A line to draw between two boxes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// The place of the box at which it begins.
    pub from: usize,
    /// The place of the box at which it ends.
    pub to: usize,
    /// Lines of one kind that begin at the same box run together for as long as they can.
    pub kind: u8,
    /// Whether the box at its end is to be to the right of the one at its beginning.
    pub shapes: bool,
}

/// A drawing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Layout {
    /// The upper left corner of each box.
    pub corners: Vec<Point>,
    /// The line of each link: points in pairs. Between the two points of a pair it is straight and level, and between
    /// two pairs it is curved.
    pub lines: Vec<Vec<Point>>,
    /// The size of the whole.
    pub size: Size,
}
