//! The places at which the core names a job's states or sets one.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{Expr, Item, Member, UseTree};

use crate::package::Package;
use crate::reader::{attributes, is_for_tests, paths_in};

/// The lines of a file that name a state or set one.
#[derive(Default)]
pub struct Uses {
    /// `State::…` outside assertions.
    pub names: Vec<usize>,
    /// `….state = …` and `&mut ….state`
    pub assignments: Vec<usize>,
}

/// The uses of states in each file of a package, by the file's path from the source folder. Assertions are left out.
pub fn uses(package: &Package) -> BTreeMap<&str, Uses> {
    let mut found = BTreeMap::new();
    for file in &package.files {
        let mut reader = Reader { uses: Uses::default() };
        reader.visit_file(&file.syntax);
        found.insert(file.short.as_str(), reader.uses);
    }
    found
}

struct Reader {
    uses: Uses,
}

impl Reader {
    fn note(&mut self, name: &Ident) {
        if name == "State" {
            self.uses.names.push(name.span().start().line);
        }
    }

    fn note_change(&mut self, changed: &Expr) {
        if let Expr::Field(field) = changed
            && let Member::Named(name) = &field.member
            && name == "state"
        {
            self.uses.assignments.push(name.span().start().line);
        }
    }

    /// Notes a path that names a state. `State::COUNT` is the only constant of the type that is not a state.
    fn path(&mut self, names: &[String], line: usize) {
        if let [.., owner, name] = names
            && owner == "State"
            && name != "COUNT"
        {
            self.uses.names.push(line);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_expr_assign(&mut self, assignment: &'ast syn::ExprAssign) {
        self.note_change(&assignment.left);
        visit::visit_expr_assign(self, assignment);
    }

    fn visit_expr_reference(&mut self, reference: &'ast syn::ExprReference) {
        if reference.mutability.is_some() {
            self.note_change(&reference.expr);
        }
        visit::visit_expr_reference(self, reference);
    }

    /// After `use …::State::…` or `use …::State as …` the states have other names.
    fn visit_use_tree(&mut self, tree: &'ast UseTree) {
        match tree {
            UseTree::Path(path) => self.note(&path.ident),
            UseTree::Rename(rename) => self.note(&rename.ident),
            _ => {}
        }
        visit::visit_use_tree(self, tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.last().map_or(0, |name| name.ident.span().start().line);
        self.path(&names, line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        let is_assertion =
            invocation.path.segments.last().is_some_and(|name| name.ident.to_string().contains("assert"));
        if !is_assertion {
            for (names, line) in paths_in(invocation.tokens.clone()) {
                self.path(&names, line);
            }
        }
    }
}

/// A file and the number of uses that it is allowed.
pub type Allowed = (&'static str, usize);

/// The uses of states in files outside `tables/` that have another number of them than the lists allow.
pub fn faults(uses: &BTreeMap<&str, Uses>, folder: &str, names: &[Allowed], assignments: &[Allowed]) -> Vec<String> {
    let none = Uses::default();
    let listed = names.iter().chain(assignments).map(|(file, _)| *file);
    let files: BTreeSet<&str> =
        uses.keys().copied().filter(|file| !file.starts_with("tables/")).chain(listed).collect();
    let mut faults = vec![];
    for file in files {
        let uses = uses.get(file).unwrap_or(&none);
        for (lines, list, fault) in [
            (&uses.names, names, "names a state; make the question a column of a table"),
            (&uses.assignments, assignments, "sets a state; only a step through a row may"),
        ] {
            let allowed = list.iter().find(|(listed, _)| *listed == file).map_or(0, |&(_, allowed)| allowed);
            if lines.is_empty() && allowed > 0 {
                faults.push(format!(
                    "{folder}/{file}: listed in tests/tests/house.rs without need; take it off the list"
                ));
            } else if lines.len() != allowed {
                let count = format!("{} places, {allowed} in the list", lines.len());
                faults.extend(lines.iter().map(|line| format!("{folder}/{file}:{line}: {fault} ({count})")));
            }
        }
    }
    faults
}
