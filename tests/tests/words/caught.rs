//! Tests of the checks: short texts with one habit each, and texts without any.

use crate::HABITS;
use crate::habits::is_pronoun;
use crate::prose::{Form, Sentence, blocks, sentences};
use crate::sources::{Kind, Source};

/// The names of the habits that a text shows.
fn habits(text: &str) -> Vec<&'static str> {
    let found = sentences((1..).zip(text.lines()));
    found
        .iter()
        .flat_map(|sentence| HABITS.iter().filter(|habit| habit.is_in(sentence)))
        .map(|habit| habit.name)
        .collect()
}

#[test]
fn every_habit_is_caught() {
    let texts = [
        ("Who forks and stays has made a worker.", "a relative clause as the subject"),
        ("It waits.\nWhat is left is killed.", "a relative clause as the subject"),
        ("- Which processes are a job's is known.", "a relative clause as the subject"),
        ("Has the shim wait for a job.", "\"Has X do\""),
        ("The process who forked.", "who, of a thing"),
        ("A client gets the status that he asked for.", "he, of a thing"),
        ("There is nobody to wait.", "somebody, of a thing"),
        ("The daemon has to be looked for.", "is looked for"),
        ("The end is told once.", "is told"),
        ("It will not be told again.", "is told"),
        ("The message tells of an error.", "tells of"),
        ("| client | the error is said |", "is said"),
        ("The core hears of an end.", "hears of"),
        ("A process of whose end the core knows.", "of whose, of whom"),
        ("The file is read anew.", "anew"),
        ("The word is no option.", "is no X"),
        ("Whether groups can be had.", "can be had"),
    ];
    for (text, name) in texts {
        assert_eq!(habits(text), [name], "{text}");
    }
    for habit in HABITS {
        assert!(texts.iter().any(|(_, name)| *name == habit.name), "{}: no text above shows it", habit.name);
    }
}

#[test]
fn good_english_is_let_through() {
    for text in [
        "Who should read this? What is it for?",
        "# What is absent",
        "**What.** A heading in bold.",
        "A process is *which*, not *who*.",
        "Users who may log in, and whose names are known.",
        "A process whose parent has exited.",
        "The two cannot be told apart.",
        "There is no such job, and it is no longer waited for.",
        "Whether the job runs.",
        "```text\nWho is told of it\n```",
        "`Who is told` is code, and so is `nobody`.",
        "See [the page](who-is-told.md). How a job is looked up.",
        "The client that asked gets a reply, e.g. what it waits for.",
    ] {
        assert_eq!(habits(text), [""; 0], "{text}");
    }
}

#[test]
fn docs_that_are_only_pronouns_are_caught() {
    for doc in
        ["Whose.", "Which.", "Its number.", "Which one.", "What for.", "Who asks.", "To whom.", "How.", "Where it is."]
    {
        assert!(is_pronoun(&[doc]), "{doc}");
    }
    for doc in ["The job.", "Process id.", "Bytes of text.", "How a process ended.", "For the job.", "To be done."] {
        assert!(!is_pronoun(&[doc]), "{doc}");
    }
    assert!(!is_pronoun(&["Its number,", "as the kernel counts."]));
}

#[test]
fn text_is_divided_into_sentences() {
    let sentence =
        |line, form, words: &str| Sentence { line, form, words: words.split(' ').map(ToString::to_string).collect() };
    let text = "# One `two`\nThree\nfour. Five `six\nseven`, eight!\n\n1. Nine\n| ten | `a b` |";
    assert_eq!(
        sentences((1..).zip(text.lines())),
        [
            sentence(1, Form::Heading, "# One `"),
            sentence(2, Form::Prose, "Three four."),
            sentence(3, Form::Prose, "Five `, eight!"),
            sentence(6, Form::Prose, "Nine"),
            sentence(7, Form::Row, "| ten | ` |"),
        ]
    );
}

#[test]
fn comments_are_divided_into_blocks() {
    let text = "//! A\n//! b.\n\n/// C\nfn f() { // d\n    // e\n    // f\n}\n";
    let blocks = blocks(&Source { path: "a.rs".to_string(), text: text.to_string() });
    let lines: Vec<_> = blocks.iter().map(|block| (block.kind, block.lines.len())).collect();
    assert_eq!(lines, [(Kind::Inner, 2), (Kind::Outer, 1), (Kind::Plain, 1), (Kind::Plain, 2)]);
}
