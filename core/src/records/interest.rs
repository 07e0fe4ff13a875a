//! The records of the index through which an event finds its conditions: which classes name which events.

use core::hash::Hash;

use crate::ids::{ClassId, InterestId, NameId, kind};
use crate::memory::arena::TextHandle;
use crate::memory::index::Indexed;
use crate::memory::pool::Record;
use crate::memory::texts::Texts;

/// An event name that some condition names.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Name {
    pub(crate) text: TextHandle,
    #[serde(skip)]
    pub(crate) hash: u32,
    #[serde(skip)]
    pub(crate) chain: Option<NameId>,
    pub(crate) first: Option<InterestId>,
    pub(crate) last: Option<InterestId>,
}

/// A class whose conditions name an event.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Interest {
    pub(crate) class: ClassId,
    pub(crate) name: NameId,
    pub(crate) before: Option<InterestId>,
    pub(crate) after: Option<InterestId>,
    /// The next interest of the class.
    pub(crate) sibling: Option<InterestId>,
}

impl Indexed for Name {
    fn hash(&self) -> u32 {
        self.hash
    }
    fn next(&mut self) -> &mut Option<NameId> {
        &mut self.chain
    }
    fn peek(&self) -> Option<NameId> {
        self.chain
    }
}

impl Texts for Name {
    fn texts(&mut self) -> impl Iterator<Item = &mut TextHandle> {
        core::iter::once(&mut self.text)
    }
}

impl Record for Name {
    type Kind = kind::Name;
}

impl Record for Interest {
    type Kind = kind::Interest;
}
