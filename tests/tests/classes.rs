//! Changes of job files while their jobs run, as clients see them.

use uphold_core::JobCommand;
use uphold_tests::happening::Happening;
use uphold_tests::world::{Small, World};

/// A world with one running job, which has no process.
fn running() -> World<Small> {
    let mut world = World::new(Small::new());
    world.load("svc", "description old\n").expect("a good job file");
    world.kernel.journal = Some(Vec::new());
    ask(&mut world, JobCommand::Start);
    world
}

/// The effects of a client's command with `--no-wait`.
fn ask(world: &mut World<Small>, command: JobCommand) -> Vec<String> {
    world.happen(&Happening::Ask { client: 0, command, wait: false, text: "svc".into() });
    world.kernel.journal.replace(Vec::new()).unwrap_or_default()
}

#[test]
fn a_list_is_the_same_by_pages_of_any_size() {
    let mut world = World::new(Small::new());
    world.load("one", "exec main\n").expect("a good job file");
    world.load("many", "instance $N\n").expect("a good job file");
    world.load("none", "instance $N\n").expect("a good job file");
    for text in ["many N=a", "many N=b", "many N=c"] {
        world.happen(&Happening::Ask { client: 0, command: JobCommand::Start, wait: false, text: text.into() });
    }
    let supervisor = world.memory.supervisor();
    let whole: Vec<(String, u32)> = supervisor.statuses(0).map(|(status, next)| (status.to_string(), next)).collect();
    let names: Vec<&str> = whole.iter().map(|(status, _)| status.as_str()).collect();
    let many = ["many (a) start/running", "many (b) start/running", "many (c) start/running"];
    assert_eq!(names, ["one stop/waiting", many[0], many[1], many[2], "none stop/waiting"]);
    for (place, (_, next)) in whole.iter().enumerate() {
        let rest: Vec<String> = supervisor.statuses(*next).map(|(status, _)| status.to_string()).collect();
        assert_eq!(rest, names[place + 1..]);
    }
}

#[test]
fn an_answer_names_a_job_whose_class_goes_with_it() {
    let mut world = running();
    world.memory.supervisor().delete_class(b"svc");
    assert!(ask(&mut world, JobCommand::Stop).contains(&"A: svc stop/waiting".to_owned()));
    assert_eq!(ask(&mut world, JobCommand::Start), ["A: Unknown job: svc"]);
}

#[test]
fn an_answer_names_a_job_whose_file_takes_effect_with_its_end() {
    let mut world = running();
    world.load("svc", "exec main\n").expect("a good job file");
    assert!(ask(&mut world, JobCommand::Stop).contains(&"A: svc stop/waiting".to_owned()));
    assert!(ask(&mut world, JobCommand::Start).contains(&"spawn svc main: 1".to_owned()));
}
