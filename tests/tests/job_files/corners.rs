//! Corners of the language of job files in which Upstart 1.13.2 was asked for its verdict.
//!
//! Each table is one corner, with the number that it has in the list of corners (issue 10). Most of the verdicts are
//! those of random texts that were played on the original; the others follow from the same rule.

use super::check;

/// Row 1: Upstart replaces the first of these blanks by a backslash. Here they stay.
#[test]
fn blanks_before_a_backslash_stay() {
    check(&[
        ("exec sh -c \"echo \\\"hello\\\" > F\"", "main exec <sh -c \"echo \\\"hello\\\" > F\">"),
        ("exec T args F \\$A", "main exec <T args F \\$A>"),
        ("exec find . -exec true  \\;", "main exec <find . -exec true  \\;>"),
        ("env A=\"x \\$y\"", "env <A=x \\$y>"),
        ("env A='x \t\\y'", "env <A=x \t\\y>"),
        ("exec a \\\n \\$b", "main exec <a \\$b>"),
    ]);
}

/// Row 6: the second word of a stanza is compared as it is written, so quotes make it another word.
#[test]
fn quoted_second_words_are_unknown() {
    check(&[
        ("start \"on\" x", "! 1: Unknown stanza"),
        ("stop \"on\"", "! 1: Unknown stanza"),
        ("pre-start \"exec\" x", "! 1: Unknown stanza"),
        ("post-stop 'script'\nend script", "! 1: Unknown stanza"),
        ("kill \"signal\" TERM", "! 1: Unknown stanza"),
        ("kill \"timeout\" 5", "! 1: Unknown stanza"),
        ("kill si\\gnal TERM", "! 1: Unknown stanza"),
        ("kill \\\n \"timeout\" 5", "! 2: Unknown stanza"),
        ("reload \"signal\" HUP", "! 1: Unknown stanza"),
        ("normal \"exit\" 0", "! 1: Unknown stanza"),
        ("respawn \"limit\" 1 2", "! 1: Unknown stanza"),
        ("apparmor \"load\" x", "! 1: Unknown stanza"),
        // Where the first word alone takes an argument, the second one is an argument. So are later words.
        ("oom \"score\" 5", "OomScore(5)"),
        ("oom \"never\"", "OomScore(-1000)"),
        ("respawn limit \"unlimited\"", "RespawnLimit { count: 0, interval: 0 }"),
        ("console \"log\"", "Console(Log)"),
        ("kill timeout \"5\"", "KillTimeout(5)"),
        // A line end that follows the word at once is not part of it; one within it is.
        ("kill timeout\\\n 5", "KillTimeout(5)"),
        ("kill\\\ntimeout 5", "! 2: Unknown stanza"),
        ("kill time\\\nout 5", "! 1: Unknown stanza"),
    ]);
}

/// Row 7: an escaped line end at the start of a line is the beginning of a word, and no stanza has a name like that.
#[test]
fn a_stanza_does_not_start_with_a_continuation() {
    check(&[
        ("\\\ntask", "! 2: Unknown stanza"),
        ("  \\\ntask", "! 2: Unknown stanza"),
        ("task\n\\\nrespawn", "Task; ! 3: Unknown stanza"),
        ("task\n\\\n\nrespawn", "Task; ! 3: Unknown stanza"),
        ("task\n\\\n", "Task; ! 3: Unknown stanza"),
        ("\\\n\nst'art oulled\n\n", "! 2: Unknown stanza"),
        ("task \\\n\nrespawn\\\n\n", "Task; Respawn"),
        ("task \\\n\\\n \\\n # comment\nrespawn", "Task; Respawn"),
        ("task\n\\", "Task; ! 2: Trailing slash in file"),
    ]);
}

/// Row 8: an error about a name counts the line ends within it, and in the blanks that follow.
#[test]
fn errors_count_the_lines_up_to_the_next_word() {
    check(&[
        ("foo\\\nbar", "! 2: Unknown stanza"),
        ("\"a\nb\" x", "! 2: Unknown stanza"),
        ("foo \\\n", "! 2: Unknown stanza"),
        ("foo \\\n  \\\n bar", "! 3: Unknown stanza"),
        ("foo # comment\n", "! 1: Unknown stanza"),
        ("start on a A=b c \\\n", "! 2: Expected variable name before value"),
        ("start on a A=b \\\n c \\\n\\\n d", "! 4: Expected variable name before value"),
        ("start on a A=b \"c\nd\" # e", "! 2: Expected variable name before value"),
        ("start on b\n$Z\\\n\nrespawn\n", "start on {b}; ! 3: Unknown stanza"),
        ("# c\nstart on started\nJOB=a\\\nrespawn\n", "start on {started}; ! 4: Unknown stanza"),
        // The same for a word that turns out to be missing, or one too many.
        ("description \"\" \\\n", "! 2: Expected token"),
        ("start on a \"\" \\\n b", "! 2: Expected token"),
        ("description a \\\n b \\\n", "! 2: Unexpected token"),
        ("kill \\\n\n", "! 2: Expected token"),
        // The value of an argument is on the line on which it starts.
        ("kill \\\n timeout \\\n soon \\\n", "! 3: Illegal interval, expected number of seconds"),
        ("nice \"a\nb\"", "! 1: Illegal nice value, expected -20 to 19"),
        ("console tty \\\n", "! 1: Unknown stanza"),
    ]);
}

/// Row 9: after `)` a word is an event with all its arguments. Their errors come first, then the missing operator.
#[test]
fn an_operator_is_missed_at_the_end_of_the_event() {
    check(&[
        ("start on (a) x A=b c", "! 1: Expected variable name before value"),
        ("start on (a) x \"un", "! 1: Unterminated quoted string"),
        ("start on (a) x \"un\n", "! 2: Unterminated quoted string"),
        ("start on (a) x \"\"", "! 1: Expected token"),
        ("start on (a) x \\", "! 1: Trailing slash in file"),
        ("start on ((a) b\ntask", "! 2: Expected operator"),
        ("start on ((a)\nx\n\ny", "! 3: Expected token"),
        ("start on (a) b\ntask", "! 1: Expected operator"),
        ("start on (a) b and c", "! 1: Expected operator"),
        ("start on (a) b (c)", "! 1: Expected operator"),
        ("start on (a) b)", "! 1: Expected operator"),
        ("start on (a) \\\n b c \\\n or d", "! 3: Expected operator"),
        ("start on ((a) b\n c)", "! 2: Expected operator"),
        ("start on (ev and (z)\nscript\ntrue\nend script\n", "! 4: Expected operator"),
        ("start on (ev and\n(z)\nstop on a X=1 Y!=2\nrespawn\n", "! 4: Expected variable name before value"),
        ("start on (started JOB=a or (z)script\ntrue\nend script\n", "! 3: Expected operator"),
        ("start on (a)\ntask", "start on {a}; Task"),
    ]);
}

/// Row 20: as a name, `''` is unknown; as an argument it is missing, unless an escaped line end follows at once.
#[test]
fn empty_quoted_words() {
    check(&[
        ("pre-start ''", "! 1: Unknown stanza"),
        ("reload \"\"", "! 1: Unknown stanza"),
        ("respawn ''", "! 1: Unknown stanza"),
        ("start ''", "! 1: Unknown stanza"),
        ("'' x", "! 1: Unknown stanza"),
        ("oom ''", "! 1: Expected token"),
        ("kill signal ''", "! 1: Expected token"),
        ("emits ''\\\n", "emits []"),
        ("emits a ''\\\n b", "emits [a][][b]"),
        ("emits '' \\\n", "! 2: Expected token"),
        ("export ''\\\n A", "export [][A]"),
        ("cgroup cpu \"\"\\\n", "cgroup [cpu][]"),
        ("start on ''\\\n", "start on {}"),
        ("start on a ''\\\n b or ''\\\n c", "start on {a}[''][b] {}[c] or"),
        ("start on a X=1 ''\\\n", "! 2: Expected variable name before value"),
        ("description ''\\\n", "description <>"),
        ("console ''\\\n", "! 1: Unknown stanza"),
        // As strtol(3) has it.
        ("nice ''\\\n", "Nice(0)"),
        ("emits ''\\\na", "emits [ a]"),
        ("exec ''", "main exec <''>"),
    ]);
}

/// Row 13: a number that Upstart cuts to 32 bits is refused, after everything that Upstart refuses on that line.
#[test]
fn numbers_that_do_not_fit_are_refused_last() {
    check(&[
        ("nice 4294967296", "! 1: Illegal nice value, expected -20 to 19"),
        ("nice 4294967296 x", "! 1: Unexpected token"),
        ("nice 4294967316 x", "! 1: Illegal nice value, expected -20 to 19"),
        ("nice 9223372036854775808 x", "! 1: Illegal nice value, expected -20 to 19"),
        ("oom 4294967296", "! 1: Illegal oom adjustment, expected -16 to 15 or 'never'"),
        ("oom 4294967296 5", "! 1: Unexpected token"),
        ("oom score -4294967296 5", "! 1: Unexpected token"),
        ("umask 40000000022", "! 1: Illegal file creation mask, expected octal integer"),
        ("umask 40000000022 x", "! 1: Unexpected token"),
        ("umask -1 x", "! 1: Illegal file creation mask, expected octal integer"),
        ("umask -0", "Umask(0)"),
        ("respawn limit 4294967296 5", "! 1: Illegal limit, expected 'unlimited' or integer"),
        ("respawn limit \\\n 4294967296 \\\n 5", "! 2: Illegal limit, expected 'unlimited' or integer"),
        ("respawn limit 4294967296", "! 1: Expected token"),
        ("respawn limit 4294967296 5 x", "! 1: Unexpected token"),
        ("respawn limit 2147483648 x", "! 1: Illegal limit, expected 'unlimited' or integer"),
        (
            "respawn limit 99999999999 description script stopping\n",
            "! 1: Illegal interval, expected number of seconds",
        ),
    ]);
}

/// Row 14: the name UNUSED is none of Upstart's.
#[test]
fn unused_is_no_signal() {
    check(&[
        ("kill signal UNUSED", "! Illegal signal status, expected integer"),
        ("reload signal SIGUNUSED", "! Illegal signal status, expected integer"),
        ("normal exit UNUSED", "! 1: Illegal exit status, expected integer"),
        ("kill signal SYS", "KillSignal(Signal(31))"),
    ]);
}

/// Row 19: intervals have 63 bits.
#[test]
fn intervals_are_long() {
    check(&[
        ("kill timeout 2147483648", "KillTimeout(2147483648)"),
        ("kill timeout 4294967295", "KillTimeout(4294967295)"),
        ("kill timeout 9223372036854775807", "KillTimeout(4294967295)"),
        ("kill timeout 9223372036854775808", "! 1: Illegal interval, expected number of seconds"),
        ("respawn limit 5 2147483648", "RespawnLimit { count: 5, interval: 2147483648 }"),
        ("kill timeout 99999999999 \"a b\"\nrespawn \n", "! 1: Unexpected token"),
    ]);
}
