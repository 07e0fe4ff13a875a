//! The lengths of functions and the widths of comments.

use std::ops::Range;

use syn::visit::{self, Visit};

use crate::sources::{Source, comments};

/// A function, and the number of its lines from `fn` to the closing brace.
pub struct Function {
    pub place: String,
    pub name: String,
    pub lines: usize,
}

/// The functions of a file.
pub fn functions(source: &Source) -> Vec<Function> {
    let syntax = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path));
    let mut reader = Functions { path: &source.path, found: vec![] };
    reader.visit_file(&syntax);
    reader.found
}

struct Functions<'a> {
    path: &'a str,
    found: Vec<Function>,
}

impl Functions<'_> {
    fn note(&mut self, head: &syn::Signature, body: &syn::Block) {
        let (start, end) = (head.fn_token.span.start().line, body.brace_token.span.close().end().line);
        let place = format!("{}:{start}", self.path);
        self.found.push(Function { place, name: head.ident.to_string(), lines: end - start + 1 });
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.note(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.note(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.note(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// The lines with a comment that are wider than `most` columns. Tables that rustfmt leaves alone are left out.
pub fn wide_comments(source: &Source, most: usize) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let tables = tables(&lines);
    let width = |line: usize| lines[line - 1].chars().count();
    let is_wide = |line: usize| width(line) > most && !tables.iter().any(|table| table.contains(&line));
    let fault =
        |line: usize| format!("{}:{line}: a comment of {} columns; break it at {most}", source.path, width(line));
    comments(source).iter().map(|comment| comment.line).filter(|&line| is_wide(line)).map(fault).collect()
}

/// The line numbers below each `#[rustfmt::skip]`, up to the closing bracket with the same indentation.
fn tables(lines: &[&str]) -> Vec<Range<usize>> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let table = |(number, line): (usize, &&str)| {
        let is_end = |other: &&str| indent(other) == indent(line) && other.trim_start().starts_with([']', '}', ')']);
        let length = lines[number..].iter().position(is_end)?;
        (line.trim() == "#[rustfmt::skip]").then_some(number + 1..number + length + 2)
    };
    lines.iter().enumerate().filter_map(table).collect()
}
