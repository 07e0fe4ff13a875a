//! Boxes and the lines between them in layers, from left to right, as Sugiyama, Tagawa and Toda (1981) draw them.
//!
//! A box stands in the column after the last of those before it; circles are broken where a search meets them. A line
//! that passes other columns gets a place in each of them, so that it runs through no box. The places of a column are
//! ordered by the mean of their neighbours, in sweeps, and then moved as near to them as they can be. Parts that are
//! not connected are drawn on their own, and packed into shelves. The number of sweeps is fixed, and there is no
//! recursion.

mod columns;
mod order;
mod place;
mod ranks;
mod shapes;
mod shelves;

use columns::columns;
pub use shapes::{Layout, Link, Point, Size};

/// Draws boxes of these sizes, and links between them.
pub fn lay_out(sizes: &[Size], links: &[Link]) -> Layout {
    let mut layout =
        Layout { corners: vec![Point::default(); sizes.len()], lines: vec![vec![]; links.len()], ..Layout::default() };
    let parts = parts(sizes.len(), links);
    let drawn: Vec<(Layout, &Part)> = parts.iter().map(|part| (lay_out_part(sizes, links, part), part)).collect();
    let extents: Vec<Size> = drawn.iter().map(|(part, _)| part.size).collect();
    let (places, size) = shelves::pack(&extents);
    for ((part, Part { boxes, links }), at) in drawn.into_iter().zip(places) {
        let moved = |point: Point| Point { x: point.x + at.x, y: point.y + at.y };
        boxes.iter().zip(part.corners).for_each(|(&of, corner)| layout.corners[of] = moved(corner));
        let lines = links.iter().zip(part.lines);
        lines.for_each(|(&of, line)| layout.lines[of] = line.into_iter().map(moved).collect());
    }
    layout.size = size;
    layout
}

/// The boxes and the links of a connected part.
#[derive(Default)]
struct Part {
    boxes: Vec<usize>,
    links: Vec<usize>,
}

/// The connected parts, the one with the first box first.
fn parts(count: usize, links: &[Link]) -> Vec<Part> {
    let mut neighbours = vec![vec![]; count];
    for link in links {
        neighbours[link.from].push(link.to);
        neighbours[link.to].push(link.from);
    }
    let (mut of, mut parts) = (vec![None; count], vec![]);
    for first in 0..count {
        if of[first].is_some() {
            continue;
        }
        let (mut waiting, number) = (vec![first], parts.len());
        of[first] = Some(number);
        while let Some(at) = waiting.pop() {
            for &next in &neighbours[at] {
                if of[next].is_none() {
                    of[next] = Some(number);
                    waiting.push(next);
                }
            }
        }
        parts.push(Part::default());
    }
    for (at, part) in of.iter().enumerate() {
        parts[part.unwrap_or_default()].boxes.push(at);
    }
    for (at, link) in links.iter().enumerate() {
        parts[of[link.from].unwrap_or_default()].links.push(at);
    }
    parts
}

fn lay_out_part(sizes: &[Size], links: &[Link], part: &Part) -> Layout {
    // The boxes of a part are in order.
    let place = |at: usize| part.boxes.binary_search(&at).unwrap_or_default();
    let sizes: Vec<Size> = part.boxes.iter().map(|&at| sizes[at]).collect();
    let links: Vec<Link> = part
        .links
        .iter()
        .map(|&at| Link { from: place(links[at].from), to: place(links[at].to), ..links[at] })
        .collect();
    let ranks = ranks::of(sizes.len(), &links);
    let mut columns = columns(&sizes, &ranks, &links);
    order::sort(&mut columns);
    place::draw(&columns, sizes.len())
}
