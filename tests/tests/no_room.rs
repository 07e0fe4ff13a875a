//! Full storages: a refusal names what is full and changes nothing, and what a job needs was reserved when it was made.

#[path = "no_room/ask.rs"]
mod ask;

use ask::{complaints, emit, fill, occupancy, start, stop};
use uphold_core::bytes::Strings;
use uphold_core::control::Request;
use uphold_core::limits::INSTANCE_NAME;
use uphold_core::{Select, Target, storage};
use uphold_tests::talk::{From, Talk};

#[test]
fn a_job_that_runs_can_report_its_end_whatever_fills_the_text() {
    type Mine = storage! { classes: 4, jobs: 2, text: 4096 };
    let values = ["", "A=1\0", "A=12345678901234567890\0", "A=1\0BB=123456789012345678901234567890\0CCC=3\0"];
    let last = ["1 exits 0", "1 exits 255", "1 dies of STKFLT"];
    for given in values {
        for class in ["", "env BB=\"of the class, and longer than the other\"\n", "env A=\n"] {
            for end in last {
                let mut talk = Talk::new(Mine::new());
                let file = format!("export A BB CCC NONE A\ninstance $I\n{class}exec main\n");
                talk.load("a-job-with-a-name", &file);
                start(&mut talk, "a-job-with-a-name", &format!("I=an instance\0{given}"));
                talk.world.happen(&"20 seconds pass".parse().expect("words that are known"));
                fill(&mut talk, 0);
                talk.world.kernel.journal = Some(Vec::new());
                talk.world.happen(&end.parse().expect("words that are known"));
                let said = talk.world.kernel.journal.replace(Vec::new()).unwrap_or_default();
                assert!(complaints(&said).is_empty(), "{given:?}: {said:?}");
                for event in ["stopping", "stopped"] {
                    assert!(said.contains(&format!("Handling {event} event")), "{said:?}");
                }
                assert_eq!(occupancy(&mut talk).jobs.used, 0);
            }
        }
    }
}

/// Every part of the longest text counts: the names of the job and its instance, and the name, the value and the signs
/// of each variable.
#[test]
fn each_part_of_a_report_has_its_room() {
    type Mine = storage! { classes: 4, jobs: 2, text: 8192 };
    let exports: Vec<String> = (10..34).map(|number| format!("A_VARIABLE_{number}")).collect();
    let given: String = exports.iter().map(|name| format!("{name}=x\0")).collect();
    let instance = "i".repeat(60);
    for (exports, given) in [(exports.join(" "), given.as_str()), ("A B C D E F G H J K L M N O P Q R S T".into(), "")]
    {
        let given = if given.is_empty() {
            exports.split(' ').map(|name| format!("{name}=\0")).collect()
        } else {
            given.to_owned()
        };
        let mut talk = Talk::new(Mine::new());
        talk.load("job", &format!("export {exports}\ninstance $I\nexec main\n"));
        start(&mut talk, "job", &format!("I={instance}\0{given}"));
        fill(&mut talk, 0);
        talk.world.happen(&"1 dies of STKFLT".parse().expect("words that are known"));
        let said = talk.world.kernel.journal.replace(Vec::new()).unwrap_or_default();
        assert!(complaints(&said).is_empty() && said.contains(&"Handling stopped event".to_owned()), "{said:?}");
        assert_eq!(occupancy(&mut talk).jobs.used, 0);
    }
}

/// A change of every environment is made whole or not at all, however much room there is.
#[test]
fn every_environment_is_changed_or_none() {
    use uphold_core::EnvTable;
    type Mine = storage! { classes: 4, jobs: 3, text: 3072 };
    let tables = [EnvTable::Global]
        .into_iter()
        .chain([b"1", b"2", b"3"].map(|instance| EnvTable::Job { job: b"one", instance }));
    let tables: Vec<EnvTable<'_>> = tables.collect();
    let (mut done, mut refused) = (0, 0);
    for room in 0..500 {
        for entry in ["A", "A=12345678901234567890"] {
            let mut talk = Talk::new(Mine::new());
            talk.load("one", "instance $N\nexport A\nexec main\n");
            for n in ["N=1\0", "N=2\0", "N=3\0W=a long value of a variable that only this instance has\0"] {
                start(&mut talk, "one", n);
            }
            fill(&mut talk, room);
            let request = Request::SetEnvironment { table: EnvTable::Global, entry: entry.as_bytes(), replace: true };
            let said = talk.ask(From::User, request);
            for table in &tables {
                let request = Request::GetEnvironment { table: *table, name: b"A" };
                let value = talk.ask(From::User, request);
                let wanted = if said == "done" { entry.get(2..).unwrap_or("") } else { "No such variable: A" };
                assert_eq!(value, wanted, "{room}: {said}: {table:?}");
            }
            if said == "done" {
                done += 1
            } else {
                refused += 1
            }
            fill(&mut talk, 0);
            let request = Request::UnsetEnvironment { table: EnvTable::Global, name: b"PATH" };
            let said = talk.ask(From::User, request);
            for table in &tables {
                let request = Request::GetEnvironment { table: *table, name: b"PATH" };
                let value = talk.ask(From::User, request);
                assert_eq!(value == "/bin", said != "done", "{room}: {said}: {table:?}");
            }
        }
    }
    assert!(done > 100 && refused > 100, "{done} {refused}");
}

/// A reset makes the values of jobs longer that began with shorter ones: their reports have room for them, or the reset
/// is refused whole. Nothing is left of the environment that gave way.
#[test]
fn a_reset_is_made_with_room_for_what_becomes_longer() {
    use uphold_core::EnvTable;
    type Mine = storage! { classes: 4, jobs: 2, text: 3072 };
    let value = "of the base, and longer than what is set for a while by far: 12345678901234567890";
    let read = |talk: &mut Talk<Mine>| {
        talk.ask(From::User, Request::GetEnvironment { table: EnvTable::Global, name: b"LONG" })
    };
    let (mut done, mut refused) = (0, 0);
    for room in (0..700).step_by(7) {
        let mut talk = Talk::new(Mine::new());
        let base = format!("LONG={value}\0");
        talk.world.memory.supervisor().set_base_environment(Strings(base.as_bytes())).expect("room");
        talk.load("one", "instance $N\nexport LONG\nexec main\n");
        let set = Request::SetEnvironment { table: EnvTable::Global, entry: b"LONG=", replace: true };
        assert_eq!(talk.ask(From::User, set), "done");
        start(&mut talk, "one", "N=1\0");
        fill(&mut talk, room);
        let before = occupancy(&mut talk).pieces;
        match talk.ask(From::User, Request::ResetEnvironment { table: EnvTable::Global }).as_str() {
            "done" => {
                assert_eq!(read(&mut talk), value);
                done += 1;
            }
            said => {
                assert!(said.starts_with("The supervisor's capacity is exhausted"), "{said}");
                assert_eq!(read(&mut talk), "");
                refused += 1;
            }
        }
        assert_eq!(occupancy(&mut talk).pieces, before, "{room}");
        fill(&mut talk, 0);
        talk.world.happen(&"1 dies of STKFLT".parse().expect("words that are known"));
        let said = talk.world.kernel.journal.replace(Vec::new()).unwrap_or_default();
        assert!(complaints(&said).is_empty() && said.contains(&"Handling stopped event".to_owned()), "{said:?}");
    }
    assert!(done > 10 && refused > 10, "{done} {refused}");
}

/// Events that are not finished may use up the room for them, but not that for the events of jobs.
#[test]
fn an_event_that_has_no_room_leaves_nothing_behind() {
    type Mine = storage! { classes: 4, jobs: 1, events: 5 };
    let mut talk = Talk::new(Mine::new());
    talk.load("svc", "exec main\n");
    for n in 1..=3 {
        talk.load(&format!("hold{n}"), &format!("start on (held{n} and never)\n"));
    }
    start(&mut talk, "svc", "");
    let before = occupancy(&mut talk);
    for n in 1..=3 {
        assert_eq!(emit(&mut talk, &format!("held{n}"), "X=1\0", false), "done");
    }
    let held = occupancy(&mut talk);
    for wait in [false, true] {
        let full = "The supervisor's capacity is exhausted: events";
        assert_eq!(emit(&mut talk, "one-more", "X=1\0", wait), full);
        assert_eq!(occupancy(&mut talk), held);
    }
    assert_eq!(stop(&mut talk, "svc", ""), "svc stop/killed, process 1");
    talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
    assert_eq!(occupancy(&mut talk).jobs.used, 0);
    for n in 1..=3 {
        talk.world.memory.supervisor().delete_class(format!("hold{n}").as_bytes());
    }
    talk.world.happen(&"1 second passes".parse().expect("words that are known"));
    let (after, before) = (occupancy(&mut talk).events, before.events);
    assert_eq!((after.used, after.reserved), (0, 0), "{before:?}");
}

/// An event reaches jobs although its variables cannot be copied: those that it stops are stopped.
#[test]
fn an_event_stops_a_job_without_room_for_its_variables() {
    type Mine = storage! { classes: 4, jobs: 2, text: 4096 };
    let mut talk = Talk::new(Mine::new());
    talk.load("svc", "stop on halt\nexec main\n");
    start(&mut talk, "svc", "");
    let variables = format!("LONG={}\0", "x".repeat(2400));
    assert_eq!(emit(&mut talk, "halt", &variables, false), "done");
    assert!(talk.said.contains(&"No room for svc: the limit of text is reached".to_owned()), "{:?}", talk.said);
    let status = talk.ask(From::Root, Request::Status { target: Target::named(b"svc") });
    assert_eq!(status, "svc stop/killed, process 1");
    talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
    assert_eq!(occupancy(&mut talk).jobs.used, 0);
}

/// An event that has not started a job for want of room has failed, and waits for nothing.
#[test]
fn an_event_fails_if_a_job_that_it_should_start_has_no_room() {
    type Mine = storage! { classes: 4, jobs: 1 };
    let mut talk = Talk::new(Mine::new());
    talk.load("one", "instance $N\nstart on (go and on)\nexec main\n");
    start(&mut talk, "one", "N=0\0");
    let before = occupancy(&mut talk);
    talk.world.happen(&"B: emit on".parse().expect("words that are known"));
    assert_eq!(emit(&mut talk, "go", "N=1\0", true), "Event failed");
    let full = "No room for one: the limit of job instances is reached".to_owned();
    assert!(talk.said.contains(&full) && talk.said.contains(&"B: Event failed".to_owned()), "{:?}", talk.said);
    assert_eq!(occupancy(&mut talk), before);
    // Variables that give no name are the job file's fault, and not the event's.
    talk.world.happen(&"B: emit on".parse().expect("words that are known"));
    assert_eq!(emit(&mut talk, "go", "", true), "done");
    let why = "Failed to obtain one instance: Unknown parameter: N".to_owned();
    assert!(talk.said.contains(&why), "{:?}", talk.said);
    assert_eq!(occupancy(&mut talk), before);
}

/// A name that is too long is refused, by a command as by an event.
#[test]
fn an_instance_has_a_longest_name() {
    type Mine = storage! { classes: 4, jobs: 2, text: 32768, scratch: 2048 };
    let mut talk = Talk::new(Mine::new());
    talk.load("one", "instance $N\nstart on go\nexec main\n");
    talk.load("bad", "instance ${N\nexec main\n");
    talk.load("odd", "instance ${N:*}\nexec main\n");
    for (length, fits) in [(INSTANCE_NAME, true), (INSTANCE_NAME + 1, false)] {
        let variables = format!("N={}\0", "y".repeat(length));
        let said = start(&mut talk, "one", &variables);
        assert_eq!(said.contains("start/spawned"), fits, "{said}");
        assert_eq!(said == "The supervisor's capacity is exhausted: instance name", !fits, "{said}");
        let said = emit(&mut talk, "go", &variables, true);
        assert_eq!(said, if fits { "done" } else { "Event failed" }, "{length}");
    }
    assert_eq!(start(&mut talk, "bad", "N=1\0"), "Mismatched braces");
    assert_eq!(start(&mut talk, "odd", "N=1\0"), "Expected operator");
    assert_eq!(start(&mut talk, "one", ""), "Unknown parameter: N");
    assert_eq!(stop(&mut talk, "one", "M=1\0"), "Unknown parameter: N");
    assert_eq!(occupancy(&mut talk).jobs.used, 1);
}

/// A definition that waits for the end of the old one takes effect, whatever has filled the text since.
#[test]
fn a_replacement_finds_the_room_that_it_was_promised() {
    type Mine = storage! { classes: 4, jobs: 2, text: 4096 };
    for name in ["e", "an-event-with-a-name", "an-event-with-a-name-that-is-not-so-short-as-the-others"] {
        let mut talk = Talk::new(Mine::new());
        talk.load("svc", "exec main\n");
        start(&mut talk, "svc", "");
        talk.load("svc", &format!("start on {name} or b{name}\nstop on c{name}\nexec main\n"));
        fill(&mut talk, 0);
        stop(&mut talk, "svc", "");
        talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
        let now = occupancy(&mut talk);
        assert_eq!((now.names.used, now.interests.used, now.classes.used), (3, 3, 1), "{name}");
        talk.world.memory.supervisor().set_own_environment(Strings::EMPTY).expect("nothing always fits");
        assert_eq!(emit(&mut talk, &format!("b{name}"), "", false), "done");
        assert_eq!(occupancy(&mut talk).jobs.used, 1);
    }
}

/// The places for the events that may wait for a job are reserved when it is made, and given back with it.
#[test]
fn the_events_of_a_condition_have_their_places() {
    type Mine = storage! { classes: 4, jobs: 3, waiters: 20 };
    let mut talk = Talk::new(Mine::new());
    talk.load("svc", "instance $N\nstart on (a and b)\nstop on c or (d and e)\npre-start exec hook\nexec main\n");
    let places = |talk: &mut Talk<Mine>| {
        let waiters = occupancy(talk).waiters;
        (waiters.used, waiters.reserved)
    };
    start(&mut talk, "svc", "N=1\0");
    let (_, of_one) = places(&mut talk);
    start(&mut talk, "svc", "N=2\0");
    assert_eq!(places(&mut talk), (0, 2 * of_one));
    // Three events may stop it, and two start it, but not both at once.
    assert!(of_one >= 3);
    for _ in 0..3 {
        emit(&mut talk, "a", "N=3\0", false);
        emit(&mut talk, "b", "", false);
        assert_eq!(places(&mut talk), (2, 3 * of_one - 2));
        stop(&mut talk, "svc", "N=3\0");
        assert_eq!(places(&mut talk), (0, 3 * of_one));
        talk.world.happen(&"3 exits 0".parse().expect("words that are known"));
        assert_eq!(places(&mut talk), (0, 2 * of_one));
    }
}

/// All events of the longest condition count.
#[test]
fn the_last_event_of_the_longest_condition_counts() {
    use uphold_core::limits::CONDITION_EVENTS;
    type Mine =
        storage! { classes: 2, jobs: 2, events: 140, waiters: 400, leaves: 300, names: 200, text: 65536, pieces: 800 };
    let mut talk = Talk::new(Mine::new());
    let all = |letter: char| (0..CONDITION_EVENTS).map(|n| format!("{letter}{n}")).collect::<Vec<_>>();
    let conditions = format!("start on {}\nstop on {}\n", all('a').join(" and "), all('b').join(" and "));
    talk.load("svc", &format!("{conditions}exec main\npost-stop exec hook\n"));
    for (letter, list) in [('a', "UPSTART_EVENTS="), ('b', "UPSTART_STOP_EVENTS=")] {
        for n in 0..CONDITION_EVENTS {
            assert_eq!(emit(&mut talk, &format!("{letter}{n}"), &format!("{letter}V{n}=1\0"), false), "done");
        }
        let supervisor = talk.world.memory.supervisor();
        let job = supervisor.jobs().next().expect("a job");
        let variables = supervisor.environment(job, uphold_core::Process::PostStop);
        let variables: Vec<String> =
            variables.map(|entry| String::from_utf8_lossy(&[entry.0, entry.1].concat()).into_owned()).collect();
        let count = variables.iter().filter(|entry| entry.starts_with(&format!("{letter}V"))).count();
        assert_eq!(count, CONDITION_EVENTS);
        assert!(variables.contains(&format!("{list}{}", all(letter).join(" "))), "{variables:?}");
    }
    talk.world.happen(&"1 dies of TERM".parse().expect("words that are known"));
    talk.world.happen(&"1 exits 0".parse().expect("words that are known"));
    let left = occupancy(&mut talk);
    assert_eq!((left.events.used, left.jobs.used, left.waiters.used), (0, 0, 0));
}

/// A client that would have to wait, and for which there is no place, changes nothing.
#[test]
fn a_client_for_which_there_is_no_place_changes_nothing() {
    type Mine = storage! { classes: 4, jobs: 7, waiters: 5 };
    let mut talk = Talk::new(Mine::new());
    talk.load("one", "instance $N\npre-start exec hook\nexec main\n");
    talk.load("hold", "start on (held and never)\nexec main\n");
    let full = "The supervisor's capacity is exhausted: waiting clients and events";
    for (client, n) in ["A", "B", "D", "E", "F"].into_iter().zip(0..) {
        talk.world.happen(&format!("{client}: start one N={n}").parse().expect("words that are known"));
    }
    assert_eq!(occupancy(&mut talk).waiters.used, 5);
    let before = occupancy(&mut talk);
    let target = Target { job: b"one", select: Select::Environment(Strings(b"N=x\0")) };
    for request in [
        Request::Start { target, wait: true },
        Request::Stop { target, wait: true },
        Request::Restart { target, wait: true },
        Request::Emit { event: b"held", environment: Strings::EMPTY, wait: true },
    ] {
        assert_eq!(talk.ask(From::Root, request), full, "{request:?}");
        assert_eq!(occupancy(&mut talk), before);
    }
}

/// More events than there is room for, and more jobs: what is refused leaves nothing behind.
#[test]
fn what_is_refused_leaves_nothing_behind() {
    type Mine = storage! { classes: 4, jobs: 3, events: 9, text: 2048, pieces: 40 };
    let mut refused = 0;
    for length in 0..400 {
        let mut talk = Talk::new(Mine::new());
        talk.load("one", "instance $N\nexport V\nstop on (halt and now)\nexec main\n");
        talk.load("hold", "start on (held and never)\nexec main\n");
        let first = occupancy(&mut talk);
        let value = "x".repeat(length * 3);
        let mut begun = 0;
        for n in 0..4 {
            let before = occupancy(&mut talk);
            let said = start(&mut talk, "one", &format!("N={n}\0V={value}\0"));
            if said.starts_with("one") {
                begun += 1;
            } else {
                assert!(said.starts_with("The supervisor's capacity is exhausted: "), "{said}");
                assert_eq!(occupancy(&mut talk), before, "{length}");
                refused += 1;
            }
            let before = occupancy(&mut talk);
            let said = emit(&mut talk, if n % 2 == 0 { "e" } else { "halt" }, &format!("V={value}\0"), false);
            if said != "done" {
                assert!(said.starts_with("The supervisor's capacity is exhausted: "), "{said}");
                assert_eq!(occupancy(&mut talk), before, "{length}");
            }
        }
        assert!(begun <= 3);
        for n in 0..4 {
            stop(&mut talk, "one", &format!("N={n}\0"));
        }
        for pid in 1..=begun {
            talk.world.happen(&format!("{pid} dies of TERM").parse().expect("words that are known"));
        }
        assert_eq!(occupancy(&mut talk), first, "{length}");
    }
    assert!(refused > 400, "{refused}");
}
