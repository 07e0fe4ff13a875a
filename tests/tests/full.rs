//! Explores every order of everything that can happen to a job with hardly any capacity: whatever is full, every client
//! gets a reply, no process is lost, and all memory is freed.

use uphold_core::{Exit, storage};
use uphold_tests::choices::Choices;
use uphold_tests::explore::{Bounds, Seen, explore};
use uphold_tests::world::{Memory, World};

/// Two instances with capacity for one, two clients of which one waits, and events.
const CHOICES: Choices = Choices {
    jobs: &["a N=1", "a N=2"],
    events: &["go N=1 X=long", "halt", "go N=2"],
    ends: &[Exit::Status(0), Exit::Status(1)],
    waiting: 1,
    ..Choices::PLAIN
};

const FILE: &str = "start on go\nstop on halt\ninstance $N\nexport X\npost-stop exec hook\nexec main\n";

fn search<M: Memory + Clone>(memory: M) -> Option<Seen> {
    let mut world = World::new(memory);
    // There is nothing to explore if not even the class fits.
    world.load("a", FILE).ok()?;
    match explore(world, Bounds::NONE, &|world, steps| CHOICES.list(world, steps), &|_, _| Ok(())) {
        Ok(seen) => Some(seen),
        Err(violation) => panic!("{violation}"),
    }
}

/// Room for all that can happen, but for one capacity.
macro_rules! roomy {
    ($field:ident: $count:literal) => {
        storage! {
            classes: 1,
            jobs: 1,
            processes: 4,
            events: 6,
            waiters: 8,
            leaves: 4,
            names: 2,
            text: 2048,
            pieces: 48,
            chains: 4,
            $field: $count,
        }
    };
}

macro_rules! searches {
    ($($field:ident: $($count:literal),+;)+) => {
        $(#[test]
        fn $field() {
            let seen = [$(search(<roomy!($field: $count)>::new())),+];
            let states: Vec<_> = seen.iter().map(|seen| seen.map(|seen| seen.states)).collect();
            println!("{states:?}");
            assert!(states.is_sorted(), "more room, fewer states: {states:?}");
            assert!(states.first() < states.last(), "nothing was ever full: {states:?}");
        })+
    };
}

// In each row the capacity in question grows from next to nothing to as much as can be used.
searches! {
    events: 3, 4, 6;
    waiters: 1, 2, 3, 8;
    leaves: 1, 2;
    text: 300, 400, 500, 600, 2048;
    pieces: 8, 10, 12, 14, 48;
}
