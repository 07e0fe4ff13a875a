//! The cost of a launch in memory: none. `cargo bench -p uphold-tests --bench system -- start` measures the time.

use crate::ALLOCATIONS;
use crate::kit::{Bench, plan, root, settings};
use uphold_core::Resource;
use uphold_linux::conf::command::Command;
use uphold_linux::conf::settings::{ResourceLimit, TextSetting};
use uphold_linux::watch::reap::{ChangeKind, ChildChange};
use uphold_linux::watch::trace::Tracer;

#[test]
fn nothing_is_allocated() {
    let mut bench = Bench::new();
    let mut rich = settings(|settings| {
        settings.umask = Some(0o27);
        settings.oom_score = Some(10);
        settings.set_limit(ResourceLimit { resource: Resource::Nofile, soft: Some(500), hard: Some(1000) });
    });
    rich.set(TextSetting::Chdir, b"/usr").unwrap();
    if root("setuid") {
        rich.set(TextSetting::Setuid, b"nobody").unwrap();
    }
    let mut tracer = Tracer::<8>::new();
    let commands = [Command::Exec(b"true"), Command::Script(b"exit 0\n"), Command::Script(b":\nexit 0\n")];
    let before = ALLOCATIONS.get();
    for number in 0..1000 {
        bench.spawner.begin();
        bench.spawner.variable(&[b"PATH=/usr/bin:/bin"]);
        bench.spawner.variable(&[b"UPSTART_JOB=", b"job"]);
        let mut plan = plan(commands[if number % 10 == 0 { number / 10 % 3 } else { 0 }], &rich);
        plan.trace = number % 50 == 0;
        let pid = bench.spawner.launch(&plan).unwrap();
        if plan.trace {
            tracer.expect(pid);
        }
        loop {
            match tracer.next_change() {
                Some(ChildChange { kind: ChangeKind::Exited(_), .. }) => break,
                Some(change) => assert_eq!(tracer.detach(change.pid, None), Ok(true)),
                None => std::thread::yield_now(),
            }
        }
    }
    let after = ALLOCATIONS.get();
    assert_eq!(after, before, "allocations in 1000 launches");
}
