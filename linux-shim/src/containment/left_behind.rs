//! Processes that outlive their job or its main process. They are logged after a delay: most exit a moment after the
//! main process, and are not worth a message.

use std::collections::VecDeque;
use std::io::Result;

use heapless::Vec as Few;
use serde::{Deserialize, Serialize};
use uphold_core::bytes::Show;
use uphold_core::{Instant, Pid};

use super::leaving::Left;
use crate::capacity::{FAREWELL_NAME, FAREWELL_PROCESSES, FAREWELL_SECONDS, FAREWELLS, FAREWELLS_COUNTED};
use crate::image::Writer;
use crate::output::message_log::MessageLog;
use crate::watch::proc_stat::Stat;

/// The processes that one job left.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LeftReport {
    at: Instant,
    job: Few<u8, FAREWELL_NAME>,
    /// The processes that lived, with their start times.
    processes: Few<(Pid, u64), FAREWELL_PROCESSES>,
    /// Processes that came when the job ended, and of which nothing tells whose they are.
    guesses: Few<(Pid, u64), FAREWELL_PROCESSES>,
    /// The number of processes that are counted and not named.
    more: usize,
}

/// The processes that are counted and not named, with their start times: those of the earliest report first.
type Counted = VecDeque<(Pid, u64)>;

/// The reports that a re-exec carries over, and the counted processes.
pub(crate) type Carried = (Vec<LeftReport>, Vec<(Pid, u64)>);

/// Jobs that have ended while processes of theirs lived.
pub(crate) struct LeftBehind {
    /// The earliest first: all have the same delay.
    farewells: VecDeque<LeftReport>,
    counted: Counted,
}

impl LeftBehind {
    pub(crate) fn new() -> Self {
        LeftBehind {
            farewells: VecDeque::with_capacity(FAREWELLS),
            counted: VecDeque::with_capacity(FAREWELLS_COUNTED),
        }
    }

    /// Keeps these processes to be logged later, if they still live then. If there is no room, the oldest are logged
    /// now.
    pub(crate) fn note(&mut self, now: Instant, left: &Left<'_>, log: &mut MessageLog) {
        let ([class, instance], found) = (left.name, left.processes);
        if self.farewells.len() == FAREWELLS
            && let Some(oldest) = self.farewells.pop_front()
            && let Some(unseen) = oldest.tell(now, &mut self.counted, log)
        {
            self.counted.truncate(self.counted.len() - unseen.more);
        }
        let parts: [&[u8]; 4] =
            if instance.is_empty() { [class, b"", b"", b""] } else { [class, b" (", instance, b")"] };
        let guesses = left.guesses.iter().copied().collect();
        let job = parts.into_iter().flatten().copied().take(FAREWELL_NAME).collect();
        let processes = found.iter().take(FAREWELL_PROCESSES).map(|stat| (stat.pid, stat.start)).collect();
        let room = FAREWELLS_COUNTED - self.counted.len();
        let counted = found.iter().skip(FAREWELL_PROCESSES).take(room).map(|stat| (stat.pid, stat.start));
        let more = counted.len();
        self.counted.extend(counted);
        self.farewells.push_back(LeftReport { at: now.after_seconds(FAREWELL_SECONDS), job, processes, guesses, more });
    }

    /// The reports that a re-exec carries over.
    pub(crate) fn carry(&self, writer: &mut Writer<'_>) -> Result<()> {
        writer.put_all(self.farewells.iter())?;
        writer.put_all(self.counted.iter())
    }

    /// Restores the reports of the previous program.
    pub(crate) fn put_back(&mut self, (reports, counted): Carried) {
        self.farewells.extend(reports.into_iter().take(FAREWELLS));
        self.counted.extend(counted.into_iter().take(FAREWELLS_COUNTED));
    }

    /// The time of the next report.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.farewells.front().map(|farewell| farewell.at)
    }

    /// Logs the processes whose delay has passed. The kernel is asked again if it does not
    /// tell now.
    pub(crate) fn tell(&mut self, now: Instant, log: &mut MessageLog) {
        while let Some(farewell) = self.farewells.pop_front_if(|farewell| farewell.at <= now) {
            // There is room: it was just taken out.
            self.farewells.extend(farewell.tell(now, &mut self.counted, log));
        }
    }
}

impl LeftReport {
    /// Logs the processes that still live. Returns what could not be seen; its processes that are only counted are the
    /// last ones of `counted` then.
    fn tell(mut self, now: Instant, counted: &mut Counted, log: &mut MessageLog) -> Option<LeftReport> {
        let job = Show(&self.job);
        let mut tell = |(pid, start): (Pid, u64), sure: bool| match Stat::of(pid) {
            Err(_) => true,
            Ok(Some(stat)) if stat.start == start && stat.is_alive() => {
                let name = stat.name;
                match sure {
                    true => log.warn(format_args!("{job} has left process {pid} ({name}) behind, which still runs")),
                    false => log.warn(format_args!(
                        "Process {pid} ({name}) lost its parent when {job} ended, and nothing tells whose it is"
                    )),
                }
                false
            }
            Ok(_) => false,
        };
        self.processes.retain(|&process| tell(process, true));
        self.guesses.retain(|&process| tell(process, false));
        let (mut alive, mut unseen) = (0, 0);
        // This report is the earliest, so that its processes are the first ones.
        for _ in 0..self.more {
            let Some((pid, start)) = counted.pop_front() else { break };
            match Stat::of(pid) {
                Err(_) => {
                    counted.push_back((pid, start));
                    unseen += 1;
                }
                Ok(stat) => alive += usize::from(stat.is_some_and(|stat| stat.start == start && stat.is_alive())),
            }
        }
        match alive {
            0 => {}
            1 => log.warn(format_args!("{job} has left 1 more process behind")),
            _ => log.warn(format_args!("{job} has left {alive} more processes behind")),
        }
        if self.processes.is_empty() && self.guesses.is_empty() && unseen == 0 {
            return None;
        }
        (self.at, self.more) = (now.after_seconds(FAREWELL_SECONDS), unseen);
        Some(self)
    }
}
