//! Random jobs that run: how words, quotes and settings of a job file reach its processes.

use super::random::Random;

const WORDS: [&str; 20] = [
    "a",
    "'b c'",
    "\"d e\"",
    "$A",
    "\"$A\"",
    "'$A'",
    "${A:-z}",
    "f\\ g",
    "h;echo i",
    "*",
    "~",
    "`echo j`",
    "$(echo k)",
    "l=m",
    "\"n\\\"o\"",
    "#p",
    "q#r",
    "\"s\nt\"",
    "u \\\n v",
    "$B",
];
const VALUES: [&str; 10] =
    ["A=1", "A", "A=", "\"A=x y\"", "A='q'", "B=\"2 3\"", "B=a\\\\b", "A=$B", "B", "A=\"a\\\"b\""];
const SETTINGS: [&str; 17] = [
    "umask 027",
    "nice 5",
    "limit nofile 100 200",
    "limit core 0 unlimited",
    "chdir /",
    "chdir @DIR@",
    "task",
    "console none",
    "console output",
    "export A B",
    "instance ${A:-i}",
    "oom score 100",
    "normal exit 3",
    "env PATH=/bin:/usr/bin",
    "env UPSTART_JOB=x",
    "env TERM=no",
    "kill timeout 2",
];

/// A job file with a process that reports what it got. `@DIR@/show` is a program that writes it down.
pub fn job_file(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(4) {
        text += &format!("env {}\n", random.one(&VALUES));
    }
    for _ in 0..random.below(4) {
        text += &format!("{}\n", random.one(&SETTINGS));
    }
    for process in ["pre-start ", "", "post-stop "] {
        if !process.is_empty() && random.chance(70) {
            continue;
        }
        let words = random.some(0, 4, &WORDS);
        text += &match random.below(3) {
            0 => format!("{process}script\n  @DIR@/show {words}\nend script\n"),
            1 => format!(
                "{process}script\n  X=1\n  @DIR@/show {words}\n  exit {}\nend script\n",
                random.one(&["0", "0", "3"])
            ),
            _ => format!("{process}exec @DIR@/show {words}\n"),
        };
    }
    text
}

/// The variables of a command that starts the job.
pub fn variables(random: &mut Random) -> Vec<String> {
    let all = ["A=given", "B=\"quoted\"", "A=", "C=new", "UPSTART_EVENTS=e", "A=a b", "X=1"];
    (0..random.below(3)).map(|_| random.one(&all).to_owned()).collect()
}

/// The program that writes down what it got: its arguments, its environment, and its settings.
pub const SHOW: &str = "#!/bin/sh
{
  echo \"process $UPSTART_JOB\"
  for word in \"$@\"; do echo \"word <$word>\"; done
  tr '\\0' '\\n' < /proc/$$/environ | sed 's/^/variable /'
  echo \"umask $(umask)\"
  echo \"nice $(nice)\"
  echo \"files $(ulimit -Sn) $(ulimit -Hn)\"
  echo \"core $(ulimit -Sc)\"
  echo \"directory $(pwd)\"
  echo \"oom $(cat /proc/$$/oom_score_adj)\"
} >> @DIR@/seen 2>&1
";
