//! Shell patterns, as in fnmatch(3) without flags (init(5), "Event definition").

/// Whether `pattern` matches the whole of `text`.
///
/// `*` matches any text, including `/`; `?` matches one byte; `[...]` matches one byte of a set, `[!...]` and `[^...]`
/// one byte that is not in the set, with ranges and classes such as `[:digit:]`; a backslash removes the special
/// meaning of the byte after it. A `[` that is never closed matches itself. Bytes are compared, not characters (locale
/// C).
///
/// Only the last `*` is ever retried, because a later one can match anything that an earlier one could. The number of
/// comparisons is therefore at most the product of the two lengths.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            star = Some((rest, text));
            pattern = rest;
            continue;
        }
        match (text.split_first(), one(pattern)) {
            (None, _) => return pattern.is_empty(),
            (Some((&byte, after)), Some((item, rest))) if item.is(byte) => {
                text = after;
                pattern = rest;
            }
            _ => {
                // Let the last `*` match one more byte, and continue after it.
                let Some((behind, [_, from @ ..])) = star else { return false };
                star = Some((behind, from));
                pattern = behind;
                text = from;
            }
        }
    }
}

/// The part of a pattern that matches one byte.
enum Item<'p> {
    Any,
    Byte(u8),
    Set { members: &'p [u8], negated: bool },
}

impl Item<'_> {
    fn is(&self, byte: u8) -> bool {
        match *self {
            Item::Any => true,
            Item::Byte(own) => own == byte,
            Item::Set { members, negated } => contains(members, byte) != negated,
        }
    }
}

/// Takes one item from the front of the pattern; `None` at its end, or if the item can match nothing (a backslash at
/// the end).
fn one(pattern: &[u8]) -> Option<(Item<'_>, &[u8])> {
    match pattern {
        [] | [b'\\'] => None,
        [b'?', rest @ ..] => Some((Item::Any, rest)),
        [b'\\', byte, rest @ ..] => Some((Item::Byte(*byte), rest)),
        [b'[', rest @ ..] => Some(set(rest).unwrap_or((Item::Byte(b'['), rest))),
        [byte, rest @ ..] => Some((Item::Byte(*byte), rest)),
    }
}

/// Reads a set after its `[`; `None` if no `]` ends it.
fn set(pattern: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (negated, inner) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    let mut rest = inner;
    // A `]` in the first position is a member.
    while rest.len() == inner.len() || rest.first()? != &b']' {
        rest = member(rest)?.1;
    }
    let members = inner.get(..inner.len().saturating_sub(rest.len()))?;
    Some((Item::Set { members, negated }, rest.get(1..)?))
}

/// One member of a set.
enum Member<'p> {
    Byte(u8),
    Class(&'p [u8]),
}

/// Takes one member from the front; `None` at the end.
fn member(set: &[u8]) -> Option<(Member<'_>, &[u8])> {
    match set {
        [] | [b'\\'] => None,
        [b'\\', byte, rest @ ..] => Some((Member::Byte(*byte), rest)),
        [b'[', kind @ (b':' | b'.' | b'='), rest @ ..] => {
            let named = rest.windows(2).position(|pair| pair == [*kind, b']']).and_then(|at| {
                let (name, rest) = (rest.get(..at)?, rest.get(at.saturating_add(2)..)?);
                match (kind, name) {
                    (b':', _) => Some((Member::Class(name), rest)),
                    (_, [byte]) => Some((Member::Byte(*byte), rest)),
                    _ => None,
                }
            });
            Some(named.unwrap_or((Member::Byte(b'['), set.get(1..)?)))
        }
        [byte, rest @ ..] => Some((Member::Byte(*byte), rest)),
    }
}

fn contains(mut members: &[u8], byte: u8) -> bool {
    while let Some((first, rest)) = member(members) {
        members = rest;
        let found = match first {
            Member::Class(name) => class(name, byte),
            Member::Byte(low) => {
                let range = rest.split_first().filter(|(dash, _)| **dash == b'-').and_then(|(_, rest)| member(rest));
                match range {
                    Some((Member::Byte(high), rest)) => {
                        members = rest;
                        (low..=high).contains(&byte)
                    }
                    _ => low == byte,
                }
            }
        };
        if found {
            return true;
        }
    }
    false
}

/// Whether the byte belongs to the class, one of those of isalpha(3) in locale C. A class of another name has no
/// members.
fn class(name: &[u8], byte: u8) -> bool {
    match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::glob;
    extern crate std;

    #[test]
    fn patterns_match_as_fnmatch_has_them() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("*", "a/b"),
            ("/a/*", "/a/b/c"),
            ("a*b*c", "aXbYbZc"),
            ("?", "/"),
            ("\\*", "*"),
            ("[2345]", "3"),
            ("[!2345]", "0"),
            ("[^a-m]*", "one"),
            ("[st]*", "two"),
            ("t?o", "two"),
            ("[]a]", "]"),
            ("[!]a]", "b"),
            ("[a-]", "-"),
            ("[-a]", "-"),
            ("[[:alpha:]_][[:alnum:]]*", "_9x"),
            ("[[:digit:]-z]", "-"),
            ("[", "["),
            ("a[", "a["),
            ("[a", "[a"),
            ("[\\]]", "]"),
            ("[a\\-z]", "-"),
            ("[[.a.]-[=c=]]", "b"),
            ("*.conf", "a.conf.conf"),
            ("**a", "a"),
            ("[[:x]", ":"),
            ("[*]", "*"),
            ("[[:x]", "["),
            ("[[.ab.]]", "a]"),
            ("[[.ab.]]", "[]"),
        ];
        let no = [
            ("", "a"),
            ("a", ""),
            ("?", ""),
            ("a", "A"),
            ("[2345]", "0"),
            ("[!2345]", "3"),
            ("[!2345]", ""),
            ("a*b", "a"),
            ("[c-a]", "b"),
            ("[[:nope:]]", "a"),
            ("a\\", "a"),
            ("[a\\-z]", "m"),
            ("*a", "ab"),
            ("[[:x]", "\\"),
            ("[[.ab.]]", "ab"),
            ("[a-c]", "-"),
        ];
        for (pattern, text) in yes {
            assert!(glob(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for (pattern, text) in no {
            assert!(!glob(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let text = std::vec![b'a'; 5000];
        let pattern = b"*a".repeat(100);
        assert!(glob(&pattern, &text));
        assert!(!glob(&[pattern.as_slice(), b"b"].concat(), &text));
    }
}
