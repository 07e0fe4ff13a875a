//! Effects that are to be polled.

use crate::effect::Effect;
use crate::machine::Supervisor;
use crate::notice::Notice;

impl Supervisor<'_> {
    /// Adds an effect.
    pub(crate) fn order(&mut self, effect: Effect) {
        let given = self.globals.outbox.push_back(effect);
        debug_assert!(given.is_ok(), "the outbox holds what one step can order");
    }

    /// Logs a message.
    pub(crate) fn log(&mut self, notice: Notice) {
        self.order(Effect::Log(notice));
    }
}
