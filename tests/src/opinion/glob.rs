//! Patterns of fnmatch(3) without flags: `*`, `?` and plain characters. `*` matches `/` too.

/// Whether the pattern matches the whole text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let rest = |text: &str| {
        let mut characters = text.chars();
        characters.next();
        characters.as_str().to_owned()
    };
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => matches(&rest(pattern), text) || (!text.is_empty() && matches(pattern, &rest(text))),
        Some('?') => !text.is_empty() && matches(&rest(pattern), &rest(text)),
        Some(plain) => text.starts_with(plain) && matches(&rest(pattern), &rest(text)),
    }
}
