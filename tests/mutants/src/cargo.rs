//! Cargo in the copy: what it says, line by line.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs cargo where it must succeed, and gives its messages.
///
/// # Errors
/// Cargo cannot be run, or fails.
pub fn build(copy: &Path, arguments: &[&str]) -> io::Result<Vec<Value>> {
    let said = run(copy, arguments)?;
    let errors = said.iter().map(|line| &line["message"]).filter(|message| message["level"] == "error");
    let shown: String = errors.filter_map(|message| message["rendered"].as_str()).collect();
    if shown.is_empty() { Ok(said) } else { Err(io::Error::other(format!("the tests do not compile\n{shown}"))) }
}

/// Runs cargo, and gives its messages.
///
/// # Errors
/// Cargo cannot be run.
pub fn run(copy: &Path, arguments: &[&str]) -> io::Result<Vec<Value>> {
    let mut child = Command::new("cargo")
        .args(arguments)
        .args(["--quiet", "--locked", "--message-format=json"])
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", copy.with_extension("built"))
        // It is built in half the time.
        .args(["uphold-core", "uphold-tests"].map(|name| format!("--config=profile.dev.package.{name}.opt-level=1")))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // A mutant may make something unused, or certain to fail.
        .env("RUSTFLAGS", "-Awarnings -Aarithmetic_overflow -Aunconditional_panic -Aunconditional_recursion")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let said = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()).collect();
    child.wait()?;
    Ok(said)
}
