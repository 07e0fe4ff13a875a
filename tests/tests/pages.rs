//! The generated pages of `docs/` say what the tables say. `UPDATE_DOCS=1 cargo test -p uphold-tests --test pages` writes them.

#[path = "pages/compatibility.rs"]
mod compatibility;
#[path = "pages/tables.rs"]
mod tables;

use std::fs;
use std::path::Path;

/// A page's name, and what writes it.
type Page = (&'static str, fn() -> String);

/// Every generated page.
const PAGES: [Page; 6] = [
    ("lifecycle.md", tables::lifecycle),
    ("follow.md", tables::follow),
    ("stanzas.md", tables::stanzas),
    ("commands.md", tables::commands),
    ("limits.md", tables::limits),
    ("compatibility.md", compatibility::page),
];

/// A table in Markdown.
fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&headings.iter().map(ToString::to_string).collect::<Vec<_>>());
    text += &format!("|{}\n", "---|".repeat(headings.len()));
    for row in rows {
        assert_eq!(row.len(), headings.len(), "a cell for every heading: {row:?}");
        let cells: Vec<String> = row.into_iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        text += &line(&cells);
    }
    text
}

/// In the form of a word of a program.
fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

#[test]
fn generated_pages_say_what_the_tables_say() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut stale = Vec::new();
    for (name, generate) in PAGES {
        let (path, text) = (docs.join(name), generate());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &text).expect("docs can be written");
        } else if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "out of date: {stale:?}; UPDATE_DOCS=1 cargo test -p uphold-tests --test pages writes them"
    );
}
