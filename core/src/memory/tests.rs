//! The containers, each against a plain list that does the same.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::arena::{Arena, TextHandle, cost};
use super::index::{Index, Indexed};
use super::pool::{Pool, PoolView, Record};
use super::queue::{Linked, Queue};
use super::timers::{Timed, Timer, Timers};
use crate::ids::{Id, kind};
use crate::limits::{Full, Limit};
use crate::time::Instant;

/// A thing that can be in every container.
#[derive(Clone, Debug, Default, PartialEq)]
struct Thing {
    name: u32,
    link: Option<ThingId>,
    place: Option<u32>,
    next: Option<ThingId>,
}

type ThingId = Id<kind::Waiter>;

impl Record for Thing {
    type Kind = kind::Waiter;
}

impl Linked for Thing {
    fn link(&mut self) -> &mut Option<ThingId> {
        &mut self.link
    }
}

impl Timed for Thing {
    fn timer(&mut self) -> &mut Option<u32> {
        &mut self.place
    }
    fn place(&self) -> Option<u32> {
        self.place
    }
}

impl Indexed for Thing {
    fn hash(&self) -> u32 {
        self.name / 2
    }
    fn next(&mut self) -> &mut Option<ThingId> {
        &mut self.next
    }
    fn peek(&self) -> Option<ThingId> {
        self.next
    }
}

fn things(pool: &mut PoolView<'_, Thing>, count: u32) -> Vec<ThingId> {
    (0..count).map(|name| pool.insert(Thing { name, ..Thing::default() }).expect("there is room")).collect()
}

/// Random numbers with a fixed sequence.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn a_thing_leaves_a_queue_from_any_place() {
    for length in 1..=4_usize {
        for place in 0..length {
            let mut memory = Pool::<Thing, 6>::new();
            let mut pool = memory.lend(Limit::Blocked);
            let ids = things(&mut pool, 6);
            let (mut queue, mut left) = (Queue::new(), ids[..length].to_vec());
            ids[..length].iter().for_each(|&id| queue.push(&mut pool, id));
            // The removal of a thing that is not in the queue does not change it.
            queue.remove(&mut pool, ids[5]);
            queue.remove(&mut pool, ids[place]);
            left.remove(place);
            assert_eq!((queue.head(), queue.is_empty()), (left.first().copied(), left.is_empty()));
            // The end is known: the next thing comes after all others.
            queue.push(&mut pool, ids[4]);
            left.push(ids[4]);
            for id in left {
                assert_eq!(queue.pop(&mut pool), Some(id), "{place} of {length}");
                assert_eq!(pool.get(id).and_then(|thing| thing.link), None, "it leads nowhere any more");
            }
            assert_eq!((queue.pop(&mut pool), queue.is_empty()), (None, true));
            queue.push(&mut pool, ids[5]);
            assert_eq!(queue.head(), Some(ids[5]), "an empty queue has no last thing");
        }
    }
}

#[test]
fn a_thing_that_was_in_a_queue_leads_nowhere_in_the_next() {
    let mut memory = Pool::<Thing, 3>::new();
    let mut pool = memory.lend(Limit::Blocked);
    let ids = things(&mut pool, 3);
    let mut queue = Queue::new();
    ids.iter().for_each(|&id| queue.push(&mut pool, id));
    queue.remove(&mut pool, ids[1]);
    queue.push(&mut pool, ids[1]);
    let order: Vec<ThingId> = core::iter::from_fn(|| queue.pop(&mut pool)).collect();
    assert_eq!(order, [ids[0], ids[2], ids[1]]);
}

#[test]
fn timers_are_a_list_sorted_by_time() {
    let mut numbers = Numbers(1);
    for count in [1, 2, 3, 7, 12, 40] {
        let mut memory = Pool::<Thing, 40>::new();
        let mut pool = memory.lend(Limit::Blocked);
        let ids = things(&mut pool, count);
        let mut heap = heapless::Vec::<Timer<kind::Waiter, u32>, 40>::new();
        let mut timers = Timers { heap: heap.as_mut_view() };
        let mut armed: Vec<(ThingId, u32, u64)> = vec![];
        for step in 0..1500 {
            let id = ids[numbers.below(ids.len())];
            armed.retain(|timer| timer.0 != id);
            if numbers.below(3) == 0 {
                timers.disarm(&mut pool, id);
            } else {
                let at = numbers.below(40) as u64;
                timers.arm(&mut pool, id, step, Instant(at));
                armed.push((id, step, at));
            }
            assert_eq!(timers.heap.len(), armed.len());
            assert_eq!(timers.first().map(|timer| timer.at.0), armed.iter().map(|timer| timer.2).min());
            for &id in &ids {
                let alarm = armed.iter().find(|timer| timer.0 == id).map(|timer| timer.1);
                assert_eq!(timers.armed(&pool, id), alarm);
                let place = pool.get(id).and_then(|thing| thing.place);
                let owner = place.and_then(|place| timers.heap.get(place as usize)).map(|timer| timer.owner);
                assert_eq!(owner, alarm.map(|_| id), "a thing knows its place");
            }
        }
        // They fire in order.
        armed.sort_by_key(|timer| timer.2);
        for (_, _, at) in armed {
            let first = timers.first().expect("as many as were armed");
            assert_eq!(first.at.0, at);
            timers.disarm(&mut pool, first.owner);
        }
        assert!(timers.first().is_none());
    }
}

#[test]
fn an_index_finds_what_is_in_it() {
    let mut numbers = Numbers(2);
    let mut memory = Pool::<Thing, 20>::new();
    let mut pool = memory.lend(Limit::Blocked);
    let ids = things(&mut pool, 20);
    let mut heads = Index::<kind::Waiter, 4>::new();
    let mut index = heads.lend();
    let mut inside = [false; 20];
    for _ in 0..2000 {
        let place = numbers.below(20);
        match inside[place] {
            true => index.remove(&mut pool, ids[place]),
            false => index.insert(&mut pool, ids[place]),
        }
        inside[place] = !inside[place];
        // The removal of a thing that is not in it has no effect.
        if let Some(outside) = inside.iter().position(|inside| !inside) {
            index.remove(&mut pool, ids[outside]);
        }
        for (name, inside) in (0..20).zip(inside) {
            let found = index.find(&pool, name / 2, |thing| thing.name == name);
            assert_eq!(found, inside.then_some(ids[name as usize]));
            assert_eq!(index.find(&pool, 99, |thing| thing.name == name), None, "by its hash only");
        }
    }
    index.clear();
    assert!((0..20).all(|name| index.find(&pool, name / 2, |thing| thing.name == name).is_none()));
}

#[test]
fn a_pool_keeps_what_is_reserved_and_forgets_what_is_removed() {
    let full = Err(Full { limit: Limit::Jobs });
    let mut memory = Pool::<Thing, 4>::new();
    let mut pool = memory.lend(Limit::Jobs);
    assert!((pool.is_empty(), pool.len(), pool.room(), pool.first()) == (true, 0, 4, None));
    assert_eq!(pool.reserve(5), full.clone());
    assert_eq!((pool.reserve(4), pool.reserved(), pool.room()), (Ok(()), 4, 0));
    pool.unreserve(1);
    let one = pool.insert(Thing::default()).expect("one is not reserved");
    assert_eq!((pool.insert(Thing::default()).err(), pool.reserve(1)), (Some(Full { limit: Limit::Jobs }), full));
    let two = pool.insert_reserved(Thing { name: 2, ..Thing::default() }).expect("it is reserved");
    assert_eq!((pool.len(), pool.reserved(), pool.room(), pool.is_empty()), (2, 2, 0, false));
    pool.unreserve(1);
    pool.reserve_again();
    pool.unreserve(1);
    assert_eq!((pool.reserved(), pool.room()), (1, 1));
    assert_eq!((pool.first(), pool.after(one), pool.after(two)), (Some(one), Some(two), None));
    assert_eq!(pool.ids().collect::<Vec<_>>(), [one, two]);
    assert_eq!(pool.remove(two).map(|thing| thing.name), Some(2));
    assert_eq!((pool.remove(two), pool.get_mut(two)), (None, None));
    assert_eq!((pool.get(two), pool.len()), (None, 1));
    let again = pool.insert(Thing { name: 3, ..Thing::default() }).expect("its slot is free");
    assert_eq!((again.index(), again == two, pool.get(two)), (two.index(), false, None));
    assert_eq!(pool.remove(two), None, "an old id removes nothing");
    assert_eq!((pool.has_been(two), pool.has_been(again), pool.has_been(one)), (true, true, true));
    let future = Id::new(again.index() as u32, again.generation().saturating_add(1));
    let beyond = Id::new(3, again.generation());
    assert_eq!((pool.has_been(future), pool.has_been(beyond)), (false, false));
    assert_eq!((pool.id_at(1), pool.id_at(2)), (Some(again), None));
    pool.remove(again);
    assert_eq!((pool.has_been(future), pool.has_been(again)), (false, true), "its slot is free");
}

/// The slot that was freed last is used first, until the free slots are sorted.
#[test]
fn free_slots_are_used_in_order() {
    let mut memory = Pool::<Thing, 6>::new();
    let mut pool = memory.lend(Limit::Jobs);
    let ids = things(&mut pool, 5);
    let places = |pool: &mut PoolView<'_, Thing>| -> Vec<usize> {
        (0..3).map(|_| pool.insert(Thing::default()).expect("there is room").index()).collect()
    };
    for place in [1, 3, 2] {
        pool.remove(ids[place]);
    }
    assert_eq!(places(&mut pool), [2, 3, 1]);
    for place in [2, 1, 3] {
        let id = pool.id_at(place).expect("it is in use");
        pool.remove(id);
    }
    pool.sort_free();
    assert_eq!((places(&mut pool), pool.room()), (vec![1, 2, 3], 1));
    let last = pool.insert(Thing::default()).map(|id| id.index());
    assert_eq!((last, pool.room()), (Ok(5), 0), "the slot that was never used comes last");
}

/// A piece of text, and what it should be.
type Piece = (TextHandle, Vec<u8>);

/// The figures of an arena are the sums of its pieces.
fn check<const BYTES: usize, const PIECES: usize>(arena: &mut Arena<BYTES, PIECES>, pieces: &[Piece]) {
    let view = arena.lend();
    for (handle, text) in pieces {
        assert_eq!(view.get(*handle), text);
    }
    let kept = pieces.iter().filter(|(_, text)| !text.is_empty());
    assert_eq!(view.pieces(), kept.clone().count());
    assert_eq!(view.used(), kept.map(|(_, text)| cost(text.len())).sum::<usize>());
}

#[test]
fn an_arena_keeps_every_text_until_it_is_freed() {
    let mut numbers = Numbers(3);
    let mut memory = Arena::<400, 8>::new();
    let (mut pieces, mut refused): (Vec<Piece>, [usize; 2]) = (vec![], [0; 2]);
    for step in 0..5000_usize {
        let mut arena = memory.lend();
        let text = vec![step as u8; numbers.below(50)];
        let place = (!pieces.is_empty()).then(|| numbers.below(pieces.len()));
        let (pieces_before, used_before) = (arena.pieces(), arena.used());
        let done = match (numbers.below(5), place) {
            (0, Some(place)) => {
                let (handle, _) = pieces.swap_remove(place);
                arena.free(handle);
                Ok(())
            }
            (1, Some(place)) => {
                let (handle, old) = &mut pieces[place];
                arena.append(handle, &text).map(|()| old.extend(&text))
            }
            (2, Some(place)) => {
                let old = pieces[place].1.clone();
                arena.copy(pieces[place].0).map(|new| pieces.push((new, old)))
            }
            (3, Some(place)) => {
                let (from, len) = (numbers.below(60), numbers.below(60));
                let (handle, old) = &pieces[place];
                let part: Vec<u8> = old.iter().skip(from).take(len).copied().collect();
                let begun = arena.begin().and_then(|()| arena.push(&text));
                let begun = begun.and_then(|()| arena.push_part(*handle, from, len));
                begun.map(|()| {
                    assert_eq!(arena.written(), text.len() + part.len());
                    pieces.push((arena.finish(), [text, part].concat()));
                })
            }
            _ => arena.add(&text).map(|new| pieces.push((new, text))),
        };
        if let Err(Full { limit }) = done {
            refused[usize::from(limit == Limit::Pieces)] += 1;
            assert_eq!((arena.pieces(), arena.used(), arena.written()), (pieces_before, used_before, 0));
            // The texts without room are as they were, and there is room for others.
            let (handle, _) = pieces.swap_remove(0);
            arena.free(handle);
        }
        check(&mut memory, &pieces);
    }
    assert!(refused.iter().all(|&times| times > 20), "it was never full: {refused:?}");
    let mut arena = memory.lend();
    pieces.into_iter().for_each(|(handle, _)| arena.free(handle));
    check(&mut memory, &[]);
}

#[test]
fn what_an_arena_has_reserved_is_kept_to_the_byte() {
    let (no_bytes, no_pieces) = (Err(Full { limit: Limit::Text }), Err(Full { limit: Limit::Pieces }));
    let mut memory = Arena::<100, 3>::new();
    let mut arena = memory.lend();
    assert_eq!(
        (arena.check_room(3, 100), arena.check_room(3, 101), arena.check_room(4, 1)),
        (Ok(()), no_bytes, no_pieces)
    );
    assert_eq!((arena.reserve(1, cost(12)), arena.reserved(), arena.reserved_pieces()), (Ok(()), 20, 1));
    assert_eq!((arena.reserve(3, 0), arena.reserve(0, 81)), (no_pieces, no_bytes));
    // 80 bytes are left: a piece of 72 with its header.
    assert_eq!(arena.add(&[1; 73]), Err(Full { limit: Limit::Text }));
    assert_eq!((arena.used(), arena.pieces()), (0, 0), "the piece was abandoned");
    let large = arena.add(&[1; 72]).expect("there is room");
    assert_eq!(arena.add(&[2; 1]), Err(Full { limit: Limit::Text }));
    arena.unreserve(1, 20);
    let small = arena.add(&[2; 12]).expect("it was reserved");
    assert_eq!((arena.get(large), arena.get(small)), (&[1; 72][..], &[2; 12][..]));
    arena.free(small);
    arena.reserve_again(1, 20);
    assert_eq!((arena.reserved(), arena.reserved_pieces(), arena.used()), (20, 1, 80));
    let mut grown = large;
    assert_eq!((arena.append(&mut grown, &[1]), grown), (Err(Full { limit: Limit::Text }), large), "it is reserved");
    assert_eq!((arena.add(b""), arena.copy(TextHandle::EMPTY)), (Ok(TextHandle::EMPTY), Ok(TextHandle::EMPTY)));
    // Nor does the last piece grow into what is reserved.
    arena.clear();
    let mut last = arena.add(&[3; 72]).expect("there is room");
    arena.reserve(1, 19).expect("there is room");
    assert_eq!(arena.append(&mut last, &[4; 2]), no_bytes);
    assert_eq!((arena.append(&mut last, &[4]), arena.get(last).len()), (Ok(()), 73));
}

#[test]
fn a_piece_that_is_being_written_moves_with_the_others() {
    let mut memory = Arena::<64, 4>::new();
    let mut arena = memory.lend();
    let hole = arena.add(&[1; 20]).expect("there is room");
    arena.begin().expect("there is room");
    arena.push(&[2; 10]).expect("there is room");
    arena.free(hole);
    arena.push(&[3; 25]).expect("there is room without the hole");
    assert_eq!(arena.written(), 35);
    let text = arena.finish();
    assert_eq!(arena.get(text), [[2; 10].as_slice(), &[3; 25]].concat());
    arena.clear();
    assert_eq!((arena.used(), arena.pieces(), arena.get(text)), (0, 0, &[][..]));
    // All of it is free again.
    let again: Vec<TextHandle> = (0..4).map(|byte| arena.add(&[byte; 8]).expect("there is room")).collect();
    assert!((0..4).zip(again).all(|(byte, text)| arena.get(text) == [byte; 8]));
}

#[test]
fn one_piece_is_written_at_a_time() {
    let mut memory = Arena::<64, 4>::new();
    let mut arena = memory.lend();
    let mut first = arena.add(b"a").expect("there is room");
    for _ in 0..2 {
        arena.begin().expect("there is room");
        arena.push(b"lost").expect("there is room");
    }
    assert_eq!((arena.written(), arena.used()), (4, cost(1) + cost(4)), "the one before is dropped");
    arena.append(&mut first, b"b").expect("there is room");
    assert_eq!((arena.get(first), arena.written(), arena.used()), (&b"ab"[..], 0, cost(2)));
    // A dropped piece makes room.
    arena.begin().expect("there is room");
    arena.push(&[1; 40]).expect("there is room");
    arena.append(&mut first, &[2; 30]).expect("there is room without the piece that is dropped");
    assert_eq!((arena.used(), arena.pieces(), cost(0)), (cost(32), 1, 0));
}
