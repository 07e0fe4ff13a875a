//! `--json`: the outputs of every command against their schemas, and against what the same command prints for a person.

#[path = "json/schemas.rs"]
mod schemas;

use std::fs;

use schemas::{check, checked, schema};
use serde_json::{Value, json};
use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// Jobs in many predicaments: each kind of wait, failure and end.
#[rustfmt::skip]
const JOBS: &[(&str, &str)] = &[
    ("runs",    "start on go\nstop on (halt or starting nothing X=1)\nemits done-*\nexec @DAEMON@ ignore HUP"),
    ("half",    "start on (one and (two A=b or stopped runs))\nexec @DAEMON@"),
    ("loop",    "respawn\nrespawn limit 2 60\nexec sh -c 'exit 3'"),
    ("absent",  "exec /no/such/program"),
    ("hooked",  "pre-start exec sleep 1000\nexec @DAEMON@"),
    ("forks",   "respawn\nexec @DAEMON@ fork session"),
    // One that is idle is not waited for as long.
    ("late",    "expect notify\nexec sh -c 'while :; do :; done'"),
    ("blocked", "exec @DAEMON@"),
    ("blocker", "start on starting blocked\ntask\nexec @DAEMON@"),
    ("killed",  "exec @DAEMON@"),
    ("many",    "instance $N\nexec @DAEMON@"),
    ("says",    "expect notify\nexec @DAEMON@ notify STATUS=busy notify READY=1"),
];

const COMMANDS: &[&[&str]] = &[
    &["emit", "go"],
    &["emit", "-n", "one"],
    &["start", "-n", "loop"],
    &["start", "absent"],
    &["start", "-n", "hooked"],
    &["start", "forks"],
    &["start", "-n", "blocked"],
    &["start", "killed"],
    &["start", "many", "N=a b"],
    &["start", "says"],
];

fn start() -> System {
    let text = |text: &str| format!("{}\n", text.replace("@DAEMON@", DAEMON));
    let jobs: Vec<(&str, String)> = JOBS.iter().map(|&(name, job)| (name, text(job))).collect();
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, job)| (*name, job.as_str())).collect();
    let mut system = Launch::new(&jobs).start();
    for command in COMMANDS {
        system.initctl(command);
    }
    let killed = system.await_running("killed");
    uphold_tests::system::processes::send(killed, Signal::SIGKILL);
    system.await_state("killed", "stop/waiting");
    system.await_state("loop", "stop/waiting");
    system.await_some("the hook", |system| system.status("hooked").contains("process").then_some(()));
    system
}

fn asked(system: &System, schema: &str, arguments: &[&str]) -> Value {
    checked(schema, &system.initctl(&[arguments, &["--json"]].concat()))
}

fn end(system: System) {
    system.initctl(&["stop", "--force", "hooked"]);
    system.initctl(&["stop", "--force", "blocked"]);
    system.end(Signal::SIGTERM);
}

#[test]
fn every_schema_is_a_schema_and_takes_no_other_output() {
    for (name, text) in schemas::all() {
        assert!(jsonschema::meta::is_valid(&text), "{name}");
        if name != "common" {
            let schema = schema(&name);
            assert!(!schema.is_valid(&json!({"version": 1})) && !schema.is_valid(&json!([])), "{name} takes anything");
        }
    }
}

#[test]
fn list_and_tree_have_each_job_as_in_the_list_for_scripts() {
    let system = start();
    let list = asked(&system, "list", &["list"]);
    let tree = asked(&system, "tree", &["-v", "tree"]);
    let printed = system.initctl(&["list"]).out;
    let lines = |of: &Value| -> Vec<String> {
        let mut lines: Vec<String> = of["jobs"].as_array().expect("jobs").iter().map(line).collect();
        lines.sort();
        lines
    };
    let mut wanted: Vec<&str> = printed.lines().filter(|line| !line.starts_with('\t')).collect();
    wanted.sort();
    assert_eq!((lines(&list), lines(&tree)), (wanted.iter().map(|line| (*line).to_owned()).collect(), lines(&list)));
    let runs = job(&list, "runs");
    assert!(runs["age_ms"].is_u64() && runs["memory_kb"].as_u64() > Some(0), "{runs:#}");
    let rests = job(&list, "killed");
    assert_eq!((&rests["age_ms"], &rests["memory_kb"]), (&Value::Null, &Value::Null));
    let root = &job(&tree, "runs")["tree"][0];
    assert_eq!(root["pid"], runs["processes"][0]["pid"]);
    assert!(root["parent"].is_null() && root["command"].as_str().expect("a text").starts_with(DAEMON), "{root:#}");
    let only = asked(&system, "tree", &["tree", "forks"]);
    assert_eq!(only["jobs"].as_array().expect("jobs").len(), 1);
    end(system);
}

fn job<'a>(of: &'a Value, name: &str) -> &'a Value {
    of["jobs"].as_array().expect("jobs").iter().find(|job| job["job"] == name).expect("the job")
}

/// The first line of `status`, from an output.
fn line(job: &Value) -> String {
    let word = |name: &str| job[name].as_str().expect("a text").to_owned();
    let instance = if word("instance").is_empty() { String::new() } else { format!(" ({})", word("instance")) };
    let first = job["processes"].get(0).map_or(String::new(), |its| format!(", process {}", its["pid"]));
    format!("{}{instance} {}/{}{first}", word("job"), word("goal"), word("state"))
}

#[test]
fn status_and_why_say_as_data_what_they_say_in_words() {
    let mut system = start();
    let status = |system: &System, job: &str| {
        let status = asked(system, "status", &["status", job]);
        let why = asked(system, "why", &["why", job]);
        // A tenth of a second may lie between them.
        let parts = ["job", "state", "runs", "waits", "started_by", "lesson", "start_on", "definition", "log"];
        assert!(parts.iter().all(|part| status[part] == why[part]), "{status:#}\n{why:#}");
        (status, why)
    };
    let (runs, why) = status(&system, "runs");
    assert_eq!((&runs["runs"], &runs["started_by"], &runs["waits"]), (&json!(true), &json!(["go"]), &Value::Null));
    assert!(runs["in_state_ms"].is_u64() && runs["reasons"][0].as_str().unwrap().starts_with("It has been running"));
    assert_eq!(why["history"][0]["what"], "goal");
    let pid = json!(system.main_process("runs").unwrap());
    let started = |record: &&Value| record["what"] == "started" && record["process"] == "main" && record["pid"] == pid;
    assert!(why["history"].as_array().unwrap().iter().any(|record| started(&record)), "{why:#}");

    let (half, why) = status(&system, "half");
    let events = json!([
        {"event": "one", "happened": true},
        {"event": "two A=b", "happened": false},
        {"event": "stopped runs", "happened": false},
    ]);
    assert_eq!((&half["start_on"]["events"], &half["in_state_ms"]), (&events, &Value::Null));
    assert_eq!(half["start_on"]["condition"], "(one and (two A=b or stopped runs))");
    let tree = json!({"operator": "and", "left": {"event": "one", "arguments": []}, "right": {"operator": "or",
        "left": {"event": "two", "arguments": ["A=b"]}, "right": {"event": "stopped", "arguments": ["runs"]}}});
    assert_eq!(why["start_on_tree"], tree);

    let (looped, _) = status(&system, "loop");
    assert_eq!(looped["failure"]["what"], "respawning_too_fast");
    assert_eq!((&looped["last_end"]["status"], &looped["last_end"]["signal"]), (&json!(3), &Value::Null));
    let (killed, _) = status(&system, "killed");
    assert_eq!((&killed["last_end"]["status"], &killed["last_end"]["signal"]), (&Value::Null, &json!("SIGKILL")));
    let (absent, _) = status(&system, "absent");
    assert_eq!(absent["failure"]["error"], json!({"stage": "execute", "errno": 2}));
    let (hooked, _) = status(&system, "hooked");
    assert_eq!((&hooked["waits"]["for"], &hooked["waits"]["process"]), (&json!("exit"), &json!("pre-start")));
    system.order(&["start", "-n", "late"]);
    system.await_state("late", "start/spawned");
    let (late, _) = status(&system, "late");
    assert_eq!((&late["waits"]["for"], &late["waits"]["expect"]), (&json!("readiness"), &json!("notify")));
    let is_learnt = |system: &mut System| system.log().contains("forks expected none").then_some(());
    system.await_some("the lesson of forks", is_learnt);
    let (forks, _) = status(&system, "forks");
    assert_eq!(forks["lesson"]["expect"], "none");
    let (blocked, why) = status(&system, "blocked");
    let holder = json!({"by": "job", "job": "blocker", "instance": ""});
    assert_eq!((&blocked["waits"]["event"], &blocked["waits"]["holder"]), (&json!("starting"), &holder));
    assert_eq!((&why["chain"][0]["job"], &why["circle"]), (&json!("blocker"), &json!(false)));
    let says = asked(&system, "status", &["status", "says"]);
    assert_eq!(says["status_text"], "busy");
    let many = asked(&system, "status", &["status", "many", "N=a b"]);
    assert_eq!(many["instance"], "a b");

    // Errors are not in the output, and the exit code is as ever.
    let unknown = system.initctl(&["status", "--json", "nosuch"]);
    assert_eq!((&*unknown.out, &*unknown.err, unknown.code), ("", "initctl: Unknown job: nosuch\n", 1));
    assert_eq!(system.initctl(&["status", "--json", "--exit-code", "killed"]).code, 3);
    end(system);
}

#[test]
fn configurations_are_trees_and_problems_have_names() {
    let system = start();
    let all = asked(&system, "show-config", &["show-config"]);
    assert_eq!(all["jobs"].as_array().unwrap().len(), JOBS.len());
    let one = asked(&system, "show-config", &["show-config", "runs"]);
    let wanted = json!({"job": "runs", "emits": ["done-*"], "start_on": {"event": "go", "arguments": []},
        "stop_on": {"operator": "or", "left": {"event": "halt", "arguments": []},
            "right": {"event": "starting", "arguments": ["nothing", "X=1"]}}});
    assert_eq!(one["jobs"], json!([wanted]));
    let ran = system.initctl(&["check-config", "--json"]);
    let found = checked("check-config", &ran);
    let problem = |job: &str, stanza: &str, unknown: &str, name: &str| {
        let problem = json!({"job": job, "stanza": stanza, "unknown": unknown, "name": name});
        assert!(found["problems"].as_array().unwrap().contains(&problem), "{problem} is not in {found:#}");
    };
    problem("half", "start on", "event", "one");
    problem("runs", "start on", "event", "go");
    problem("runs", "stop on", "job", "nothing");
    assert_eq!(ran.code, 1);
    let plain = system.initctl(&["check-config"]).out;
    let lines = plain.lines().filter(|line| line.starts_with(' ')).count();
    assert_eq!(found["problems"].as_array().unwrap().len(), lines, "{plain}\n{found:#}");
    let none = system.initctl(&["check-config", "--json", "forks"]);
    assert_eq!((checked("check-config", &none)["problems"].clone(), none.code), (json!([]), 0));
    end(system);
}

#[test]
fn blame_has_each_start_and_what_is_not_ready() {
    let system = start();
    let blame = asked(&system, "blame", &["blame"]);
    let took = |name: &str| blame["jobs"].as_array().unwrap().iter().find(|job| job["job"] == name);
    assert_eq!(took("runs").expect("it was started")["failed"], false);
    assert_eq!(took("absent").expect("it was started")["failed"], true);
    assert!(took("half").is_none(), "{blame:#}");
    let starting: Vec<&str> = blame["starting"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(starting.contains(&"hooked") && starting.contains(&"blocked"), "{blame:#}");
    let times: Vec<u64> = blame["jobs"].as_array().unwrap().iter().filter_map(|job| job["took_ms"].as_u64()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "the longest first: {blame:#}");
    end(system);
}

#[test]
fn a_dry_run_has_its_steps_as_data() {
    let system = start();
    let run = asked(&system, "dry-run", &["stop", "--dry-run", "runs"]);
    let step = |job: &str, would: &str, because: Value| json!({"job": job, "instance": "", "would": would, "because": because});
    let steps = json!([
        step("runs", "stop", json!("as asked")),
        step("runs", "rest", Value::Null),
        step("half", "start", json!("events one stopped")),
        step("half", "run", Value::Null),
    ]);
    assert_eq!((&run["steps"], &run["done"], &run["endless"]), (&steps, &json!(true), &json!(false)));
    let run = asked(&system, "dry-run", &["emit", "--dry-run", "two", "A=b"]);
    assert_eq!(run["steps"][0]["would"], "start", "{run:#}");
    let refused = system.initctl(&["start", "--dry-run", "--json", "runs"]);
    let run = checked("dry-run", &refused);
    assert_eq!(
        (&run["refused"], &run["done"], refused.code),
        (&json!("Job is already running: runs"), &json!(false), 1)
    );
    let real = system.initctl(&["start", "--json", "killed"]);
    assert_eq!((real.code, real.out.as_str()), (1, ""));
    assert!(real.err.starts_with("initctl: --json belongs to --dry-run"), "{}", real.err);
    assert!(system.status("killed").contains("stop/waiting"), "it was not started");
    end(system);
}

#[test]
fn each_line_of_monitor_is_an_object() {
    let mut system = start();
    let file = system.folder().path("news");
    let mut monitor = system.begin_and_note(&["monitor", "--json"], &file);
    let said = || fs::read_to_string(file.with_extension("out")).unwrap_or_default();
    system.await_some("the first news", |system| {
        system.order(&["emit", "hello", "A=b"]);
        said().contains("hello").then_some(())
    });
    system.initctl(&["stop", "runs"]);
    system.initctl(&["start", "absent"]);
    system.initctl(&["start", "-n", "loop"]);
    system.await_some("the end of the loop", |_| said().contains("respawning_too_fast").then_some(()));
    system.order(&["restart-init"]);
    system.await_some("the news of the interruption", |_| said().contains("interrupted").then_some(()));
    system.await_some("news after it", |system| {
        system.initctl(&["emit", "again"]);
        said().contains("\"again\"").then_some(())
    });
    monitor.kill().expect("it lives");
    monitor.wait().expect("it ends");
    // The last line may have been cut.
    let said = said();
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    let news: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    news.iter().for_each(|news| check("monitor", news));
    let has = |wanted: Value| {
        let wanted = wanted.as_object().unwrap();
        assert!(news.iter().any(|news| wanted.iter().all(|(name, value)| news[name] == *value)), "{wanted:?}\n{whole}");
    };
    has(json!({"news": "event", "event": "hello", "failed": false, "environment": ["A=b"]}));
    has(json!({"news": "job", "job": "runs", "what": "signalled", "process": "main", "signal": "SIGTERM"}));
    has(json!({"news": "job", "job": "absent", "what": "spawn_failed", "error": {"stage": "execute", "errno": 2}}));
    has(json!({"news": "job", "job": "loop", "what": "ended", "end": {"status": 3, "signal": null}}));
    has(json!({"news": "interrupted", "at_ms": null}));
    end(system);
}
