//! Compares two systems, each an `init` and its `initctl`: see `tools/compare`.

use std::path::PathBuf;
use std::process::ExitCode;

use uphold_tests::compare::{Case, Kind, Side, compare};

/// The number of cases of a kind, unless an option sets another.
const CASES: [(Kind, usize); 4] =
    [(Kind::Texts, 2000), (Kind::Commands, 100), (Kind::Launches, 200), (Kind::Worlds, 50)];

/// The most differences of a kind that are made small and printed.
const MOST: usize = 20;

fn main() -> ExitCode {
    match settings(std::env::args().skip(1).collect()) {
        Ok((sides, seed, counts)) => run(&sides, seed, &counts),
        Err(mistake) => {
            eprintln!("compare: {mistake}");
            ExitCode::from(2)
        }
    }
}

/// The two systems, the seed, and the number of cases of each kind.
type Settings = ([Side; 2], u64, Vec<(Kind, usize)>);

fn settings(arguments: Vec<String>) -> Result<Settings, String> {
    let (mut programs, mut seed, mut counts) = (Vec::new(), 1, CASES.to_vec());
    let mut rest = arguments.into_iter();
    while let Some(word) = rest.next() {
        let Some(option) = word.strip_prefix("--") else {
            programs.push(PathBuf::from(word));
            continue;
        };
        let number = rest.next().and_then(|word| word.parse::<u64>().ok());
        let number = number.ok_or(format!("{word} needs a number"))?;
        match Kind::ALL.iter().find(|(_, name)| *name == option) {
            Some((kind, _)) => counts.iter_mut().filter(|(of, _)| of == kind).for_each(|it| it.1 = number as usize),
            None if option == "seed" => seed = number,
            None => return Err(format!("there is no option {word}")),
        }
    }
    let [first, its, second, others] = <[PathBuf; 4]>::try_from(programs)
        .map_err(|_| "the arguments are INIT INITCTL INIT INITCTL [--seed N] [--texts N] [--commands N] ...")?;
    let sides = [Side::new(&first, &its)?, Side::new(&second, &others)?];
    // Two systems that do not start would be alike.
    sides.iter().try_for_each(|side| side.start(&[]).map(drop))?;
    Ok((sides, seed, counts))
}

fn run(sides: &[Side; 2], seed: u64, counts: &[(Kind, usize)]) -> ExitCode {
    let mut differ = 0;
    for &(kind, count) in counts {
        let found = compare(sides, kind, seed, count, MOST);
        for difference in &found {
            println!("{kind:?} {} of seed {seed} differs:\n{}", difference.number, written(&difference.case));
            for (side, outcome) in sides.iter().zip(&difference.outcomes) {
                println!("  with {}:", side.init.display());
                outcome.lines().for_each(|line| println!("    {line}"));
            }
        }
        let more = if found.len() == MOST { "at least " } else { "" };
        println!("{kind:?}: {count} to play, {more}{} kinds of differences", found.len());
        differ += found.len();
    }
    if differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The case as it can be played by hand.
fn written(case: &Case) -> String {
    let shown = |line: &str| -> String {
        line.chars().map(|it| if it.is_control() { it.escape_debug().to_string() } else { it.to_string() }).collect()
    };
    let quoted = |text: &str| -> String { text.split('\n').map(|line| format!("  | {}\n", shown(line))).collect() };
    match case {
        Case::Text(conf, above) => {
            quoted(conf)
                + &above.as_ref().map_or(String::new(), |text| format!("  with the override\n{}", quoted(text)))
        }
        Case::Commands(lines) => lines.iter().map(|line| format!("  $ {line:?}\n")).collect(),
        Case::Launch(text, variables) => format!("{}  started with {variables:?}\n", quoted(text)),
        Case::World(world) => {
            let jobs = world.jobs.iter().map(|(name, lines)| format!("  {name}:\n{}", quoted(&lines.join("\n"))));
            let steps = world.steps.iter().map(|step| format!("  {step:?}\n"));
            jobs.chain(steps).collect()
        }
    }
}
