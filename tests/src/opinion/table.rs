//! Where each state leads, by the goal (init(8), Table 1).

use uphold_core::{Goal, State};

/// The next state. `lives` says whether the main process lives.
pub(super) fn next(state: State, goal: Goal, lives: bool) -> State {
    use Goal::{Respawn, Start, Stop};
    use State::*;
    match (state, goal) {
        (Waiting, _) => Starting,
        (Starting, Start) => SecuritySpawning,
        (SecuritySpawning, Start) => Security,
        (Security, Start) => PreStarting,
        (PreStarting, Start) => PreStart,
        (PreStart, Start) => Spawning,
        (Spawning, Start) => Spawned,
        (Spawned, Start) => PostStarting,
        (PostStarting, Start) => PostStart,
        (PostStart, Start) => Running,
        (Starting | SecuritySpawning | Security | PreStarting | PreStart | Spawning | Spawned, Stop) => Stopping,
        (PostStarting | PostStart, Stop) => Stopping,
        (Running, Stop) if lives => PreStopping,
        (Running, _) => Stopping,
        (PreStopping, _) => PreStop,
        (PreStop, Start) => Running,
        (PreStop, Stop) => Stopping,
        // The main process is run again. Upstart goes on without one that ended in `spawned`.
        (_, Respawn) if state != Stopping => Stopping,
        (Stopping, _) => Killed,
        (Killed, _) => PostStopping,
        (PostStopping, _) => PostStop,
        (PostStop, Stop) => Waiting,
        (PostStop, _) => Starting,
        (_, Respawn) => unreachable!("said above"),
    }
}
