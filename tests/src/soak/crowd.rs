//! The jobs of the soak: a few of every kind.

use crate::system::System;

/// The kinds, with `@N@` for the number of a job.
#[rustfmt::skip]
const KINDS: [&str; 20] = [
    "respawn\nrespawn limit unlimited\nexec @DAEMON@ ignore HUP print up",
    "console none\nrespawn\nrespawn limit unlimited\nexec @DAEMON@",
    "script\n  echo @N@\n  exec @DAEMON@\nend script",
    "expect fork\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ fork session",
    "expect daemon\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ fork session fork",
    "expect fork\nrespawn\nexec @DAEMON@ fork session fork",
    "expect stop\nexec @DAEMON@ stop",
    "expect notify\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ notify READY=1+STATUS=busy",
    "expect notify\nexec @DAEMON@ handover notify READY=1",
    "expect fd 3\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ line 3",
    "expect auto\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ fork session",
    "pid file @FOLDER@/pid-@N@\nrespawn\nexec @DAEMON@ fork session pid @FOLDER@/pid-@N@",
    "pre-start exec true\npost-start exec true\npre-stop exec true\npost-stop exec true\nexec @DAEMON@",
    "task\nexec @DAEMON@ print done exit 0",
    "task\ninstance $X\nexec @DAEMON@ sleep 20 exit 0",
    "start on go X=@N@ or go X=all\nstop on halt\nexec @DAEMON@ print $X",
    "start on started job-1 and go\nstop on stopping job-1\nexec @DAEMON@",
    "kill scope job\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ spare spare",
    "respawn\nrespawn limit 3 5\nexec @DAEMON@ sleep 5 exit 1",
    "limit nofile 64 64\nnice 1\noom score 10\numask 077\nchdir /\nenv A=@N@\nexport A\nkill timeout 1\nexec @DAEMON@ ignore TERM",
];

/// The jobs.
#[derive(Clone, Debug)]
pub struct Crowd {
    texts: Vec<String>,
}

impl Crowd {
    /// So many jobs with this scripted daemon.
    pub fn new(count: usize, daemon: &str) -> Crowd {
        let text = |number: usize| {
            KINDS[number % KINDS.len()].replace("@DAEMON@", daemon).replace("@N@", &number.to_string()) + "\n"
        };
        Crowd { texts: (0..count).map(text).collect() }
    }

    /// The name of a job.
    pub fn name(number: usize) -> String {
        format!("job-{number}")
    }

    /// The number of jobs.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of a job's file.
    pub fn text(&self, number: usize) -> &str {
        &self.texts[number]
    }

    /// The files of all.
    pub fn files(&self) -> Vec<(String, String)> {
        (0..self.len()).map(|number| (Crowd::name(number), self.texts[number].clone())).collect()
    }

    /// Starts each job once.
    pub fn start_all(&self, system: &System) {
        for number in 0..self.len() {
            // A job whose instance needs a variable gets one.
            system.initctl(&["start", "--no-wait", &Crowd::name(number), "X=1"]);
        }
        system.initctl(&["emit", "go", "X=all"]);
    }

    /// The jobs and instances that are not at rest: the words by which a command names each.
    pub fn moving(&self, system: &System) -> Vec<Vec<String>> {
        let list = system.order(&["list"]);
        let lines = list.lines().filter(|line| line.contains('/') && !line.contains("stop/waiting"));
        lines.filter_map(words_of).collect()
    }

    /// Stops these.
    pub fn stop(&self, system: &System, jobs: &[Vec<String>]) {
        let waits: Vec<_> = jobs
            .iter()
            .map(|words| {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                system.begin(&[&["stop", "--no-wait"], &words[..]].concat())
            })
            .collect();
        for mut client in waits {
            client.wait().map(drop).unwrap_or_default();
        }
    }
}

/// `NAME (INSTANCE) GOAL/STATE` as words of a command: the instance is the value of `X`.
fn words_of(line: &str) -> Option<Vec<String>> {
    let name = line.split(' ').next()?;
    if !name.starts_with("job-") {
        return None;
    }
    let mut words = vec![name.to_owned()];
    if let Some((_, rest)) = line.split_once(" (") {
        words.push(format!("X={}", rest.split_once(')')?.0));
    }
    Some(words)
}
