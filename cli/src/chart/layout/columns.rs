//! Boxes and lines in columns.

use std::collections::{BTreeMap, BTreeSet};

use super::shapes::{Link, Size};

/// A thing with a place in a column: a box, or lines that pass.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cell {
    /// The column.
    pub(super) rank: usize,
    /// The size; a line has none.
    pub(super) size: Size,
    /// Whether this is for lines.
    pub(super) is_line: bool,
}

/// One connected part in columns.
pub(super) struct Columns {
    /// The cells; the boxes come first.
    pub(super) cells: Vec<Cell>,
    /// The cells of each column, from top to bottom.
    pub(super) columns: Vec<Vec<usize>>,
    /// Pairs of cells in neighbouring columns, the left one first, each once.
    pub(super) steps: Vec<(usize, usize)>,
    /// The kind of each link, and the cells through which it runs, from its beginning to its end.
    pub(super) routes: Vec<(u8, Vec<usize>)>,
}

/// Puts boxes of these sizes, in these columns, and the lines between them into columns.
pub(super) fn columns(sizes: &[Size], ranks: &[usize], links: &[Link]) -> Columns {
    let boxes = sizes.iter().zip(ranks).map(|(&size, &rank)| Cell { rank, size, is_line: false });
    let mut cells: Vec<Cell> = boxes.collect();
    let (mut passing, mut steps) = (BTreeMap::new(), BTreeSet::new());
    let mut routes = vec![];
    for link in links {
        let (first, last) = (ranks[link.from], ranks[link.to]);
        let between: Vec<usize> =
            if first < last { (first + 1..last).collect() } else { (last + 1..first).rev().collect() };
        let mut route = vec![link.from];
        for rank in between {
            let key = (link.from, link.kind, first < last, rank);
            route.push(*passing.entry(key).or_insert_with(|| {
                cells.push(Cell { rank, size: Size::default(), is_line: true });
                cells.len() - 1
            }));
        }
        route.push(link.to);
        if first != last {
            let step = |pair: &[usize]| if first < last { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
            steps.extend(route.windows(2).map(step));
        }
        routes.push((link.kind, route));
    }
    let mut columns = vec![vec![]; ranks.iter().max().map_or(0, |last| last + 1)];
    cells.iter().enumerate().for_each(|(at, cell)| columns[cell.rank].push(at));
    Columns { cells, columns, steps: steps.into_iter().collect(), routes }
}
