//! The binary `initctl`, which is also the programs of `uphold_initctl::tools` under their names.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().as_deref().map(Path::new).and_then(Path::file_name).map(OsStr::to_owned);
    let program = program.unwrap_or_else(|| "initctl".into()).to_string_lossy().into_owned();
    uphold_initctl::main_as(&program, arguments.collect())
}
