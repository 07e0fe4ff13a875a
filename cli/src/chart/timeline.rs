//! `initctl timeline`: the boot as a picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::blame::{forgotten, span};
use super::boot::{Boot, Cause, Link, Run, ask, critical_path, end, last_ready};
use super::svg::{FONT, MARGIN, Number, Xml, head, width};
use crate::context::Context;
use crate::failure::Failure;

/// The width of the time that is drawn.
const WIDTH: f64 = 1100.0;

/// The height of a row, and that of a bar in it.
const ROW: f64 = 19.0;
const BAR: f64 = 13.0;

/// The least width of a bar.
const LEAST: f64 = 1.5;

/// The most parts into which the axis divides the time.
const TICKS: u32 = 12;

/// The styles. The critical path is bold and has thick borders, so that its colour is not needed.
const STYLE: &str = r##"<style>
.held { fill: url(#hatched); stroke: #444; stroke-width: 0.8 }
.hook { fill: #b9c7d8; stroke: #333; stroke-width: 0.8 }
.work { fill: #44688f; stroke: #222; stroke-width: 0.8 }
.runs { fill: #ececec; stroke: none }
.critical .held, .critical .hook, .critical .work { stroke: #b3001b; stroke-width: 2.4 }
.run text { paint-order: stroke; stroke: white; stroke-width: 3 }
.critical text { font-weight: bold }
.cause { fill: none; stroke: #aaa; stroke-width: 0.7 }
.hold { fill: none; stroke: #666; stroke-width: 0.9; stroke-dasharray: 4 2 }
.path { fill: none; stroke: #b3001b; stroke-width: 2.4 }
.axis { stroke: #d5d5d5; stroke-width: 0.8 }
.failed { stroke: black; stroke-width: 2; fill: none }
.run:hover rect { stroke-width: 3 }
</style>
<defs>
<pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="white"/><path d="M0 0V6" stroke="#555" stroke-width="2.4"/></pattern>
<marker id="to" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L6 3L0 6z" fill="#666"/></marker>
</defs>
"##;

/// `timeline`
///
/// # Errors
/// The supervisor cannot be reached, or the output cannot be written.
pub fn timeline(context: &mut Context<'_>) -> Result<(), Failure> {
    let boot = ask(&mut context.connect()?)?;
    Ok(context.out.write_all(svg(&boot, context.options.all).as_bytes())?)
}

/// The boot as SVG; `all`: with what was started later.
pub fn svg(boot: &Boot, all: bool) -> String {
    let over = end(&boot.runs);
    let until = if all { boot.runs.iter().filter_map(|run| run.settled().max(Some(run.begun))).max() } else { None };
    let until = until.unwrap_or(over).max(1);
    let picture = Picture::new(boot, until);
    let mut text = head(picture.width(), picture.height(), "boot");
    text.push_str(STYLE);
    picture.heading(&mut text);
    picture.axis(&mut text);
    picture.shown().for_each(|(_, run)| picture.running(&mut text, run));
    for (at, run) in picture.shown() {
        picture.causes(&mut text, at, run);
    }
    picture.path_lines(&mut text);
    for (at, run) in picture.shown() {
        picture.bar(&mut text, at, run);
    }
    picture.notes(&mut text);
    text.push_str("</svg>\n");
    text
}

/// A picture to draw.
struct Picture<'a> {
    boot: &'a Boot,
    /// The end of the time that is drawn, in milliseconds.
    until: u32,
    /// The row of each job, and the last run in it, which has the label.
    rows: BTreeMap<&'a str, (usize, usize)>,
    /// The critical path.
    path: Vec<Link>,
    /// The lines of the heading below the title.
    heading: Vec<String>,
    /// The sentences below the picture.
    notes: Vec<String>,
}

impl<'a> Picture<'a> {
    fn new(boot: &'a Boot, until: u32) -> Picture<'a> {
        let mut rows = BTreeMap::new();
        let shown = boot.runs.iter().enumerate().filter(|(_, run)| run.begun <= until);
        for (at, run) in shown.clone() {
            let next = rows.len();
            rows.entry(run.job.as_str()).or_insert((next, at)).1 = at;
        }
        let over = end(&boot.runs);
        let path = last_ready(&boot.runs, over).map(|last| critical_path(&boot.runs, last)).unwrap_or_default();
        let link = |link: &Link| format!("{} {}", boot.runs[link.run].job, span(link.to.saturating_sub(link.from)));
        let mut heading: Vec<String> = vec![];
        for (at, link) in path.iter().map(link).enumerate() {
            let word = if at == 0 { format!("Critical path: {link}") } else { format!(" → {link}") };
            match heading.last_mut() {
                Some(line) if width(line, FONT) + width(&word, FONT) < WIDTH => line.push_str(&word),
                _ => heading.push(word),
            }
        }
        let left_out = boot.runs.len() - shown.count();
        let later = match left_out {
            0 => None,
            count => Some(format!("Not drawn: {count} starts after the boot (initctl timeline --all).")),
        };
        Picture { boot, until, rows, path, heading, notes: later.into_iter().chain(forgotten(boot)).collect() }
    }

    fn shown(&self) -> impl Iterator<Item = (usize, &'a Run)> {
        let until = self.until;
        self.boot.runs.iter().enumerate().filter(move |(_, run)| run.begun <= until)
    }

    /// Where the rows begin, from the top.
    fn top(&self) -> f64 {
        MARGIN + 62.0 + self.heading.len() as f64 * 17.0
    }

    fn bottom(&self) -> f64 {
        self.top() + self.rows.len() as f64 * ROW
    }

    fn height(&self) -> f64 {
        self.bottom() + 24.0 + self.notes.len() as f64 * 18.0 + MARGIN
    }

    /// The names of the last jobs stand to the right of the time that is drawn.
    fn width(&self) -> f64 {
        let beyond = |(at, run): (usize, &Run)| self.label_at(at, run) + width(&self.label(run), FONT);
        self.shown().map(beyond).fold(MARGIN + WIDTH, f64::max) + MARGIN
    }

    fn x(&self, at: u32) -> f64 {
        MARGIN + f64::from(at.min(self.until)) / f64::from(self.until) * WIDTH
    }

    /// The middle of the row of a run.
    fn y(&self, run: &Run) -> f64 {
        let (row, _) = self.rows.get(run.job.as_str()).copied().unwrap_or_default();
        self.top() + (row as f64 + 0.5) * ROW
    }

    /// The name of a job, with the time of its last start, and how many starts there were.
    fn label(&self, run: &Run) -> String {
        let word = match (run.took(), run.has_failed()) {
            (None, _) => "not ready".to_owned(),
            (Some(took), false) => span(took),
            (Some(took), true) => format!("failed after {}", span(took)),
        };
        match self.shown().filter(|(_, other)| other.job == run.job).count() {
            1 => format!("{} ({word})", run.job),
            count => format!("{} ({count} starts, the last {word})", run.job),
        }
    }

    /// The end of the dark part of a bar, where the name begins.
    fn label_at(&self, at: usize, run: &Run) -> f64 {
        let end = self.x(run.settled().unwrap_or(self.boot.now)).max(self.x(run.begun) + LEAST);
        end + if run.has_failed() { 14.0 } else { 5.0 } + if self.is_critical(at) { 2.0 } else { 0.0 }
    }

    fn is_critical(&self, at: usize) -> bool {
        self.path.iter().any(|link| link.run == at)
    }

    fn heading(&self, text: &mut String) {
        let over = span(self.path.last().map_or_else(|| end(&self.boot.runs), |link| link.to));
        let jobs = self.rows.len();
        let title = format!("{jobs} jobs, the last ready {over} after the supervisor began");
        let _ = writeln!(text, "<text x=\"{MARGIN}\" y=\"34\" font-size=\"16\" font-weight=\"bold\">{title}</text>");
        for (line, at) in self.heading.iter().zip(0_u32..) {
            let y = Number(54.0 + f64::from(at) * 17.0);
            let _ = writeln!(text, "<text class=\"critical-path\" x=\"{MARGIN}\" y=\"{y}\">{}</text>", Xml(line));
        }
        let y = self.top() - 26.0;
        let mut x = MARGIN;
        for (class, word) in [
            ("held", "waits for other jobs or its turn"),
            ("hook", "pre-start"),
            ("work", "until it runs; of a task: its work"),
            ("runs", "runs"),
        ] {
            let (left, top) = (Number(x), Number(y - 10.0));
            let after = Number(x + 34.0);
            let _ = writeln!(
                text,
                "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"28\" height=\"{BAR}\"/>\
                 <text x=\"{after}\" y=\"{}\">{word}</text>",
                Number(y)
            );
            x += 34.0 + width(word, FONT) + 16.0;
        }
        for (class, word) in [("cause", "started it"), ("hold", "held it up"), ("path", "critical path")] {
            let (left, right, middle) = (Number(x), Number(x + 28.0), Number(y - 4.0));
            let after = Number(x + 34.0);
            let _ = writeln!(
                text,
                "<path class=\"{class}\" d=\"M{left} {middle}H{right}\"/><text x=\"{after}\" y=\"{}\">{word}</text>",
                Number(y)
            );
            x += 34.0 + width(word, FONT) + 16.0;
        }
    }

    /// The time: a line for each step of 1, 2 or 5 in the largest unit that gives enough of them.
    fn axis(&self, text: &mut String) {
        let steps = (0..10).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
        let step = steps.into_iter().find(|step| u64::from(self.until) / step <= u64::from(TICKS)).unwrap_or(u64::MAX);
        let (top, bottom) = (self.top(), self.bottom());
        for at in (0..=u64::from(self.until)).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            let (x, seconds) = (Number(self.x(at)), f64::from(at) / 1000.0);
            let _ = writeln!(
                text,
                "<path class=\"axis\" d=\"M{x} {}V{}\"/>\
                 <text x=\"{x}\" y=\"{}\" font-size=\"10\" text-anchor=\"middle\">{seconds}s</text>\
                 <text x=\"{x}\" y=\"{}\" font-size=\"10\" text-anchor=\"middle\">{seconds}s</text>",
                Number(top),
                Number(bottom),
                Number(top - 4.0),
                Number(bottom + 13.0)
            );
        }
    }

    /// The light bar of a job while it runs.
    fn running(&self, text: &mut String, run: &Run) {
        let (Some(running), false) = (run.running, run.is_task) else { return };
        let (from, to) = (self.x(running), self.x(run.ended.unwrap_or(self.until)));
        let (x, y, wide) = (Number(from), Number(self.y(run) - BAR / 2.0), Number((to - from).max(0.0)));
        let _ = writeln!(text, "<rect class=\"runs\" x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{BAR}\"/>");
    }

    /// The lines to a run from the one that started it, and from those that held it up.
    fn causes(&self, text: &mut String, at: usize, run: &Run) {
        if let Cause::Event { at: when, name, emitter: Some(emitter) } = &run.cause {
            let from = &self.boot.runs[*emitter];
            let (x, y) = (self.x(*when), self.y(from));
            let line = self.line((x, y), (self.x(run.begun), self.y(run)));
            let title = format!("{}: started by the event {name}, from {}", run.job, from.job);
            let _ = writeln!(
                text,
                "<path class=\"cause\" data-run=\"{at}\" d=\"{line}\" marker-end=\"url(#to)\"><title>{}</title></path>",
                Xml(&title)
            );
        }
        for &blocker in &run.blockers {
            let from = &self.boot.runs[blocker];
            let Some(settled) = from.settled() else { continue };
            let to = (self.x(run.free.unwrap_or(self.until)), self.y(run));
            let line = self.line((self.x(settled), self.y(from)), to);
            let title = format!("{} waited for {}", run.job, from.job);
            let _ = writeln!(
                text,
                "<path class=\"hold\" data-run=\"{at}\" d=\"{line}\"><title>{}</title></path>",
                Xml(&title)
            );
        }
    }

    /// A line from one row to another: up or down, and then to the right.
    fn line(&self, (x, y): (f64, f64), (to_x, to_y): (f64, f64)) -> String {
        let across = if (to_x - x).abs() < 1.0 { String::new() } else { format!("H{}", Number(to_x)) };
        format!("M{} {}V{}{across}", Number(x), Number(y), Number(to_y))
    }

    /// The lines of the critical path, from row to row.
    fn path_lines(&self, text: &mut String) {
        for pair in self.path.windows(2) {
            let [before, after] = [&self.boot.runs[pair[0].run], &self.boot.runs[pair[1].run]];
            let (from, to) = ((self.x(pair[0].to), self.y(before)), (self.x(pair[1].from), self.y(after)));
            let _ = writeln!(text, "<path class=\"path\" d=\"{}\"/>", self.line(from, to));
        }
    }

    /// The bar of a run, with its name.
    fn bar(&self, text: &mut String, at: usize, run: &Run) {
        let y = self.y(run);
        let class = if self.is_critical(at) { "run critical" } else { "run" };
        let known = |time: Option<u32>| time.map_or(String::new(), |time| time.to_string());
        let _ = write!(
            text,
            "<g class=\"{class}\" data-job=\"{}\" data-begun=\"{}\" data-ready=\"{}\"><title>{}</title>",
            Xml(&run.job),
            run.begun,
            known(run.ready()),
            Xml(&self.about(run))
        );
        let settled = run.settled().unwrap_or(self.boot.now);
        let free = run.free.unwrap_or(settled);
        let spawned = run.spawned.unwrap_or(settled).min(settled);
        let parts = [("held", run.begun, free), ("hook", free, spawned), ("work", spawned, settled)];
        for (class, from, to) in parts {
            let (from, to) = (self.x(from), self.x(to));
            let is_last = class == "work";
            if to - from < 0.3 && !is_last {
                continue;
            }
            let (x, top, wide) = (Number(from), Number(y - BAR / 2.0), Number((to - from).max(LEAST)));
            let _ = write!(text, "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{wide}\" height=\"{BAR}\"/>");
        }
        // A job that ended by itself later has its cross there.
        let crossed = if run.has_failed() { Some(self.x(settled) + 7.0) } else { None };
        let later = run.ended.filter(|&ended| run.failed && ended <= self.until).map(|ended| self.x(ended));
        if let Some(x) = crossed.or(later) {
            let [left, right, top, bottom] = [x - 4.0, x + 4.0, y - 4.0, y + 4.0].map(Number);
            let _ = write!(
                text,
                "<path class=\"failed\" d=\"M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}\"/>"
            );
        }
        if self.rows.get(run.job.as_str()).is_some_and(|&(_, last)| last == at) {
            let (x, y) = (Number(self.label_at(at, run)), Number(y + FONT * 0.35));
            let _ = write!(text, "<text x=\"{x}\" y=\"{y}\">{}</text>", Xml(&self.label(run)));
        }
        text.push_str("</g>\n");
    }

    /// The sentences that appear when the pointer rests on a bar.
    fn about(&self, run: &Run) -> String {
        let mut text = format!("{}\nstarted after {}", run.job, span(run.begun));
        let _ = match &run.cause {
            Cause::Command => write!(text, " by a command"),
            Cause::Event { name, emitter: None, .. } => write!(text, " by the event {name}"),
            Cause::Event { name, emitter: Some(emitter), .. } => {
                write!(text, " by the event {name}, from {}", self.boot.runs[*emitter].job)
            }
        };
        for &blocker in &run.blockers {
            let _ = write!(text, "\nwaited for {}", self.boot.runs[blocker].job);
        }
        for (word, time) in
            [("free", run.free), ("main process", run.spawned), ("running", run.running), ("at rest", run.ended)]
        {
            if let Some(time) = time {
                let _ = write!(text, "\n{word} after {}", span(time));
            }
        }
        text
    }

    fn notes(&self, text: &mut String) {
        for (note, at) in self.notes.iter().zip(0_u32..) {
            let y = Number(self.bottom() + 34.0 + f64::from(at) * 18.0);
            let _ = writeln!(text, "<text class=\"note\" x=\"{MARGIN}\" y=\"{y}\">{}</text>", Xml(note));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(job: &str, begun: u32, running: Option<u32>) -> Run {
        Run {
            job: job.to_owned(),
            begun,
            free: Some(begun),
            spawned: running,
            running,
            stopping: None,
            ended: None,
            failed: false,
            is_task: false,
            cause: Cause::Command,
            blockers: vec![],
        }
    }

    #[test]
    fn a_full_record_and_later_starts_are_named() {
        let runs = vec![run("a", 0, Some(100)), run("b", 50, None), run("c", 60_000, Some(60_001))];
        let boot = Boot { runs, full_since: Some(61_234), now: 90_000 };
        let text = svg(&boot, false);
        assert!(text.contains("Not drawn: 1 starts after the boot (initctl timeline --all)."));
        assert!(text.contains("The record is full: what happened later than 1min 1.234s after"));
        assert!(text.contains(">b (not ready)<") && !text.contains(">c ("));
        let all = svg(&Boot { full_since: None, ..boot }, true);
        assert!(all.contains(">c (1ms)<") && !all.contains("class=\"note\""));
    }

    #[test]
    fn an_empty_boot_is_a_picture_too() {
        assert!(svg(&Boot::default(), false).ends_with("</svg>\n"));
    }
}
