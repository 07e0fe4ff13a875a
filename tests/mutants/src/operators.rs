//! The tables of mutations.

use syn::BinOp;

/// The operators that take an operator's place.
pub fn instead(operator: &BinOp) -> &'static [&'static str] {
    match operator {
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::Lt(_) => &["<=", ">="],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Gt(_) => &[">=", "<="],
        BinOp::Ge(_) => &[">", "<"],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) => &["+"],
        BinOp::Mul(_) => &["/"],
        BinOp::Div(_) => &["*"],
        BinOp::Rem(_) => &["*"],
        BinOp::BitAnd(_) => &["|"],
        BinOp::BitOr(_) => &["&", "^"],
        BinOp::BitXor(_) => &["&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::AddAssign(_) => &["-="],
        BinOp::SubAssign(_) => &["+="],
        BinOp::MulAssign(_) => &["/="],
        BinOp::DivAssign(_) => &["*="],
        BinOp::BitAndAssign(_) => &["|="],
        BinOp::BitOrAssign(_) => &["&=", "^="],
        BinOp::BitXorAssign(_) => &["|="],
        BinOp::ShlAssign(_) => &[">>="],
        BinOp::ShrAssign(_) => &["<<="],
        _ => &[],
    }
}

/// Methods that take each other's place.
const METHODS: [(&str, &str); 22] = [
    ("is_some", "is_none"),
    ("is_ok", "is_err"),
    ("is_some_and", "is_none_or"),
    ("any", "all"),
    ("min", "max"),
    ("first", "last"),
    ("first_mut", "last_mut"),
    ("find", "rfind"),
    ("position", "rposition"),
    ("push_back", "push_front"),
    ("pop_back", "pop_front"),
    ("starts_with", "ends_with"),
    ("saturating_add", "saturating_sub"),
    ("wrapping_add", "wrapping_sub"),
    ("checked_add", "checked_sub"),
    ("saturating_mul", "saturating_add"),
    ("wrapping_mul", "wrapping_add"),
    ("checked_mul", "checked_add"),
    ("take_while", "skip_while"),
    ("take", "skip"),
    ("max_by_key", "min_by_key"),
    ("swap_remove", "remove"),
];

/// The method that takes a method's place.
pub fn other_method(name: &str) -> Option<&'static str> {
    METHODS.iter().find_map(|&(one, other)| match name {
        _ if name == one => Some(other),
        _ if name == other => Some(one),
        _ => None,
    })
}

/// Whether the other method is the opposite, so that a negation is the same mutant.
pub fn is_opposite(name: &str) -> bool {
    ["is_some", "is_none", "is_ok", "is_err"].contains(&name)
}

/// Methods whose result may be of the type of what they are called on: without the call it is a mutant.
pub const LEFT_AWAY: [&str; 14] = [
    "filter",
    "skip",
    "take",
    "rev",
    "min",
    "max",
    "or",
    "or_else",
    "saturating_add",
    "saturating_sub",
    "wrapping_add",
    "wrapping_sub",
    "trim_ascii",
    "and_then",
];
