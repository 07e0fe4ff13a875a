//! The name that a class's `instance` stanza gives with some variables.

use crate::answer::Denial;
use crate::bytes::Strings;
use crate::conf::{ExpandError, expand};
use crate::environment::find_value;
use crate::ids::ClassId;
use crate::limits::{INSTANCE_NAME, Limit};
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::records::class::Class;

/// The result of expanding an `instance` stanza. The caller makes it, so that the text is in one place only.
pub(crate) struct Expansion {
    text: heapless::Vec<u8, INSTANCE_NAME>,
    /// The part of the text that is the instance's name, or the unknown variable's.
    name: core::ops::Range<usize>,
    result: Result<(), Denial>,
}

impl Expansion {
    pub(crate) const fn new() -> Self {
        Expansion { text: heapless::Vec::new(), name: 0..0, result: Ok(()) }
    }
}

impl Supervisor<'_> {
    /// The name of the instance that a class's `instance` stanza gives with these variables; or, if the stanza names a
    /// variable that is not set, the name of that variable.
    pub(crate) fn expand_instance(&self, class: ClassId, environment: Strings<'_>, to: &mut Expansion) {
        let pattern = self.classes.get(class).map_or(TextHandle::EMPTY, |class| class.instance);
        let lookup = |name: &[u8]| find_value(environment, name).or_else(|| self.class_variable(class, name));
        let expanded = expand(self.text.get(pattern), lookup, to.text.as_mut_view());
        (to.name, to.result) = match expanded {
            Ok(()) => (0..to.text.len(), Ok(())),
            Err(ExpandError::UnknownParameter { name_at }) => {
                (name_at..to.text.len(), Err(Denial::UnknownParameter(class)))
            }
            Err(ExpandError::MismatchedBraces) => (0..0, Err(Denial::MismatchedBraces)),
            Err(ExpandError::ExpectedOperator) => (0..0, Err(Denial::ExpectedOperator)),
            Err(ExpandError::Full | ExpandError::NestedTooDeep) => (0..0, Err(Denial::Full(Limit::InstanceName))),
        };
    }

    /// Whether a class may have one instance more (`instance limit`).
    pub(crate) fn check_instances(&self, id: ClassId) -> Result<(), Denial> {
        let is_full = |class: &Class| class.instances >= class.most_instances;
        if self.classes.get(id).is_some_and(is_full) { Err(Denial::TooManyInstances(id)) } else { Ok(()) }
    }

    /// Copies the result of an expansion to scratch memory.
    pub(crate) fn note_instance(&mut self, expansion: &Expansion) -> Result<(), Denial> {
        self.scratch.clear();
        let name = expansion.text.get(expansion.name.clone()).unwrap_or(&[]);
        self.scratch.extend_from_slice(name).map_err(|_| Denial::Full(Limit::InstanceName))?;
        expansion.result
    }
}
