//! Text and numbers of an SVG file.

use std::fmt;

/// The font of every text, in pixels.
pub const FONT: f64 = 12.0;

/// The white border around a picture.
pub const MARGIN: f64 = 20.0;

/// Text in XML. Characters that XML does not know are shown as U+FFFD.
pub struct Xml<'a>(pub &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_str("\n")?,
                '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                letter if letter.is_control() => f.write_str("\u{fffd}")?,
                letter => fmt::Write::write_char(f, letter)?,
            }
        }
        Ok(())
    }
}

/// A number with one decimal at most.
pub struct Number(pub f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (self.0 * 10.0).round() / 10.0;
        // Zero has no sign.
        write!(f, "{}", if rounded == 0.0 { 0.0 } else { rounded })
    }
}

/// The width of a text in a font of that size: at least what the usual fonts without serifs need.
pub fn width(text: &str, font: f64) -> f64 {
    let of = |letter: char| match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.36,
        'f' | 't' | 'r' | 'I' | 'J' | '(' | ')' | '[' | ']' | '-' | '/' => 0.45,
        'm' | 'M' | 'W' | '@' | '%' => 1.0,
        'w' | 'A'..='Z' | '+' | '=' | '<' | '>' | '~' | '#' | '&' | '$' => 0.84,
        ' '..='~' => 0.65,
        _ => 1.05,
    };
    text.chars().map(of).sum::<f64>() * font
}

/// The beginning of a file: its size, its title, and white paper.
pub fn head(width: f64, height: f64, title: &str) -> String {
    let (width, height, title) = (width.ceil(), height.ceil(), Xml(title));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans, Verdana, Helvetica, Arial, sans-serif\" \
         font-size=\"{FONT}\">\n<title>{title}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_does_not_know_is_replaced() {
        assert_eq!(
            Xml("<a&\"b\">'\u{1}\u{ffff}\u{85}").to_string(),
            "&lt;a&amp;&quot;b&quot;&gt;&#39;\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 1.25, -0.01, 12.34].map(|number| Number(number).to_string()), ["1", "1.3", "0", "12.3"]);
    }
}
