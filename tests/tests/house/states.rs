//! The places at which the core names a job's states or sets one.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Expr, Item, Member, UseTree};

use crate::package::Package;
use crate::reader::{attributes, is_for_tests};

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

    /// Notes `State::` among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match (token, tokens.get(at + 1)) {
                (TokenTree::Group(group), _) => self.tokens(group.stream()),
                (TokenTree::Ident(name), Some(TokenTree::Punct(next))) if next.as_char() == ':' => self.note(name),
                _ => {}
            }
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
        let names: Vec<&Ident> = path.segments.iter().map(|segment| &segment.ident).collect();
        // A constant of the type, such as `State::COUNT`, is not a state.
        if let [.., owner, name] = names[..]
            && name.to_string().chars().any(char::is_lowercase)
        {
            self.note(owner);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        let is_assertion =
            invocation.path.segments.last().is_some_and(|name| name.ident.to_string().contains("assert"));
        if !is_assertion {
            self.tokens(invocation.tokens.clone());
        }
    }
}

/// The uses of states outside `tables/` that neither list allows, and the entries of the lists that nothing needs.
pub fn faults(
    uses: &BTreeMap<&str, Uses>,
    folder: &str,
    names: &[(&str, &str)],
    assignments: &[(&str, usize)],
) -> Vec<String> {
    let mut faults = vec![];
    for (file, uses) in uses.iter().filter(|(file, _)| !file.starts_with("tables/")) {
        if !names.iter().any(|(allowed, _)| allowed == file) {
            faults.extend(
                uses.names.iter().map(|line| {
                    format!("{folder}/{file}:{line}: names a state; make the question a column of a table")
                }),
            );
        }
        let allowed = assignments.iter().find(|(allowed, _)| allowed == file).map_or(0, |&(_, count)| count);
        if uses.assignments.len() > allowed {
            faults.extend(uses.assignments.iter().map(|line| {
                format!(
                    "{folder}/{file}:{line}: sets a state ({allowed} are allowed here); only a step through a row may"
                )
            }));
        }
    }
    let is_idle = |file: &str, is_used: fn(&Uses) -> bool| !uses.get(file).is_some_and(is_used);
    let stale = names.iter().map(|(file, _)| file).filter(|file| is_idle(file, |uses| !uses.names.is_empty()));
    let stale = stale.chain(
        assignments.iter().map(|(file, _)| file).filter(|file| is_idle(file, |uses| !uses.assignments.is_empty())),
    );
    faults.extend(
        stale.map(|file| format!("{folder}/{file}: listed in tests/tests/house.rs without need; take it off the list")),
    );
    faults
}
