//! Generated pages of `docs/`: Markdown helpers, and the comparison with the page on disk.

use std::fs;
use std::path::Path;

/// The first lines of every generated page.
pub const HEAD: &str = "<!-- Generated from the program's tables; see docs/architecture.md. -->\n\n";

/// A table in Markdown.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
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

/// The text as inline code. An empty text stays empty.
pub fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// Whether the page has this text. With `UPDATE_DOCS` set, writes the page instead.
pub fn says(name: &str, text: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, text).expect("docs can be written");
        return true;
    }
    fs::read_to_string(&path).ok().as_deref() == Some(text)
}
