//! Random command lines of `initctl` and of its links: right ones, and wrong arguments in every order.

use super::random::Random;
use super::side::LINKS;

/// The job files that the command lines are about.
pub const JOBS: [(&str, &str); 9] = [
    ("service.conf", "start on go\nstop on halt\nexec sleep 1000\nusage \"service - of no use\"\n"),
    ("task.conf", "task\nexec true\n"),
    ("fails.conf", "task\nstart on bad\nexec false\n"),
    ("many.conf", "instance $X\nstart on many\nstop on halt X=$X\nexec sleep 1000\nemits a b\n"),
    ("default.conf", "instance ${X:-d}\nexec sleep 1000\n"),
    ("lone.conf", "start on (a and b X=1) or never\nstop on c\n"),
    ("two/levels.conf", "exec sleep 1000\n"),
    ("missing.conf", "exec /no/such/program\n"),
    ("broken.conf", "exec sleep 1000\nbogus\n"),
];

const COMMANDS: [&str; 23] = [
    "start",
    "stop",
    "restart",
    "reload",
    "status",
    "list",
    "emit",
    "usage",
    "show-config",
    "check-config",
    "get-env",
    "set-env",
    "unset-env",
    "list-env",
    "reset-env",
    "reload-configuration",
    "log-priority",
    "notify-disk-writeable",
    "version",
    "bogus",
    "help",
    "",
    "list-sessions",
];
const OPERANDS: [&str; 24] = [
    "service",
    "task",
    "fails",
    "many",
    "default",
    "lone",
    "two/levels",
    "missing",
    "broken",
    "nope",
    "X=1",
    "X=2",
    "X=",
    "X",
    "=1",
    "go",
    "halt",
    "bad",
    "many",
    "",
    "error",
    "a b",
    "A=B=C",
    "two",
];
const OPTIONS: [&str; 20] = [
    "--no-wait",
    "-n",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "--bogus",
    "-Z",
    "--foo=1",
    "--no-wait=1",
    "--",
    "-",
    "--enumerate",
    "-e",
    "--global",
    "-g",
    "--retain",
    "--ignore-events=a,b",
    "-i",
    "--warn",
];

/// A program with its arguments.
pub fn command_line(random: &mut Random) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let is_link = random.chance(30);
    words.push(if is_link { random.one(&LINKS) } else { "initctl" }.to_owned());
    if !is_link {
        let usual = random.chance(60);
        words.push(random.one(if usual { &COMMANDS[..9] } else { &COMMANDS }).to_owned());
    }
    if random.chance(60) {
        words.push(random.one(&OPERANDS[..9]).to_owned());
    }
    for _ in 0..random.below(3) {
        words.push(random.one(&OPERANDS).to_owned());
    }
    for _ in 0..if random.chance(30) { random.within(1, 2) } else { 0 } {
        let at = random.within(1, words.len());
        words.insert(at, random.one(&OPTIONS).to_owned());
    }
    words
}

/// The command lines that are entered one after another.
pub fn session(random: &mut Random) -> Vec<Vec<String>> {
    (0..random.within(1, 12)).map(|_| command_line(random)).collect()
}
