//! The methods of a package's types, and the calls between them. The methods of one type may stand in several files.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Expr, ImplItem, Item, Type};

use crate::graph::Graph;
use crate::package::Package;
use crate::reader::{is_for_tests, paths_in};

/// The methods of a package's types. Methods of traits are left out.
pub struct Methods {
    methods: Vec<Method>,
}

struct Method {
    /// The type: the file that defines it, and its name.
    of: (usize, String),
    name: String,
    file: usize,
    /// The names of the methods that it calls on `self`, each with the line of the first call.
    calls: BTreeMap<String, usize>,
}

/// A method that calls a method of the same type in another file.
pub struct Call {
    pub from: usize,
    pub to: usize,
    pub line: usize,
    pub name: String,
}

impl Methods {
    pub fn of(package: &Package) -> Methods {
        let mut methods = vec![];
        for (file, syntax) in package.files.iter().enumerate() {
            for item in &syntax.syntax.items {
                let Item::Impl(block) = item else { continue };
                let Type::Path(path) = &*block.self_ty else { continue };
                if block.trait_.is_some() || is_for_tests(&block.attrs) {
                    continue;
                }
                let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                let (Some(home), Some(name)) = (package.file_of(&syntax.module, &names), names.last()) else {
                    continue;
                };
                for function in &block.items {
                    let ImplItem::Fn(function) = function else { continue };
                    if !is_for_tests(&function.attrs) {
                        let mut calls = Calls { type_name: name, found: BTreeMap::new() };
                        calls.visit_block(&function.block);
                        let (name, of) = (function.sig.ident.to_string(), (home, name.clone()));
                        methods.push(Method { of, name, file, calls: calls.found });
                    }
                }
            }
        }
        Methods { methods }
    }

    /// The file of each method, by type and name.
    fn files(&self) -> BTreeMap<(&(usize, String), &str), usize> {
        self.methods.iter().map(|method| ((&method.of, method.name.as_str()), method.file)).collect()
    }

    pub fn calls_between_files(&self) -> Vec<Call> {
        let files = self.files();
        let calls = self.methods.iter().flat_map(|method| method.calls.iter().map(move |call| (method, call)));
        let between = |(method, (name, &line)): (&Method, (&String, &usize))| {
            let &to = files.get(&(&method.of, name.as_str()))?;
            (to != method.file).then(|| Call { from: method.file, to, line, name: name.clone() })
        };
        calls.filter_map(between).collect()
    }

    /// The types: the file that defines each, and its name.
    pub fn types(&self) -> BTreeSet<&(usize, String)> {
        self.methods.iter().map(|method| &method.of).collect()
    }

    /// The calls between the methods of a type.
    pub fn graph(&self, of: &(usize, String)) -> Graph {
        let own: Vec<&Method> = self.methods.iter().filter(|method| method.of == *of).collect();
        let names: BTreeSet<&str> = own.iter().map(|method| method.name.as_str()).collect();
        let mut graph = Graph::default();
        for method in own {
            for (name, line) in method.calls.iter().filter(|(name, _)| names.contains(name.as_str())) {
                graph.add(&method.name, name, &format!("line {line}"));
            }
        }
        graph
    }

    /// The number of a type's methods.
    pub fn count(&self, of: &(usize, String)) -> usize {
        self.methods.iter().filter(|method| method.of == *of).count()
    }
}

struct Calls<'a> {
    type_name: &'a str,
    found: BTreeMap<String, usize>,
}

impl Calls<'_> {
    fn note(&mut self, name: &str, line: usize) {
        self.found.entry(name.to_string()).or_insert(line);
    }

    /// Notes a path if it names a method of the type.
    fn path(&mut self, owner: &str, name: &str, line: usize) {
        if owner == "Self" || owner == self.type_name {
            self.note(name, line);
        }
    }

    /// Notes `self.name(…)` among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            if let TokenTree::Group(group) = token {
                self.tokens(group.stream());
            }
            let [TokenTree::Ident(owner), TokenTree::Punct(dot), TokenTree::Ident(name), TokenTree::Group(arguments)] =
                &tokens[at..tokens.len().min(at + 4)]
            else {
                continue;
            };
            if owner == "self" && dot.as_char() == '.' && arguments.delimiter() == Delimiter::Parenthesis {
                self.note(&name.to_string(), name.span().start().line);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if matches!(&*call.receiver, Expr::Path(path) if path.path.is_ident("self")) {
            self.note(&call.method.to_string(), call.method.span().start().line);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| &segment.ident).collect();
        if let [owner, name] = names[..] {
            self.path(&owner.to_string(), &name.to_string(), name.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.tokens(invocation.tokens.clone());
        for (names, line) in paths_in(invocation.tokens.clone()) {
            if let [owner, name] = &names[..] {
                self.path(owner, name, line);
            }
        }
    }
}
