//! Habits of speech, and the check whether a sentence shows one.

use std::ops::Range;

use crate::prose::{Form, Sentence};

/// A habit of speech.
pub struct Habit {
    pub name: &'static str,
    pub instead: &'static str,
    pub shape: Shape,
}

/// The pattern by which a habit is recognised. Words are in lower case.
pub enum Shape {
    /// The first word of the sentence is one of these. Questions are left out.
    Begins(&'static [&'static str]),
    /// These words follow one another. `|` separates alternatives: `is|are told`.
    Contains(&'static str),
    /// The same, unless the word before them is in `after` or the word behind them is in `before`.
    ContainsUnless { words: &'static str, after: &'static [&'static str], before: &'static [&'static str] },
    /// A word of `word` occurs, and no word of `subject` stands before it.
    Without { word: &'static [&'static str], subject: &'static [&'static str] },
}

impl Habit {
    /// Whether a sentence shows the habit.
    pub fn is_in(&self, sentence: &Sentence) -> bool {
        let words: Vec<String> = sentence.words.iter().map(|word| plain(word)).collect();
        let is_one = |at: usize, list: &[&str]| words.get(at).is_some_and(|word| list.contains(&word.as_str()));
        match self.shape {
            Shape::Begins(begins) => {
                let is_capital = sentence.words[0].starts_with(char::is_uppercase);
                let is_question = sentence.words.last().is_some_and(|word| word.ends_with('?'));
                sentence.form == Form::Prose && is_capital && !is_question && is_one(0, begins)
            }
            Shape::Contains(pattern) => places(&words, pattern).next().is_some(),
            Shape::ContainsUnless { words: pattern, after, before } => places(&words, pattern)
                .any(|place| !is_one(place.start.wrapping_sub(1), after) && !is_one(place.end, before)),
            Shape::Without { word, subject } => {
                // The first word is left to [`Shape::Begins`].
                let found = (1..words.len()).find(|&at| is_one(at, word));
                let is_excused = |at: usize| (0..at).any(|at| is_one(at, subject));
                sentence.form != Form::Heading && found.is_some_and(|at| !is_excused(at))
            }
        }
    }
}

/// A word in lower case, without punctuation.
fn plain(word: &str) -> String {
    word.trim_matches(|char: char| !char.is_alphanumeric() && char != '`').to_lowercase()
}

/// The places at which a pattern's words follow one another.
fn places<'a>(words: &'a [String], pattern: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    let pattern: Vec<Vec<&str>> = pattern.split(' ').map(|choice| choice.split('|').collect()).collect();
    let length = pattern.len();
    let fits =
        move |at: &usize| pattern.iter().zip(&words[*at..]).all(|(choice, word)| choice.contains(&word.as_str()));
    (0..(words.len() + 1).saturating_sub(length)).filter(fits).map(move |at| at..at + length)
}

/// The first words of docs that are as good as a pronoun.
const PRONOUNS: [&str; 14] =
    ["who", "whose", "whom", "which", "what", "how", "where", "when", "why", "it", "its", "that", "they", "their"];
const PREPOSITIONS: [&str; 9] = ["to", "for", "of", "in", "by", "from", "with", "on", "at"];
const MOST_WORDS_OF_A_PRONOUN: usize = 3;

/// Whether a whole doc is a pronoun or as good as one, such as `Whose.` or `Its number.`
pub fn is_pronoun(doc: &[&str]) -> bool {
    let words: Vec<String> = doc.iter().flat_map(|line| line.split_whitespace()).map(plain).collect();
    let is_in = |place: usize, list: &[&str]| words.get(place).is_some_and(|word| list.contains(&word.as_str()));
    words.len() <= MOST_WORDS_OF_A_PRONOUN
        && (is_in(0, &PRONOUNS) || is_in(0, &PREPOSITIONS) && is_in(1, &PRONOUNS[..6]))
}
