//! The column of each box: after the last of those before it.

use super::shapes::Link;

/// The column of each box, from 0.
pub(super) fn of(count: usize, links: &[Link]) -> Vec<usize> {
    let arrows = without_circles(count, links);
    let (mut after, mut before) = (vec![vec![]; count], vec![0_usize; count]);
    for &(from, to) in &arrows {
        after[from].push(to);
        before[to] += 1;
    }
    let arriving = before.clone();
    let mut sorted: Vec<usize> = (0..count).filter(|&at| before[at] == 0).collect();
    let (mut ranks, mut next) = (vec![0; count], 0);
    while let Some(&at) = sorted.get(next) {
        next += 1;
        for &to in &after[at] {
            ranks[to] = ranks[to].max(ranks[at] + 1);
            before[to] -= 1;
            if before[to] == 0 {
                sorted.push(to);
            }
        }
    }
    // A box that more links leave than reach stands next to the first of those that it leads to.
    for &at in sorted.iter().rev() {
        if let Some(nearest) = after[at].iter().map(|&to| ranks[to]).min()
            && after[at].len() >= arriving[at]
        {
            ranks[at] = nearest - 1;
        }
    }
    // A box that only other links leave stands next to what they lead to, if need be in a column of its own.
    ranks.iter_mut().for_each(|rank| *rank += 1);
    let is_free = |at: usize| after[at].is_empty() && arriving[at] == 0;
    for at in (0..count).filter(|&at| is_free(at)) {
        let others = links.iter().filter(|link| link.from == at && !is_free(link.to)).map(|link| ranks[link.to]);
        let free = links.iter().any(|link| link.from == at && link.to != at);
        if let Some(nearest) = others.min().or(free.then_some(1)) {
            ranks[at] = nearest - 1;
        }
    }
    let first = ranks.iter().copied().min().unwrap_or_default();
    ranks.iter_mut().for_each(|rank| *rank -= first);
    ranks
}

/// The links that shape the drawing, each once. Those that close a circle are turned round, and those from a box to
/// itself are left out.
fn without_circles(count: usize, links: &[Link]) -> Vec<(usize, usize)> {
    let mut after = vec![vec![]; count];
    let mut arrows: Vec<(usize, usize)> =
        links.iter().filter(|link| link.shapes && link.from != link.to).map(|link| (link.from, link.to)).collect();
    arrows.sort_unstable();
    arrows.dedup();
    let mut has_before = vec![false; count];
    for &(from, to) in &arrows {
        after[from].push(to);
        has_before[to] = true;
    }
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        OnTheWay,
        Done,
    }
    let mut seen = vec![Seen::Not; count];
    let mut acyclic = vec![];
    // The search begins where nothing leads to, so that few links are turned.
    let (firsts, others): (Vec<usize>, Vec<usize>) = (0..count).partition(|&at| !has_before[at]);
    for first in firsts.into_iter().chain(others) {
        if seen[first] != Seen::Not {
            continue;
        }
        seen[first] = Seen::OnTheWay;
        let mut way = vec![(first, 0)];
        while let Some((at, next)) = way.last_mut() {
            let (from, Some(&to)) = (*at, after[*at].get(*next)) else {
                seen[*at] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            match seen[to] {
                Seen::OnTheWay => acyclic.push((to, from)),
                Seen::Done => acyclic.push((from, to)),
                Seen::Not => {
                    acyclic.push((from, to));
                    seen[to] = Seen::OnTheWay;
                    way.push((to, 0));
                }
            }
        }
    }
    acyclic.sort_unstable();
    acyclic.dedup();
    acyclic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(count: usize, pairs: &[(usize, usize)]) -> Vec<usize> {
        let links = pairs.iter().map(|&(from, to)| Link { from, to, kind: 0, shapes: true });
        of(count, &links.collect::<Vec<_>>())
    }

    #[test]
    fn the_longest_path_decides() {
        assert_eq!(ranks(4, &[(0, 1), (1, 2), (0, 2), (3, 2)]), [0, 1, 2, 1]);
    }

    #[test]
    fn what_only_stops_others_stands_next_to_them() {
        let links = [(0, 1, true), (1, 2, true), (3, 2, false), (4, 0, false), (5, 5, false)];
        let links = links.map(|(from, to, shapes)| Link { from, to, kind: 0, shapes });
        assert_eq!(of(6, &links), [1, 2, 3, 2, 0, 1]);
    }

    #[test]
    fn circles_are_broken() {
        assert_eq!(ranks(3, &[(0, 1), (1, 2), (2, 0)]), [0, 1, 2]);
        assert_eq!(ranks(2, &[(0, 0), (0, 1), (1, 0)]), [0, 1]);
    }
}
