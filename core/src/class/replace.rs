//! Classes that come into force, replace each other, and are removed.

use crate::effect::Effect;
use crate::ids::ClassId;
use crate::limits::Full;
use crate::machine::Supervisor;
use crate::memory::texts::Texts;
use crate::records::class::Phase;

impl Supervisor<'_> {
    /// Puts a class into force: at once, or, if the class of that name has instances, when the last of them has ended.
    ///
    /// # Errors
    /// The index of event names is full; the class is then abandoned.
    pub fn commit_class(&mut self, id: ClassId) -> Result<(), Full> {
        if let Err(full) = self.reserve_interests(id) {
            self.abandon_class(id);
            return Err(full);
        }
        let Some(class) = self.classes.get(id) else { return Ok(()) };
        let current = self.find_class_hashed(class.hash, self.text.get(class.name));
        match current {
            Some(old) if self.has_jobs(old) => {
                let class = self.classes.get_mut(old);
                let superseded = class.and_then(|class| {
                    class.deleted = false;
                    class.successor.replace(id)
                });
                if let Some(class) = self.classes.get_mut(id) {
                    class.phase = Phase::Successor;
                }
                if let Some(superseded) = superseded {
                    self.abandon_class(superseded);
                }
            }
            Some(old) => {
                self.inherit_matches(old, id);
                self.retire(old);
                self.enact(id);
            }
            None => self.enact(id),
        }
        Ok(())
    }

    /// Drops a class that was begun, or that waits to succeed another.
    pub fn abandon_class(&mut self, id: ClassId) {
        let Some(class) = self.classes.get(id) else { return };
        match class.phase {
            Phase::Draft => {}
            Phase::Successor => self.unreserve_interests(id),
            Phase::Current => return,
        }
        self.free_class(id);
    }

    /// Removes the class of that name: now, or when its last instance has ended.
    pub fn delete_class(&mut self, name: &[u8]) {
        let Some(id) = self.find_class(name) else { return };
        if self.has_jobs(id) {
            let superseded = self.classes.get_mut(id).and_then(|class| {
                class.deleted = true;
                class.successor.take()
            });
            if let Some(superseded) = superseded {
                self.abandon_class(superseded);
            }
        } else {
            self.retire(id);
        }
    }

    fn has_jobs(&self, id: ClassId) -> bool {
        self.classes.get(id).is_some_and(|class| class.first_job.is_some())
    }

    /// An instance of a class was freed. If it was the last one, the class is replaced by its successor soon.
    pub(crate) fn supersede_soon(&mut self, id: ClassId) {
        if self.classes.get(id).is_some_and(|class| class.deleted || class.successor.is_some())
            && let Some(other) = self.globals.superseded.replace(id).filter(|other| *other != id)
        {
            self.supersede(other);
        }
    }

    /// Replaces a class without instances by its successor.
    pub(crate) fn supersede(&mut self, id: ClassId) {
        let Some(class) = self.classes.get_mut(id) else { return };
        if class.first_job.is_some() {
            return;
        }
        match (class.successor.take(), class.deleted) {
            (Some(successor), _) => {
                self.inherit_matches(id, successor);
                self.retire(id);
                self.enact(successor);
            }
            (None, true) => self.retire(id),
            (None, false) => {}
        }
    }

    fn enact(&mut self, id: ClassId) {
        if let Some(class) = self.classes.get_mut(id) {
            class.phase = Phase::Current;
        }
        self.class_index.insert(&mut self.classes, id);
        self.enter_interests(id);
    }

    fn retire(&mut self, id: ClassId) {
        self.class_index.remove(&mut self.classes, id);
        self.drop_interests(id);
        self.free_class(id);
    }

    fn free_class(&mut self, id: ClassId) {
        let Some(mut class) = self.classes.remove(id) else { return };
        let was_seen = !matches!(class.phase, Phase::Draft);
        self.release_leaves(class.start_leaves);
        self.free_leaves(class.start_leaves);
        for text in class.texts() {
            self.text.free(*text);
        }
        if was_seen {
            self.order(Effect::Retired(id));
        }
    }
}
