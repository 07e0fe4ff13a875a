//! Environments: lists of variables. A later value takes the place of an earlier one.

/// An environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Variables(pub Vec<(String, String)>);

impl Variables {
    /// The variables of words, each `KEY=VALUE`.
    pub fn of_words<'a>(words: impl Iterator<Item = &'a str>) -> Variables {
        let mut all = Variables::default();
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            all.set(key, value);
        }
        all
    }

    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value.to_owned(),
            None => self.0.push((key.to_owned(), value.to_owned())),
        }
    }

    pub fn add(&mut self, other: &Variables) {
        for (key, value) in &other.0 {
            self.set(key, value);
        }
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// The text with `$KEY` replaced, if it is one; none if there is no such variable.
    pub fn expand(&self, text: &str) -> Option<String> {
        match text.strip_prefix('$') {
            Some(key) => self.get(key).map(str::to_owned),
            None => Some(text.to_owned()),
        }
    }
}
