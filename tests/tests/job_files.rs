//! The language of job files: the stanzas that each input yields, or its error with the line.

use uphold_core::bytes::Strings;
use uphold_core::conf::{ConditionText, ErrorKind, Operator, Parser, Stanza, stanza_rows};
use uphold_core::limits::NESTING;
use uphold_tests::dice::Dice;

#[path = "job_files/corners.rs"]
mod corners;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn list(strings: Strings<'_>) -> String {
    assert!(strings.is_well_formed());
    strings.iter().map(|entry| format!("[{}]", text(entry))).collect()
}

/// The condition in postfix order, with each event in braces.
fn condition(condition: ConditionText<'_>) -> String {
    let words = condition.operators().map(|operator| match operator {
        Operator::And => "and".to_owned(),
        Operator::Or => "or".to_owned(),
        Operator::Event(name, arguments) => format!("{{{}}}{}", text(name), list(arguments)),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn shown(stanza: Stanza<'_>) -> String {
    match stanza {
        Stanza::Exec(process, line) => format!("{process} exec <{}>", text(line)),
        Stanza::Script(process, body) => format!("{process} script <{}>", text(body)),
        Stanza::StartOn(all) => format!("start on {}", condition(all)),
        Stanza::StopOn(all) => format!("stop on {}", condition(all)),
        Stanza::Export(names) => format!("export {}", list(names)),
        Stanza::Import(names) => format!("import {}", list(names)),
        Stanza::Tmpfiles(files) => format!("tmpfiles {}", list(files)),
        Stanza::Emits(events) => format!("emits {}", list(events)),
        Stanza::Cgroup(words) => format!("cgroup {}", list(words)),
        Stanza::Env(entry) => format!("env <{}>", text(entry)),
        Stanza::Instance(name) => format!("instance <{}>", text(name)),
        Stanza::Description(words) => format!("description <{}>", text(words)),
        Stanza::Author(words) => format!("author <{}>", text(words)),
        Stanza::Version(words) => format!("version <{}>", text(words)),
        Stanza::Usage(words) => format!("usage <{}>", text(words)),
        Stanza::Chroot(folder) => format!("chroot <{}>", text(folder)),
        Stanza::Chdir(folder) => format!("chdir <{}>", text(folder)),
        Stanza::Setuid(user) => format!("setuid <{}>", text(user)),
        Stanza::Setgid(group) => format!("setgid <{}>", text(group)),
        Stanza::ApparmorLoad(profile) => format!("apparmor load <{}>", text(profile)),
        Stanza::ApparmorSwitch(profile) => format!("apparmor switch <{}>", text(profile)),
        other => format!("{other:?}"),
    }
}

/// All stanzas of a file; the error that ends it stands behind `!`, with its line.
fn read(file: &[u8]) -> String {
    let mut file = file.to_vec();
    let mut parser = Parser::new(&mut file);
    let mut all = Vec::new();
    while let Some(stanza) = parser.next() {
        all.push(match stanza {
            Ok(stanza) => shown(stanza),
            Err(error) => match error.line {
                Some(line) => format!("! {line}: {error}"),
                None => format!("! {error}"),
            },
        });
    }
    all.join("; ")
}

#[track_caller]
fn check(table: &[(&str, &str)]) {
    for (file, expected) in table {
        assert_eq!(&read(file.as_bytes()), expected, "{file:?}");
    }
}

#[test]
fn lines_words_and_quotes() {
    check(&[
        ("", ""),
        ("  \n\n# only a comment\n\t# more", ""),
        ("exec sleep 1000", "main exec <sleep 1000>"),
        ("\texec\tsleep\t1000\t\n", "main exec <sleep\t1000>"),
        ("exec sleep 1000 # comment\n", "main exec <sleep 1000>"),
        ("exec sleep 1000\r\ntask\r\n", "main exec <sleep 1000>; Task"),
        ("exec sleep \\\n   1000\n", "main exec <sleep 1000>"),
        ("exec echo 'a # b' \"c\\\"d\" \\# e\n", "main exec <echo 'a # b' \"c\\\"d\" \\# e>"),
        ("exec echo \"one\n  two\"\ntask", "main exec <echo \"one two\">; Task"),
        ("description \"a b\"", "description <a b>"),
        ("description 'a \"b\"'", "description <a \"b\">"),
        ("description \"a \\\n    b\"", "description <a b>"),
        ("description \"line one\n  line two\"\ntask", "description <line one line two>; Task"),
        ("description a\\ \"b  c\"'d'", "description <a b  cd>"),
        ("description \"tail \"", "description <tail >"),
        ("author x#comment", "author <x>"),
        ("version \\\n  1.0\n", "version <1.0>"),
        ("usage \"X - a\\\n   Y - b\"", "usage <X - a Y - b>"),
        ("author \\\\\\n", "author <\\\\n>"),
        ("env A=a\\nb\\\\c\\ d", "env <A=a\\nb\\c d>"),
        ("usage \"say \\\"hi\\\"\"", "usage <say \\\"hi\\\">"),
        ("env A='it\\'s'", "env <A=it\\'s>"),
        ("description \"\"", "! 1: Expected token"),
        ("description", "! 1: Expected token"),
        ("description # none\n", "! 1: Expected token"),
        ("description a b", "! 1: Unexpected token"),
        ("description \"a\n\n", "! 3: Unterminated quoted string"),
        ("exec it's\n", "! 2: Unterminated quoted string"),
        ("task\nexec a \\", "Task; ! 2: Trailing slash in file"),
        ("emits a \\\n b\n\nbogus x\n", "emits [a][b]; ! 4: Unknown stanza"),
        ("\"exec\" sleep", "! 1: Unknown stanza"),
        ("Exec sleep", "! 1: Unknown stanza"),
        ("exec\n", "! 1: Expected token"),
        ("exec # nothing", "! 1: Expected token"),
        ("task\n\0", "! 2: Zero byte in file"),
        ("\n\0\n\0", "! 2: Zero byte in file"),
        ("description \"a\\\\\nb\"", "description <a\\ b>"),
        ("description \"a\nb\"", "description <a b>"),
    ]);
}

#[test]
fn processes_and_scripts() {
    check(&[
        ("script\nend script\n", "main script <>"),
        ("script\n\techo a\n\t  b\nend script", "main script <echo a\n  b\n>"),
        ("script\n    cat <<EOF\n  x\nEOF\nend script", "main script <    cat <<EOF\n  x\nEOF\n>"),
        ("script\n  a\n\n  b\nend script", "main script <  a\n\n  b\n>"),
        ("script\n\n  a\nend script", "main script <\n  a\n>"),
        ("script\n    a\n  \n    b\nend script", "main script <  a\n\n  b\n>"),
        ("script\n\ta\n  b\nend script", "main script <\ta\n  b\n>"),
        ("script # c\n  it's\n end \t script # really\ntask", "main script <it's\n>; Task"),
        (
            "script\nendscript\n#end script\nend scripts\nend if\nendless\nend script",
            "main script <endscript\n#end script\nend scripts\nend if\nendless\n>",
        ),
        ("pre-start script\n  a\nend script\n", "pre-start script <a\n>"),
        ("post-start exec a", "post-start exec <a>"),
        ("pre-stop exec a\npost-stop exec b", "pre-stop exec <a>; post-stop exec <b>"),
        ("script\n  a\n", "! 3: Unterminated block"),
        ("script now\nend script", "! 1: Unexpected token"),
        ("pre-start\n", "! 1: Expected token"),
        ("pre-start \"\"\n", "! 1: Unknown stanza"),
        ("pre-start run\n", "! 1: Unknown stanza"),
        ("end script\n", "! 1: Unknown stanza"),
    ]);
}

#[test]
fn conditions() {
    check(&[
        ("start on a", "start on {a}"),
        ("stop on a # b", "stop on {a}"),
        ("start on a b c=d e!=f", "start on {a}[b][c=d][e!=f]"),
        ("start on a or b and c", "start on {a} {b} or {c} and"),
        ("start on a and (b or c) and d", "start on {a} {b} {c} or and {d} and"),
        ("start on (a X=1 and b)or(c)", "start on {a}[X=1] {b} and {c} or"),
        ("start on (((a)))", "start on {a}"),
        ("start on ( a or\t( b ) )", "start on {a} {b} or"),
        ("start on (a\n   and\n b)\ntask", "start on {a} {b} and; Task"),
        ("start on a\\\n  and b", "start on {a} {b} and"),
        ("start on \"and\" 'or' an\\d", "start on {and}[or][an\\d]"),
        ("start on two\\ words \"X=a b\"", "start on {two words}[X=a b]"),
        ("start on \"(\" '#'", "start on {(}[#]"),
        ("start on started(", "! 1: Expected operator"),
        ("start on runlevel [!2345] or stopping $X", "start on {runlevel}[[!2345]] {stopping}[$X] or"),
        ("start on a D=", "start on {a}[D=]"),
        ("start", "! 1: Expected token"),
        ("start up", "! 1: Unknown stanza"),
        ("start on", "! 1: Expected token"),
        ("start on a \"\" b", "! 1: Expected token"),
        ("start on and b", "! 1: Expected event"),
        ("start on a or\ntask", "! 1: Expected event"),
        ("start on a and and b", "! 1: Expected event"),
        ("start on ()", "! 1: Expected event"),
        ("start on (a) b", "! 1: Expected operator"),
        ("start on a (b)", "! 1: Expected operator"),
        ("start on (a\n", "! 2: Mismatched parentheses"),
        ("start on a)", "! 1: Mismatched parentheses"),
        ("start on a X=1 2", "! 1: Expected variable name before value"),
        ("start on (a # c\n and b) # d\ntask", "start on {a} {b} and; Task"),
        ("start on (a\n # c\n and b)", "! 2: Expected token"),
        ("start on (a\n\n and b)", "! 2: Expected token"),
        ("start on ((a)\n  \n)", "! 2: Expected token"),
        ("start on (a\n  ", "! 2: Expected token"),
        ("start on (a and\n\tb or\n", "! 2: Expected event"),
        ("start on (\n", "! 1: Expected event"),
    ]);
    let nested = |depth| format!("start on {}a{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(read(nested(NESTING).as_bytes()), "start on {a}");
    assert_eq!(read(nested(NESTING + 1).as_bytes()), "! 1: Parentheses nested too deep");
}

#[test]
fn conditions_fit_over_their_own_text() {
    // The densest conditions: the parser's output comes as close to its input as it can.
    for (first, next, last) in [("a", " or b", ""), ("(a", ")or(b", ")"), ("(a", " or(b)", ")")] {
        for count in [1, 2, 300] {
            let all = format!("stop on {first}{}{last}", next.repeat(count));
            let expected = format!("stop on {{a}}{}", " {b} or".repeat(count));
            assert_eq!(read(all.as_bytes()), expected, "{first}{next}");
        }
    }
    let arguments = "start on e".to_owned() + &" a".repeat(500);
    assert_eq!(read(arguments.as_bytes()), "start on {e}".to_owned() + &"[a]".repeat(500));
}

#[test]
fn values() {
    check(&[
        ("env A=1\nenv B\nenv C=\"x y\"\nenv =v", "env <A=1>; env <B>; env <C=x y>; env <=v>"),
        ("env A=\"\"", "env <A=>"),
        ("env A /x", "! 1: Unexpected token"),
        ("export A B # c", "export [A][B]"),
        ("emits", "! 1: Expected token"),
        ("import A\ntmpfiles /a /b", "import [A]; tmpfiles [/a][/b]"),
        ("instance ${X:-\"a b\"}", "instance <${X:-a b}>"),
        ("task\nrespawn", "Task; Respawn"),
        ("task now", "! 1: Unexpected token"),
        ("respawn /sbin/x", "! 1: Unknown stanza"),
        ("respawn limit 5 10", "RespawnLimit { count: 5, interval: 10 }"),
        ("respawn limit unlimited", "RespawnLimit { count: 0, interval: 0 }"),
        ("respawn limit unlimited 1", "! 1: Unexpected token"),
        ("respawn limit 5", "! 1: Expected token"),
        ("respawn limit x 5", "! 1: Illegal limit, expected 'unlimited' or integer"),
        ("respawn limit 5 -5", "! 1: Illegal interval, expected number of seconds"),
        (
            "normal exit 0 256 SIGTERM HUP 2147483647\ntask",
            "NormalExit(0); NormalExit(256); NormalExit(3840); NormalExit(256); NormalExit(2147483647); Task",
        ),
        ("normal exit 1 \\\n 2\nbogus", "NormalExit(1); NormalExit(2); ! 3: Unknown stanza"),
        ("normal exit 0 2147483648", "NormalExit(0); ! 1: Illegal exit status, expected integer"),
        ("normal exit", "! 1: Expected token"),
        ("normal exit 0 x # c", "NormalExit(0); ! 1: Illegal exit status, expected integer"),
        ("normal start", "! 1: Unknown stanza"),
        ("expect fork\nexpect none", "Expect(Fork); Expect(None)"),
        ("expect daemon;", "! 1: Unknown stanza"),
        ("expect #TODO", "! 1: Expected token"),
        ("kill signal SIGKILL\nkill signal 0", "KillSignal(Signal(9)); KillSignal(Signal(0))"),
        ("kill timeout 0\nkill timeout 30 # s", "KillTimeout(0); KillTimeout(30)"),
        ("kill timeout soon", "! 1: Illegal interval, expected number of seconds"),
        ("kill scope group\nkill scope job", "KillScope(Group); KillScope(Job)"),
        ("kill scope all", "! 1: Unknown stanza"),
        ("task\nkill signal NOSUCH", "Task; ! Illegal signal status, expected integer"),
        ("reload signal TSTP", "ReloadSignal(Signal(20))"),
        ("reload signal -1", "! Illegal signal status, expected integer"),
        ("console log\nconsole owner", "Console(Log); Console(Owner)"),
        ("console none\nconsole output", "Console(None); Console(Output)"),
        ("console tty", "! 1: Unknown stanza"),
        ("umask 0022", "Umask(18)"),
        ("umask 1000", "! 1: Illegal file creation mask, expected octal integer"),
        ("umask 8", "! 1: Illegal file creation mask, expected octal integer"),
        ("nice +5\nnice -20", "Nice(5); Nice(-20)"),
        ("nice 20", "! 1: Illegal nice value, expected -20 to 19"),
        (
            "oom -17\noom 15\noom 1\noom -1\noom never",
            "OomScore(-1000); OomScore(1000); OomScore(66); OomScore(-58); OomScore(-1000)",
        ),
        ("oom 16", "! 1: Illegal oom adjustment, expected -16 to 15 or 'never'"),
        ("oom", "! 1: Expected token"),
        ("oom 5 \\\n 6", "! 2: Unexpected token"),
        ("nice 9223372036854775807 x", "! 1: Unexpected token"),
        ("oom score -1000\noom score never", "OomScore(-1000); OomScore(-1000)"),
        ("oom score 1001", "! 1: Illegal oom score adjustment, expected -999 to 1000 or 'never'"),
        ("oom score", "! 1: Expected token"),
        ("limit nofile unlimited 5", "Limit(Nofile, None, Some(5))"),
        ("limit as 1 18446744073709551615", "Limit(As, Some(1), None)"),
        ("limit as 1 18446744073709551616", "! 1: Illegal limit, expected 'unlimited' or integer"),
        ("limit nofile 65536", "! 1: Expected token"),
        ("limit files 1 1", "! 1: Unknown stanza"),
        ("chroot /a\nchdir /b", "chroot </a>; chdir </b>"),
        ("setuid [a user]", "! 1: Unexpected token"),
        ("setuid u\nsetgid g", "setuid <u>; setgid <g>"),
        ("cgroup cpu\ncgroup memory g k v", "cgroup [cpu]; cgroup [memory][g][k][v]"),
        ("cgroup memory g k v x", "! 1: Unexpected token"),
        ("apparmor load /a\napparmor switch b", "apparmor load </a>; apparmor switch <b>"),
        ("apparmor off", "! 1: Unknown stanza"),
        ("manual # comment\nmanual\ndebug", "Manual; Manual; Debug"),
        ("manual x", "Manual; ! 1: Unknown stanza"),
    ]);
}

#[test]
fn every_row_of_the_table_is_read() {
    for row in stanza_rows() {
        assert!(!read(row.name.as_bytes()).contains(ErrorKind::UnknownStanza.text()), "{}", row.name);
        assert_eq!(stanza_rows().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
        assert!(!row.section.is_empty());
    }
}

#[test]
fn no_file_is_too_odd_to_be_read() {
    const PIECES: [&str; 25] = [
        "start on ",
        "stop on ",
        "(a A=1 and ",
        " or b)",
        ")",
        "(",
        "script\n",
        "  x\n",
        "end script",
        "normal exit ",
        "0 ",
        "limit nofile 1 ",
        "respawn limit ",
        "exec ",
        "emits ",
        "\\\n",
        "\\",
        "\"",
        "'",
        "''",
        "#",
        "\n",
        "\r\n",
        "oom ",
        "\0",
    ];
    let mut dice = Dice(1);
    let mut stanzas = 0;
    for _ in 0..20_000 {
        let mut file: Vec<u8> = (0..dice.throw(12)).flat_map(|_| PIECES[dice.throw(24)].bytes()).collect();
        for _ in 0..dice.throw(3) {
            let (at, piece) = (dice.throw(file.len()), PIECES[dice.throw(25)]);
            match dice.throw(3) {
                0 if !file.is_empty() => drop(file.remove(at)),
                1 if !file.is_empty() => file[at] = dice.throw(256) as u8,
                _ => drop(file.splice(at..at, piece.bytes())),
            }
        }
        let lines = file.iter().filter(|&&byte| byte == b'\n').count() as u32 + 1;
        let mut copy = file.clone();
        let mut parser = Parser::new(&mut copy);
        while let Some(stanza) = parser.next() {
            match stanza {
                Ok(Stanza::StartOn(all) | Stanza::StopOn(all)) => {
                    let depth = all.operators().fold(0, |depth, operator| match operator {
                        Operator::Event(name, arguments) => {
                            assert!(!name.contains(&0) && arguments.iter().all(|argument| !argument.is_empty()));
                            depth + 1
                        }
                        _ => depth - 1,
                    });
                    assert_eq!(depth, 1, "{}", text(&file));
                }
                Ok(Stanza::Emits(all)) => assert!(all.is_well_formed() && !all.is_empty()),
                Ok(_) => {}
                Err(error) => {
                    assert_ne!(error.kind, ErrorKind::NoRoom, "{}", text(&file));
                    assert!(error.line.is_none_or(|line| (1..=lines).contains(&line)), "{}", text(&file));
                    assert!(parser.next().is_none());
                    break;
                }
            }
            stanzas += 1;
        }
    }
    assert!(stanzas > 1000, "the files are not all nonsense: {stanzas}");
}
