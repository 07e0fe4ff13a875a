//! The sentences of comments and of Markdown pages.

use crate::sources::{Comment, Kind, Source, comments};

/// A sentence.
#[derive(Debug, PartialEq)]
pub struct Sentence {
    /// The number of its first line.
    pub line: usize,
    pub form: Form,
    /// The words, with punctuation. [`CODE`] stands for each piece of code.
    pub words: Vec<String>,
}

/// The word that stands for code.
pub const CODE: &str = "`";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Prose,
    /// A heading, which need not be a sentence.
    Heading,
    /// A row of a table.
    Row,
}

/// A block of comments: consecutive lines of one kind.
pub struct Block {
    pub kind: Kind,
    /// The lines, each with its number.
    pub lines: Vec<(usize, String)>,
}

/// The blocks of comments in a Rust file. A comment behind code is a block of its own.
pub fn blocks(source: &Source) -> Vec<Block> {
    let mut blocks: Vec<Block> = vec![];
    let mut before: Option<Comment> = None;
    for comment in comments(source) {
        let goes_on = before.as_ref().is_some_and(|before| {
            !before.trails && !comment.trails && before.kind == comment.kind && before.line + 1 == comment.line
        });
        let line = (comment.line, comment.text.clone());
        match blocks.last_mut() {
            Some(block) if goes_on => block.lines.push(line),
            _ => blocks.push(Block { kind: comment.kind, lines: vec![line] }),
        }
        before = Some(comment);
    }
    blocks
}

/// The sentences of Markdown. Blocks of code are left out.
pub fn sentences<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Sentence> {
    let (mut found, mut paragraph, mut in_code) = (vec![], vec![], false);
    for (number, line) in lines {
        let text = line.trim_start();
        if text.starts_with("```") {
            in_code = !in_code;
            end_paragraph(&mut paragraph, &mut found);
        } else if in_code {
            continue;
        } else if text.is_empty() {
            end_paragraph(&mut paragraph, &mut found);
        } else if text.starts_with('#') || text.starts_with('|') {
            end_paragraph(&mut paragraph, &mut found);
            let form = if text.starts_with('#') { Form::Heading } else { Form::Row };
            let words = without_code(text.split_whitespace().map(|word| (number, word)));
            found.push(Sentence { line: number, form, words: words.into_iter().map(|(_, word)| word).collect() });
        } else {
            let item = ["- ", "* ", "> "].iter().find_map(|mark| text.strip_prefix(mark)).or_else(|| numbered(text));
            if item.is_some() {
                end_paragraph(&mut paragraph, &mut found);
            }
            paragraph.extend(item.unwrap_or(text).split_whitespace().map(|word| (number, word)));
        }
    }
    end_paragraph(&mut paragraph, &mut found);
    found
}

/// The text of an item in a numbered list.
fn numbered(text: &str) -> Option<&str> {
    let (number, item) = text.split_once(". ")?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(item)
}

/// Divides a paragraph into sentences.
fn end_paragraph(paragraph: &mut Vec<(usize, &str)>, found: &mut Vec<Sentence>) {
    let mut sentence: Vec<(usize, String)> = vec![];
    let words = without_code(paragraph.drain(..));
    let last = words.len().saturating_sub(1);
    for (at, (line, word)) in words.into_iter().enumerate() {
        let is_end = word.trim_end_matches([')', '"', '*']).ends_with(['.', '!', '?']) && !is_abbreviation(&word);
        sentence.push((line, word));
        if is_end || at == last {
            found.push(sentence_of(&mut sentence));
        }
    }
}

/// Makes a sentence of some words. A sentence in bold is the heading of its paragraph.
fn sentence_of(words: &mut Vec<(usize, String)>) -> Sentence {
    let line = words[0].0;
    let is_bold = words[0].1.starts_with("**") && words[words.len() - 1].1.ends_with("**");
    let form = if is_bold { Form::Heading } else { Form::Prose };
    Sentence { line, form, words: words.drain(..).map(|(_, word)| word.replace("**", "")).collect() }
}

fn is_abbreviation(word: &str) -> bool {
    ["e.g.", "i.e.", "etc.", "vs."].iter().any(|short| word.trim_start_matches('(').eq_ignore_ascii_case(short))
}

/// Replaces each piece of code by [`CODE`], and each link by its text.
fn without_code<'a>(words: impl Iterator<Item = (usize, &'a str)>) -> Vec<(usize, String)> {
    let (mut found, mut in_code) = (vec![], false);
    for (line, word) in words {
        let was_in_code = in_code;
        let mut plain = String::new();
        for (at, part) in word.split('`').enumerate() {
            if at > 0 {
                in_code = !in_code;
                if in_code {
                    plain += CODE;
                }
            }
            if !in_code {
                plain += part;
            }
        }
        let plain = if is_mention(&plain) { CODE.to_string() } else { without_link(&plain) };
        if !(plain.is_empty() || was_in_code && plain.chars().all(|char| ",.;:!?)".contains(char))) {
            found.push((line, plain));
        } else if let (Some(last), false) = (found.last_mut(), plain.is_empty()) {
            let (_, last): &mut (usize, String) = last;
            *last += &plain;
        }
    }
    found
}

/// Whether a word is mentioned rather than used: a single word in italics, such as `*who*`.
fn is_mention(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ';', ':', ')']).trim_start_matches('(');
    word.len() > 2 && word.starts_with('*') && word.ends_with('*') && !word.contains("**")
}

/// The text of a link without the address.
fn without_link(word: &str) -> String {
    let word = word.trim_start_matches('[');
    match word.split_once("](") {
        Some((text, rest)) => format!("{text}{}", rest.split_once(')').map_or("", |(_, after)| after)),
        None => word.replace(']', ""),
    }
}
