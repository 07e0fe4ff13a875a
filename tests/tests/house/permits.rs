//! The attributes that forbid and permit `unsafe`.

use crate::sources::Source;

/// The lines of code that name the lint `unsafe_code`, each with its file, and with the line after it if the attribute
/// is an outer one: that is the item to which it applies.
pub fn permits(sources: &[Source]) -> Vec<String> {
    let of_file = |source: &Source| -> Vec<String> {
        let mut lines = source.text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let mut found = vec![];
        while let Some(line) = lines.next() {
            if line.contains("unsafe_code") {
                let item = if line.starts_with("#![") { "" } else { lines.next().unwrap_or_default() };
                found.push(format!("{}: {line} {item}", source.path).trim_end().to_string());
            }
        }
        found
    };
    sources.iter().flat_map(of_file).collect()
}
