//! Room that is given back: what was refused, called off, freed or lost leaves everything as it was.

#[path = "no_room/ask.rs"]
mod ask;

use ask::{complaints, emit, fill, occupancy, start, stop};
use uphold_core::control::Request;
use uphold_core::{Target, storage};
use uphold_tests::talk::{From, Talk};
use uphold_tests::world::Memory;

/// A job has room for two of its own events. While others hold those, it has no more than anything else: the log names
/// an event that has no room, and the job goes on.
#[test]
fn a_job_whose_events_are_held_goes_on_without_more() {
    type Mine = storage! { classes: 8, jobs: 1, events: 4 };
    for (held, others, lost) in [(0, 2, 0), (1, 2, 0), (2, 1, 0), (2, 2, 2)] {
        let mut talk = Talk::new(Mine::new());
        talk.load("svc", "exec main\n");
        let empty = occupancy(&mut talk);
        talk.load("fill", "start on a and b and never\n");
        start(&mut talk, "svc", "");
        // Each restart is held by the newest of these.
        for number in 0..held {
            talk.load(&format!("hold{number}"), "start on started svc and never\n");
            let restart = Request::Restart { target: Target::named(b"svc"), wait: false };
            talk.ask(From::Root, restart);
            talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
        }
        for event in ["a", "b"].into_iter().take(others) {
            emit(&mut talk, event, "", false);
        }
        assert_eq!(occupancy(&mut talk).events.used, held + others);
        stop(&mut talk, "svc", "");
        talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
        let said: Vec<String> = talk
            .said
            .iter()
            .cloned()
            .chain(talk.world.kernel.journal.replace(Vec::new()).unwrap_or_default())
            .collect();
        assert_eq!(complaints(&said).len(), lost, "{held} and {others}: {said:?}");
        assert_eq!(said.contains(&"Handling stopped event".to_owned()), lost == 0, "{said:?}");
        assert_eq!(occupancy(&mut talk).jobs.used, 0, "{held} and {others}");
        for class in ["fill".to_owned()].into_iter().chain((0..held).map(|number| format!("hold{number}"))) {
            talk.world.memory.supervisor().delete_class(class.as_bytes());
        }
        talk.world.happen(&"20 seconds pass".parse().expect("words that are known"));
        assert_eq!(occupancy(&mut talk), empty, "{held} and {others}");
    }
}

/// A job that cannot be made leaves everything as it was, whatever is full.
#[test]
fn a_job_that_cannot_be_made_leaves_nothing() {
    type Mine =
        storage! { classes: 4, jobs: 3, events: 24, waiters: 24, leaves: 40, names: 40, text: 8192, pieces: 60 };
    type Few = storage! { classes: 4, jobs: 3, events: 24, waiters: 4, leaves: 40, names: 40, text: 8192, pieces: 60 };
    fn refused<M: Memory>(mut talk: Talk<M>, held: usize) -> bool {
        let names: Vec<String> = (0..held).map(|number| format!("e{number}")).collect();
        talk.load("job", "start on x and y and z\ninstance $N\nstop on halt\nexec main\n");
        talk.load(
            "hold",
            &format!("start on never and ({})\n", [&["none".to_owned()], &names[..]].concat().join(" and ")),
        );
        start(&mut talk, "job", "N=1\0");
        names.iter().for_each(|name| drop(emit(&mut talk, name, "", false)));
        let before = occupancy(&mut talk);
        let said = start(&mut talk, "job", "N=2\0");
        let is_refused = said.starts_with("The supervisor's capacity is exhausted");
        assert!(is_refused || said.starts_with("job (2) start/"), "{held}: {said}");
        if is_refused {
            assert_eq!(occupancy(&mut talk), before, "{held}: {said}");
        }
        is_refused
    }
    let count = (0..23).filter(|&held| refused(Talk::new(Mine::new()), held)).count();
    assert!((2..20).contains(&count), "{count}");
    type Pieces =
        storage! { classes: 4, jobs: 3, events: 40, waiters: 40, leaves: 40, names: 40, text: 8192, pieces: 60 };
    let count = (0..30).filter(|&held| refused(Talk::new(Pieces::new()), held)).count();
    assert!((3..25).contains(&count), "{count}");
    assert!(refused(Talk::new(Few::new()), 0), "there are places for one job only");
}

/// Variables that never came to count give their room back.
#[test]
fn the_variables_of_a_start_that_was_called_off_are_freed() {
    type Mine = storage! { classes: 4, jobs: 2, text: 4096 };
    let mut talk = Talk::new(Mine::new());
    talk.load("svc", "exec main\n");
    let empty = occupancy(&mut talk);
    start(&mut talk, "svc", "A=1\0");
    for given in ["A=2\0", "A=3\0", "A=4\0"] {
        stop(&mut talk, "svc", "B=1\0");
        assert_eq!(start(&mut talk, "svc", given), "svc start/killed, process 1");
    }
    talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
    let table = uphold_core::EnvTable::Job { job: b"svc", instance: b"" };
    assert_eq!(talk.ask(From::Root, Request::GetEnvironment { table, name: b"A" }), "4");
    stop(&mut talk, "svc", "");
    talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
    assert_eq!(occupancy(&mut talk), empty);
}

/// A status text for which there is no room is lost, which is logged, and the one before it stays.
#[test]
fn a_status_text_without_room_is_not_taken() {
    type Mine = storage! { classes: 4, jobs: 2, text: 4096 };
    let mut talk = Talk::new(Mine::new());
    talk.load("svc", "exec main\n");
    start(&mut talk, "svc", "");
    talk.world.happen(&"1 says STATUS first".parse().expect("words that are known"));
    fill(&mut talk, 0);
    talk.world.kernel.journal = Some(Vec::new());
    talk.world.happen(&"1 says STATUS second".parse().expect("words that are known"));
    let said = talk.world.kernel.journal.replace(Vec::new()).unwrap_or_default();
    assert_eq!(complaints(&said).len(), 1, "{said:?}");
    let told = talk.ask(From::Root, Request::Status { target: Target::named(b"svc") });
    assert_eq!(told, "svc start/running, process 1\n\tfirst");
}

/// Of the variables of events a class takes those that it imports, whichever comes first; the others are freed.
#[test]
fn variables_that_are_not_imported_are_freed() {
    type Mine = storage! { classes: 4, jobs: 2, text: 4096 };
    let mut talk = Talk::new(Mine::new());
    talk.load("svc", "import A\nstart on go\nexec main\n");
    let empty = occupancy(&mut talk);
    for (variables, a) in [("A=1\0B=2\0", "1"), ("B=2\0A=3\0", "3"), ("B=2\0", "No such variable: A")] {
        emit(&mut talk, "go", variables, false);
        let table = uphold_core::EnvTable::Job { job: b"svc", instance: b"" };
        assert_eq!(talk.ask(From::Root, Request::GetEnvironment { table, name: b"A" }), a);
        assert_eq!(talk.ask(From::Root, Request::GetEnvironment { table, name: b"B" }), "No such variable: B");
        stop(&mut talk, "svc", "");
        talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
        assert_eq!(occupancy(&mut talk), empty, "{variables}");
    }
}

/// With a single chain in each table everything is found that was found with many.
#[test]
fn what_shares_a_chain_is_found() {
    type Mine = storage! { classes: 8, jobs: 8, chains: 1 };
    let mut talk = Talk::new(Mine::new());
    for number in 1..=6 {
        talk.load(&format!("job{number}"), &format!("start on go or go{number}\nexec main\n"));
    }
    emit(&mut talk, "go", "", false);
    for (gone, left) in [(3, &[1, 2, 4, 5, 6][..]), (6, &[1, 2, 4, 5]), (1, &[2, 4, 5])] {
        talk.world.happen(&format!("{gone} exits 0").parse().expect("words that are known"));
        for number in left {
            let job = format!("job{number}");
            let told = talk.ask(From::Root, Request::Status { target: Target::named(job.as_bytes()) });
            assert_eq!(told, format!("{job} start/running, process {number}"));
            let pid = uphold_core::Pid::new(*number).expect("a number");
            assert!(talk.world.memory.supervisor().owner(pid).is_some(), "{job}");
        }
        // Its event starts it, and no other.
        emit(&mut talk, &format!("go{gone}"), "", false);
        let started = talk.said.iter().filter(|line| line.starts_with("spawn ")).count();
        assert_eq!(started, 1, "{:?}", talk.said);
        stop(&mut talk, &format!("job{gone}"), "");
        let last = talk.world.kernel.children.last().expect("its process").pid;
        talk.world.happen(&format!("{last} dies of TERM").parse().expect("words that are known"));
    }
}

/// The instances of a class are a list, from which each can leave, and which an image must show whole.
#[test]
fn instances_leave_in_any_order() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let mut talk = Talk::new(uphold_tests::world::Small::new());
        talk.load("one", "instance $N\nexec main\n");
        (1..=3).for_each(|number| drop(start(&mut talk, "one", &format!("N={number}\0"))));
        for number in order {
            stop(&mut talk, "one", &format!("N={number}\0"));
            talk.world.happen(&format!("{number} dies of TERM").parse().expect("words that are known"));
            uphold_tests::memory::image_of(&mut talk.world.memory).expect("a sound state");
        }
        start(&mut talk, "one", "N=4\0");
        uphold_tests::memory::image_of(&mut talk.world.memory).expect("a sound state");
    }
}

/// A client that does not wait gets its reply also when there is no place to keep it: at once.
#[test]
fn a_reply_needs_no_place() {
    type Mine = storage! { classes: 4, jobs: 1, waiters: 3 };
    let mut talk = Talk::new(Mine::new());
    talk.load("job", "start on x and y and z\nexec main\n");
    assert_eq!(emit(&mut talk, "e", "", false), "done");
    assert!(start(&mut talk, "job", "").starts_with("job start/"), "every place is reserved now");
    assert_eq!(occupancy(&mut talk).waiters.reserved, 3);
    assert_eq!(emit(&mut talk, "e", "", false), "done");
    assert_eq!(stop(&mut talk, "job", ""), "job stop/running, process 1");
}

/// However much room there is, a job is started with all the text that it will need, or not at all.
#[test]
fn a_start_has_all_its_text_or_leaves_nothing() {
    type Mine = storage! { classes: 4, jobs: 2, text: 4096 };
    let value = "v".repeat(50);
    let (mut started, mut refused) = (0, 0);
    for room in (0..900).step_by(3) {
        for by_event in [false, true] {
            let mut talk = Talk::new(Mine::new());
            talk.load("svc", "import A\nexport A\ninstance $N\nstart on go\nexec main\n");
            fill(&mut talk, room);
            let before = occupancy(&mut talk);
            let variables = format!("N=1\0A={value}\0B={value}\0");
            match by_event {
                false => drop(start(&mut talk, "svc", &variables)),
                true => drop(emit(&mut talk, "go", &variables, false)),
            }
            if occupancy(&mut talk).jobs.used == 0 {
                assert_eq!(occupancy(&mut talk), before, "{room}");
                refused += 1;
                continue;
            }
            started += 1;
            fill(&mut talk, 0);
            talk.world.kernel.journal = Some(Vec::new());
            talk.world.happen(&"1 dies of STKFLT".parse().expect("words that are known"));
            let said = talk.world.kernel.journal.replace(Vec::new()).unwrap_or_default();
            assert!(complaints(&said).is_empty(), "{room}: {said:?}");
            assert!(said.contains(&"Handling stopped event".to_owned()), "{room}: {said:?}");
        }
    }
    assert!(started > 50 && refused > 50, "{started} {refused}");
}
