//! Checks of the rewriting, on the core itself and on small texts.

use std::collections::BTreeSet;
use std::path::Path;

use crate::core::Core;
use crate::finder::Finder;
use crate::verdicts::{Verdicts, fits};

/// The core has at least so many mutants. With fewer, some kind is not found any more.
const FEWEST: usize = 8000;

/// Files without mutants are those without code.
const FEWEST_FILES: usize = 85;

#[test]
fn the_core_has_many_mutants_and_stays_rust() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let core = Core::read(&root).expect("the core is readable");
    assert!(core.mutants.len() >= FEWEST, "{} mutants", core.mutants.len());
    let files: BTreeSet<&str> = core.mutants.iter().map(|mutant| mutant.file.as_str()).collect();
    assert!(files.len() >= FEWEST_FILES, "{} files", files.len());
    for (path, new) in core.rewritten() {
        syn::parse_file(&new.text).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(new.pieces.iter().all(|piece| new.text[piece.range.clone()].contains(&piece.number.to_string())
            || new.text[piece.range.clone()].trim_start().starts_with('}')));
    }
}

/// The text without mutants is what it was.
#[test]
fn without_mutants_nothing_is_changed() {
    let text = "fn f(a: u32) -> bool { if let Some(b) = g(a) && b == 1 { h(); return true; } a > 2 || !k(a) }\n";
    let kept = BTreeSet::new();
    let found = Finder::find("f.rs", text, &kept, vec![]).expect("it is Rust");
    let all: BTreeSet<usize> = (0..found.mutants.len()).collect();
    assert_eq!(found.plan.rewrite(text, &all).text, text);
}

/// The mutants of each kind of place.
#[test]
fn every_kind_of_place_has_its_mutants() {
    let cases: [(&str, &[(&str, &str)]); 14] = [
        ("fn f() { a < b; }", &[("fn f", "return"), ("a < b", ""), ("a < b", "a <= b"), ("a < b", "a >= b")]),
        (
            "fn f() -> bool { a && g(b) }",
            &[
                ("fn f", "return false"),
                ("fn f", "return true"),
                ("a && g(b)", "a || g(b)"),
                ("a", "!a"),
                ("g(b)", "!g(b)"),
            ],
        ),
        ("fn f() -> impl X { !a }", &[("!a", "a")]),
        ("fn f() -> impl X { 1 }", &[("1", "2"), ("1", "0")]),
        ("fn f() -> impl X { true }", &[("true", "false")]),
        ("fn f() -> impl X { LIMIT }", &[("LIMIT", "LIMIT.wrapping_add(1)"), ("LIMIT", "LIMIT.wrapping_sub(1)")]),
        ("fn f() -> impl X { Some(a) }", &[("Some(a)", "None")]),
        ("fn f() -> impl X { a.any(b) }", &[("a.any(b)", "a.all(b)")]),
        ("fn f() -> impl X { if let A = b {} }", &[("let A = b", "false")]),
        (
            "fn f() -> impl X { matches!(a, B if c == d) }",
            &[("matches!(a, B if c == d)", "!matches!(a, B if c == d)"), ("c == d", "c != d")],
        ),
        ("fn f() -> impl X { a = b; c(); 'x' }", &[("a = b", ""), ("c()", "")]),
        ("fn f() -> impl X { match a { B => c, _ => d } }", &[("B", "never"), ("c", "d"), ("d", "c")]),
        (
            "const A: [(u8, u8); 3] = [(B, c), (D, c), (D, e)];",
            &[
                ("(B, c)", ""),
                ("(D, c)", ""),
                ("(D, e)", ""),
                ("(B, c)", "(D, c)"),
                ("(D, c)", "(D, e)"),
                ("B", "D"),
                ("c", "e"),
                ("D", "B"),
                ("c", "e"),
                ("D", "B"),
                ("e", "c"),
            ],
        ),
        ("#[cfg(test)] mod tests { fn f() { a(); } } impl fmt::Debug for A { fn f() { a(); } }", &[]),
    ];
    let kept = BTreeSet::new();
    for (text, expected) in cases {
        let found = Finder::find("f.rs", text, &kept, vec![]).expect("it is Rust");
        let mutants: Vec<(&str, &str)> =
            found.mutants.iter().map(|mutant| (mutant.from.as_str(), mutant.to.as_str())).collect();
        assert_eq!(mutants, expected, "{text}");
        let new = found.plan.rewrite(text, &BTreeSet::new()).text;
        syn::parse_file(&new).unwrap_or_else(|error| panic!("{new}: {error}"));
    }
}

/// Every verdict is readable, and a star stands for any text.
#[test]
fn verdicts_are_patterns() {
    Verdicts::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).expect("the verdicts are readable");
    let cases = [
        ("a b: c → d", "a b: c → d", true),
        ("a b: c → d", "a b: c → d e", false),
        ("a *: *.find(* → *", "a b: x.find(y) → x.rfind(y)", true),
        ("a *: *.find(* → *", "c b: x.find(y) → x.rfind(y)", false),
        ("*x* → x", "y x → x", true),
        ("*x* → x", "y x → y", false),
        ("a*a", "a", false),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(fits(pattern, text), expected, "{pattern}: {text}");
    }
}
