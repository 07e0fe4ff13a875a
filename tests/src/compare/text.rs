//! Random job files: the grammar of init(5), its mistakes, and what scripts of old contain.

use super::random::Random;

/// The kind of texts to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taste {
    /// Texts that both systems should read alike: without the differences that `docs/compatibility.md` lists.
    Alike,
    /// Texts of any kind: stanzas of Uphold's own, numbers that do not fit, and bytes that belong into no text.
    Any,
}

const NAMES: [&str; 12] =
    ["a", "b", "started", "stopped", "x/y", "ev", "JOB=a", "net-up", "é", "$X", "a.b", "runlevel"];
#[rustfmt::skip]
const ARGUMENTS: [&str; 24] = [
    "A=b", "c", "JOB=x", "X!=2", "A=", "[2345]", "[!2345]", "\"A=b c\"", "'q'", "\"\"", "''", "A=\"b c\"",
    "$X", "A='b'", "\"a\\\"b\"", "A\\=b", "a\\ b", "d", "e", "f", "B=c", "C=d", "D=$X", "E!=f",
];
#[rustfmt::skip]
const WORDS: [&str; 22] = [
    "a", "word", "\"two words\"", "'single'", "\"\"", "''", "a\\ b", "\\", "\\\\", "\"a\\\"b\"", "it\\'s",
    "a#b", "#", "\"#\"", "a\"b c\"d", "(", ")", "5", "-1", "$A", "${A:-b}", "\\n",
];
#[rustfmt::skip]
const NUMBERS: [&str; 27] = [
    "0", "1", "5", "10", "-1", "+3", "15", "16", "-16", "-17", "19", "20", "-20", "-21", "022", "0777",
    "01000", "8", "0x10", "5s", "\"5\"", "'5'", "1000", "-1000", "never", "unlimited", "",
];
#[rustfmt::skip]
const BIG: [&str; 8] = [
    "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
    "99999999999", "-9223372036854775809",
];
#[rustfmt::skip]
const SIGNALS: [&str; 16] = [
    "TERM", "SIGTERM", "HUP", "KILL", "15", "0", "-1", "64", "UNUSED", "NOPE", "term", "IO", "POLL",
    "SIGSTKFLT", "\"TERM\"", "''",
];
#[rustfmt::skip]
const PATTERNS: [&str; 22] = [
    "$X", "${X}", "${X:-d}", "${X-d}", "${X:+d}", "${X+d}", "${}", "$", "$1", "${X", "${a.b:-x}", "${ A:-x}",
    "${A?x}", "${A.B}", "${%", "${X:=1}", "${${X}}", "lit", "a$X-b", "${X:-${Y:-z}}", "$X$Y", "\"${X:-a b}\"",
];
const SPACES: [&str; 6] = [" ", "\t", "  ", " \\\n  ", "\\\n", " \r"];

/// A job file of a few lines.
pub fn job_file(random: &mut Random, taste: Taste) -> String {
    let count = if random.chance(60) { random.within(1, 2) } else { random.within(3, 5) };
    let mut text: String = (0..count).map(|_| line(random, taste)).collect();
    let changes = if random.chance(35) { random.within(1, 3) } else { 0 };
    (0..changes).for_each(|_| change(random, &mut text, taste));
    if random.chance(10) {
        text = text.trim_end_matches('\n').to_owned();
    }
    text
}

/// The text of an override that both systems read without an error: Uphold treats a broken one in another way.
pub fn override_file(random: &mut Random) -> String {
    #[rustfmt::skip]
    let lines = [
        "manual\n", "start on o1 X=1\n", "stop on o2 or o3\n", "emits o4\n", "usage \"o\"\n", "respawn\n",
        "task\n", "exec true\n", "env O=1\n", "instance $O\n", "# o\n", "script\ntrue\nend script\n",
    ];
    let count = random.within(0, 4);
    (0..count).map(|_| random.one(&lines)).collect()
}

/// A line, or the lines of a block.
fn line(random: &mut Random, taste: Taste) -> String {
    let text = match random.below(16) {
        0..4 => condition(random),
        4..6 => command(random),
        6 | 7 => words(random),
        8..11 => value(random, taste),
        11 => format!("instance {}", random.one(&PATTERNS)),
        12 => block(random),
        13 => pair(random),
        14 => odd(random),
        _ => simple(random),
    };
    let text = match random.below(25) {
        0 => respaced(random, &text),
        1 => format!("{text} {}", random.one(&WORDS)),
        2 => quoted_word(random, &text),
        3 => text.split(' ').next().unwrap_or_default().to_owned(),
        _ => text,
    };
    let begin = random.one(&["", "", "", "", "  ", "\t", "\r"]);
    let end = random.one(&["\n", "\n", "\n", "\n", "\n", " \n", "\t\n", "\r\n", " # c\n", "#c\n", " \\\n", "\\\n", ""]);
    format!("{begin}{text}{end}")
}

/// An event with arguments.
fn event(random: &mut Random) -> String {
    let name = random.one(&NAMES);
    let arguments = random.some(0, 3, &ARGUMENTS);
    if arguments.is_empty() { name.to_owned() } else { format!("{name} {arguments}") }
}

fn condition(random: &mut Random) -> String {
    let mut text = format!("{} on ", random.one(&["start", "stop"]));
    let mut depth = 0;
    for at in 0..random.within(1, 4) {
        if at > 0 {
            text += random.one(&[
                " and ",
                " or ",
                " and ",
                " or ",
                " ",
                "\n and ",
                " or\n",
                " \"and\" ",
                " an\\d ",
                " or \\\n ",
            ]);
        }
        while random.chance(25) {
            text += random.one(&["(", "(", "( ", "(\n"]);
            depth += 1;
        }
        text += &event(random);
        while depth > 0 && random.chance(50) {
            text += random.one(&[")", ")", " )", "\n)", ") x"]);
            depth -= 1;
        }
    }
    if random.chance(90) {
        text += &")".repeat(depth);
    } else if random.chance(50) {
        text += random.one(&[")", ") x A=b", " \"un", "\n)", " and", " or ("]);
    }
    text
}

fn command(random: &mut Random) -> String {
    let process = random.one(&["", "", "pre-start ", "post-start ", "pre-stop ", "post-stop "]);
    format!("{process}exec {}", random.some(0, 4, &WORDS))
}

/// A stanza of any words.
fn words(random: &mut Random) -> String {
    let stanza = random.one(&[
        "description",
        "author",
        "version",
        "usage",
        "env",
        "export",
        "emits",
        "chroot",
        "chdir",
        "setuid",
        "setgid",
        "cgroup",
    ]);
    match random.chance(50) {
        true => {
            format!("{stanza} {}", random.one(&["A=1", "A", "\"A=b c\"", "A B", "=v", "A='1'", "cpu", "memory g k v"]))
        }
        false => format!("{stanza} {}", random.some(0, 5, &WORDS)),
    }
}

/// A stanza with a value that is checked.
fn value(random: &mut Random, taste: Taste) -> String {
    let number = |random: &mut Random| match random.chance(12) {
        true if taste == Taste::Any => random.one(&BIG).to_owned(),
        _ => random.one(&NUMBERS).to_owned(),
    };
    let long = |random: &mut Random| if random.chance(25) { random.one(&BIG) } else { random.one(&NUMBERS) }.to_owned();
    match random.below(13) {
        0 => format!("nice {}", number(random)),
        1 => format!("umask {}", number(random)),
        2 => format!("oom {}", number(random)),
        3 => format!("oom score {}", number(random)),
        4 => format!("respawn limit {} {}", number(random), long(random)),
        5 => format!("kill timeout {}", long(random)),
        6 => format!("kill signal {}", random.one(&SIGNALS)),
        7 => format!("reload signal {}", random.one(&SIGNALS)),
        8 => {
            let values: Vec<String> = (0..random.within(0, 3))
                .map(|_| if random.chance(50) { random.one(&SIGNALS).to_owned() } else { number(random) })
                .collect();
            format!("normal exit {}", values.join(" "))
        }
        9 => format!(
            "limit {} {} {}",
            random.one(&["nofile", "as", "core", "bogus", "\"cpu\""]),
            long(random),
            long(random)
        ),
        10 => format!("console {}", random.one(&["log", "none", "output", "owner", "tty", "\"log\"", "''", ""])),
        11 if taste == Taste::Any => {
            #[rustfmt::skip]
            let own = [
                "kill scope job", "start timeout 5", "hook timeout x", "watchdog", "pid file /a", "import A",
                "respawn delay 2", "respawn delay 3 2", "respawn delay 1 9 # x", "respawn \"delay\" 2 x", "respawn delay",
                "tmpfiles a",
            ];
            random.one(&own).to_owned()
        }
        _ => format!("expect {}", random.one(&["fork", "daemon", "stop", "none", "\"fork\"", "''", "x", ""])),
    }
}

fn block(random: &mut Random) -> String {
    let process = random.one(&["", "", "pre-start ", "post-stop "]);
    let body = random.one(&[
        "true\n",
        "  a\n\n    b\n",
        "\tit's\n",
        "if [\n",
        "",
        "echo \"a\n",
        "end\n",
        "endscript\n",
        "x \\\n",
    ]);
    let end = random.one(&[
        "end script",
        "end script",
        "end  script",
        "\tend\tscript",
        "end script x",
        "end script # c",
        "endscript",
        "",
    ]);
    format!("{process}script{}\n{body}{end}", random.one(&["", "", "", " # c", " x", " \\", "\t"]))
}

/// A pair of words that should be a stanza.
fn pair(random: &mut Random) -> String {
    let first = random.one(&[
        "start",
        "stop",
        "pre-start",
        "post-stop",
        "kill",
        "reload",
        "normal",
        "respawn",
        "apparmor",
        "oom",
        "expect",
        "end",
        "limit",
    ]);
    let second = random.one(&[
        "on",
        "\"on\"",
        "exec",
        "'script'",
        "signal",
        "\"signal\"",
        "timeout",
        "exit",
        "\"exit\"",
        "limit",
        "\"limit\"",
        "load",
        "switch",
        "\"load\"",
        "score",
        "\"score\"",
        "''",
        "\"\"",
        "x",
        "script",
        "#",
    ]);
    format!("{first} {second} {}", random.some(0, 2, &WORDS))
}

fn simple(random: &mut Random) -> String {
    #[rustfmt::skip]
    let lines = [
        "task", "respawn", "manual", "debug", "task x", "manual x", "debug env A=1", "'task'", "Task",
        "respawn 5", "manual task",
    ];
    random.one(&lines).to_owned()
}

fn odd(random: &mut Random) -> String {
    #[rustfmt::skip]
    let lines = [
        "", "\\", "\\\n", "# it's \"", "foo\\\nbar", "\"a\nb\" x", "$Z\\\n", "'' x", "\"exec\" x", "foo \\\n",
        "{", "end script", "\r", "é x",
    ];
    random.one(&lines).to_owned()
}

/// The text with another blank in the place of one of its blanks.
fn respaced(random: &mut Random, text: &str) -> String {
    let blanks: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).collect();
    match blanks.is_empty() {
        true => text.to_owned(),
        false => {
            let at = blanks[random.below(blanks.len())];
            format!("{}{}{}", &text[..at], random.one(&SPACES), &text[at + 1..])
        }
    }
}

/// The text with one of its words in quotes.
fn quoted_word(random: &mut Random, text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let at = random.below(words.len());
    let quote = random.one(&["\"", "'"]);
    words[at] = format!("{quote}{}{quote}", words[at]);
    words.join(" ")
}

/// Changes the text somewhere: a piece goes, comes, or comes twice.
fn change(random: &mut Random, text: &mut String, taste: Taste) {
    #[rustfmt::skip]
    let pieces = [
        
        "\\", "\"", "'", "\n", "#", " ", "\t", "\r", "(", ")", "=", "$", "\\\n", "\n\n", " \\\n", "and", "on", "!",
        "\"\"", "''", "}",
    ];
    let wild = ["\0", "\u{1}", "\u{7f}", "\u{2028}", "\u{fffd}", "\u{b}"];
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = places[random.below(places.len())];
    let end = places[random.below(places.len())].clamp(at, text.len());
    match random.below(4) {
        0 => text.replace_range(at..end.min(places.iter().copied().find(|&it| it >= at + 6).unwrap_or(end)), ""),
        1 => text.insert_str(at, &text.clone()[at..end]),
        2 if taste == Taste::Any => text.insert_str(at, random.one(&wild)),
        _ => text.insert_str(at, random.one(&pieces)),
    }
}
