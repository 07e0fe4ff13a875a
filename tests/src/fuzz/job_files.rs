//! Job files: they are read or refused with the place of the mistake, and what was read can be written and read again.

use uphold_core::conf::{ErrorKind, Parser, stanza_rows};

use super::outcome::{Trait, of, scenarios};
use super::written::written;
use crate::world::Small;

/// A line for each stanza, and the jobs of the scenarios.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = scenarios()
        .iter()
        .map(|text| {
            let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
            lines.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()
        })
        .collect();
    const ARGUMENTS: [&str; 12] = [
        "",
        "a",
        "5",
        "\"a b\" 'c'",
        "a X=1 Y!=2 and (b or c)",
        "\n  echo $x\nend script",
        "/bin/sh -c \"a; b\" > c",
        "unlimited",
        "TERM KILL 7",
        "nofile 5 unlimited",
        "${A:-b}/$C",
        "a \\\n b # c",
    ];
    for row in stanza_rows() {
        seeds.extend(ARGUMENTS.map(|arguments| format!("{} {arguments}\n", row.name).into_bytes()));
    }
    seeds
}

/// The stanzas of a file, each as its debug text and as it is written; and the error at the end.
type Read = (Vec<(String, Option<Vec<u8>>)>, Option<ErrorKind>);

fn read(text: &[u8]) -> Read {
    let mut text = text.to_vec();
    let lines = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let (mut stanzas, mut error) = (Vec::new(), None);
    let mut parser = Parser::new(&mut text);
    while let Some(next) = parser.next() {
        match next {
            Ok(stanza) => stanzas.push((format!("{stanza:?}"), written(&stanza))),
            Err(found) => {
                let line = found.line.unwrap_or(1) as usize;
                assert!((1..=lines + 1).contains(&line), "an error on line {line} of {lines}");
                assert!(!found.to_string().is_empty());
                error = Some(found.kind);
            }
        }
    }
    assert!(parser.next().is_none(), "the end is the end");
    (stanzas, error)
}

pub(super) fn check(text: &[u8]) -> Trait {
    let (stanzas, error) = read(text);
    for (what, line) in &stanzas {
        let Some(line) = line else { continue };
        let again = read(line);
        let same = again.0.iter().map(|(what, _)| what).eq([what]) && again.1.is_none();
        assert!(same, "{what} is written {}, and read as {again:?}", line.escape_ascii());
    }
    define(text);
    let names = stanzas.iter().map(|(what, _)| what.split(['(', ' ']).next().unwrap_or_default().to_owned());
    of((names.collect::<Vec<_>>(), error))
}

/// A file that is refused changes nothing, and one that is taken is taken again.
fn define(text: &[u8]) {
    let mut memory = Small::new();
    let mut supervisor = memory.supervisor();
    let before = supervisor.occupancy();
    let first = supervisor.define(b"job", &mut text.to_vec(), |_| {});
    let after = supervisor.occupancy();
    if first.is_err() {
        assert_eq!(before, after, "a refused file takes room");
    }
    let second = supervisor.define(b"job", &mut text.to_vec(), |_| {});
    assert_eq!(first.is_ok(), second.is_ok(), "{first:?} and then {second:?}");
    assert_eq!(after, supervisor.occupancy(), "the same file takes other room");
}
