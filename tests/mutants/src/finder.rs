//! Finds the places of a file that can be wrong, and plans a mutant for each way.

use std::collections::BTreeSet;
use std::ops::Range;

use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Block, Expr, Lit, Pat, ReturnType, Signature, Stmt, Token, UnOp};

use crate::operators::{LEFT_AWAY, instead, is_opposite, other_method};
use crate::plan::{Mutant, Plan};
use crate::tables::{self, Table};

/// Traits whose implementations are left out: nothing reads their texts.
const UNREAD_TRAITS: [&str; 2] = ["Debug", "Format"];

/// The mutants of a file.
pub struct Finder<'t> {
    path: &'t str,
    text: &'t str,
    /// The name of the function or the table around the place.
    function: String,
    /// The functions that stay constant.
    kept: &'t BTreeSet<String>,
    pub plan: Plan,
    /// All mutants, of the files before too.
    pub mutants: Vec<Mutant>,
    /// The rows of tables that are read when the program is built.
    pub fixed_rows: usize,
}

impl<'t> Finder<'t> {
    /// Finds the mutants of a file. `mutants` are those of other files.
    pub fn find(path: &'t str, text: &'t str, kept: &'t BTreeSet<String>, mutants: Vec<Mutant>) -> syn::Result<Self> {
        let mut finder =
            Finder { path, text, function: String::new(), kept, plan: Plan::default(), mutants, fixed_rows: 0 };
        let file = syn::parse_file(text)?;
        finder.visit_file(&file);
        if path.ends_with("src/lib.rs")
            && let Some(first) = file.items.first()
        {
            let place = finder.start(first);
            finder.plan.wrap(place, "extern crate std;\n#[doc(hidden)]\npub mod mutant;\n".into(), String::new(), None);
        }
        Ok(finder)
    }

    fn start(&self, node: &impl Spanned) -> Range<usize> {
        let start = node.span().byte_range().start;
        start..start
    }

    fn source(&self, node: &impl Spanned) -> &'t str {
        &self.text[node.span().byte_range()]
    }

    /// Notes a mutant, and gives its number.
    fn note(&mut self, node: &impl Spanned, from: &str, to: &str) -> usize {
        let line = node.span().start().line;
        let short = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (file, function) = (self.path.to_owned(), self.function.clone());
        self.mutants.push(Mutant { file, function, line, from: short(from), to: short(to) });
        self.mutants.len() - 1
    }

    /// Another value in the place of an expression's.
    fn value(&mut self, node: &impl Spanned, to: &str) {
        let number = self.note(node, self.source(node), to);
        let (before, end) =
            (format!("(if crate::mutant::off({number}) {{ "), if to.contains("//") { "\n" } else { "" });
        self.plan.wrap(node.span().byte_range(), before, format!(" }} else {{ {to}{end} }})"), Some(number));
    }

    /// A statement that is left out.
    fn left_out(&mut self, place: Range<usize>, node: &impl Spanned) {
        let number = self.note(node, self.source(node), "");
        self.plan.wrap(place, format!("if crate::mutant::off({number}) {{ "), " }".into(), Some(number));
    }

    /// A condition at the end of a place.
    fn and_off(&mut self, node: &impl Spanned, word: &str, to: &str) {
        let number = self.note(node, self.source(node), to);
        let end = node.span().byte_range().end;
        let text = format!(" {word} crate::mutant::off({number})");
        self.plan.wrap(end..end, text, String::new(), Some(number));
    }

    /// A condition: each part of it is negated.
    fn condition(&mut self, part: &Expr) {
        match part {
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) => {
                if !has_let(part) {
                    self.operator(binary);
                }
                self.condition(&binary.left);
                self.condition(&binary.right);
            }
            Expr::Let(binding) => {
                self.and_off(binding, "&&", "false");
                self.visit_expr(&binding.expr);
            }
            Expr::Paren(inner) => self.condition(&inner.expr),
            Expr::MethodCall(call) if is_opposite(&call.method.to_string()) => self.visit_expr(part),
            Expr::Call(_) | Expr::MethodCall(_) | Expr::Field(_) | Expr::Path(_) => {
                self.value(part, &format!("!{}", self.source(part)));
                self.visit_expr(part);
            }
            _ => self.visit_expr(part),
        }
    }

    fn operator(&mut self, binary: &syn::ExprBinary) {
        let (left, right) = (self.source(&binary.left), self.source(&binary.right));
        for other in instead(&binary.op) {
            self.value(binary, &format!("{left} {other} {right}"));
        }
    }

    fn literal(&mut self, literal: &syn::ExprLit) {
        match &literal.lit {
            Lit::Bool(value) => self.value(literal, if value.value { "false" } else { "true" }),
            Lit::Byte(value) => self.value(literal, &format!("{}u8", value.value().wrapping_add(1))),
            Lit::Int(value) => {
                let Ok(number) = value.base10_parse::<u128>() else { return };
                let suffix = value.suffix();
                self.value(literal, &format!("{}{suffix}", number + 1));
                if number > 0 {
                    self.value(literal, &format!("{}{suffix}", number - 1));
                }
            }
            _ => {}
        }
    }

    fn method(&mut self, call: &syn::ExprMethodCall) {
        let (whole, name) = (self.source(call), call.method.to_string());
        let (start, method) = (call.span().byte_range().start, call.method.span().byte_range());
        let (before, after) = (&whole[..method.start - start], &whole[method.end - start..]);
        if let Some(other) = other_method(&name) {
            self.value(call, &format!("{before}{other}{after}"));
        }
        if LEFT_AWAY.contains(&name.as_str()) {
            self.value(call, self.source(&call.receiver));
        }
    }

    /// The last expression of a block or an arm: a call of it is left out.
    fn result(&mut self, last: &Expr) {
        if matches!(last, Expr::Call(_) | Expr::MethodCall(_) | Expr::Assign(_)) {
            self.value(last, "Default::default()");
        }
    }

    fn arms(&mut self, arms: &[Arm]) {
        let takes_all = arms.last().is_some_and(|arm| takes_all(&arm.pat));
        for (place, arm) in arms.iter().enumerate() {
            match &arm.pat {
                Pat::Guard(guarded) => self.condition(&guarded.guard),
                pattern if takes_all && place + 1 < arms.len() => self.and_off(pattern, "if", "never"),
                _ => {}
            }
            self.result(&arm.body);
            let is_short = |body: &Expr| !matches!(body, Expr::Block(_) | Expr::If(_) | Expr::Match(_));
            if let Some(next) = arms.get(place + 1).or(arms.first())
                && is_short(&arm.body)
                && is_short(&next.body)
                && self.source(&arm.body) != self.source(&next.body)
            {
                self.value(&arm.body, self.source(&next.body));
            }
        }
        self.columns(&arms.iter().map(|arm| &*arm.body).collect::<Vec<_>>());
    }

    /// Each cell of a table gets the value of the next row that has another one.
    fn columns(&mut self, rows: &[&Expr]) {
        for (place, row) in rows.iter().enumerate() {
            let Some((kind, cells)) = tables::cells(row) else { continue };
            for (column, cell) in cells.iter().enumerate() {
                let others = rows[place + 1..].iter().chain(&rows[..place]);
                let mut others = others.filter_map(|other| {
                    let (other_kind, other_cells) = tables::cells(other)?;
                    (other_kind == kind && other_cells.len() == cells.len()).then(|| self.source(other_cells[column]))
                });
                let own = self.source(*cell);
                if let Some(other) = others.find(|other| *other != own) {
                    self.value(*cell, other);
                }
            }
        }
    }

    fn table(&mut self, table: &Table<'_>, name: &syn::Ident, of: &syn::Type, made: &Expr) {
        self.function = name.to_string();
        for (place, text) in &table.replaced {
            self.plan.replace(place.clone(), text);
        }
        let row = self.source(table.row);
        self.plan.replace(of.span().byte_range(), &format!("crate::mutant::Table<{row}>"));
        self.plan.wrap(made.span().byte_range(), "crate::mutant::Table::new(|| ".into(), ")".into(), None);
        let rows: Vec<&Expr> = table.rows.elems.iter().collect();
        let first = self.mutants.len();
        for row in &rows {
            self.note(row, self.source(row), "");
        }
        for pair in rows.windows(2) {
            self.note(pair[0], self.source(pair[0]), self.source(pair[1]));
        }
        let before = format!("crate::mutant::rows::<{row}, _>(");
        self.plan.wrap(table.rows.span().byte_range(), before, format!(", {first})"), None);
        self.columns(&rows);
        self.visit_expr(made);
    }

    /// A function returns at once.
    fn returns(&mut self, signature: &Signature, block: &Block) {
        if block.stmts.is_empty() {
            return;
        }
        let values: &[&str] = match &signature.output {
            ReturnType::Default => &[""],
            ReturnType::Type(_, of) => match self.source(&**of) {
                "bool" => &["false", "true"],
                of if of.starts_with("impl") || of == "!" => &[],
                of if of.contains("Result") => &["Ok(Default::default())"],
                of if of.starts_with("Option") => &["None"],
                _ => &["Default::default()"],
            },
        };
        let start = block.brace_token.span.open().byte_range().end;
        for value in values {
            let number = self.note(&signature.ident, &format!("fn {}", signature.ident), &format!("return {value}"));
            let text = format!(" if crate::mutant::on({number}) {{ return {value}; }}");
            self.plan.wrap(start..start, text, String::new(), Some(number));
        }
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let around = std::mem::replace(&mut self.function, signature.ident.to_string());
        self.body(signature, block);
        self.function = around;
    }

    fn body(&mut self, signature: &Signature, block: &Block) {
        if let Some(word) = &signature.constness {
            if self.kept.contains(&signature.ident.to_string()) {
                return;
            }
            self.plan.replace(word.span().byte_range(), "");
        }
        self.returns(signature, block);
        match &block.stmts[..] {
            // That its result is left out is the same as a return at once.
            [Stmt::Expr(only, None)] => self.visit_expr(only),
            _ => self.visit_block(block),
        }
    }
}

/// Whether a chain of conditions binds something.
fn has_let(part: &Expr) -> bool {
    match part {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// Whether a pattern fits everything. A name in capitals is that of a variant.
fn takes_all(pattern: &Pat) -> bool {
    match pattern {
        Pat::Wild(_) => true,
        Pat::Ident(bound) => bound.ident.to_string().starts_with(|first: char| first.is_lowercase()),
        _ => false,
    }
}

/// Whether a name is that of a constant.
fn is_constant(name: &str) -> bool {
    name.len() > 1
        && name.bytes().any(|byte| byte.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The contents of `matches!`.
struct Matches(Expr, Option<Expr>);

impl Parse for Matches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let of = input.parse()?;
        input.parse::<Token![,]>()?;
        Pat::parse_multi_with_leading_vert(input)?;
        let guard = input.parse::<Option<Token![if]>>()?.map(|_| input.parse()).transpose()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Matches(of, guard))
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    // All that is decided when the program is built.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_path(&mut self, _: &'ast syn::Path) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_angle_bracketed_generic_arguments(&mut self, _: &'ast syn::AngleBracketedGenericArguments) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}
    fn visit_item_macro(&mut self, _: &'ast syn::ItemMacro) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.fixed_rows += tables::rows(&item.expr).map_or(0, |rows| rows.elems.len());
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if item.ident == "_" {
            let place = self.start(item);
            self.plan.wrap(place, "#[cfg(any())] ".into(), String::new(), None);
        } else if let Some(table) = Table::of_const(item) {
            self.table(&table, &item.ident, &item.ty, &item.expr);
        } else {
            self.fixed_rows += tables::rows(&item.expr).map_or(0, |rows| rows.elems.len());
        }
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if let Some(table) = Table::of_static(item) {
            self.table(&table, &item.ident, &item.ty, &item.expr);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of = item.trait_.as_ref().and_then(|of| of.0.segments.last()).map(|last| last.ident.to_string());
        if !of.is_some_and(|of| UNREAD_TRAITS.contains(&of.as_str())) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        use Expr::{Assign, Binary, Break, Call, Continue, ForLoop, MethodCall, Return, Try};
        for statement in &block.stmts {
            match statement {
                Stmt::Expr(expression @ ForLoop(_), _) => {
                    self.left_out(statement.span().byte_range(), expression);
                }
                Stmt::Expr(
                    expression @ (Assign(_) | Binary(_) | Break(_) | Call(_) | Continue(_) | MethodCall(_) | Return(_)
                    | Try(_)),
                    Some(_),
                ) => self.left_out(statement.span().byte_range(), expression),
                Stmt::Expr(expression, None) => self.result(expression),
                _ => {}
            }
            self.visit_stmt(statement);
        }
    }

    fn visit_macro(&mut self, makro: &'ast syn::Macro) {
        if makro.path.is_ident("matches") {
            self.value(makro, &format!("!{}", self.source(makro)));
            if let Ok(Matches(of, guard)) = makro.parse_body() {
                self.visit_expr(&of);
                guard.iter().for_each(|guard| self.condition(guard));
            }
        }
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        match expression {
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) => {
                return self.condition(expression);
            }
            Expr::Binary(binary) => self.operator(binary),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_) | UnOp::Neg(_)) => {
                self.value(unary, self.source(&unary.expr));
            }
            Expr::Lit(literal) => self.literal(literal),
            Expr::Path(path) => {
                let name = path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                if is_constant(&name) {
                    let name = self.source(path);
                    self.value(path, &format!("{name}.wrapping_add(1)"));
                    self.value(path, &format!("{name}.wrapping_sub(1)"));
                }
            }
            Expr::Call(call) if self.source(&call.func) == "Some" => self.value(call, "None"),
            Expr::Call(_) => {}
            Expr::MethodCall(call) => self.method(call),
            Expr::If(choice) => {
                self.condition(&choice.cond);
                self.visit_block(&choice.then_branch);
                if let Some((_, other)) = &choice.else_branch {
                    self.visit_expr(other);
                }
                return;
            }
            Expr::While(repeated) => {
                self.condition(&repeated.cond);
                return self.visit_block(&repeated.body);
            }
            Expr::Match(choice) => {
                self.visit_expr(&choice.expr);
                self.arms(&choice.arms);
                return choice.arms.iter().for_each(|arm| self.visit_expr(&arm.body));
            }
            Expr::Closure(closure) if matches!(*closure.body, Expr::Call(_) | Expr::MethodCall(_) | Expr::Field(_)) => {
                self.condition(&closure.body);
                return;
            }
            Expr::Struct(made) => {
                let named = made.fields.iter().filter(|field| field.colon_token.is_some());
                named.for_each(|field| self.visit_expr(&field.expr));
                return made.rest.iter().for_each(|rest| self.visit_expr(rest));
            }
            _ => {}
        }
        visit::visit_expr(self, expression);
    }
}
