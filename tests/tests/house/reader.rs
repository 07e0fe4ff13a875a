//! Reads the names that a file defines and uses.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// The path of a module: the names from the root down. The root's path is empty.
pub type Place = Vec<String>;

/// The names of a module.
#[derive(Default)]
pub struct Module {
    pub file: usize,
    pub items: BTreeSet<String>,
    /// Imported names, each with its path.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Modules that are imported with `*`.
    pub globs: Vec<Vec<String>>,
}

/// A path in the source.
pub struct Reference {
    pub module: Place,
    pub file: usize,
    pub line: usize,
    pub segments: Vec<String>,
    pub is_reexport: bool,
}

/// The modules that a file declares under `#[cfg(test)]`.
pub fn test_modules(place: &Place, syntax: &syn::File) -> Vec<Place> {
    let test = |item: &Item| match item {
        Item::Mod(module) if is_for_tests(&module.attrs) => Some(below(place, &module.ident.to_string())),
        _ => None,
    };
    syntax.items.iter().filter_map(test).collect()
}

/// The modules of a file, and the paths in it.
pub fn read(file: usize, place: &Place, syntax: &syn::File) -> (BTreeMap<Place, Module>, Vec<Reference>) {
    let mut reader = Reader { file, module: place.clone(), modules: BTreeMap::new(), references: vec![] };
    reader.module(&syntax.items);
    (reader.modules, reader.references)
}

struct Reader {
    file: usize,
    module: Place,
    modules: BTreeMap<Place, Module>,
    references: Vec<Reference>,
}

impl Reader {
    fn here(&mut self) -> &mut Module {
        let file = self.file;
        self.modules.entry(self.module.clone()).or_insert_with(|| Module { file, ..Module::default() })
    }

    fn module(&mut self, items: &[Item]) {
        self.here();
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            match item {
                Item::Mod(inner) => {
                    if let Some((_, items)) = &inner.content {
                        self.module.push(inner.ident.to_string());
                        self.module(items);
                        self.module.pop();
                    }
                }
                item => {
                    if let Some(name) = name(item) {
                        self.here().items.insert(name);
                    }
                    self.visit_item(item);
                }
            }
        }
    }

    fn refer(&mut self, segments: Vec<String>, line: usize, is_reexport: bool) {
        let (module, file) = (self.module.clone(), self.file);
        self.references.push(Reference { module, file, line, segments, is_reexport });
    }

    /// Adds every name of a `use`.
    fn tree(&mut self, tree: &UseTree, before: &[String], is_reexport: bool) {
        let with = |name: &syn::Ident| below(before, &name.to_string());
        let (name, path, line) = match tree {
            UseTree::Path(path) => return self.tree(&path.tree, &with(&path.ident), is_reexport),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.tree(tree, before, is_reexport));
            }
            UseTree::Glob(glob) => {
                self.here().globs.push(before.to_vec());
                let line = glob.star_token.spans[0].start().line;
                return self.refer(before.to_vec(), line, is_reexport);
            }
            UseTree::Name(name) if name.ident == "self" => {
                (before.last().cloned().unwrap_or_default(), before.to_vec(), name.ident.span().start().line)
            }
            UseTree::Name(name) => (name.ident.to_string(), with(&name.ident), name.ident.span().start().line),
            UseTree::Rename(rename) => {
                (rename.rename.to_string(), with(&rename.ident), rename.ident.span().start().line)
            }
        };
        self.here().aliases.insert(name, path.clone());
        self.refer(path, line, is_reexport);
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        self.refer(segments, line, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        for (segments, line) in paths_in(invocation.tokens.clone()) {
            self.refer(segments, line, false);
        }
        visit::visit_macro(self, invocation);
    }

    // The paths in `pub(in …)` and `#[…]` are not imports.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// The paths of two and more segments among the tokens of a macro, each with its line.
pub fn paths_in(tokens: TokenStream) -> Vec<(Vec<String>, usize)> {
    let (mut found, mut path, mut line, mut colons) = (vec![], vec![], 0, 0);
    let mut end = |path: &mut Vec<String>, line| {
        let path = std::mem::take(path);
        if path.len() > 1 {
            found.push((path, line));
        }
    };
    let mut inner = vec![];
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    end(&mut path, line);
                    line = ident.span().start().line;
                }
                path.push(ident.to_string());
                colons = 0;
            }
            other => {
                end(&mut path, line);
                colons = 0;
                if let TokenTree::Group(group) = other {
                    inner.extend(paths_in(group.stream()));
                }
            }
        }
    }
    end(&mut path, line);
    found.extend(inner);
    found
}

/// Whether the attributes contain `#[cfg(test)]`.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_test = |list: &syn::MetaList| list.tokens.to_string().starts_with("test");
        attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(is_test)
    })
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The path of a name in a module.
pub fn below(place: &[String], name: &str) -> Place {
    place.iter().cloned().chain([name.to_string()]).collect()
}
