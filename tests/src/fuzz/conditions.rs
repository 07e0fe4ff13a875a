//! Conditions, variables in them, and shell patterns.

use uphold_core::conf::{Operator, Parser, Stanza, expand, glob};

use super::outcome::{Trait, of};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let conditions = [
        "a",
        "a and b or c",
        "(a or b) and (c or (d and e))",
        "started JOB=a or stopped b RESULT=ok EXIT_STATUS!=[01]",
        "a \"b c\" 'd' X=\"e f\" Y!=*",
        "a (\n b\n)",
        "a X=$Y Z=${W:-v}",
        "(a\n and b)\n",
        "a ''",
        "a and (b or c",
        "a) and b",
    ];
    conditions.map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(super) fn check(text: &[u8]) -> Trait {
    let mut file = [b"start on ", text, b"\n"].concat();
    let mut parser = Parser::new(&mut file);
    let condition = match parser.next() {
        Some(Ok(Stanza::StartOn(condition))) => condition,
        Some(Err(error)) => return of((error.kind, text.contains(&b'('))),
        other => panic!("{other:?}"),
    };
    let (mut depth, mut shape) = (0_usize, Vec::new());
    for operator in condition.operators() {
        depth = match operator {
            Operator::And | Operator::Or => depth.checked_sub(1).filter(|&left| left > 0).expect("two operands"),
            Operator::Event(name, arguments) => {
                assert!(!name.contains(&0) && arguments.is_well_formed());
                for argument in arguments.iter() {
                    check_variables(argument);
                }
                depth + 1
            }
        };
        let arguments = if let Operator::Event(_, arguments) = operator { arguments.iter().count() } else { 9 };
        shape.push((operator == Operator::And, arguments.min(9)));
    }
    assert_eq!(depth, 1, "one result");
    of(shape)
}

/// Variables are replaced or reported; and values are not expanded again.
fn check_variables(pattern: &[u8]) {
    for room in [0, 7, 64] {
        let mut out = heapless::Vec::<u8, 64>::new();
        out.resize(64 - room, b'.').expect("room");
        let expanded = expand(pattern, |name| name.first().filter(|&&byte| byte == b'A').map(|_| &b"$B"[..]), &mut out);
        assert!(out[..64 - room].iter().all(|&byte| byte == b'.'), "what was there stays");
        if expanded.is_ok() && !pattern.contains(&b'$') {
            assert_eq!(&out[64 - room..], pattern);
        }
    }
}

pub(super) fn glob_seeds() -> Vec<Vec<u8>> {
    let pairs = [
        "a*b?\0aXXbc",
        "[a-c]*[!x]\0abcy",
        "[[:digit:][:alpha:]]*\x0012",
        "\\*[]a]\0*]",
        "[a\0[a",
        "**a**b\0xaxb",
        "[--0]\0.",
        "[^]]\0a",
    ];
    pairs.map(|pair| pair.as_bytes().to_vec()).to_vec()
}

/// Pattern and text, with a zero byte between them: compared with a matcher that tries everything.
pub(super) fn check_glob(input: &[u8]) -> Trait {
    let at = input.iter().position(|&byte| byte == 0).unwrap_or(input.len());
    let (pattern, text) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let (pattern, text) = (&pattern[..pattern.len().min(200)], &text[..text.len().min(200)]);
    let matched = glob(pattern, text);
    if pattern.contains(&b'[') {
        // More on either side, for a star.
        let (before, after) = ([b"*", pattern].concat(), [pattern, b"*"].concat());
        assert!(!matched || glob(&before, &[b"zz", text].concat()), "a star in front of {}", pattern.escape_ascii());
        assert!(!matched || glob(&after, &[text, b"zz"].concat()), "a star behind {}", pattern.escape_ascii());
    } else {
        assert_eq!(matched, tried(pattern, text), "{} on {}", pattern.escape_ascii(), text.escape_ascii());
    }
    let special = pattern.iter().filter(|byte| b"*?[]!^-\\:".contains(byte)).take(6).collect::<Vec<_>>();
    of((matched, special, text.len().min(3)))
}

/// A matcher that tries each star at every place, for patterns without sets (fnmatch(3)). Single bytes are left to
/// `glob`.
fn tried(pattern: &[u8], text: &[u8]) -> bool {
    // matches[t]: what was read of the pattern matches the first t bytes.
    let mut matches = vec![false; text.len() + 1];
    matches[0] = true;
    let mut rest = pattern;
    while !rest.is_empty() {
        let mut next = vec![false; text.len() + 1];
        if rest[0] == b'*' {
            let mut any = false;
            for (at, place) in next.iter_mut().enumerate() {
                any |= matches[at];
                *place = any;
            }
            rest = &rest[1..];
        } else {
            let item = if rest.len() > 1 && rest[0] == b'\\' { 2 } else { 1 };
            for at in 0..text.len() {
                next[at + 1] = matches[at] && glob(&rest[..item], &text[at..=at]);
            }
            rest = &rest[item..];
        }
        matches = next;
    }
    matches[text.len()]
}
