//! Defining a class from a whole job file.

use core::fmt;

use crate::conf::{ConfError, Parser, Stanza};
use crate::ids::ClassId;
use crate::limits::Full;
use crate::machine::Supervisor;

/// The reason for which a job file defines no class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DefineError {
    /// The file breaks a rule of init(5).
    Wrong(ConfError),
    /// A capacity is exhausted.
    Full(Full),
}

impl From<Full> for DefineError {
    fn from(full: Full) -> Self {
        DefineError::Full(full)
    }
}

impl fmt::Display for DefineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DefineError::Wrong(ConfError { line: Some(line), kind }) => write!(f, "line {line}: {kind}"),
            DefineError::Wrong(ConfError { line: None, kind }) => kind.fmt(f),
            DefineError::Full(full) => full.fmt(f),
        }
    }
}

impl core::error::Error for DefineError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(match self {
            DefineError::Wrong(error) => error,
            DefineError::Full(full) => full,
        })
    }
}

impl Supervisor<'_> {
    /// Defines a class of this name from the text of its job file, and replaces the class of the same name, if there is
    /// one. The text is overwritten, because words are unquoted in place.
    ///
    /// `keep` is given each stanza. The supervisor does not remember commands and set-up (`exec`, `script`, `chdir` and
    /// the like), since only the world needs them: it keeps what it supports, for the [`ClassId`] that is returned.
    /// Poll the effects afterwards: a class that was replaced is [`Retired`](crate::Effect::Retired).
    ///
    /// A program that reports errors in its own way, or reads stanzas from elsewhere, uses
    /// [`begin_class`](Self::begin_class), [`apply`](Self::apply) and [`commit_class`](Self::commit_class) itself.
    ///
    /// # Errors
    /// The file is wrong, or a capacity is exhausted. No class is defined then, and one of the same name stays as it
    /// is.
    pub fn define(
        &mut self,
        name: &[u8],
        file: &mut [u8],
        mut keep: impl FnMut(&Stanza<'_>),
    ) -> Result<ClassId, DefineError> {
        let class = self.begin_class(name)?;
        let mut parser = Parser::new(file);
        while let Some(next) = parser.next() {
            let applied = next.map_err(DefineError::Wrong).and_then(|stanza| {
                keep(&stanza);
                Ok(self.apply(class, &stanza)?)
            });
            applied.inspect_err(|_| self.abandon_class(class))?;
        }
        self.commit_class(class)?;
        Ok(class)
    }
}
