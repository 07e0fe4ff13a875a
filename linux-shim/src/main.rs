//! `init`: the supervisor daemon.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    uphold_linux::boot::startup::main()
}
