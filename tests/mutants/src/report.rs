//! The printed tables and lists.

use std::collections::BTreeMap;

use crate::core::Core;
use crate::levels::LEVELS;
use crate::trial::Fate;
use crate::verdicts::Verdicts;

/// The most characters of a mutant's text that are printed.
const MOST: usize = 100;

fn mutant(core: &Core, number: usize) -> String {
    let mutant = &core.mutants[number];
    let cut = |text: &str| match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    };
    let (from, to) = (cut(&mutant.from), cut(mutant.new_text()));
    format!("{number} {}:{} {}: {from} → {to}", mutant.file, mutant.line, mutant.function)
}

/// Prints how many mutants there are.
pub fn size(core: &Core, chosen: &[usize]) {
    let (all, wrong) = (core.mutants.len(), core.left_out.len());
    println!("{} mutants; {wrong} more do not compile", all - wrong);
    println!("left out: {} rows of tables and {} functions that are constant", core.fixed_rows, core.constant);
    println!("{} chosen", chosen.len());
}

/// Prints the mutants.
pub fn list(core: &Core, chosen: &[usize]) {
    chosen.iter().for_each(|&number| println!("{}", mutant(core, number)));
}

/// Prints the fates of the mutants, and gives the number of survivors without a verdict. Where `all` mutants have one,
/// verdicts that are about none are printed too.
pub fn fates(core: &Core, fates: &[(usize, Fate)], verdicts: &mut Verdicts, all: bool) -> usize {
    let mut files: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let width = LEVELS.len();
    let mut lines = vec![];
    for (number, fate) in fates {
        let place = match fate {
            Fate::Killed(level) => *level,
            _ if verdicts.covers(&core.mutants[*number]) => width,
            Fate::Survived(_) => width + 1,
            Fate::Unreached => width + 2,
        };
        if place > width {
            let what = if *fate == Fate::Unreached { " (not reached)" } else { "" };
            lines.push(format!("{}{what}", mutant(core, *number)));
        }
        for name in [core.mutants[*number].file.as_str(), "~ all"] {
            files.entry(name).or_insert_with(|| vec![0; width + 3])[place] += 1;
        }
    }
    let names = LEVELS.iter().map(|level| level.name).chain(["judged", "survive", "unreached"]);
    println!("{:40} {:>10}{}", "", "mutants", names.map(|name| format!(" {name:>10}")).collect::<String>());
    for (file, counts) in &files {
        let cells: String = counts.iter().map(|count| format!(" {count:>10}")).collect();
        println!("{file:40} {:>10}{cells}", counts.iter().sum::<usize>());
    }
    lines.iter().for_each(|line| println!("{line}"));
    if all {
        verdicts.stale().for_each(|verdict| println!("a verdict is about fewer than it says: {verdict}"));
    }
    lines.len()
}
