use uphold_core::process::Exit;
use uphold_tests::choices::Choices;
use uphold_tests::explore::explore;
use uphold_tests::world::{Tiny, World};
#[test]
fn t() {
    let file = "start on go\nstop on halt\nexec main\nrespawn\nrespawn limit 1 5\nnormal exit 3\n";
    let all: &'static [Exit] = &[Exit::Status(0), Exit::Status(1), Exit::Status(3), Exit::Signal(15)];
    for (name, events, ends, late, drop) in [
        ("all", &["go", "halt"][..], all, true, ""),
        ("no shutdown", &["go", "halt"], all, true, "shutdown"),
        ("no wait B", &["go", "halt"], all, true, "B:"),
        ("no events", &[], all, true, ""),
        ("no waited emit", &["go","halt"], all, true, ": emit g|: emit h"),
        ("no unwaited emit", &["go","halt"], all, true, "emit --no-wait"),
        ("no late", &["go", "halt"], all, false, ""),
        ("one end", &["go", "halt"], &all[1..2], true, ""),
        ("none but start stop", &[], &all[1..2], false, "shutdown|restart|reload|hangs"),
    ] {
        let mut world = World::new(Tiny::new());
        world.load("a", file).unwrap();
        let c = Choices { jobs: &["a"], events, ends, late_ends: late };
        let t = std::time::Instant::now();
        let r = explore(world, &|w, s| {
            c.list(w, s);
            s.retain(|x| { let x = x.to_string(); drop.is_empty() || !drop.split('|').any(|d| x.contains(d)) });
        });
        println!("{name}: {:?} {:?}", r.map_err(|v| v.to_string()), t.elapsed());
    }
}
