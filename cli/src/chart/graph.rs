//! `initctl graph`: jobs and events as Graphviz dot or as a picture.

use std::os::unix::ffi::OsStrExt;

use uphold_core::bytes::Printable;
use uphold_core::control::Refusal;

use super::model::Graph;
use super::{dot, draw};
use crate::config::show_config::Config;
use crate::context::Context;
use crate::failure::Failure;

/// `graph`
///
/// # Errors
/// The supervisor cannot be reached, there is no such job, or the output cannot be written.
pub fn graph(context: &mut Context<'_>) -> Result<(), Failure> {
    let mut connection = context.connect()?;
    let jobs = Config::all(&mut connection)?;
    let wanted: Vec<&[u8]> = context.invocation.operands().iter().map(|name| name.as_bytes()).collect();
    if let Some(name) = wanted.iter().find(|wanted| jobs.iter().all(|(name, _)| name != *wanted)) {
        return Err(Failure::new(Refusal::UnknownJob(name)));
    }
    let whole = Graph::new(&jobs);
    let names: Vec<String> = wanted.iter().map(|name| Printable(name).to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let shown = if names.is_empty() { whole } else { whole.around(&names) };
    let text = if context.options.svg { draw::svg(&shown, &names) } else { dot::text(&shown) };
    Ok(context.out.write_all(text.as_bytes())?)
}
