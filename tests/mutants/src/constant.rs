//! The functions that must stay `const`: nothing can be chosen in them when the program runs.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Expr, ExprConst, ExprRepeat, ItemConst, ItemStatic};

/// The names that are called when the program is built, and those that each constant function calls.
#[derive(Default)]
pub struct Names {
    called: BTreeSet<String>,
    functions: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    /// Reads a file. A table, whose rows are made when the program runs, calls nothing.
    pub fn read(&mut self, file: &syn::File) {
        let mut reader = Reader { names: self, depth: 0, function: None };
        reader.visit_file(file);
    }

    /// The names of the functions that must stay constant.
    pub fn kept(&self) -> BTreeSet<String> {
        let mut kept = BTreeSet::new();
        let mut front: Vec<&String> = self.called.iter().collect();
        while let Some(name) = front.pop() {
            if let Some(calls) = self.functions.get(name)
                && kept.insert(name.clone())
            {
                front.extend(calls);
            }
        }
        kept
    }
}

struct Reader<'n> {
    names: &'n mut Names,
    /// The number of constants around the place.
    depth: usize,
    function: Option<String>,
}

impl Reader<'_> {
    fn inside(&mut self, visit: impl FnOnce(&mut Self)) {
        self.depth += 1;
        visit(self);
        self.depth -= 1;
    }

    fn note(&mut self, name: String) {
        if self.depth > 0 {
            self.names.called.insert(name.clone());
        }
        if let Some(function) = &self.function {
            self.names.functions.entry(function.clone()).or_default().insert(name);
        }
    }

    fn function(&mut self, signature: &syn::Signature, visit: impl FnOnce(&mut Self)) {
        let name = signature.constness.is_some().then(|| signature.ident.to_string());
        if let Some(name) = &name {
            self.names.functions.entry(name.clone()).or_default();
        }
        let (before, depth) = (std::mem::replace(&mut self.function, name), std::mem::take(&mut self.depth));
        visit(self);
        (self.function, self.depth) = (before, depth);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        if item.ident != "_" {
            self.inside(|reader| visit::visit_item_const(reader, item));
        }
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.inside(|reader| visit::visit_impl_item_const(reader, item));
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.inside(|reader| visit::visit_trait_item_const(reader, item));
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        if crate::tables::Table::of_static(item).is_none() {
            self.inside(|reader| visit::visit_item_static(reader, item));
        }
    }

    fn visit_expr_const(&mut self, block: &'ast ExprConst) {
        self.inside(|reader| visit::visit_expr_const(reader, block));
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.inside(|reader| reader.visit_expr(&repeat.len));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.inside(|reader| visit::visit_variant(reader, variant));
    }

    fn visit_type(&mut self, of: &'ast syn::Type) {
        self.inside(|reader| visit::visit_type(reader, of));
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        self.inside(|reader| visit::visit_generic_argument(reader, argument));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, |reader| visit::visit_item_fn(reader, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, |reader| visit::visit_impl_item_fn(reader, item));
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        match expression {
            Expr::Path(path) => {
                if let Some(last) = path.path.segments.last() {
                    self.note(last.ident.to_string());
                }
            }
            Expr::MethodCall(call) => self.note(call.method.to_string()),
            _ => {}
        }
        visit::visit_expr(self, expression);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        self.inside(|reader| visit::visit_item_macro(reader, item));
    }

    /// A macro may build a constant: every name in it counts.
    fn visit_macro(&mut self, makro: &'ast syn::Macro) {
        fn names(tokens: proc_macro2::TokenStream, note: &mut impl FnMut(String)) {
            for token in tokens {
                match token {
                    proc_macro2::TokenTree::Group(group) => names(group.stream(), note),
                    proc_macro2::TokenTree::Ident(name) => note(name.to_string()),
                    _ => {}
                }
            }
        }
        names(makro.tokens.clone(), &mut |name| self.note(name));
    }
}
