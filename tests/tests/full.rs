//! Explores every order of everything that can happen to a job with hardly any capacity: whatever is full, every client
//! gets a reply, no process is lost, and all memory is freed.

use uphold_core::{Exit, Storage};
use uphold_tests::choices::Choices;
use uphold_tests::explore::{Seen, explore};
use uphold_tests::world::{Memory, World};

/// Two instances with capacity for one, two clients of which one waits, and events.
const CHOICES: Choices = Choices {
    jobs: &["a N=1", "a N=2"],
    events: &["go N=1 X=long", "halt", "go N=2"],
    ends: &[Exit::Status(0), Exit::Status(1)],
    late_ends: false,
    waiting: 1,
    shutdown: false,
    forks: 2,
    orphans: 0,
    speaks: false,
    writes: false,
    busy: false,
};

const FILE: &str = "start on go\nstop on halt\ninstance $N\nexport X\npost-stop exec hook\nexec main\n";

fn search<M: Memory + Clone>(memory: M) -> Option<Seen> {
    let mut world = World::new(memory);
    // There is nothing to explore if not even the class fits.
    world.load("a", FILE).ok()?;
    match explore(world, &|world, steps| CHOICES.list(world, steps), &|_| Ok(())) {
        Ok(seen) => Some(seen),
        Err(violation) => panic!("{violation}"),
    }
}

macro_rules! searches {
    ($($name:ident: $($storage:ty),+;)+) => {
        $(#[test]
        fn $name() {
            let seen = [$(search(<$storage>::new())),+];
            let states: Vec<_> = seen.iter().map(|seen| seen.map(|seen| seen.states)).collect();
            println!("{states:?}");
            assert!(states.is_sorted(), "more room, fewer states: {states:?}");
            assert!(states.first() < states.last(), "nothing was ever full: {states:?}");
        })+
    };
}

// In each row one capacity grows from almost nothing to as much as can be used. classes, jobs, processes, events,
// waiters, leaves, names, text, pieces, chains
searches! {
    events:  Storage<1, 1, 4, 3, 8, 4, 2, 2048, 48, 4>, Storage<1, 1, 4, 4, 8, 4, 2, 2048, 48, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 2048, 48, 4>;
    waiters: Storage<1, 1, 4, 6, 1, 4, 2, 2048, 48, 4>, Storage<1, 1, 4, 6, 2, 4, 2, 2048, 48, 4>, Storage<1, 1, 4, 6, 3, 4, 2, 2048, 48, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 2048, 48, 4>;
    leaves:  Storage<1, 1, 4, 6, 8, 1, 2, 2048, 48, 4>, Storage<1, 1, 4, 6, 8, 2, 2, 2048, 48, 4>;
    text:    Storage<1, 1, 4, 6, 8, 4, 2, 300, 48, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 400, 48, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 500, 48, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 600, 48, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 2048, 48, 4>;
    pieces:  Storage<1, 1, 4, 6, 8, 4, 2, 2048, 8, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 2048, 10, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 2048, 12, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 2048, 14, 4>, Storage<1, 1, 4, 6, 8, 4, 2, 2048, 48, 4>;
}
