//! Drawings of several sizes packed into one: in rows, the highest ones first.

use super::shapes::{Point, Size};

/// The gap between two drawings.
const GAP: f64 = 28.0;

/// The corner of each drawing, and the size of the whole.
pub(super) fn pack(sizes: &[Size]) -> (Vec<Point>, Size) {
    let area: f64 = sizes.iter().map(|size| (size.width + GAP) * (size.height + GAP)).sum();
    let widest = sizes.iter().map(|size| size.width).fold(0.0, f64::max);
    let most = widest.max(area.sqrt());
    let mut by_height: Vec<usize> = (0..sizes.len()).collect();
    by_height.sort_by(|&one, &other| sizes[other].height.total_cmp(&sizes[one].height));
    let mut places = vec![Point::default(); sizes.len()];
    let (mut at, mut shelf, mut whole) = (Point::default(), 0.0_f64, Size::default());
    for of in by_height {
        let Size { width, height } = sizes[of];
        if at.x > 0.0 && at.x + width > most {
            at = Point { x: 0.0, y: at.y + shelf + GAP };
            shelf = 0.0;
        }
        places[of] = at;
        shelf = shelf.max(height);
        whole = Size { width: whole.width.max(at.x + width), height: whole.height.max(at.y + height) };
        at.x += width + GAP;
    }
    (places, whole)
}
