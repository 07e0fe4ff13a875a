//! Every stanza with its arguments, and every number at its bounds.

use uphold_core::bytes::Strings;
use uphold_core::conf::{ConditionText, Console, ErrorKind, KillScope, Parser, Stanza, glob};
use uphold_core::{Expect, Process, Resource, Signal};

/// The first stanza of a file.
fn first<T>(text: &str, see: impl FnOnce(Result<Stanza<'_>, ErrorKind>) -> T) -> T {
    let mut text = text.as_bytes().to_vec();
    let mut parser = Parser::new(&mut text);
    see(parser.next().expect("one stanza").map_err(|error| error.kind))
}

#[rustfmt::skip]
#[test]
fn every_stanza_is_read() {
    use Stanza as S;
    let go = |text: &'static [u8]| ConditionText(text);
    let cases: [(&str, S<'_>); 65] = [
        ("exec a b",              S::Exec(Process::Main, b"a b")),
        ("script\na\nend script", S::Script(Process::Main, b"a\n")),
        ("pre-start exec a",      S::Exec(Process::PreStart, b"a")),
        ("post-start exec a",     S::Exec(Process::PostStart, b"a")),
        ("pre-stop exec a",       S::Exec(Process::PreStop, b"a")),
        ("post-stop exec a",      S::Exec(Process::PostStop, b"a")),
        ("pre-start script\na\nend script",  S::Script(Process::PreStart, b"a\n")),
        ("post-start script\na\nend script", S::Script(Process::PostStart, b"a\n")),
        ("pre-stop script\na\nend script",   S::Script(Process::PreStop, b"a\n")),
        ("post-stop script\na\nend script",  S::Script(Process::PostStop, b"a\n")),
        ("start on go",           S::StartOn(go(b"ego\0\0"))),
        ("stop on go A B=1",      S::StopOn(go(b"ego\0A\0B=1\0\0"))),
        ("manual",                S::Manual),
        ("env A=1",               S::Env(b"A=1")),
        ("export A B",            S::Export(Strings(b"A\0B\0"))),
        ("import A B",            S::Import(Strings(b"A\0B\0"))),
        ("tmpfiles A B",          S::Tmpfiles(Strings(b"A\0B\0"))),
        ("emits A B",             S::Emits(Strings(b"A\0B\0"))),
        ("instance A",            S::Instance(b"A")),
        ("instance limit",        S::Instance(b"limit")),
        ("instance limit 2",      S::InstanceLimit(2)),
        ("task",                  S::Task),
        ("respawn",               S::Respawn),
        ("respawn limit 3 4",     S::RespawnLimit { count: 3, interval: 4 }),
        ("respawn limit 2147483647 4294967296", S::RespawnLimit { count: 2_147_483_647, interval: u32::MAX }),
        ("respawn limit unlimited", S::RespawnLimit { count: 0, interval: 0 }),
        ("respawn delay 3",       S::RespawnDelay { least: 3, most: 3 }),
        ("respawn delay 0 \"40\"", S::RespawnDelay { least: 0, most: 40 }),
        ("respawn retry 60",      S::RespawnRetry(60)),
        ("normal exit 3",         S::NormalExit(3)),
        ("normal exit 2147483647", S::NormalExit(i32::MAX)),
        ("normal exit SIGTERM",   S::NormalExit(15 << 8)),
        ("expect none",           S::Expect(Expect::None)),
        ("expect stop",           S::Expect(Expect::Stop)),
        ("expect fork",           S::Expect(Expect::Fork)),
        ("expect daemon",         S::Expect(Expect::Daemon)),
        ("expect notify",         S::Expect(Expect::Notify)),
        ("expect auto",           S::Expect(Expect::Auto)),
        ("expect fd 3",           S::ReadyDescriptor(3)),
        ("expect fd 1023",        S::ReadyDescriptor(1023)),
        ("pid file A",            S::PidFile(b"A")),
        ("start timeout 2",       S::StartTimeout(2)),
        ("hook timeout 2",        S::HookTimeout(2)),
        ("watchdog 2",            S::Watchdog(2)),
        ("kill signal HUP",       S::KillSignal(Signal(1))),
        ("kill signal 255",       S::KillSignal(Signal(255))),
        ("kill signal 256",       S::KillSignal(Signal(255))),
        ("kill signal 2147483647", S::KillSignal(Signal(255))),
        ("reload signal 12",      S::ReloadSignal(Signal(12))),
        ("kill scope group",      S::KillScope(KillScope::Group)),
        ("kill scope job",        S::KillScope(KillScope::Job)),
        ("kill timeout 4294967294", S::KillTimeout(4_294_967_294)),
        ("kill timeout 9223372036854775807", S::KillTimeout(u32::MAX)),
        ("description A",         S::Description(b"A")),
        ("author A",              S::Author(b"A")),
        ("version A",             S::Version(b"A")),
        ("usage A",               S::Usage(b"A")),
        ("console owner",         S::Console(Console::Owner)),
        ("chroot A",              S::Chroot(b"A")),
        ("chdir A",               S::Chdir(b"A")),
        ("setuid A",              S::Setuid(b"A")),
        ("setgid A",              S::Setgid(b"A")),
        ("cgroup A B C D",        S::Cgroup(Strings(b"A\0B\0C\0D\0"))),
        ("apparmor load A",       S::ApparmorLoad(b"A")),
        ("apparmor switch A",     S::ApparmorSwitch(b"A")),
    ];
    for (text, stanza) in cases {
        first(&format!("{text}\n"), |read| assert_eq!(read, Ok(stanza), "{text}"));
    }
}

#[rustfmt::skip]
#[test]
fn every_number_is_read_up_to_its_bounds() {
    use Stanza as S;
    for (text, mode) in [("0", 0), ("777", 0o777), ("0022", 0o22), ("+7", 7), ("\"\u{b}7\"", 7), ("\" 7\"", 7)] {
        first(&format!("umask {text}\n"), |read| assert_eq!(read, Ok(S::Umask(mode)), "{text}"));
    }
    for (text, nice) in [("-20", -20), ("19", 19), ("-0", 0)] {
        first(&format!("nice {text}\n"), |read| assert_eq!(read, Ok(S::Nice(nice)), "{text}"));
    }
    let scores = [("oom -17", -1000), ("oom -1", -58), ("oom 0", 0), ("oom 1", 66), ("oom 15", 1000), ("oom never", -1000),
        ("oom score -1000", -1000), ("oom score 1000", 1000), ("oom score never", -1000)];
    for (text, score) in scores {
        first(&format!("{text}\n"), |read| assert_eq!(read, Ok(S::OomScore(score)), "{text}"));
    }
    for (name, resource) in Resource::TABLE {
        let stanza = S::Limit(resource, Some(7), None);
        first(&format!("limit {name} 7 unlimited\n"), |read| assert_eq!(read, Ok(stanza), "{name}"));
    }
    first("limit cpu -1 -2\n", |read| assert_eq!(read, Ok(S::Limit(Resource::TABLE[2].1, None, Some(u64::MAX - 1)))));
}

#[rustfmt::skip]
#[test]
fn a_number_beyond_its_bounds_is_refused() {
    use ErrorKind as E;
    let cases = [
        ("respawn limit 2147483648 1",  E::IllegalLimit),
        ("respawn limit -1 1",          E::IllegalLimit),
        ("respawn limit 1 -1",          E::IllegalInterval),
        ("normal exit -1",              E::IllegalExit),
        ("normal exit 2147483648",      E::IllegalExit),
        ("expect fd 2",                 E::IllegalLimit),
        ("expect fd 1024",              E::IllegalLimit),
        ("expect one",                  E::UnknownStanza),
        ("kill signal -1",              E::IllegalSignal),
        ("kill signal 2147483648",      E::IllegalSignal),
        ("kill timeout -1",             E::IllegalInterval),
        ("kill timeout 9223372036854775808", E::IllegalInterval),
        ("kill scope all",              E::UnknownStanza),
        ("umask 1000",                  E::IllegalUmask),
        ("umask 8",                     E::IllegalUmask),
        ("umask -1",                    E::IllegalUmask),
        ("umask +",                     E::IllegalUmask),
        ("nice -21",                    E::IllegalNice),
        ("nice 20",                     E::IllegalNice),
        ("nice 4294967296",             E::IllegalNice),
        ("oom -18",                     E::IllegalOom),
        ("oom 16",                      E::IllegalOom),
        ("oom score -1001",             E::IllegalOomScore),
        ("oom score 1001",              E::IllegalOomScore),
        ("limit cpu 1 x",               E::IllegalLimit),
        ("limit cpu 18446744073709551616 1", E::IllegalLimit),
        ("limit gpu 1 1",               E::UnknownStanza),
        ("console all",                 E::UnknownStanza),
    ];
    for (text, kind) in cases {
        first(&format!("{text}\n"), |read| assert_eq!(read, Err(kind), "{text}"));
    }
}

/// The classes of isalpha(3) in locale C, for every byte of ASCII and one beyond.
#[test]
fn each_class_of_a_pattern_has_its_members() {
    type Class = (&'static str, fn(u8) -> bool);
    let classes: [Class; 12] = [
        ("alnum", |byte| byte.is_ascii_alphanumeric()),
        ("alpha", |byte| byte.is_ascii_alphabetic()),
        ("blank", |byte| byte == b' ' || byte == b'\t'),
        ("cntrl", |byte| byte < 32 || byte == 127),
        ("digit", |byte| byte.is_ascii_digit()),
        ("graph", |byte| (33..127).contains(&byte)),
        ("lower", |byte| byte.is_ascii_lowercase()),
        ("print", |byte| (32..127).contains(&byte)),
        ("punct", |byte| byte.is_ascii_punctuation()),
        ("space", |byte| byte == b' ' || (9..=13).contains(&byte)),
        ("upper", |byte| byte.is_ascii_uppercase()),
        ("xdigit", |byte| byte.is_ascii_hexdigit()),
    ];
    for (name, is_member) in classes {
        for byte in 0..=128_u8 {
            let [inside, outside] = ["", "!"].map(|not| glob(format!("[{not}[:{name}:]]").as_bytes(), &[byte]));
            assert_eq!((inside, outside), (is_member(byte), !is_member(byte)), "{byte} in {name}");
        }
    }
    assert!(!glob(b"[[:other:]]", b"o"));
}
