//! The consequences of entering a door: the functions that are called, the deepest stack, the ways to a panic.

use std::collections::{BTreeMap, BTreeSet};

use super::assembly::{Function, Program};

/// A routine of the platform, which the assembly does not contain, and the bytes of stack that it takes at most.
pub type Routine = (&'static str, u64);

/// The findings behind a door.
#[derive(Debug, Default)]
pub struct Findings {
    /// Functions that are entered, the door included.
    pub functions: usize,
    /// The places that lead to a panic or end the program: the function, what it calls, how often.
    pub panics: Vec<(String, String, u32)>,
    /// Whether the program's panic handler can be reached.
    pub panics_reach_the_handler: bool,
    /// Functions that call through an address, and whether they take the addresses of functions themselves: then the
    /// compiler has made one call of several.
    pub indirect: Vec<(String, bool)>,
    /// Functions that can be entered again before they return.
    pub cycles: Vec<BTreeSet<String>>,
    /// Routines that are neither in the assembly nor in the table of the platform's.
    pub unknown: BTreeSet<String>,
    /// Bytes of the deepest stack, and the way there with the frames; none if there are cycles.
    pub deepest: Option<(u64, Vec<(String, u64)>)>,
}

/// A function's name as in the source.
pub fn plain(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

/// Whether a function of this name does nothing but panic.
fn is_panic(plain: &str) -> bool {
    const NEVER_RETURN: [&str; 4] = ["unwrap_failed", "expect_failed", "_fail", "len_mismatch"];
    let last = plain.rsplit("::").next().unwrap_or(plain);
    plain.starts_with("core::panicking::")
        || plain.ends_with("rust_begin_unwind")
        || (plain.starts_with("core::") && NEVER_RETURN.iter().any(|name| last.contains(name)))
}

/// The graph behind a door.
struct Behind<'p> {
    program: &'p Program,
    routines: &'p [Routine],
    /// Every function that is called, or whose address is taken.
    reached: BTreeSet<&'p str>,
    /// Functions whose address is taken: each may be the aim of each indirect call.
    aims: BTreeSet<&'p str>,
}

impl<'p> Behind<'p> {
    fn new(program: &'p Program, routines: &'p [Routine], door: &'p str) -> Behind<'p> {
        let mut behind = Behind { program, routines, reached: BTreeSet::new(), aims: BTreeSet::new() };
        let mut seen = BTreeSet::new();
        let mut open = vec![door];
        while let Some(symbol) = open.pop() {
            if !seen.insert(symbol) {
                continue;
            }
            let taken = match program.functions.get(symbol) {
                Some(function) => {
                    behind.reached.insert(symbol);
                    // The way of a panic is of no interest: the program has ended.
                    if is_panic(&plain(symbol)) {
                        continue;
                    }
                    open.extend(function.calls.keys().map(String::as_str));
                    &function.addresses
                }
                None => match program.data.get(symbol) {
                    Some(addresses) => addresses,
                    None => continue,
                },
            };
            behind
                .aims
                .extend(taken.iter().filter(|symbol| program.functions.contains_key(*symbol)).map(|s| s.as_str()));
            open.extend(taken.iter().map(String::as_str));
        }
        behind
    }

    fn function(&self, symbol: &str) -> Option<&'p Function> {
        self.program.functions.get(symbol)
    }

    /// The functions and routines that one may enter.
    fn callees(&self, symbol: &str) -> Vec<&'p str> {
        let Some(function) = self.function(symbol).filter(|_| !is_panic(&plain(symbol))) else { return Vec::new() };
        let mut callees: Vec<&str> = function.calls.keys().map(String::as_str).collect();
        if function.indirect > 0 {
            callees.extend(&self.aims);
        }
        callees
    }

    fn frame(&self, symbol: &str) -> u64 {
        let of_routine = || self.routines.iter().find(|(name, _)| *name == symbol).map_or(0, |(_, bytes)| *bytes);
        self.function(symbol).map_or_else(of_routine, |function| function.frame)
    }
}

/// A walk through the calls, depth first, each function once (Tarjan's search for what is strongly connected).
struct Walk<'b, 'p> {
    behind: &'b Behind<'p>,
    /// The place in the order in which functions were entered, and the earliest one that can be entered again.
    places: BTreeMap<&'p str, (usize, usize)>,
    /// Functions that are entered and whose cycles are not known yet.
    stack: Vec<&'p str>,
    cycles: Vec<BTreeSet<String>>,
    /// The deepest stack from a function on, and its callee on that way.
    depths: BTreeMap<&'p str, (u64, Option<&'p str>)>,
}

impl<'p> Walk<'_, 'p> {
    fn enter(&mut self, symbol: &'p str) {
        let place = self.places.len();
        self.places.insert(symbol, (place, place));
        self.stack.push(symbol);
        let callees = self.behind.callees(symbol);
        let mut deepest = (0, None);
        for callee in &callees {
            if !self.places.contains_key(callee) {
                self.enter(callee);
            }
            if self.stack.contains(callee) {
                let lowest = self.places[callee].1;
                let own = self.places.get_mut(symbol).expect("it was entered");
                own.1 = own.1.min(lowest);
            }
            let depth = self.depths.get(callee).map_or(0, |depth| depth.0);
            deepest = deepest.max((depth, Some(*callee)));
        }
        self.depths.insert(symbol, (deepest.0 + self.behind.frame(symbol), deepest.1));
        if self.places[symbol].1 == place {
            let from = self.stack.iter().position(|entered| *entered == symbol).expect("it is there");
            let together: BTreeSet<_> = self.stack.drain(from..).map(plain).collect();
            if together.len() > 1 || callees.contains(&symbol) {
                self.cycles.push(together);
            }
        }
    }
}

/// Looks behind a door.
pub fn look(program: &Program, routines: &[Routine], door: &str) -> Findings {
    let behind = Behind::new(program, routines, door);
    let mut findings = Findings { functions: behind.reached.len(), ..Findings::default() };
    for symbol in &behind.reached {
        let function = &program.functions[*symbol];
        let name = plain(symbol);
        findings.panics_reach_the_handler |= name.ends_with("rust_begin_unwind");
        if is_panic(&name) {
            continue;
        }
        let panics = function.calls.iter().map(|(callee, count)| (plain(callee), *count));
        findings.panics.extend(panics.filter(|(callee, _)| is_panic(callee)).map(|(c, n)| (name.clone(), c, n)));
        if function.traps > 0 {
            findings.panics.push((name.clone(), "a trap".to_owned(), function.traps));
        }
        if function.indirect > 0 {
            let own = function.addresses.iter().any(|address| program.functions.contains_key(address));
            findings.indirect.push((name, own));
        }
        let unknown = function.calls.keys().filter(|callee| !program.functions.contains_key(*callee));
        findings.unknown.extend(unknown.filter(|name| !routines.iter().any(|(known, _)| known == name)).cloned());
    }
    let (places, stack, depths) = Default::default();
    let mut walk = Walk { behind: &behind, places, stack, cycles: Vec::new(), depths };
    walk.enter(door);
    if walk.cycles.is_empty() {
        let way = std::iter::successors(Some(door), |symbol| walk.depths.get(symbol)?.1);
        let way = way.map(|symbol| (plain(symbol), behind.frame(symbol))).collect();
        findings.deepest = Some((walk.depths[door].0, way));
    }
    findings.cycles = walk.cycles;
    findings
}
