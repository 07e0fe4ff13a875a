//! Job files that change while their jobs live, as clients see it.

use uphold_core::input::Command;
use uphold_tests::happening::Happening;
use uphold_tests::world::{Small, World};

/// A world with one job without a process, running.
fn running() -> World<Small> {
    let mut world = World::new(Small::new());
    world.load("svc", "description old\n").expect("a good job file");
    world.kernel.journal = Some(Vec::new());
    ask(&mut world, Command::Start);
    world
}

/// What follows from a client's command that does not wait.
fn ask(world: &mut World<Small>, command: Command) -> Vec<String> {
    world.happen(&Happening::Ask { client: 0, command, wait: false, text: "svc".into() });
    world.kernel.journal.replace(Vec::new()).unwrap_or_default()
}

#[test]
fn an_answer_names_a_job_whose_class_goes_with_it() {
    let mut world = running();
    world.memory.supervisor().delete_class(b"svc");
    assert!(ask(&mut world, Command::Stop).contains(&"A: svc stop/waiting".to_owned()));
    assert_eq!(ask(&mut world, Command::Start), ["A: Unknown job: svc"]);
}

#[test]
fn an_answer_names_a_job_whose_file_takes_effect_with_its_end() {
    let mut world = running();
    world.load("svc", "exec main\n").expect("a good job file");
    assert!(ask(&mut world, Command::Stop).contains(&"A: svc stop/waiting".to_owned()));
    assert!(ask(&mut world, Command::Start).contains(&"spawn svc main: 1".to_owned()));
}
