//! Random graphs, and the faults of their drawings.

use uphold_initctl::chart::layout::{Link, Point, Size, lay_out};
use uphold_tests::simulation::dice::Dice;

use super::picture::Rect;

/// A random graph: sizes of boxes, and links between them, with circles, links from a box to itself, and parallel ones.
pub fn random(dice: &mut Dice, boxes: usize, links: usize) -> (Vec<Size>, Vec<Link>) {
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
pub fn fault(sizes: &[Size], links: &[Link]) -> Option<String> {
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
