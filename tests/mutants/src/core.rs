//! The core with all its mutants: found, written down, and built. Mutants that do not compile are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::{fs, process};

use serde_json::Value;

use crate::cargo;
use crate::constant::Names;
use crate::copy;
use crate::finder::Finder;
use crate::plan::{Mutant, Plan, Rewritten};

/// A round of errors leaves mutants out; after so many something else is wrong.
const MOST_ROUNDS: usize = 30;

/// A file of the core.
struct Source {
    path: String,
    text: String,
    plan: Plan,
}

/// The core and its mutants.
pub struct Core {
    sources: Vec<Source>,
    pub mutants: Vec<Mutant>,
    /// The numbers of the mutants that do not compile.
    pub left_out: BTreeSet<usize>,
    /// The number of rows of tables that are read when the program is built.
    pub fixed_rows: usize,
    /// The number of functions that must stay constant.
    pub constant: usize,
}

impl Core {
    /// Finds the mutants of the core of a workspace.
    ///
    /// # Errors
    /// A file cannot be read, or is not Rust.
    pub fn read(root: &Path) -> io::Result<Core> {
        let mut core = Core { sources: vec![], mutants: vec![], left_out: BTreeSet::new(), fixed_rows: 0, constant: 0 };
        let mut names = Names::default();
        let (mut texts, mut of_tests) = (vec![], vec![]);
        for path in copy::files(root)?.into_iter().filter(|path| path.ends_with(".rs")) {
            let text = fs::read_to_string(root.join(&path))?;
            let file = syn::parse_file(&text).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
            names.read(&file);
            of_tests.extend(test_files(&path, &file));
            texts.push((path, text));
        }
        let kept = names.kept();
        core.constant = kept.len();
        for (path, text) in texts.into_iter().filter(|(path, _)| path.starts_with(copy::SOURCES)) {
            if of_tests.contains(&path) {
                core.sources.push(Source { path, text, plan: Plan::default() });
                continue;
            }
            let found = Finder::find(&path, &text, &kept, core.mutants).map_err(io::Error::other)?;
            let (plan, mutants, rows) = (found.plan, found.mutants, found.fixed_rows);
            core.mutants = mutants;
            core.fixed_rows += rows;
            core.sources.push(Source { path, text, plan });
        }
        Ok(core)
    }

    /// The new texts of the files, with their paths.
    pub fn rewritten(&self) -> impl Iterator<Item = (&str, Rewritten)> {
        self.sources.iter().map(|source| (&source.path[..], source.plan.rewrite(&source.text, &self.left_out)))
    }

    /// Names of the mutants that stay the same when other text changes: the change, and how many before are alike.
    pub fn descriptions(&self) -> Vec<String> {
        let mut counts = BTreeMap::new();
        let mut describe = |Mutant { file, from, to, .. }: &Mutant| {
            let what = format!("{file}: {from} → {to}");
            let count = counts.entry(what.clone()).or_insert(0);
            *count += 1;
            format!("{count} {what}")
        };
        self.mutants.iter().map(&mut describe).collect()
    }

    /// Writes the core into a copy of its workspace, and leaves out what does not compile. The names of these mutants
    /// are kept in a file, for the next time.
    ///
    /// # Errors
    /// A file cannot be written, or something else does not compile.
    pub fn compile(&mut self, copy: &Path, kept: &Path) -> io::Result<()> {
        let (descriptions, known) = (self.descriptions(), fs::read_to_string(kept).unwrap_or_default());
        let known: BTreeSet<&str> = known.lines().collect();
        let is_known = |number: &usize| known.contains(descriptions[*number].as_str());
        self.left_out = (0..descriptions.len()).filter(is_known).collect();
        for _ in 0..MOST_ROUNDS {
            let files: Vec<(&str, Rewritten)> = self.rewritten().collect();
            for (path, new) in &files {
                copy::write(&copy.join(path), new.text.as_bytes())?;
            }
            let said = cargo::run(copy, &["check", "-p", "uphold-core", "--lib"])?;
            let wrong = wrong(&said, &files, &self.mutants)?;
            drop(files);
            if wrong.is_empty() {
                let lines: Vec<&str> = self.left_out.iter().map(|&number| descriptions[number].as_str()).collect();
                return copy::write(kept, lines.join("\n").as_bytes());
            }
            eprintln!("{} mutants do not compile", wrong.len());
            self.left_out.extend(wrong);
        }
        Err(io::Error::other("some mutant cannot be left out"))
    }
}

/// The files of the modules that only tests have.
fn test_files(path: &str, file: &syn::File) -> Vec<String> {
    let folder = path.strip_suffix("/mod.rs").or(path.strip_suffix("/lib.rs")).or(path.strip_suffix(".rs"));
    let name = |item: &syn::Item| match item {
        syn::Item::Mod(item) if item.content.is_none() && item.attrs.iter().any(|it| it.path().is_ident("cfg")) => {
            Some(format!("{}/{}.rs", folder?, item.ident))
        }
        _ => None,
    };
    file.items.iter().filter_map(name).collect()
}

/// The mutants that the compiler's errors are about.
fn wrong(said: &[Value], files: &[(&str, Rewritten)], mutants: &[Mutant]) -> io::Result<BTreeSet<usize>> {
    let mut found = BTreeSet::new();
    for message in said.iter().map(|line| &line["message"]).filter(|message| message["level"] == "error") {
        let spans: Vec<&Value> = message["spans"].as_array().into_iter().flatten().collect();
        if spans.is_empty() {
            continue;
        }
        let (first, others): (Vec<&Value>, Vec<&Value>) = spans.iter().partition(|span| span["is_primary"] == true);
        let of_spans = |spans: &[&Value]| spans.iter().find_map(|span| blamed(span, files));
        let numbers = of_spans(&first).or_else(|| of_spans(&others)).or_else(|| goes_on(&spans, files, mutants));
        let Some(numbers) = numbers else {
            eprintln!("{}", message["rendered"].as_str().unwrap_or_default());
            return Err(io::Error::other("this is no mutant's fault"));
        };
        found.extend(numbers);
    }
    if found.is_empty() && said.iter().any(|line| line["success"] == false) {
        eprintln!("cargo failed without an error that names a place");
        process::exit(2);
    }
    Ok(found)
}

/// The mutants between the places of an error that leave a `return` or its kin out: they lead on to where the rest of
/// the function does not fit.
fn goes_on(spans: &[&Value], files: &[(&str, Rewritten)], mutants: &[Mutant]) -> Option<Vec<usize>> {
    let (_, new) = files.iter().find(|(path, _)| spans.iter().any(|span| span["file_name"] == **path))?;
    let places = |end: &str| spans.iter().filter_map(|span| span[end].as_u64()).collect::<Vec<u64>>();
    let (start, end) = (*places("byte_start").iter().min()? as usize, *places("byte_end").iter().max()? as usize);
    let leaves =
        |number: usize| ["return", "break", "continue"].iter().any(|word| mutants[number].from.starts_with(word));
    let between = new.places.iter().filter(|place| place.range.start < end && start < place.range.end);
    let numbers: Vec<usize> = between.map(|place| place.number).filter(|&number| leaves(number)).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// The mutants that an error's place blames: those whose text it touches, else the innermost around it.
fn blamed(span: &Value, files: &[(&str, Rewritten)]) -> Option<Vec<usize>> {
    let Some((_, new)) = files.iter().find(|(path, _)| span["file_name"] == **path) else {
        return blamed(span["expansion"].get("span")?, files);
    };
    let at = |end: &str| span[end].as_u64().unwrap_or_default() as usize;
    let (start, end) = (at("byte_start"), at("byte_end"));
    // The mutant in whose text the error is.
    let inside = new.pieces.iter().filter(|piece| piece.range.start <= start && end <= piece.range.end);
    let inside: Vec<usize> = inside.map(|piece| piece.number).collect();
    if !inside.is_empty() {
        return Some(inside);
    }
    // Those that are the place, insertions included.
    let whole = new.places.iter().filter(|place| start <= place.range.start && place.range.end <= end);
    let widest = whole.max_by_key(|place| place.range.len());
    let around = new.places.iter().filter(|place| place.range.start <= start && end <= place.range.end);
    let innermost = around.min_by_key(|place| place.range.len());
    match (widest, innermost) {
        (Some(widest), _) if widest.range.start == start => Some(vec![widest.number]),
        (_, Some(innermost)) => Some(vec![innermost.number]),
        (Some(widest), None) => Some(vec![widest.number]),
        (None, None) => None,
    }
}
