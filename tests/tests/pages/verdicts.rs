//! The list of the mutants that change nothing, in the middle of `docs/proof.md`.

use std::fs;
use std::path::Path;

use super::{code, table};

/// The lines around the list.
const AROUND: [&str; 2] =
    ["<!-- The list of verdicts, generated from tests/mutants/verdicts.txt. -->\n\n", "\n<!-- Its end. -->\n"];

/// The list: a row for each reason.
fn list(verdicts: &str) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in verdicts.lines() {
        if !line.starts_with(' ') {
            rows.push(vec![String::new(), String::new(), line.to_owned()]);
            continue;
        }
        let (count, mutant) = line.trim().split_once(' ').expect("a number and a pattern");
        let row = rows.last_mut().expect("a reason comes first");
        let counted: usize = count.parse().expect("a number");
        row[0] = (row[0].parse().unwrap_or(0) + counted).to_string();
        let break_before = if row[1].is_empty() { "" } else { "<br>" };
        row[1] += &(break_before.to_owned() + &code(mutant));
    }
    table(&["mutants", "place and change", "why nothing changes"], rows)
}

/// The page with the list of now.
pub fn proof() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/proof.md")).expect("a page");
    let verdicts = fs::read_to_string(root.join("tests/mutants/verdicts.txt")).expect("verdicts");
    let (before, rest) = page.split_once(AROUND[0]).expect("the list begins");
    let (_, after) = rest.split_once(AROUND[1]).expect("the list ends");
    [before, AROUND[0], &list(&verdicts), AROUND[1], after].concat()
}
