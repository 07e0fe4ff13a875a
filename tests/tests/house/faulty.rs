//! Tests of the checks: small packages that break one rule each, and packages that break none.

use crate::layers;
use crate::map;
use crate::methods::Methods;
use crate::package::Package;
use crate::permits::permits;
use crate::sizes;
use crate::sources::{Comment, Kind, Source, comments};
use crate::states;

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_string(), text: text.to_string() }
}

/// A package of these files in the folder `src`.
fn package(files: &[(&str, &str)]) -> Package {
    let sources: Vec<Source> = files.iter().map(|(path, text)| source(&format!("src/{path}"), text)).collect();
    Package::parse("house", "src", &sources)
}

/// The imports between the files of a package, each as `from → to`.
fn imports(files: &[(&str, &str)]) -> Vec<String> {
    let package = package(files);
    let short = |file: usize| &package.files[file].short;
    let mut found: Vec<String> =
        package.imports().iter().map(|import| format!("{} → {}", short(import.from), short(import.to))).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn paths_are_resolved_to_files() {
    let below =
        [("a.rs", "pub struct A; pub mod inner { pub struct B; }"), ("b/mod.rs", ""), ("b/c.rs", "pub fn c() {}")];
    for text in [
        "use crate::a::A;",
        "use crate::a::{self};",
        "use crate::{a::inner::B as C};",
        "use crate::a::*;",
        "use super::a;",
        "fn f(_: crate::a::A) {}",
        "fn f() { super::a::A; }",
        "fn f() { assert!(crate::a::A == 1); }",
        "macro_rules! m { () => { $crate::a::A } }",
        "mod inner { use super::super::a::A; }",
        "impl Clone for crate::a::A {}",
    ] {
        let files = [("lib.rs", ""), below[0], below[1], below[2], ("user.rs", text)];
        assert_eq!(imports(&files), ["user.rs → a.rs"], "{text}");
    }
    let user = |text| [("lib.rs", ""), below[0], below[1], below[2], ("b/d.rs", text)];
    assert_eq!(imports(&user("use super::c::c;")), ["b/d.rs → b/c.rs"]);
    assert_eq!(imports(&user("use crate::b; fn f() { b::c::c() }")), ["b/d.rs → b/c.rs", "b/d.rs → b/mod.rs"]);
    assert_eq!(imports(&user("use std::fmt; use a::A; fn a() {} pub(in crate::a) struct D;")), [""; 0]);
}

#[test]
fn a_reexport_from_the_own_folder_is_not_an_import() {
    let files = [
        ("lib.rs", "pub use a::A; pub use b::B;"),
        ("a.rs", "use crate::B;"),
        ("b/mod.rs", "mod c; pub use c::B;"),
        ("b/c.rs", "pub struct B;"),
    ];
    assert_eq!(imports(&files), ["a.rs → b/c.rs"]);
    let files = [("lib.rs", ""), ("a.rs", "pub use crate::b::B;"), ("b.rs", "pub struct B;")];
    assert_eq!(imports(&files), ["a.rs → b.rs"], "the name lies outside the folder");
    let files = [("lib.rs", "mod a; pub use a::A; fn f(_: A) {}"), ("a.rs", "pub struct A;")];
    assert_eq!(imports(&files), ["lib.rs → a.rs"], "the name is used here too");
}

#[test]
fn binaries_use_the_library() {
    let files = [("lib.rs", ""), ("a.rs", "pub struct A;"), ("main.rs", "use house::a::A;")];
    assert_eq!(imports(&files), ["main.rs → a.rs"]);
    assert_eq!(imports(&[("main.rs", "mod a; use a::A;"), ("a.rs", "pub struct A;")]), ["main.rs → a.rs"]);
}

#[test]
fn code_for_tests_is_left_out() {
    let text = "#[cfg(test)] mod tests { use crate::a::A; } #[cfg(test)] use crate::a::A; #[cfg(test)] mod far;";
    let files = [("lib.rs", ""), ("a.rs", "pub struct A;"), ("b/mod.rs", text), ("b/far.rs", "use crate::a::A;")];
    assert_eq!(imports(&files), [""; 0]);
}

#[test]
fn an_upward_import_is_found() {
    let files = [("lib.rs", ""), ("up.rs", "pub struct A;"), ("down.rs", "\nuse crate::up::A;")];
    let faults = |rows: &[&[&str]]| layers::faults(&package(&files), "src", rows);
    assert_eq!(faults(&[&["lib"], &["down"], &["up"]]), [""; 0]);
    assert_eq!(layers::rows(&package(&files)), Some(vec![vec!["down"], vec!["lib", "up"]]));
    let [fault] = &faults(&[&["lib"], &["up"], &["down"]])[..] else { panic!("one fault") };
    assert!(fault.starts_with("src/down.rs:2: uses `crate::up::A` of up.rs, but `up` is a layer above it"), "{fault}");
    let [fault] = &faults(&[&["lib"], &["up", "down"]])[..] else { panic!("one fault") };
    assert!(fault.contains("stands beside it"), "{fault}");
    let [unknown, gone] = &faults(&[&["lib"], &["down"], &["sideways"]])[..] else { panic!("two faults") };
    assert!(unknown.starts_with("src/up: no row") && gone.starts_with("src/sideways: the layers' table names it"));
}

#[test]
fn an_upward_call_is_found() {
    let files = [
        ("lib.rs", ""),
        ("machine.rs", "pub struct M;"),
        ("up.rs", "use crate::machine::M; impl M { fn up(&self) {} }"),
        ("down.rs", "use crate::machine::M; impl M { fn down(&self) { assert!(self.up()) } }"),
    ];
    let faults = layers::faults(&package(&files), "src", &[&["lib"], &["up"], &["down"], &["machine"]]);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("calls `up()` of up.rs, but `up` is a layer above it"), "{faults:?}");
}

#[test]
fn an_import_that_is_not_allowed_is_found() {
    let files = [
        ("lib.rs", ""),
        ("m/a.rs", "use crate::{low::L, high::H};"),
        ("low.rs", "pub struct L;"),
        ("high.rs", "pub struct H;"),
    ];
    assert_eq!(layers::strangers(&package(&files), "src", "m", &["low", "high"]), [""; 0]);
    assert_eq!(layers::strangers(&package(&files), "src", "n", &["low"]).len(), 1, "a rule about nothing");
    let faults = layers::strangers(&package(&files), "src", "m", &["low"]);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("src/m/a.rs:1: uses `crate::high::H` of high.rs"), "{faults:?}");
}

#[test]
fn a_cycle_of_files_is_found() {
    let two = [("lib.rs", ""), ("a.rs", "use crate::b::B; pub struct A;"), ("b.rs", "pub struct B(crate::a::A);")];
    let found = layers::cycles(&package(&two));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("a.rs → b.rs  (line 1: uses `crate::b::B`)"), "{}", found[0]);
    assert!(found[0].contains("b.rs → a.rs  (line 1: uses `crate::a::A`)"), "{}", found[0]);
    let three = [
        ("lib.rs", ""),
        ("a.rs", "use crate::b::b; pub fn a() {}"),
        ("b.rs", "use crate::c::c; pub fn b() {}"),
        ("c.rs", "use crate::a::a; pub fn c() {}"),
        ("d.rs", "use crate::a::a;"),
    ];
    let found = layers::cycles(&package(&three));
    assert!(found.len() == 1 && found[0].contains("in a knot of 3"), "{found:?}");
    assert_eq!(layers::cycles(&package(&three[..3])), [""; 0]);
}

#[test]
fn a_cycle_through_mod_rs_is_found() {
    let files = [("lib.rs", ""), ("a/mod.rs", "mod b; pub struct A(b::B);"), ("a/b.rs", "use super::A; pub struct B;")];
    assert_eq!(layers::cycles(&package(&files)).len(), 1);
}

#[test]
fn a_recursion_is_found() {
    let methods = |text: &str| Methods::of(&package(&[("lib.rs", ""), ("m.rs", text)]));
    let straight =
        methods("struct M; impl M { fn a(&self) { self.b() } } impl M { fn b(&self) { Self::c() } fn c() {} }");
    let graph = |methods: &Methods, name: &str| {
        methods.graph(methods.types().into_iter().find(|of| of.1 == name).expect("the type has methods"))
    };
    assert_eq!(graph(&straight, "M").cycles(), [""; 0]);
    assert_eq!(graph(&straight, "M").longest_chain(), ["a", "b", "c"]);
    assert_eq!(straight.count(straight.types().first().expect("M is found")), 3);
    for text in [
        "struct M; impl M { fn a(&self) { self.a() } }",
        "struct M; impl M { fn a(&self) { (0..1).for_each(|_| self.b()) } } impl M { fn b(&self) { M::a(self) } }",
        "struct M; impl M { fn a(&self) { matches!(self.b(), 1) } fn b(&self) { Self::a(self) } }",
        "struct M; impl M { fn a(&self) { matches!(Self::b(self), 1) } fn b(&self) { self.a() } }",
    ] {
        assert_eq!(graph(&methods(text), "M").cycles().len(), 1, "{text}");
    }
    let two = methods("struct M; struct N; impl M { fn a(&self) { N::a() } } impl N { fn a() {} }");
    assert_eq!(graph(&two, "M").cycles(), [""; 0]);
}

#[test]
fn a_state_outside_the_tables_is_found() {
    let faults = |text, allowed: &[states::Allowed], sets: &[states::Allowed]| {
        let package = package(&[("lib.rs", ""), ("tables/a.rs", "fn f() -> State { State::Rest }"), ("b.rs", text)]);
        states::faults(&states::uses(&package), "src", allowed, sets)
    };
    let named = "fn f(job: &Job) -> bool { job.state == State::Rest }";
    assert!(faults(named, &[], &[])[0].starts_with("src/b.rs:1: names a state"));
    assert_eq!(faults(named, &[("b.rs", 1)], &[]), [""; 0]);
    assert_eq!(faults(named, &[("b.rs", 2)], &[]).len(), 1, "one of two is gone");
    assert_eq!(faults("fn f(job: &Job) -> bool { job.state == State::REST }", &[], &[]).len(), 1);
    assert_eq!(faults("fn f() -> usize { State::COUNT }", &[], &[]), [""; 0]);
    assert_eq!(faults("fn f() { matches!(state, State::Rest) }", &[], &[]).len(), 1);
    assert_eq!(faults("use crate::State as S;", &[], &[]).len(), 1);
    assert_eq!(
        faults("use crate::State; fn f(job: &Job) { debug_assert!(job.state == State::Rest) }", &[], &[]),
        [""; 0]
    );
    let set = "fn f(job: &mut Job) { job.state = next; }";
    assert!(faults(set, &[], &[])[0].starts_with("src/b.rs:1: sets a state"));
    assert_eq!(faults("fn f(job: &mut Job) { replace(&mut job.state, next); }", &[], &[]).len(), 1);
    assert_eq!(faults(set, &[], &[("b.rs", 1)]), [""; 0]);
    assert_eq!(faults("", &[("b.rs", 1)], &[("c.rs", 1)]).len(), 2, "entries that nothing needs");
}

#[test]
fn long_comments_and_functions_are_found() {
    let text = format!("/// {}\nfn f() {{\n    let text = \"// {}\";\n}}\n", "x".repeat(117), "x".repeat(120));
    let source = source("a.rs", &text);
    assert_eq!(sizes::wide_comments(&source, 120), ["a.rs:1: a comment of 121 columns; break it at 120"]);
    let row = format!("    // {}\n", "x".repeat(120));
    let text = format!("#[rustfmt::skip]\nconst T: [u8; 0] = [\n{row}];\nconst U: [u8; 0] = [\n{row}];\n");
    let wide = sizes::wide_comments(&self::source("a.rs", &text), 120);
    assert_eq!(wide, ["a.rs:6: a comment of 127 columns; break it at 120"], "a table may be wide");
    let functions = sizes::functions(&source);
    assert_eq!((functions[0].name.as_str(), functions[0].lines), ("f", 3));
}

#[test]
fn attributes_about_unsafe_are_found() {
    let text = "//! `unsafe_code`\n#![deny(unsafe_code)]\n#[allow(unsafe_code)]\n// A comment.\nmod a;\nmod b;\n";
    assert_eq!(
        permits(&[source("lib.rs", text)]),
        ["lib.rs: #![deny(unsafe_code)]", "lib.rs: #[allow(unsafe_code)] mod a;"]
    );
    assert_eq!(permits(&[source("a.rs", "#[expect(\n    unsafe_code\n)]\nmod c;\n")]).len(), 1);
}

#[test]
fn slashes_in_literals_are_not_comments() {
    let text = "//! a\n/// b\nfn f() { // c\n    \"//\"; // d\n    r#\"\n// e\n\"#;\n//// f\n}\n";
    let found = comments(&source("a.rs", text));
    let seen = |comment: &Comment| (comment.line, comment.kind, comment.trails, comment.text.clone());
    let wanted = [
        (1, Kind::Inner, false, "a".to_string()),
        (2, Kind::Outer, false, "b".to_string()),
        (3, Kind::Plain, true, "c".to_string()),
        (4, Kind::Plain, true, "d".to_string()),
        (8, Kind::Plain, false, "// f".to_string()),
    ];
    assert_eq!(found.iter().map(seen).collect::<Vec<_>>(), wanted);
}

#[test]
fn a_part_that_the_page_does_not_list_is_found() {
    let page = "# Map\n\n## The core\n\n| `memory/` | queues |\n\n### Files\n\n| `offer`, `src/step` | `todo`, not `kill` |\n\n\
                ## The shim\n\n| `kill` | signals |\n";
    let entries = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(map::unnamed(page, "core", "src", &entries(&["memory/", "offer", "step"])), [""; 0]);
    let one_more = entries(&["memory/", "offer", "step", "kill"]);
    assert_eq!(map::unnamed(page, "core", "src", &one_more).len(), 1, "it is only mentioned in the other column");
    assert_eq!(
        map::unnamed(page, "core", "src", &entries(&["memory/", "offer"])).len(),
        1,
        "a row that is out of date"
    );
    assert_eq!(map::unnamed(page, "core", "src", &entries(&["memory", "offer", "step"])).len(), 2, "both");
    assert_eq!(map::unnamed(page, "cli", "src", &entries(&["kill"])).len(), 1);
    let sources = [source("src/a.rs", ""), source("src/b/mod.rs", ""), source("src/b/c.rs", "")];
    assert_eq!(map::entries(&sources, "src/"), ["a", "b/"]);
}
