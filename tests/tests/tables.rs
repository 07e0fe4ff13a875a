//! The tables of the core, compared with an independent transcription of the manual and with rules for all rows.

use uphold_core::tables::exit;
use uphold_core::tables::expect as follow;
use uphold_core::tables::expect::{FollowOrder, Seen, Stage};
use uphold_core::tables::lifecycle::{Entry, Follow, LIFECYCLE, Next, StateRow, Wait};
use uphold_core::{Expect, Goal, Process, Signal, State};

/// The ten states of init(8), "Job states", with the next state for each goal, in the manual's words.
const MANUAL: [(&str, &str, &str); 10] = [
    // current       goal start      goal stop
    ("waiting", "starting", "n/a"),
    ("starting", "pre-start", "stopping"),
    ("pre-start", "spawned", "stopping"),
    ("spawned", "post-start", "stopping"),
    ("post-start", "running", "stopping"),
    ("running", "stopping", "pre-stop"),
    ("pre-stop", "running", "stopping"),
    ("stopping", "killed", "killed"),
    ("killed", "post-stop", "post-stop"),
    ("post-stop", "starting", "waiting"),
];

/// Whether the manual leaves a state out: those in which a process is being spawned, and those of security.
fn is_left_out(state: State) -> bool {
    use State::*;
    matches!(state, SecuritySpawning | Security | PreStarting | Spawning | PostStarting | PreStopping | PostStopping)
}

/// The next state for a goal; for a job with a main process where that matters.
fn next(state: State, goal: Goal) -> Option<State> {
    all_next(state, goal).first().copied()
}

/// All states that can be next for a goal, first the one for a job with a main process.
fn all_next(state: State, goal: Goal) -> Vec<State> {
    match state.row().next(goal) {
        Next::To(next) | Next::CallOff(next) | Next::Anew(next) => vec![next],
        Next::IfMain(with, without) => vec![with, without],
        Next::Never => vec![],
    }
}

const GOALS: [Goal; 3] = [Goal::Start, Goal::Stop, Goal::Respawn];

fn states() -> impl Iterator<Item = State> {
    LIFECYCLE.iter().map(|row| row.state)
}

#[test]
fn the_lifecycle_is_the_manuals_table() {
    let folded = |state: State, goal| {
        let mut at = next(state, goal);
        while let Some(state) = at.filter(|&state| is_left_out(state)) {
            at = next(state, goal);
        }
        at.map_or("n/a", State::name)
    };
    let ours: Vec<_> = states()
        .filter(|&state| !is_left_out(state))
        .map(|state| (state.name(), folded(state, Goal::Start), folded(state, Goal::Stop)))
        .collect();
    assert_eq!(ours, MANUAL);
}

#[test]
fn a_stop_finds_its_way_out_of_what_the_manual_leaves_out() {
    use State::*;
    for state in [SecuritySpawning, Security, PreStarting, Spawning] {
        assert_eq!(next(state, Goal::Stop), Some(Stopping), "{state}");
    }
    assert_eq!(
        next(PostStarting, Goal::Stop),
        Some(PostStart),
        "a post-start process that is being made is waited for"
    );
    assert_eq!(all_next(Running, Goal::Stop), [PreStopping, Stopping], "without a main process there is no pre-stop");
}

fn reachable(from: State, goals: &[Goal]) -> Vec<State> {
    let (mut seen, mut at) = (vec![from], 0);
    while let Some(&state) = seen.get(at) {
        at += 1;
        for next in goals.iter().flat_map(|&goal| all_next(state, goal)) {
            if !seen.contains(&next) {
                seen.push(next);
            }
        }
    }
    seen
}

#[test]
fn every_state_is_reached_from_rest_and_leads_back() {
    assert_eq!(reachable(State::Waiting, &[Goal::Start, Goal::Stop]).len(), State::COUNT);
    for state in states() {
        assert!(reachable(state, &[Goal::Stop]).contains(&State::Waiting), "{state} does not stop");
        assert!(reachable(state, &[Goal::Start]).contains(&State::Running), "{state} does not start");
    }
}

#[test]
fn a_respawn_is_only_wanted_where_a_main_process_can_end_and_leads_to_a_new_run() {
    for state in states() {
        let row = state.row();
        let judged = exit::row(Process::Main, state).is_some_and(|row| row.consequence == exit::Consequence::Judged);
        assert_eq!(row.respawn != Next::Never, judged, "a main process that ends in {state} and is to run again");
        match row.respawn {
            Next::Anew(next) => assert!(reachable(next, &[Goal::Start]).contains(&State::Starting)),
            // The goal stays until a state that turns it into start.
            Next::To(next) => assert!(matches!(next.row().respawn, Next::Anew(_)), "{state} forgets that it respawns"),
            Next::Never => {}
            Next::IfMain(..) | Next::CallOff(_) => panic!("{state} forgets that it respawns"),
        }
    }
}

#[test]
fn each_property_of_a_row_holds_in_the_states_that_the_machine_relies_on() {
    let holding = |property: fn(&StateRow) -> bool| -> Vec<State> {
        LIFECYCLE.iter().filter(|row| property(row)).map(|row| row.state).collect()
    };
    assert_eq!(holding(StateRow::is_rest), [State::Waiting]);
    assert_eq!(holding(StateRow::is_run), [State::Running]);
    assert_eq!(holding(StateRow::kills), [State::Killed]);
    assert_eq!(holding(StateRow::expects), [State::Spawning, State::Spawned]);
    assert_eq!(holding(StateRow::calls_off), [State::PreStop]);
    assert_eq!(holding(StateRow::runs_anew), [State::Running]);
    assert_eq!(holding(|row| row.awaits(Process::Main)), [State::Spawning, State::Spawned, State::Killed]);
}

#[test]
fn what_is_known_of_a_main_process_is_kept_until_its_job_stops_and_then_dropped() {
    let mut following = states().map(|state| state.row().follow).skip_while(|follow| *follow == Follow::Keep);
    let mut changes = vec![];
    following.by_ref().for_each(|follow| {
        if follow != Follow::Keep && changes.last() != Some(&follow) {
            changes.push(follow);
        }
    });
    assert_eq!(changes, [Follow::Expect, Follow::Close, Follow::Forget]);
    assert_eq!(State::Stopping.row().follow, Follow::Close);
}

/// In Upstart 1.13.2, a post-start or pre-stop process that cannot be set up is skipped; any other fails the job.
#[test]
fn a_process_that_cannot_be_set_up_fails_its_job_unless_it_is_post_start_or_pre_stop() {
    let fails = |process| exit::spawn_failure_fails(process);
    assert!(fails(Process::Main) && fails(Process::PreStart) && fails(Process::PostStop));
    assert!(!fails(Process::PostStart) && !fails(Process::PreStop));
}

#[test]
fn a_stop_means_something_only_by_its_signal_and_its_process() {
    use follow::{Seen, Stage, stop};
    assert_eq!(stop(Signal::TRAP, true, Some(Stage::Launched)), Some(Seen::Trap));
    assert_eq!(stop(Signal::TRAP, false, Some(Stage::Launched)), None);
    for traced in [false, true] {
        assert_eq!(stop(Signal::STOP, traced, None), Some(Seen::Stop));
    }
    for (stage, seen) in [
        (Stage::FirstBorn, Some(Seen::Stop)),
        (Stage::SecondBorn, Some(Seen::Stop)),
        (Stage::First, None),
        (Stage::Original, None),
    ] {
        assert_eq!(stop(Signal::CONT, true, Some(stage)), seen, "{stage:?}");
    }
    assert_eq!(stop(Signal::CONT, false, Some(Stage::FirstBorn)), None);
    assert_eq!(stop(Signal::HUP, true, Some(Stage::FirstBorn)), None);
    let of_tracing = |stage| {
        [Seen::Trap, Seen::Stop, Seen::Fork, Seen::Exec]
            .into_iter()
            .filter(|seen| follow::is_of_tracing(stage, *seen))
            .collect::<Vec<_>>()
    };
    assert_eq!(of_tracing(Stage::Launched), [Seen::Trap]);
    assert_eq!(of_tracing(Stage::FirstBorn), [Seen::Stop]);
    assert_eq!(of_tracing(Stage::SecondBorn), [Seen::Stop]);
    assert_eq!(of_tracing(Stage::Original), []);
    assert_eq!(of_tracing(Stage::Settled), []);
}

/// Whether a job may pass through a state without a wait.
fn may_pass(state: State, goal: Goal) -> bool {
    match state.row().wait {
        Wait::Goal(rest) => rest == goal,
        // The job's own event is always handled before the job leaves the state.
        Wait::Event => false,
        Wait::Nothing | Wait::Spawned(_) | Wait::Readiness | Wait::End(_) => true,
    }
}

#[test]
fn no_cycle_is_without_a_wait() {
    for goal in GOALS {
        for start in states() {
            let (mut passed, mut front) = (vec![], vec![start]);
            while let Some(state) = front.pop() {
                if passed.contains(&state) || !may_pass(state, goal) {
                    continue;
                }
                passed.push(state);
                let next = all_next(state, goal);
                assert!(!next.contains(&start), "{start} comes back to itself with goal {goal} through {passed:?}");
                front.extend(next);
            }
        }
    }
}

#[test]
fn what_a_state_makes_it_waits_for() {
    for row in &LIFECYCLE {
        match row.entry {
            Entry::Run(process) => {
                assert_eq!(row.wait, Wait::Spawned(process), "{}", row.state);
                let after = all_next(row.state, Goal::Start);
                let waits = after.iter().any(|next| match next.row().wait {
                    Wait::End(ends) => ends == process,
                    Wait::Readiness => process == Process::Main,
                    _ => false,
                });
                assert!(waits, "nobody waits for the end of {process}");
            }
            Entry::Begin(_) | Entry::Emit(_) => assert_eq!(row.wait, Wait::Event, "{}", row.state),
            Entry::Kill => assert_eq!(row.wait, Wait::End(Process::Main)),
            Entry::Arrive(_) | Entry::Rest(_) => assert!(matches!(row.wait, Wait::Goal(_))),
            Entry::Nothing => {}
        }
    }
}

#[test]
fn every_awaited_end_has_a_row_that_goes_on() {
    for row in &LIFECYCLE {
        let process = match row.wait {
            Wait::End(process) => process,
            Wait::Readiness => Process::Main,
            _ => continue,
        };
        assert!(exit::row(process, row.state).is_some_and(|row| row.goes_on), "{process} in {}", row.state);
    }
    for (place, row) in exit::EXITS.iter().enumerate() {
        let twin = |other: &&exit::ExitRow| other.process == row.process && other.state == row.state;
        assert_eq!(exit::EXITS.iter().position(|other| twin(&other)), Some(place), "two rows for one end: {row:?}");
    }
}

/// A process can live from the state that spawns it to the state that waits for its end.
#[test]
fn every_row_of_the_exit_table_can_happen() {
    for row in &exit::EXITS {
        let makes = |state: &State| state.row().entry == Entry::Run(row.process);
        let born = states().find(makes).expect("somebody makes every process");
        let lives = reachable(born, &[Goal::Start, Goal::Stop]);
        assert!(lives.contains(&row.state), "{row:?}");
        let own_end = row.state.row().wait == Wait::End(row.process);
        assert!(own_end || row.process == Process::Main, "only the main process outlives a state: {row:?}");
    }
}

#[test]
fn every_row_of_the_follow_table_is_reached_and_leads_to_readiness() {
    assert!(follow::EXPECTS.iter().all(|row| EXPECTS.contains(&row.expect)), "a kind of `expect` is not in the list");
    for expect in EXPECTS {
        let rows: Vec<_> = follow::EXPECTS.iter().filter(|row| row.expect == expect).collect();
        let (mut stages, mut at) = (vec![Stage::Launched], 0);
        while let Some(&stage) = stages.get(at) {
            at += 1;
            for row in rows.iter().filter(|row| row.stage == stage) {
                if !stages.contains(&row.next) {
                    stages.push(row.next);
                }
            }
        }
        assert!(stages.contains(&Stage::Settled), "{expect:?} is never ready");
        // Every stage that lasts has a row that gives up waiting.
        let lasting = stages.iter().filter(|stage| matches!(stage, Stage::Original | Stage::First));
        let given_up = |stage: &&Stage| rows.iter().any(|row| row.stage == **stage && row.seen == Seen::Quiet);
        assert_eq!(
            lasting.clone().count(),
            lasting.filter(given_up).count(),
            "{expect:?} is waited for without an end"
        );
        for (place, row) in rows.iter().enumerate() {
            assert!(stages.contains(&row.stage), "never reached: {row:?}");
            let twin = rows.iter().position(|other| other.stage == row.stage && other.seen == row.seen);
            assert_eq!(twin, Some(place), "two rows for what was seen: {row:?}");
            let changes_process = row.seen == Seen::Fork;
            assert_eq!(row.order == FollowOrder::Switch, changes_process, "a fork changes the process: {row:?}");
            assert_eq!(row.patience > 0, row.seen == Seen::Quiet, "{row:?}");
            if expect.traces() {
                assert_eq!(row.next.is_ready(), ends_tracing(row.order), "{row:?}");
            }
        }
    }
}

/// Whether an order ends the tracing.
fn ends_tracing(order: FollowOrder) -> bool {
    matches!(order, FollowOrder::Detach | FollowOrder::Release)
}

const EXPECTS: [Expect; 8] = [
    Expect::None,
    Expect::Stop,
    Expect::Fork,
    Expect::Daemon,
    Expect::Notify,
    Expect::Descriptor,
    Expect::PidFile,
    Expect::Auto,
];

#[test]
fn every_lesson_can_be_learnt_and_names_another_stanza_or_takes_that_back() {
    for (place, row) in follow::ADVICE.iter().enumerate() {
        let confirms = matches!(row.relation, follow::Relation::Late | follow::Relation::Counted);
        assert!(row.right != Some(row.expect) || confirms, "{row:?}");
        let twin = |other: &follow::Advice| {
            (other.expect, other.forks, other.relation) == (row.expect, row.forks, row.relation)
        };
        assert_eq!(follow::ADVICE.iter().position(twin), Some(place), "two rows for one case: {row:?}");
        assert_eq!(follow::advice(row.expect, row.forks.unwrap_or(0), row.relation), (row.saw, row.right));
    }
}

#[test]
fn a_short_name_has_sixteen_bytes_at_most() {
    let shown = |name: &[u8]| uphold_core::ShortName::new(name).to_string();
    assert_eq!(shown(b""), "");
    assert_eq!(shown(b"sh"), "sh");
    assert_eq!(shown(b"sixteen-letters-"), "sixteen-letters-");
    assert_eq!(shown(b"seventeen-letters"), "seventeen-letter");
    assert_eq!(shown(b"ends\0here"), "ends");
}

#[test]
fn a_socket_is_needed_for_messages_only() {
    use Expect::*;
    let with = [None, Stop, Fork, Daemon, Notify, Descriptor, PidFile, Auto].map(Expect::has_messages);
    assert_eq!(with, [false, false, false, false, true, false, false, false]);
}
