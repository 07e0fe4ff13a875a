//! Tables: arrays of rows. One that a static or a constant holds is made when the program runs, so that a row of it can
//! be wrong.

use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Expr, ExprArray, ItemConst, ItemStatic, Type};

/// The fewest rows of a table.
const FEWEST_ROWS: usize = 3;

/// A table that a static or a constant holds.
pub struct Table<'a> {
    /// The type of a row.
    pub row: &'a Type,
    /// The rows.
    pub rows: &'a ExprArray,
    /// The places that are replaced: the token `const`, the `&` before the rows.
    pub replaced: Vec<(Range<usize>, &'static str)>,
}

impl<'a> Table<'a> {
    /// The table that a static holds.
    pub fn of_static(item: &'a ItemStatic) -> Option<Table<'a>> {
        let mut replaced = vec![];
        if let Expr::Reference(reference) = &*item.expr {
            replaced.push((reference.and_token.span().byte_range(), ""));
        }
        Some(Table { row: row_type(&item.ty)?, rows: rows(&item.expr)?, replaced })
    }

    /// The table that a constant of a module holds.
    pub fn of_const(item: &'a ItemConst) -> Option<Table<'a>> {
        let Expr::Array(_) = &*item.expr else { return None };
        let rows = rows(&item.expr)?;
        let is_row = |row: &Expr| matches!(row, Expr::Tuple(_) | Expr::Call(_));
        let replaced = vec![(item.const_token.span().byte_range(), "static")];
        rows.elems.iter().all(is_row).then_some(Table { row: row_type(&item.ty)?, rows, replaced })
    }
}

fn row_type(of: &Type) -> Option<&Type> {
    match of {
        Type::Array(array) => Some(&array.elem),
        Type::Reference(reference) => match &*reference.elem {
            Type::Slice(slice) => Some(&slice.elem),
            _ => None,
        },
        _ => None,
    }
}

/// The first array in an expression that has enough rows.
pub fn rows(expression: &Expr) -> Option<&ExprArray> {
    struct Search<'a>(Option<&'a ExprArray>);
    impl<'a> Visit<'a> for Search<'a> {
        fn visit_expr_array(&mut self, array: &'a ExprArray) {
            if self.0.is_none() && array.elems.len() >= FEWEST_ROWS {
                self.0 = Some(array);
            }
        }
    }
    let mut search = Search(None);
    search.visit_expr(expression);
    search.0
}

/// The cells of a row, and what makes it a row of the same kind as another.
pub fn cells(row: &Expr) -> Option<(String, Vec<&Expr>)> {
    match row {
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => {
                let name: Vec<String> = path.path.segments.iter().map(|part| part.ident.to_string()).collect();
                Some((name.join("::"), call.args.iter().collect()))
            }
            _ => None,
        },
        Expr::Tuple(tuple) => Some((String::new(), tuple.elems.iter().collect())),
        _ => None,
    }
}
