//! Adoption: when the process that a job watched is gone and another one is its daemon, that one is watched instead.
//!
//! The world knows which processes of a job live. A survey asks for them at three moments: when a main process has
//! exited (as the foreground half of a daemon does, or a daemon that another one replaces), when one that is expected
//! to do something seems to be idle, and when a job is being stopped. The answer comes before any other input, so a
//! survey is at most one input old.

use crate::effect::Effect;
use crate::expect::Expect;
use crate::ids::JobId;
use crate::input::Survivor;
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::process::{Exit, Pid, Process};
use crate::records::class::Learning;
use crate::records::job::{FollowState, RestLook, SurveyReason};
use crate::tables::exit::Claim;
use crate::tables::expect as follow;
use crate::tables::expect::{Relation, Seen, Stage};
use crate::tables::lifecycle::Wait;

impl Supervisor<'_> {
    /// The world has reported which processes of a job live, as far as it knows.
    pub(crate) fn surveyed(&mut self, id: JobId, survivors: &[Survivor], complete: bool) {
        let was_unseen = self.jobs.get(id).is_some_and(|job| job.unseen > 0);
        if !complete && self.hold(id, survivors) {
            return;
        }
        self.judge_survivors(id, survivors, complete);
        if was_unseen {
            self.seen_again(id);
        }
    }

    fn judge_survivors(&mut self, id: JobId, survivors: &[Survivor], complete: bool) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let killing = job.state.row().kills();
        match core::mem::replace(&mut job.survey, SurveyReason::Nothing) {
            SurveyReason::Nothing => {}
            SurveyReason::Ended(pid, exit) if !killing => self.replace_main(id, pid, exit, survivors),
            SurveyReason::Ended(..) => self.kill_rest(id, survivors, RestLook::First),
            SurveyReason::Rest(look) => self.kill_rest(id, survivors, look),
            SurveyReason::Adopted => self.check_adopted(id, survivors),
            SurveyReason::Middle => self.check_middle(id, survivors),
            SurveyReason::Idleness => self.check_idleness(id, survivors, complete),
        }
    }

    /// A main process has exited: another one takes its place, or its exit is judged.
    fn replace_main(&mut self, id: JobId, old: Pid, exit: Exit, survivors: &[Survivor]) {
        let is_step = self.may_be_daemonizing(id, exit);
        let heir = self.heir(id, exit, survivors);
        let strict = self.globals.strict;
        let Some(job) = self.jobs.get_mut(id) else { return };
        // If the process between the first and the old one stays, it is a master, and the old one was its worker.
        job.follow.middle = job.follow.middle.filter(|&middle| heir.is_some_and(|(_, heir)| heir.pid == middle));
        // The steps of a daemon's successor are not those that the job file describes.
        let by_itself = !is_step || job.follow.replaced;
        let launched = job.follow.launched;
        let Some((claim, successor)) = heir else { return self.leave(id, exit, survivors) };
        if by_itself && (!strict || claim == Claim::Named) {
            return self.hand_over(id, old, successor.pid);
        }
        if strict {
            if !by_itself {
                self.advise(id, self.relation_of(id, successor), None);
            }
            return self.leave(id, exit, survivors);
        }
        self.adopt(id, old, successor.pid);
        let expect = self.expects(id);
        if let Some(job) = self.jobs.get_mut(id) {
            (job.follow.advice_due, job.follow.guessed) = (true, expect == Expect::Auto);
            if Some(successor.pid) == launched {
                // If it left no other process, it was a helper of the daemon; otherwise it was a step on the daemon's
                // way, and the first process waits for its exit.
                job.follow.helper = !survivors.iter().any(|other| other.child && other.pid != successor.pid);
            } else if job.follow.middle.is_none() {
                job.follow.forks = job.follow.forks.saturating_add(1).min(follow::MOST_FORKS);
            }
        }
        self.reach(id, Stage::adopted(expect));
        self.wait_for_readiness(id);
        self.wait_to_advise(id);
    }

    /// A main process has exited and none takes its place. One that has failed, or that was the daemon, leaves its
    /// workers, which are logged. With `kill scope job` they are about to end.
    fn leave(&mut self, id: JobId, exit: Exit, survivors: &[Survivor]) {
        let free = |survivor: &&Survivor| self.owner(survivor.pid).is_none();
        let wide = self.has_wide_scope(id);
        let earlier = survivors.iter().filter(free).find(|survivor| survivor.earlier && exit != Exit::Status(0));
        let (left, earlier) = (survivors.iter().any(|survivor| free(&survivor)), earlier.map(|survivor| survivor.pid));
        if left && !wide {
            self.order(Effect::Report { job: id });
        }
        if let Some(job) = self.jobs.get_mut(id)
            && let Some(left) = earlier.filter(|_| !wide)
            && !core::mem::replace(&mut job.told_scope, true)
        {
            self.log(Notice::Outlived { job: id, left });
        }
        self.judge_end(id, Process::Main, exit);
    }

    /// A daemon has replaced itself by another process, which is followed as if it had been launched: the job file is
    /// right.
    fn hand_over(&mut self, id: JobId, old: Pid, new: Pid) {
        self.log(Notice::ProcessBecame { job: id, process: Process::Main, old, new });
        self.adopt(id, old, new);
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Some(expect) = self.classes.get(job.class).map(|class| class.expect) else { return };
        let ready = job.follow.stage.is_ready();
        let stage = if ready { Stage::Settled } else { Stage::adopted(expect) };
        let (launched, replaced) = (Some(new), true);
        job.follow = FollowState { launched, replaced, forks: 0, helper: false, guessed: false, ..job.follow };
        self.reach(id, stage);
        self.bound_wait(id);
    }

    /// An adopted process has lived for a while, so it is not a step on the way to another: the log gives advice on the
    /// file.
    fn check_adopted(&mut self, id: JobId, survivors: &[Survivor]) {
        let Some(job) = self.jobs.get(id) else { return };
        let main = job.pid(Process::Main);
        // A daemon that reports readiness by other means may fork as it likes.
        let counts = Stage::adopted(self.expects(id)) == Stage::Settled;
        // While the first process lives beside an orphan, either may be the daemon.
        let two = main == job.follow.launched && survivors.iter().any(|other| other.child && Some(other.pid) != main);
        if two && self.now < job.follow.fresh_until {
            return self.wait_to_advise(id);
        }
        if let Some(successor) = survivors.iter().find(|survivor| counts && Some(survivor.pid) == main) {
            // A trace has led to a process that was not adopted.
            let found = self.jobs.get(id).is_some_and(|job| !job.follow.repaired);
            let place = if found { Relation::Counted } else { self.relation_of(id, *successor) };
            self.advise(id, place, main);
        }
        if let Some(job) = self.jobs.get_mut(id) {
            (job.follow.advice_due, job.follow.middle) = (false, None);
        }
        self.bound_wait(id);
    }

    /// The daemon was found by its second fork a while ago. If a process between it and the first still lives, that one
    /// is the daemon, and the process that was found is its worker.
    fn check_middle(&mut self, id: JobId, survivors: &[Survivor]) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let (middle, main, learning) = (job.follow.middle.take(), job.pid(Process::Main), job.follow.is_learning());
        let master = survivors.iter().map(|survivor| survivor.pid).find(|pid| Some(*pid) == middle);
        if let (Some(master), Some(main)) = (master, main) {
            let following = (!self.globals.strict).then_some(master);
            self.advise(id, Relation::Middle, following);
            if following.is_some() {
                self.adopt(id, main, master);
            }
        } else if learning {
            self.advise(id, Relation::Counted, main);
        }
        self.bound_wait(id);
    }

    /// Makes another process the main one. The job's processes may be spread over several groups and sessions.
    fn adopt(&mut self, id: JobId, old: Pid, new: Pid) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.follow.repaired = true;
        }
        self.take_over(id, old, new);
    }

    /// Logs what the job's file should expect, once for each lesson until the file is changed.
    fn advise(&mut self, id: JobId, relation: Relation, following: Option<Pid>) {
        let followed = self.expects(id);
        // The forks of an untraced launch were not counted.
        let Some(job) = self.jobs.get_mut(id).filter(|job| !job.follow.is_refused()) else { return };
        job.follow.advised = true;
        let Some(class) = self.classes.get_mut(job.class) else { return };
        let expected = class.expect;
        let (saw, right) = follow::advice(followed, job.follow.forks, relation);
        class.learning = match (class.learning, right) {
            _ if job.follow.is_learning() => Learning::Done,
            (Learning::Needless, None) => Learning::Wanted,
            (learning, _) => learning,
        };
        let lesson = follow::lesson(followed, (saw, right));
        let told = class.lessons & lesson != 0;
        // The right stanza was reported as wrong because its daemon was slow: that is corrected.
        if !told && (right != Some(expected) || relation == Relation::Late) {
            class.lessons |= lesson;
            self.log(Notice::Mistaken { job: id, expected, saw, right, following });
        }
    }

    /// Checks a main process that is expected to do something: one that has been idle for long will hardly do it. A
    /// process that cannot be seen may be busy, and is waited for no longer than a busy one.
    fn check_idleness(&mut self, id: JobId, survivors: &[Survivor], complete: bool) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Some(main) = job.pid(Process::Main).filter(|_| job.state.row().wait == Wait::Readiness && job.waiting)
        else {
            return;
        };
        if let Some(named) = survivors.iter().find(|survivor| survivor.named).map(|survivor| survivor.pid) {
            return self.set_main(id, named, true);
        }
        // The file sets the time to wait, or the advice was logged already.
        if job.follow.start_by.is_some() || job.follow.advised {
            return self.wait_for_readiness(id);
        }
        let most = follow::ExpectRow::most_busy(self.expects(id));
        let idle = complete && survivors.iter().all(|survivor| survivor.idle);
        let Some(job) = self.jobs.get_mut(id) else { return };
        let (idle_looks, busy_looks) = (job.follow.idle_looks, job.follow.busy_looks);
        (job.follow.idle_looks, job.follow.busy_looks) =
            if idle { (idle_looks.saturating_add(1), busy_looks) } else { (0, busy_looks.saturating_add(1).min(most)) };
        let busy = job.follow.busy_looks;
        let alone = complete && survivors.iter().all(|survivor| survivor.pid == main);
        let (looks, stage) = (job.follow.idle_looks, job.follow.stage);
        let expect = self.expects(id);
        let row = follow::row(expect, stage, Seen::Quiet);
        // Helpers that live, or a parent that has not exited, may mean that there is more to come.
        let is_over = |row: &&follow::ExpectRow| {
            looks >= row.patience.saturating_mul(if alone { 1 } else { 3 })
                || busy >= follow::ExpectRow::most_busy(expect)
        };
        if row.filter(is_over).is_none() {
            return self.wait_for_readiness(id);
        }
        let Some(job) = self.jobs.get(id) else { return };
        // A process that forks and stays has made a worker, and is the daemon itself.
        let master =
            survivors.iter().map(|survivor| survivor.pid).find(|pid| Some(*pid) == job.follow.launched && *pid != main);
        let relation = if master.is_some() { Relation::Launched } else { Relation::Itself };
        let following = (!self.globals.strict).then_some(master.unwrap_or(main));
        let as_expected = master.is_none() && follow::is_last(expect, stage);
        if !as_expected && complete {
            self.advise(id, relation, following);
        }
        if as_expected || following.is_some() {
            self.observe(main, Seen::Quiet);
            if let Some(master) = master {
                if let Some(job) = self.jobs.get_mut(id) {
                    job.follow.helper = true;
                }
                self.adopt(id, main, master);
            }
        }
        self.wait_for_readiness(id);
    }

    /// Makes a process of a job the main one because the daemon has named it.
    pub(crate) fn set_main(&mut self, id: JobId, pid: Pid, ready: bool) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(old) = job.pid(Process::Main) else { return };
        if old != pid && self.owner(pid).is_none() {
            self.log(Notice::ProcessBecame { job: id, process: Process::Main, old, new: pid });
            self.take_over(id, old, pid);
            self.kill_too(id);
        }
        if ready {
            self.observe_job(id, Seen::Ready);
        }
    }
}
