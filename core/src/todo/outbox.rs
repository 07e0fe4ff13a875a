//! Effects that are to be polled.

use crate::effect::Effect;
use crate::machine::Supervisor;
use crate::notice::Notice;

impl Supervisor<'_> {
    /// Gives an order.
    pub(crate) fn order(&mut self, effect: Effect) {
        let given = self.globals.outbox.push_back(effect);
        debug_assert!(given.is_ok(), "the outbox holds what one step can order");
    }

    /// Has the log told something.
    pub(crate) fn log(&mut self, notice: Notice) {
        self.order(Effect::Log(notice));
    }
}
