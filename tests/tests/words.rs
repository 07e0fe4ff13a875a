//! Comments and pages are plain technical English. The tests refuse habits of speech that make a text hard to read; the
//! habits are listed in this file.

#[path = "words/caught.rs"]
mod caught;
#[path = "words/habits.rs"]
mod habits;
#[path = "words/prose.rs"]
mod prose;
#[path = "house/sources.rs"]
mod sources;

use habits::{Habit, Shape, is_pronoun};
use prose::{Sentence, blocks, sentences};
use sources::{Kind, files};
use uphold_tests::variables::number;

/// Words for people: a sentence with one of them may contain `who`.
const PEOPLE: &[&str] = &[
    "people",
    "person",
    "user",
    "users",
    "author",
    "authors",
    "reader",
    "readers",
    "administrator",
    "administrators",
    "operator",
    "operators",
    "maintainer",
    "maintainers",
    "developer",
    "developers",
    "embedder",
    "embedders",
    "anyone",
    "everyone",
    "someone",
];

#[rustfmt::skip]
const HABITS: &[Habit] = &[
    Habit { name: "a relative clause as the subject", instead: "begin with a noun: \"A process that forks …\"",
        shape: Shape::Begins(&["who", "whose", "whom", "whoever", "what", "whatever", "which", "whichever"]) },
    Habit { name: "\"Has X do\"", instead: "say what is done: \"Makes X do\", \"Adds a waiter\"",
        shape: Shape::Begins(&["has"]) },
    Habit { name: "who, of a thing", instead: "which or that; of people: users who, readers who",
        shape: Shape::Without { word: &["who", "whom", "whoever", "whomever"], subject: PEOPLE } },
    Habit { name: "he, of a thing", instead: "it; of people: they",
        shape: Shape::Contains("he|she|him|his|her|hers|himself|herself") },
    Habit { name: "somebody, of a thing", instead: "name it: a process, no client, each job; of people: someone",
        shape: Shape::Contains("nobody|somebody|anybody|everybody|nobody's|somebody's|anybody's|everybody's") },
    Habit { name: "is looked for", instead: "X looks for it, searches, scans, finds",
        shape: Shape::Contains("be|is|are|was|were|been|being looked for") },
    Habit { name: "is told", instead: "is reported, logged, notified; gets a reply",
        shape: Shape::ContainsUnless { words: "be|is|are|was|were|been|being|not|never|once|also|yet|already told",
            after: &[], before: &["apart"] } },
    Habit { name: "tells of", instead: "reports, logs, names",
        shape: Shape::Contains("tell|tells|told|telling of") },
    Habit { name: "is said", instead: "is reported, logged, written",
        shape: Shape::Contains("be|is|are|was|were|been|being said") },
    Habit { name: "hears of", instead: "is notified of, receives, learns",
        shape: Shape::Contains("hear|hears|heard|hearing of") },
    Habit { name: "of whose, of whom", instead: "begin a new sentence, or turn it round",
        shape: Shape::Contains("of whose|whom") },
    Habit { name: "is no X", instead: "is not an X",
        shape: Shape::ContainsUnless { words: "be|is|are|was|were no", after: &["there"],
            before: &["longer", "more", "less", "fewer", "better", "worse", "such"] } },
    Habit { name: "can be had", instead: "is available", shape: Shape::Contains("be had") },
    Habit { name: "anew", instead: "again", shape: Shape::Contains("anew") },
];

/// Sentences that show a habit and are right: the file, a part of the sentence, the reason.
const ALLOWED: [(&str, &str, &str); 2] = [
    ("docs/never-lose.md", "user nobody fork", "the Unix user nobody"),
    ("docs/never-lose.md", "FILE user nobody", "the Unix user nobody"),
];

/// The number of places that a failure lists, unless the environment variable `PLACES` sets another.
const MOST_PLACES: usize = 40;

/// A sentence that shows a habit.
struct Fault {
    habit: &'static str,
    instead: &'static str,
    place: String,
    text: String,
}

/// The habits in the sentences of a file, without those on the list of exceptions.
fn faults<'a>(path: &str, sentences: impl Iterator<Item = &'a Sentence>) -> Vec<Fault> {
    let mut found = vec![];
    for sentence in sentences {
        let text = sentence.words.join(" ");
        let is_allowed = ALLOWED.iter().any(|(file, words, _)| *file == path && text.contains(words));
        for habit in HABITS.iter().filter(|habit| !is_allowed && habit.is_in(sentence)) {
            let place = format!("{path}:{}", sentence.line);
            found.push(Fault { habit: habit.name, instead: habit.instead, place, text: text.clone() });
        }
    }
    found
}

/// Fails if there is any fault. Prints the number of faults by habit, and the first places.
fn hold(faults: &[Fault]) {
    let mut habits: Vec<(&str, &str)> = faults.iter().map(|fault| (fault.habit, fault.instead)).collect();
    habits.sort_unstable();
    habits.dedup();
    let count = |name| faults.iter().filter(|fault| fault.habit == name).count();
    for (name, instead) in habits {
        println!("{:5} {name}: {instead}", count(name));
    }
    let most = number("PLACES").unwrap_or(MOST_PLACES);
    let places: Vec<String> = faults
        .iter()
        .take(most)
        .map(|Fault { habit, place, text, .. }| format!("{place}: {habit}: {text:.160}"))
        .collect();
    assert!(faults.is_empty(), "{} sentences to rewrite, the first:\n{}", faults.len(), places.join("\n"));
}

/// The sentences in the comments of every Rust file, by the file's path.
fn sentences_of_comments() -> Vec<(String, Vec<Sentence>)> {
    let of = |source: &sources::Source| {
        let lines = |block: &prose::Block| sentences(block.lines.iter().map(|(line, text)| (*line, text.as_str())));
        blocks(source).iter().flat_map(lines).collect()
    };
    files(|path| path.ends_with(".rs")).into_iter().map(|source| (source.path.clone(), of(&source))).collect()
}

/// The sentences of every page, by the page's path.
fn sentences_of_pages() -> Vec<(String, Vec<Sentence>)> {
    let of = |page: sources::Source| (page.path, sentences((1..).zip(page.text.lines())));
    files(|path| path.ends_with(".md")).into_iter().map(of).collect()
}

#[test]
fn comments_are_plain_english() {
    let sentences = sentences_of_comments();
    hold(&sentences.iter().flat_map(|(path, sentences)| faults(path, sentences.iter())).collect::<Vec<_>>());
}

#[test]
fn pages_are_plain_english() {
    let sentences = sentences_of_pages();
    println!("a generated page follows its table: change that, and write it with UPDATE_DOCS=1");
    hold(&sentences.iter().flat_map(|(path, sentences)| faults(path, sentences.iter())).collect::<Vec<_>>());
}

#[test]
fn docs_name_the_thing() {
    let mut found = vec![];
    for source in files(|path| path.ends_with(".rs")) {
        for block in blocks(&source).iter().filter(|block| block.kind == Kind::Outer) {
            let lines: Vec<&str> = block.lines.iter().map(|(_, text)| text.as_str()).collect();
            if is_pronoun(&lines) {
                let (line, text) = &block.lines[0];
                found.push(Fault {
                    habit: "a doc that is only a pronoun",
                    instead: "name the thing: \"The job.\", \"Process id.\"",
                    place: format!("{}:{line}", source.path),
                    text: text.clone(),
                });
            }
        }
    }
    hold(&found);
}

#[test]
fn every_exception_is_needed() {
    let all: Vec<_> = sentences_of_comments().into_iter().chain(sentences_of_pages()).collect();
    for (file, words, reason) in ALLOWED {
        let is_there = |sentence: &Sentence| sentence.words.join(" ").contains(words);
        let occurs = all.iter().any(|(path, sentences)| path == file && sentences.iter().any(is_there));
        assert!(occurs, "{file} no longer says \"{words}\" ({reason}): take it off the list");
    }
}

/// Folders that exist on the developers' machines only.
const FOREIGN: [&str; 2] = [concat!("/wo", "rk/"), concat!("/tmp", "/w/")];

#[test]
fn files_do_not_name_folders_of_the_developers_machines() {
    let mut found = vec![];
    for source in files(|_| true) {
        for (line, text) in (1..).zip(source.text.lines()) {
            found.extend(FOREIGN.iter().filter(|path| text.contains(*path)).map(|path| Fault {
                habit: "a folder of a developer's machine",
                instead: "name it by what it holds",
                place: format!("{}:{line}", source.path),
                text: (*path).to_string(),
            }));
        }
    }
    hold(&found);
}
