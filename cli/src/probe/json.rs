//! The facts and the verdict as JSON. `docs/json.md` describes it, and `docs/json/probe.schema.json` defines it.

use crate::probe::facts::End;
use crate::probe::findings::Findings;
use crate::probe::judge::{Candidate, Verdict};
use crate::probe::processes::Process;
use std::fmt::Write as _;
use std::io::{self, Write};

/// The version of the schema.
const VERSION: u64 = 1;

/// A JSON text that is being written.
#[derive(Default)]
struct Json(String);

impl Json {
    fn text(value: &str) -> Json {
        let mut text = String::from("\"");
        for letter in value.chars() {
            match letter {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                control if u32::from(control) < 0x20 => {
                    write!(text, "\\u{:04x}", u32::from(control)).unwrap_or_default()
                }
                other => text.push(other),
            }
        }
        text.push('"');
        Json(text)
    }

    fn number(value: impl Into<u64>) -> Json {
        Json(value.into().to_string())
    }

    fn flag(value: bool) -> Json {
        Json(value.to_string())
    }

    fn maybe(value: Option<Json>) -> Json {
        value.unwrap_or_else(|| Json("null".into()))
    }

    fn list(values: impl IntoIterator<Item = Json>) -> Json {
        let values: Vec<String> = values.into_iter().map(|value| value.0).collect();
        Json(format!("[{}]", values.join(",")))
    }

    fn object(fields: &[(&str, Json)]) -> Json {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{}", value.0)).collect();
        Json(format!("{{{}}}", fields.join(",")))
    }
}

/// Prints the facts and the verdict on one line.
///
/// # Errors
/// Writing fails.
pub fn print(out: &mut dyn Write, found: &Findings) -> io::Result<()> {
    let judged = &found.judgement;
    let texts = |texts: &[String]| Json::list(texts.iter().map(|text| Json::text(text)));
    let at = |micros: u64| Json::maybe(found.seen.timed.then(|| Json::number(micros)));
    let end = |end: Option<(u64, End)>| {
        Json::maybe(end.map(|(when, end)| {
            let (status, signal) = status(end);
            Json::object(&[("at_us", at(when)), ("status", status), ("signal", signal)])
        }))
    };
    let candidate = |candidate: &Candidate| {
        Json::object(&[
            ("expect", Json::text(candidate.expect.name())),
            ("follows", Json::number(candidate.follows)),
            ("ready", Json::flag(candidate.ready)),
            ("end", end(candidate.end)),
            ("right", Json::flag(candidate.right)),
        ])
    };
    let process = |process: &Process| {
        Json::object(&[
            ("pid", Json::number(process.pid)),
            ("parent", Json::maybe(process.made.map(|(parent, _)| Json::number(parent)))),
            ("made_by", Json::maybe(process.made.map(|(_, how)| Json::text(how.name())))),
            ("at_us", at(process.born)),
            ("program", Json::text(&process.program)),
            ("threads", Json::number(process.threads as u64)),
            ("leads_session", Json::flag(process.session.is_some())),
            ("end", end(process.end)),
        ])
    };
    let by = |what: &'static str, value: Json, pid: u32, when: u64| {
        Json::object(&[(what, value), ("pid", Json::number(pid)), ("at_us", at(when))])
    };
    let file = |file: &crate::probe::findings::PidFile<'_>| {
        Json::object(&[
            ("path", Json::text(file.path)),
            ("holds", Json::number(file.holds)),
            ("pid", Json::number(file.by)),
            ("at_us", at(file.at)),
        ])
    };
    let sockets = found.sockets().into_iter().map(|(address, pid, when)| by("address", Json::text(address), pid, when));
    let messages = found.notifications().into_iter().map(|(text, pid, when)| by("text", Json::text(text), pid, when));
    let users = found.users().into_iter().map(|(user, pid, when)| by("user", Json::number(user), pid, when));
    let ready = found.ready().map(|(when, sign)| Json::object(&[("at_us", at(when)), ("sign", Json::text(sign))]));
    let sigterm = found.ending.as_ref().map(|ending| {
        let left = Json::list(ending.left.iter().map(|pid| Json::number(*pid)));
        let timeout = Json::maybe(found.kill_timeout().map(Json::number));
        Json::object(&[("end", end(ending.end)), ("left", left), ("kill_timeout", timeout)])
    });
    let all = Json::object(&[
        ("version", Json::number(VERSION)),
        ("command", texts(&found.seen.command)),
        ("log", Json::maybe(found.log.as_deref().map(Json::text))),
        ("isolated", Json::flag(found.isolated)),
        ("quiet", Json::flag(found.seen.quiet)),
        ("verdict", verdict(&judged.verdict)),
        ("daemon", Json::maybe(judged.daemon.map(Json::number))),
        ("others", Json::list(judged.others.iter().map(|pid| Json::number(*pid)))),
        ("candidates", Json::list(judged.candidates.iter().map(candidate))),
        ("processes", Json::list(judged.processes.iter().map(process))),
        ("pid_files", Json::list(found.pid_files().iter().map(file))),
        ("sockets", Json::list(sockets)),
        ("notifications", Json::list(messages)),
        ("users", Json::list(users)),
        ("ready", Json::maybe(ready)),
        ("sigterm", Json::maybe(sigterm)),
        ("foreground_option", Json::maybe(found.foreground.as_deref().map(Json::text))),
        ("output", texts(&found.output)),
    ]);
    writeln!(out, "{}", all.0)
}

fn status(end: End) -> (Json, Json) {
    match end {
        End::Status(status) => (Json::number(status.unsigned_abs()), Json::maybe(None)),
        End::Signal(signal) => (Json::maybe(None), Json::text(&crate::probe::facts::signal_name(signal))),
    }
}

/// The verdict: whose stanza it is, and its argument.
fn verdict(verdict: &Verdict) -> Json {
    let (of, stanza) = match verdict {
        Verdict::Upstart(expect) => ("upstart", Some(format!("expect {}", expect.name()))),
        Verdict::Notify => ("uphold", Some("expect notify".to_owned())),
        Verdict::Auto => ("uphold", Some("expect auto".to_owned())),
        Verdict::Task => ("task", Some("task".to_owned())),
        Verdict::Failed(_) => ("failed", None),
    };
    Json::object(&[("of", Json::text(of)), ("stanza", Json::maybe(stanza.as_deref().map(Json::text)))])
}
