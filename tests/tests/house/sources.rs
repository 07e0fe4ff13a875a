//! The files of the repository, and the comments in them.

use std::fs;

use proc_macro2::{TokenStream, TokenTree};
use uphold_tests::system::programs::workspace;

/// A text file.
pub struct Source {
    /// The path from the root of the repository.
    pub path: String,
    pub text: String,
}

/// A line comment, or one line of a doc comment.
pub struct Comment {
    /// The line's number; the first line is 1.
    pub line: usize,
    pub kind: Kind,
    /// Whether there is code before it on its line.
    pub trails: bool,
    /// The text after the slashes.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `//`
    Plain,
    /// `///`
    Outer,
    /// `//!`
    Inner,
}

/// The text files of the repository whose path `wanted` accepts, sorted by path.
pub fn files(wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let (root, mut found, mut folders) = (workspace(), vec![], vec![String::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("folders can be read") {
            let entry = entry.expect("folders can be read");
            let name = entry.file_name().into_string().expect("file names are UTF-8");
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().expect("files have a type");
            if kind.is_dir() && name != ".git" && name != "target" {
                folders.push(path);
            } else if kind.is_file() && name != ".git" && wanted(&path) {
                // A file that is not UTF-8 is not text.
                if let Ok(text) = fs::read_to_string(entry.path()) {
                    found.push(Source { path, text });
                }
            }
        }
    }
    assert!(!found.is_empty(), "no file of the repository fits: was a folder renamed?");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The comments of a Rust file. Slashes inside a literal do not count.
pub fn comments(source: &Source) -> Vec<Comment> {
    let lines: Vec<&str> = source.text.lines().collect();
    let tokens: TokenStream = source.text.parse().unwrap_or_else(|error| panic!("{}: {error}", source.path));
    let mut literals = vec![vec![]; lines.len()];
    note_literals(tokens, &lines, &mut literals);
    let mut found = vec![];
    for (number, line) in lines.iter().enumerate() {
        let slashes = line.match_indices("//").map(|(at, _)| at);
        let is_literal = |at: usize| {
            let column = line[..at].chars().count();
            literals[number].iter().any(|&(start, end)| (start..end).contains(&column))
        };
        let Some(at) = slashes.into_iter().find(|&at| !is_literal(at)) else { continue };
        let (kind, skipped) = match &line[at + 2..] {
            rest if rest.starts_with('!') => (Kind::Inner, 3),
            rest if rest.starts_with('/') && !rest.starts_with("//") => (Kind::Outer, 3),
            _ => (Kind::Plain, 2),
        };
        let (trails, text) = (!line[..at].trim().is_empty(), line[at + skipped..].trim().to_string());
        found.push(Comment { line: number + 1, kind, trails, text });
    }
    found
}

/// Notes the columns of the literals in each line. The parser turns doc comments into literals; those are left out.
fn note_literals(tokens: TokenStream, lines: &[&str], found: &mut [Vec<(usize, usize)>]) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => note_literals(group.stream(), lines, found),
            TokenTree::Literal(literal) => {
                let (start, end) = (literal.span().start(), literal.span().end());
                let text: String = lines[start.line - 1].chars().skip(start.column).take(2).collect();
                if text == "//" {
                    continue;
                }
                for line in start.line..=end.line {
                    let from = if line == start.line { start.column } else { 0 };
                    let to = if line == end.line { end.column } else { usize::MAX };
                    found[line - 1].push((from, to));
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}
