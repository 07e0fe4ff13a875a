//! The generated pages of `docs/` match the tables, and the list in `docs/proof.md` matches the verdicts on mutants.
//! `UPDATE_DOCS=1 cargo test -p uphold-tests --test pages` writes them.

#[path = "pages/compatibility.rs"]
mod compatibility;
#[path = "pages/tables.rs"]
mod tables;
#[path = "pages/verdicts.rs"]
mod verdicts;

use uphold_tests::page::{self, code, table};

/// A page's name, and the function that writes it.
type Page = (&'static str, fn() -> String);

/// All generated pages.
const PAGES: [Page; 7] = [
    ("lifecycle.md", tables::lifecycle),
    ("follow.md", tables::follow),
    ("stanzas.md", tables::stanzas),
    ("commands.md", tables::commands),
    ("limits.md", tables::limits),
    ("compatibility.md", compatibility::page),
    ("proof.md", verdicts::proof),
];

#[test]
fn generated_pages_say_what_the_tables_say() {
    let stale: Vec<_> =
        PAGES.iter().filter(|(name, write)| !page::says(name, &write())).map(|(name, _)| name).collect();
    assert!(
        stale.is_empty(),
        "out of date: {stale:?}; UPDATE_DOCS=1 cargo test -p uphold-tests --test pages writes them"
    );
}
