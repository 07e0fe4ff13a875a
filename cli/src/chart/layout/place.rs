//! The coordinates of cells and lines, from the order within the columns.

use std::collections::BTreeMap;

use super::columns::{Cell, Columns};
use super::shapes::{Layout, Point, Size};

/// The gap between two boxes of a column.
const GAP: f64 = 10.0;

/// The gap between the lines that pass a column.
const LINE_GAP: f64 = 7.0;

/// The least gap between two columns, in which lines are curved.
const COLUMN_GAP: f64 = 56.0;

/// The part of a gap's width that grows with the height over which lines are curved in it.
const STEEP: f64 = 0.08;

/// The most that a gap is wide.
const COLUMN_GAP_MOST: f64 = 150.0;

/// Sweeps that bring cells near to their neighbours.
const SWEEPS: usize = 40;

/// The weight of a line that passes a column, where that of a box is 1: long lines are to be straight.
const STRAIGHT: f64 = 4.0;

/// The gap between the ends of lines at a box.
const PORT_GAP: f64 = 5.0;

/// The part of a box's height at which lines end.
const PORTS: f64 = 0.7;

/// A side of a cell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Left,
    Right,
}

/// A place on a side of a cell at which lines begin or end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Port {
    /// Where all lines of a kind begin.
    Out(u8),
    /// Where the lines of a kind end that come from one cell.
    In(usize, u8),
}

/// An end of a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    cell: usize,
    side: Side,
    port: Port,
}

/// Draws the columns. The first `boxes` cells are boxes.
pub(super) fn draw(columns: &Columns, boxes: usize) -> Layout {
    let middles = middles(columns);
    let top = columns.cells.iter().zip(&middles).map(|(cell, middle)| middle - cell.size.height / 2.0);
    let top = top.fold(f64::INFINITY, f64::min);
    let middles: Vec<f64> = middles.iter().map(|middle| middle - top).collect();
    let widths: Vec<f64> = columns
        .columns
        .iter()
        .map(|cells| cells.iter().map(|&at| columns.cells[at].size.width).fold(0.0, f64::max))
        .collect();
    let gaps = gaps(columns, &middles);
    let mut lefts = vec![0.0; widths.len()];
    for rank in 1..widths.len() {
        lefts[rank] = lefts[rank - 1] + widths[rank - 1] + gaps[rank - 1];
    }
    let corners = columns.cells.iter().zip(&middles).take(boxes);
    let corners = corners.map(|(cell, middle)| Point { x: lefts[cell.rank], y: middle - cell.size.height / 2.0 });
    let lines = lines(columns, &middles, &lefts, &widths);
    let bottom = columns.cells.iter().zip(&middles).map(|(cell, middle)| middle + cell.size.height / 2.0);
    let right = lines.iter().flatten().map(|point| point.x).fold(0.0, f64::max);
    let right = lefts.iter().zip(&widths).map(|(left, width)| left + width).fold(right, f64::max);
    // The curve of a line within a column goes a little beyond.
    let beyond = if columns.routes.iter().any(|(_, route)| is_level(columns, route)) { COLUMN_GAP / 2.0 } else { 0.0 };
    Layout {
        corners: corners.collect(),
        lines,
        size: Size { width: right + beyond, height: bottom.fold(0.0, f64::max) },
    }
}

/// Whether a link begins and ends in the same column.
fn is_level(columns: &Columns, route: &[usize]) -> bool {
    matches!(route, &[first, last] if columns.cells[first].rank == columns.cells[last].rank)
}

/// The width of each gap between two columns.
fn gaps(columns: &Columns, middles: &[f64]) -> Vec<f64> {
    let mut gaps = vec![COLUMN_GAP; columns.columns.len()];
    for &(left, right) in &columns.steps {
        let gap = &mut gaps[columns.cells[left].rank];
        let needed = COLUMN_GAP + STEEP * (middles[left] - middles[right]).abs();
        *gap = gap.max(needed.min(COLUMN_GAP_MOST));
    }
    gaps
}

/// The middle of each cell, from top to bottom.
fn middles(columns: &Columns) -> Vec<f64> {
    let cells = &columns.cells;
    let mut near = vec![vec![]; cells.len()];
    for &(left, right) in &columns.steps {
        near[left].push(right);
        near[right].push(left);
    }
    let mut middles = vec![0.0; cells.len()];
    for column in &columns.columns {
        let wanted = vec![0.0; column.len()];
        settle(cells, column, &wanted, &mut middles);
    }
    for sweep in 0..SWEEPS {
        let ranks: Vec<usize> = (0..columns.columns.len()).collect();
        let ranks: Vec<usize> = if sweep % 2 == 0 { ranks } else { ranks.into_iter().rev().collect() };
        for rank in ranks {
            let column = &columns.columns[rank];
            let mean = |&cell: &usize| match near[cell].len() {
                0 => middles[cell],
                count => near[cell].iter().map(|&at| middles[at]).sum::<f64>() / count as f64,
            };
            let wanted: Vec<f64> = column.iter().map(mean).collect();
            settle(cells, column, &wanted, &mut middles);
        }
    }
    middles
}

/// The least distance between the middles of two cells that follow each other.
fn apart(one: &Cell, other: &Cell) -> f64 {
    let gap = if one.is_line && other.is_line { LINE_GAP } else { GAP };
    (one.size.height + other.size.height) / 2.0 + gap
}

/// Moves the cells of a column as near as possible to where they are wanted, in their order and with their gaps: the
/// least sum of squares, by pooling neighbours that get in each other's way.
fn settle(cells: &[Cell], column: &[usize], wanted: &[f64], middles: &mut [f64]) {
    let mut offsets = vec![0.0; column.len()];
    for at in 1..column.len() {
        offsets[at] = offsets[at - 1] + apart(&cells[column[at - 1]], &cells[column[at]]);
    }
    // Each pool: the sum of the places that its cells want without the gaps, their weight, and their number.
    let mut pools: Vec<(f64, f64, usize)> = vec![];
    for (at, wanted) in wanted.iter().enumerate() {
        let weight = if cells[column[at]].is_line { STRAIGHT } else { 1.0 };
        let mut pool = ((wanted - offsets[at]) * weight, weight, 1);
        while let Some(&(sum, weight, count)) = pools.last() {
            if sum / weight <= pool.0 / pool.1 {
                break;
            }
            pool = (pool.0 + sum, pool.1 + weight, pool.2 + count);
            pools.pop();
        }
        pools.push(pool);
    }
    let mut places = pools.into_iter().flat_map(|(sum, weight, count)| std::iter::repeat_n(sum / weight, count));
    for (at, &cell) in column.iter().enumerate() {
        middles[cell] = places.next().unwrap_or_default() + offsets[at];
    }
}

/// The line of each link.
fn lines(columns: &Columns, middles: &[f64], lefts: &[f64], widths: &[f64]) -> Vec<Vec<Point>> {
    let rank = |cell: usize| columns.cells[cell].rank;
    // The side at which a link leaves its first cell for the next, or comes into its last one from the one before.
    let side = |of: usize, next: usize| if rank(next) < rank(of) { Side::Left } else { Side::Right };
    let start_of = |kind: u8, route: &[usize]| {
        Some(End { cell: route[0], side: side(route[0], *route.get(1)?), port: Port::Out(kind) })
    };
    let end_of = |kind: u8, route: &[usize]| {
        let &[before, last] = route.last_chunk()?;
        Some(End { cell: last, side: side(last, before), port: Port::In(before, kind) })
    };
    // The ports of each side of a cell, with the mean height from which or to which lines run there.
    let mut ports: BTreeMap<(usize, Side), BTreeMap<Port, (f64, f64)>> = BTreeMap::new();
    for (kind, route) in &columns.routes {
        let ends = [start_of(*kind, route).zip(route.get(1)), end_of(*kind, route).zip(route.iter().rev().nth(1))];
        for (End { cell, side, port }, &next) in ends.into_iter().flatten() {
            let (sum, count) = ports.entry((cell, side)).or_default().entry(port).or_default();
            (*sum, *count) = (*sum + middles[next], *count + 1.0);
        }
    }
    let mut heights = BTreeMap::new();
    for (&(cell, side), of) in &ports {
        let mut sorted: Vec<(f64, Port)> = of.iter().map(|(&port, (sum, count))| (sum / count, port)).collect();
        sorted.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let count = sorted.len() as f64;
        let gap = (columns.cells[cell].size.height * PORTS / count).min(PORT_GAP);
        for ((_, port), at) in sorted.into_iter().zip(0_u32..) {
            heights.insert(End { cell, side, port }, middles[cell] + (f64::from(at) - (count - 1.0) / 2.0) * gap);
        }
    }
    let point = |end: End| {
        let edge = if end.side == Side::Left { 0.0 } else { columns.cells[end.cell].size.width };
        Point { x: lefts[rank(end.cell)] + edge, y: heights.get(&end).copied().unwrap_or_default() }
    };
    let border = |rank: usize, side: Side| lefts[rank] + if side == Side::Left { 0.0 } else { widths[rank] };
    let line = |(kind, route): &(u8, Vec<usize>)| {
        let (Some(from), Some(to)) = (start_of(*kind, route), end_of(*kind, route)) else { return vec![] };
        let (mut start, mut end) = (point(from), point(to));
        if from.cell == to.cell {
            // From a box to itself: out of it and into it again.
            let quarter = columns.cells[from.cell].size.height / 4.0;
            (start.y, end.y) = (middles[from.cell] - quarter, middles[from.cell] + quarter);
        }
        let mut points = vec![start, Point { x: border(rank(from.cell), from.side), y: start.y }];
        for &cell in route.get(1..route.len() - 1).unwrap_or_default() {
            let sides = if from.side == Side::Right { [Side::Left, Side::Right] } else { [Side::Right, Side::Left] };
            points.extend(sides.map(|side| Point { x: border(rank(cell), side), y: middles[cell] }));
        }
        points.extend([Point { x: border(rank(to.cell), to.side), y: end.y }, end]);
        points
    };
    columns.routes.iter().map(line).collect()
}
