//! Random job files, command lines, launches and small worlds. Two systems are compared by `tools/compare`; these tests
//! check that it finds what differs and nothing else, and that the built programs survive what it makes.

use std::fs;

use uphold_tests::compare::{Case, Difference, Kind, Side, Taste, compare, play, survive};
use uphold_tests::system::{Folder, programs, run};
use uphold_tests::variables::number;

fn built() -> Side {
    let programs = programs::built();
    Side::new(&programs.init, &programs.initctl).expect("they are built")
}

/// The seed and the factor of the number of cases: the environment variables `COMPARE_SEED` and `COMPARE`.
fn wanted() -> (u64, usize) {
    (number("COMPARE_SEED").unwrap_or(1), number("COMPARE").unwrap_or(1))
}

/// The built `init`, started by a script that changes the job files before. `$conf` is their directory.
fn changing(folder: &Folder, change: &str) -> Side {
    let init = programs::built().init.display().to_string();
    // A shell changes the order of its environment, and adds to it.
    let names = ["COMPARE_RUN", "HOME", "PATH", "TERM", "XDG_RUNTIME_DIR"].map(|name| format!("{name}=\"${name}\""));
    let text = format!(
        "#!/bin/sh\nconf=$(echo \"$*\" | sed 's/.*--confdir \\([^ ]*\\).*/\\1/')\n{change}\nexec env -i {} {init} \"$@\"\n",
        names.join(" ")
    );
    Side::new(&folder.script("changing", &text), &programs::built().initctl).expect("it is written")
}

/// The first difference.
fn first(other: Side, kind: Kind, count: usize) -> Difference {
    let found = compare(&[built(), other], kind, 1, count, 1);
    found.into_iter().next().unwrap_or_else(|| panic!("{kind:?}: nothing differs"))
}

#[test]
fn a_system_is_like_itself() {
    for (kind, count) in [(Kind::Texts, 200), (Kind::Commands, 6), (Kind::Launches, 12), (Kind::Worlds, 6)] {
        let found = compare(&[built(), built()], kind, 2, count, 5);
        assert!(found.is_empty(), "{kind:?}: {found:#?}");
    }
}

#[test]
fn a_job_file_that_is_read_differently_is_found() {
    let folder = Folder::new();
    let other = changing(&folder, "sed -i 's/^usage.*/usage other/' $conf/*.conf");
    let difference = first(other, Kind::Texts, 300);
    let Case::Text(text, None) = &difference.case else { panic!("{difference:?}") };
    assert!(text.starts_with("usage") && text.lines().count() == 1 && text.len() < 20, "{difference:?}");
    assert!(difference.outcomes[1].contains("other"), "{difference:?}");
}

#[test]
fn a_command_with_another_answer_is_found() {
    let folder = Folder::new();
    let initctl = programs::built().initctl.display().to_string();
    let text = format!("#!/bin/bash\n[ \"$1\" = usage ] && exit 1\nexec -a \"${{0##*/}}\" {initctl} \"$@\"\n");
    let other = Side::new(&programs::built().init, &folder.script("other", &text)).expect("it is written");
    let difference = first(other, Kind::Commands, 40);
    let Case::Commands(lines) = &difference.case else { panic!("{difference:?}") };
    assert_eq!(*lines, [["initctl", "usage"]], "{difference:?}");
}

#[test]
fn a_job_that_is_launched_differently_is_found() {
    let folder = Folder::new();
    let other = changing(&folder, "sed -i 's/^nice 5/nice 6/' $conf/*.conf");
    let difference = first(other, Kind::Launches, 40);
    let Case::Launch(text, _) = &difference.case else { panic!("{difference:?}") };
    assert!(text.starts_with("nice 5\n") && text.lines().count() <= 4, "{difference:?}");
}

#[test]
fn a_world_that_goes_another_way_is_found() {
    let folder = Folder::new();
    let other = changing(&folder, "sed -i 's/^exec sleep 1000/exec true/' $conf/*.conf");
    let difference = first(other, Kind::Worlds, 4);
    let Case::World(world) = &difference.case else { panic!("{difference:?}") };
    let lines: usize = world.jobs.iter().map(|(_, lines)| lines.len()).sum();
    assert!(world.steps.len() <= 2 && lines <= 3, "{difference:#?}");
}

#[test]
fn nothing_random_breaks_the_programs() {
    let (seed, factor) = wanted();
    for (kind, count) in [(Kind::Texts, 1500), (Kind::Commands, 40), (Kind::Launches, 60), (Kind::Worlds, 30)] {
        let broken = survive(&built(), kind, seed, count * factor);
        println!("{kind:?}: {} of seed {seed}", count * factor);
        assert!(broken.is_empty(), "{kind:?}: {broken:#?}");
    }
}

/// `check-conf` finds the mistake that `init` finds, and no other.
#[test]
fn a_file_is_checked_as_it_is_loaded() {
    let (seed, factor) = wanted();
    for number in 0..3 * factor as u64 {
        let numbers = 100 * number..100 * (number + 1);
        let mut cases: Vec<Case> = numbers.map(|at| Case::random(Kind::Texts, seed, at, Taste::Any)).collect();
        cases.iter_mut().for_each(|case| {
            if let Case::Text(_, above) = case {
                *above = None;
            }
        });
        let folder = Folder::new();
        let path = folder.path("a.conf");
        for (case, outcome) in cases.iter().zip(play(&built(), &cases)) {
            let Case::Text(text, _) = case else { unreachable!("they are texts") };
            fs::write(&path, text).expect("it is written");
            let mut command = std::process::Command::new(&programs::built().initctl);
            let ran = run({
                command.args(["check-conf", "--noscript"]).arg(&path);
                command
            });
            let loaded = outcome.lines().find_map(|line| line.strip_prefix("conf:"));
            match loaded {
                Some(message) => {
                    assert!(ran.err.contains(message) && ran.code == 1, "{text:?}: {message}, but {ran:?}")
                }
                None => assert_eq!(ran.code, 0, "{text:?}: {outcome}, but {ran:?}"),
            }
        }
    }
}
