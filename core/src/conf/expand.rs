//! Variables in instance names and in the arguments of `stop on` (init(5), "Instances" and "Event definition").

use core::fmt;

use heapless::VecView;

use crate::bytes::copy_within;
use crate::limits::NESTING;

/// The reason for which a text with variables cannot be expanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ExpandError {
    /// The variable does not exist and has no default. Its name is left at the end of `out`, from `name_at` on (the
    /// name need not occur in the pattern: `${${X}}` names the variable whose name is the value of `X`).
    UnknownParameter {
        /// The position in `out` at which the name starts.
        name_at: usize,
    },
    /// A `${` without its `}`.
    MismatchedBraces,
    /// A name in braces is followed by a colon without `-` or `+`.
    ExpectedOperator,
    /// `out` has no room for the result.
    Full,
    /// Braces are nested deeper than [`NESTING`] (a limit of Uphold).
    NestedTooDeep,
}

/// Shows Upstart's text without the name: the caller, which has `out`, adds the name after `Unknown parameter: `.
impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExpandError::UnknownParameter { .. } => "Unknown parameter",
            ExpandError::MismatchedBraces => "Mismatched braces",
            ExpandError::ExpectedOperator => "Expected operator",
            ExpandError::Full => "Expanded text too long",
            ExpandError::NestedTooDeep => "Braces nested too deep",
        })
    }
}

impl core::error::Error for ExpandError {}

/// Appends `pattern` to `out`, with the values of its variables in place of their names.
///
/// | form                    | becomes                                                          |
/// |-------------------------|------------------------------------------------------------------|
/// | `$NAME`, `${NAME}`      | the value; an error if there is none                             |
/// | `${NAME-TEXT}`          | the value, or TEXT if there is none                              |
/// | `${NAME:-TEXT}`         | the value, or TEXT if there is none or it is empty               |
/// | `${NAME+TEXT}`          | TEXT, or nothing if there is no value                            |
/// | `${NAME:+TEXT}`         | TEXT, or nothing if there is no value or it is empty             |
/// | `${}`                   | `$`                                                              |
/// | `$` before anything else | itself                                                          |
///
/// Without braces a NAME is made of letters, digits and `_`, and does not start with a digit. In braces it is
/// everything up to `}`, `:`, `-` or `+` (measured on Upstart 1.13.2), and NAME and TEXT are expanded first; values are
/// not expanded again. After an error `out` holds the text that
/// was written so far; the caller truncates it.
///
/// # Errors
/// [`ExpandError`]: the pattern is wrong, or the result does not fit into `out`.
pub fn expand<'v>(
    pattern: &[u8],
    lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
    out: &mut VecView<u8>,
) -> Result<(), ExpandError> {
    let mut expander = Expander { pattern, lookup, out, open: heapless::Vec::new() };
    while !(expander.pattern.is_empty() && expander.open.is_empty()) {
        expander.step()?;
    }
    Ok(())
}

/// A `${` whose `}` has not been read yet. Its name and its text are written to `out` first, and then replaced.
struct Open {
    /// The position in `out` at which the name starts.
    name_at: usize,
    /// The position in `out` at which the text starts, and the operator before it, once the name has been read.
    text: Option<(usize, Choice)>,
}

struct Expander<'p, 'o, F> {
    /// The rest of the pattern.
    pattern: &'p [u8],
    lookup: F,
    out: &'o mut VecView<u8>,
    /// The braces around the position, outermost first.
    open: heapless::Vec<Open, NESTING>,
}

impl<'v, F: Fn(&[u8]) -> Option<&'v [u8]>> Expander<'_, '_, F> {
    /// Expands the next piece, or ends a name or a text in braces.
    fn step(&mut self) -> Result<(), ExpandError> {
        let next = self.pattern.first().copied();
        match self.open.last() {
            Some(Open { text: None, .. }) if next.is_none_or(ends_name) => {
                let text = Some((self.out.len(), self.choice()?));
                self.open.last_mut().into_iter().for_each(|open| open.text = text);
                Ok(())
            }
            Some(&Open { name_at, text: Some((text_at, choice)) }) if matches!(next, None | Some(b'}')) => {
                self.pattern = self.pattern.get(1..).ok_or(ExpandError::MismatchedBraces)?;
                self.open.pop();
                self.close(name_at, text_at, choice)
            }
            _ => self.piece(),
        }
    }

    /// Expands one plain byte or one variable, or opens braces.
    fn piece(&mut self) -> Result<(), ExpandError> {
        match self.pattern {
            [b'$', b'{', rest @ ..] => {
                self.pattern = rest;
                let open = Open { name_at: self.out.len(), text: None };
                self.open.push(open).map_err(|_| ExpandError::NestedTooDeep)
            }
            [b'$', rest @ ..] if rest.first().is_some_and(|&byte| starts_name(byte)) => {
                let len = rest.iter().take_while(|&&byte| continues_name(byte)).count();
                let (name, rest) = rest.split_at_checked(len).unwrap_or((rest, &[]));
                self.pattern = rest;
                match (self.lookup)(name) {
                    Some(value) => self.write(value),
                    None => self.unknown(name),
                }
            }
            [byte, rest @ ..] => {
                self.pattern = rest;
                self.write(&[*byte])
            }
            [] => Ok(()),
        }
    }

    /// Replaces the name and the text in braces by what they stand for.
    fn close(&mut self, name_at: usize, text_at: usize, choice: Choice) -> Result<(), ExpandError> {
        let name = self.out.get(name_at..text_at).unwrap_or_default();
        if name.is_empty() && choice == Choice::Value {
            return self.write(b"$");
        }
        let value = (self.lookup)(name);
        let counts = value.is_some_and(|value| !value.is_empty() || !choice.empty_is_none());
        match (choice, value) {
            (Choice::Value, None) => Err(ExpandError::UnknownParameter { name_at }),
            (Choice::Value, Some(value)) => self.replace(name_at, value),
            (Choice::Default { .. }, Some(value)) if counts => self.replace(name_at, value),
            (Choice::Alternative { .. }, _) if !counts => self.replace(name_at, b""),
            _ => {
                self.keep_text(name_at, text_at);
                Ok(())
            }
        }
    }

    /// Reads the operator after a name, if there is one.
    fn choice(&mut self) -> Result<Choice, ExpandError> {
        let (choice, rest) = match self.pattern {
            // At the end of the pattern the `}` is missed in the next step.
            [] | [b'}', ..] => (Choice::Value, self.pattern),
            [b':', b'-', rest @ ..] => (Choice::Default { empty_is_none: true }, rest),
            [b':', b'+', rest @ ..] => (Choice::Alternative { empty_is_none: true }, rest),
            [b'-', rest @ ..] => (Choice::Default { empty_is_none: false }, rest),
            [b'+', rest @ ..] => (Choice::Alternative { empty_is_none: false }, rest),
            _ => return Err(ExpandError::ExpectedOperator),
        };
        self.pattern = rest;
        Ok(choice)
    }

    fn write(&mut self, text: &[u8]) -> Result<(), ExpandError> {
        self.out.extend_from_slice(text).map_err(|_| ExpandError::Full)
    }

    fn replace(&mut self, at: usize, text: &[u8]) -> Result<(), ExpandError> {
        self.out.truncate(at);
        self.write(text)
    }

    /// Removes the name, which precedes the text.
    fn keep_text(&mut self, name_at: usize, text_at: usize) {
        let text = self.out.len().saturating_sub(text_at);
        copy_within(self.out, text_at, text, name_at);
        self.out.truncate(name_at.saturating_add(text));
    }

    fn unknown(&mut self, name: &[u8]) -> Result<(), ExpandError> {
        let name_at = self.out.len();
        self.write(name)?;
        Err(ExpandError::UnknownParameter { name_at })
    }
}

/// The kinds of `${NAME...}`: the value alone, with a default, or with an alternative.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Value,
    Default { empty_is_none: bool },
    Alternative { empty_is_none: bool },
}

impl Choice {
    fn empty_is_none(self) -> bool {
        matches!(self, Choice::Default { empty_is_none: true } | Choice::Alternative { empty_is_none: true })
    }
}

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn continues_name(byte: u8) -> bool {
    starts_name(byte) || byte.is_ascii_digit()
}

/// Whether the byte ends a name in braces.
fn ends_name(byte: u8) -> bool {
    matches!(byte, b'}' | b':' | b'-' | b'+')
}

#[cfg(test)]
mod tests {
    use super::expand;
    extern crate std;
    use std::format;
    use std::string::{String, ToString};

    /// The expansion with X=IND, E empty and IND=found, or the message.
    fn shown(pattern: &str) -> String {
        let mut out = heapless::Vec::<u8, 16>::new();
        let lookup = |name: &[u8]| match name {
            b"X" => Some(b"IND".as_slice()),
            b"E" => Some(b"".as_slice()),
            b"IND" => Some(b"found".as_slice()),
            _ => None,
        };
        match expand(pattern.as_bytes(), lookup, &mut out) {
            Ok(()) => String::from_utf8_lossy(&out).to_string(),
            Err(super::ExpandError::UnknownParameter { name_at }) => {
                format!("Unknown parameter: {}", String::from_utf8_lossy(&out[name_at..]))
            }
            Err(error) => error.to_string(),
        }
    }

    /// Row 10 of the corners (issue 10).
    #[test]
    fn a_name_in_braces_is_any_text() {
        let table = [
            ("${a.b:-x}", "x"),
            ("${ A:-x}", "x"),
            ("${ X}", "Unknown parameter:  X"),
            ("${A?x}", "Unknown parameter: A?x"),
            ("${A.B}", "Unknown parameter: A.B"),
            ("${X!}", "Unknown parameter: X!"),
            ("${X=}", "Unknown parameter: X="),
            ("${{X}}", "Unknown parameter: {X"),
            ("${N.$X}", "Unknown parameter: N.IND"),
            ("${N.${E}+y}", ""),
            ("${%", "Mismatched braces"),
            ("${a b", "Mismatched braces"),
            ("${\n-y}", "y"),
            ("$a.b", "Unknown parameter: a"),
            ("$_x", "Unknown parameter: _x"),
        ];
        for (pattern, result) in table {
            assert_eq!(shown(pattern), result, "{pattern}");
        }
    }

    #[test]
    fn every_form_expands_as_recorded() {
        let table = [
            ("", ""),
            ("plain", "plain"),
            ("$X", "IND"),
            ("pre-$X-post", "pre-IND-post"),
            ("$X$X", "INDIND"),
            ("$E/$X", "/IND"),
            ("$1abc", "$1abc"),
            ("a$", "a$"),
            ("$-$X", "$-IND"),
            ("x${}y", "x$y"),
            ("${X}", "IND"),
            ("${NO}", "Unknown parameter: NO"),
            ("a$NO", "Unknown parameter: NO"),
            ("${X:-d}", "IND"),
            ("${E:-d}", "d"),
            ("${NO:-d}", "d"),
            ("${X-d}", "IND"),
            ("${E-d}", ""),
            ("${NO-d}", "d"),
            ("${X:+alt}", "alt"),
            ("${E:+alt}", ""),
            ("${NO:+alt}", ""),
            ("${X+alt}", "alt"),
            ("${E+alt}", "alt"),
            ("${NO+alt}", ""),
            ("a${X:+/}${X:-}b", "a/INDb"),
            ("a${NO:+/}${NO:-}b", "ab"),
            ("${${X}}", "found"),
            ("${${E}X}", "IND"),
            ("${N${E}O}", "Unknown parameter: NO"),
            ("${NO:-${E:-deep}}", "deep"),
            ("${NO:-a${X}b}", "aINDb"),
            ("${X", "Mismatched braces"),
            ("${X:-a", "Mismatched braces"),
            ("${", "Mismatched braces"),
            ("${X:=1}", "Expected operator"),
            ("${X:}", "Expected operator"),
            ("0123456789abcdef", "0123456789abcdef"),
            ("0123456789abcdef0", "Expanded text too long"),
            ("0123456789abcd$X", "Expanded text too long"),
        ];
        for (pattern, result) in table {
            assert_eq!(shown(pattern), result, "{pattern}");
        }
        assert_eq!(super::ExpandError::UnknownParameter { name_at: 0 }.to_string(), "Unknown parameter");
        assert_eq!(shown(&"${".repeat(65)), "Braces nested too deep");
        assert_eq!(shown(&"${".repeat(64)), "Mismatched braces");
        assert_eq!(shown(&["${-".repeat(64), "d".into(), "}".repeat(64)].concat()), "d");
    }
}
