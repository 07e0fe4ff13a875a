//! The order within the columns, in which few lines cross.

use super::columns::Columns;

/// Sweeps over all columns, in either direction in turns. More do not help.
const SWEEPS: usize = 24;

/// Orders the columns. Of the orders that the sweeps find, the one with the fewest crossings is kept.
pub(super) fn sort(columns: &mut Columns) {
    let count = columns.cells.len();
    let (mut left, mut right) = (vec![vec![]; count], vec![vec![]; count]);
    for &(from, to) in &columns.steps {
        left[to].push(from);
        right[from].push(to);
    }
    let mut place = vec![0.0; count];
    let number = |column: &[usize], place: &mut [f64]| {
        column.iter().zip(0_u32..).for_each(|(&cell, at)| place[cell] = f64::from(at));
    };
    columns.columns.iter().for_each(|column| number(column, &mut place));
    let mut best = (crossings(columns, &right), columns.columns.clone());
    for sweep in 0..SWEEPS {
        let ranks: Vec<usize> = (0..columns.columns.len()).collect();
        let (ranks, neighbours): (Vec<usize>, _) =
            if sweep % 2 == 0 { (ranks, &left) } else { (ranks.into_iter().rev().collect(), &right) };
        for rank in ranks {
            let column = &mut columns.columns[rank];
            let mean = |cell: usize| match neighbours[cell].len() {
                0 => place[cell],
                count => neighbours[cell].iter().map(|&at| place[at]).sum::<f64>() / count as f64,
            };
            let mut keyed: Vec<(f64, usize)> = column.iter().map(|&cell| (mean(cell), cell)).collect();
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
            *column = keyed.into_iter().map(|(_, cell)| cell).collect();
            number(column, &mut place);
        }
        let crossed = crossings(columns, &right);
        if crossed < best.0 {
            best = (crossed, columns.columns.clone());
        }
    }
    columns.columns = best.1;
}

/// How many pairs of lines cross.
fn crossings(columns: &Columns, right: &[Vec<usize>]) -> usize {
    let mut place = vec![0; columns.cells.len()];
    for column in &columns.columns {
        column.iter().enumerate().for_each(|(at, &cell)| place[cell] = at);
    }
    let between = |pair: &[Vec<usize>]| {
        // Counts of lines by the place of their end, in a Fenwick tree: lines that begin above and end below cross.
        let (mut tree, mut drawn, mut crossed) = (vec![0_usize; pair[1].len() + 1], 0, 0);
        for &cell in &pair[0] {
            for &to in &right[cell] {
                let mut at = place[to] + 1;
                let mut above = 0;
                while at > 0 {
                    above += tree[at];
                    at -= at & at.wrapping_neg();
                }
                crossed += drawn - above;
            }
            for &to in &right[cell] {
                let mut at = place[to] + 1;
                while at < tree.len() {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
                drawn += 1;
            }
        }
        crossed
    };
    columns.columns.windows(2).map(between).sum()
}

#[cfg(test)]
mod tests {
    use super::super::columns::columns;
    use super::super::shapes::{Link, Size};
    use super::*;

    #[test]
    fn crossed_lines_are_untangled() {
        let link = |from, to| Link { from, to, kind: 0, shapes: true };
        let links = [link(0, 5), link(1, 4), link(2, 3)];
        let mut columns = columns(&[Size::default(); 6], &[0, 0, 0, 1, 1, 1], &links);
        let right = |columns: &Columns| {
            let mut right = vec![vec![]; 6];
            columns.steps.iter().for_each(|&(from, to)| right[from].push(to));
            right
        };
        assert_eq!(crossings(&columns, &right(&columns)), 3);
        sort(&mut columns);
        assert_eq!(crossings(&columns, &right(&columns)), 0);
    }
}
