//! Calls and jumps of two machines, and the constants in their registers. A call through a register that has just got
//! the address of a function is a call of that function; a jump through an entry of a jump table stays in its function.

use std::collections::BTreeMap;

/// The machines whose assembly is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// In AT&T's form.
    X86,
    Thumb,
}

const CONDITIONS: [&str; 17] =
    ["", "l", "eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al"];

impl Machine {
    pub fn of(assembly: &str) -> Machine {
        if assembly.contains("\t.thumb_func") { Machine::Thumb } else { Machine::X86 }
    }

    /// Bytes of stack that a call takes before the function begins: the address to return to.
    pub fn bytes_of_a_call(self) -> u64 {
        if self == Machine::X86 { 8 } else { 0 }
    }

    pub fn without_comment(self, line: &str) -> &str {
        let mark = if self == Machine::X86 { '#' } else { '@' };
        let is_string = line.contains('"');
        if is_string { line.trim() } else { line.split(mark).next().unwrap_or(line).trim() }
    }

    pub fn is_trap(self, mnemonic: &str) -> bool {
        match self {
            Machine::X86 => matches!(mnemonic, "ud2" | "ud1" | "int3" | "hlt"),
            Machine::Thumb => matches!(mnemonic, "udf" | "udf.w" | "bkpt"),
        }
    }

    /// Whether a mnemonic is that of a call or a jump.
    pub fn is_branch(self, mnemonic: &str) -> bool {
        match self {
            Machine::X86 => mnemonic.starts_with("call") || mnemonic.starts_with('j'),
            Machine::Thumb => {
                let base = mnemonic.split('.').next().unwrap_or(mnemonic);
                let condition = base.strip_prefix('b').map(|rest| rest.strip_prefix('x').unwrap_or(rest));
                base == "blx" || condition.is_some_and(|rest| CONDITIONS.contains(&rest))
            }
        }
    }

    /// The function that a branch goes to, if it names one.
    pub fn aim(self, operands: &str) -> Option<&str> {
        let symbol = match operands.strip_prefix('*') {
            Some(through) => through.strip_suffix("@GOTPCREL(%rip)")?,
            None => operands.strip_suffix("@PLT").unwrap_or(operands),
        };
        let is_register = self == Machine::Thumb && is_thumb_register(symbol);
        (!symbol.starts_with(".L") && !is_register).then_some(symbol)
    }

    /// Whether a branch goes to an address in a register or in memory. A return does not count.
    pub fn is_through_an_address(self, operands: &str) -> bool {
        match self {
            Machine::X86 => operands.starts_with('*'),
            Machine::Thumb => is_thumb_register(operands) && operands != "lr",
        }
    }
}

fn is_thumb_register(word: &str) -> bool {
    let is_number = word.strip_prefix('r').is_some_and(|number| number.parse::<u8>().is_ok());
    is_number || matches!(word, "lr" | "ip" | "pc" | "sp")
}

/// The name of the whole register of x86 of which this is a part: `r12` of `%r12d`, `rax` of `%al`.
fn whole(register: &str) -> String {
    let name = register.trim_start_matches(['*', '%']);
    let number = name.strip_prefix('r').map(|rest| rest.trim_end_matches(['d', 'w', 'b']));
    if let Some(number) = number.filter(|number| number.parse::<u8>().is_ok()) {
        return format!("r{number}");
    }
    let stem = name.trim_start_matches(['r', 'e']);
    match stem.as_bytes() {
        [letter, b'l' | b'h'] => format!("r{}x", char::from(*letter)),
        _ => format!("r{}", stem.trim_end_matches('l')),
    }
}

/// The constants in registers, in the order of the text. A constant is a symbol, the label of a constant in the
/// function's literal pool, or that of a jump table.
pub struct Registers {
    machine: Machine,
    constants: BTreeMap<String, String>,
}

impl Registers {
    pub fn new(machine: Machine) -> Registers {
        Registers { machine, constants: BTreeMap::new() }
    }

    /// The constant to which a branch goes.
    pub fn constant<'a>(&'a self, operands: &'a str) -> Option<&'a str> {
        if self.machine == Machine::Thumb {
            return self.constants.get(operands).map(String::as_str);
        }
        let aim = operands.trim_start_matches('*');
        if aim.starts_with(".LJTI") {
            return Some(aim);
        }
        aim.starts_with('%').then(|| self.constants.get(&whole(aim)).map(String::as_str)).flatten()
    }

    /// Follows an instruction that is not a branch.
    pub fn follow(&mut self, mnemonic: &str, operands: &str) {
        match self.machine {
            Machine::X86 => self.follow_x86(mnemonic, operands),
            Machine::Thumb => self.follow_thumb(mnemonic, operands),
        }
    }

    fn follow_x86(&mut self, mnemonic: &str, operands: &str) {
        // The destination is the last operand.
        let Some((sources, destination)) = operands.rsplit_once(", ") else { return };
        if !destination.starts_with('%') || mnemonic.starts_with("cmp") || mnemonic.starts_with("test") {
            return;
        }
        let to = whole(destination);
        let is_of_a_table = sources.contains(".LJTI") || {
            let registers = sources.split(['(', ')', ',', ' ']).filter(|word| word.starts_with('%'));
            registers.chain(matches!(mnemonic, "addq").then_some(destination)).any(|register| {
                self.constants.get(&whole(register)).is_some_and(|constant| constant.starts_with(".LJTI"))
            })
        };
        let constant = match sources.strip_suffix("@GOTPCREL(%rip)") {
            Some(symbol) if mnemonic.starts_with("mov") => Some(symbol),
            _ if is_of_a_table && matches!(mnemonic, "leaq" | "movslq" | "movq" | "addq" | "movl") => Some(".LJTI"),
            _ => None,
        };
        match constant {
            Some(constant) => self.constants.insert(to, constant.to_owned()),
            None => self.constants.remove(&to),
        };
    }

    fn follow_thumb(&mut self, mnemonic: &str, operands: &str) {
        let no_result = ["str", "cmp", "cmn", "tst", "push", "movt", "it", "cb", "stm"];
        if no_result.iter().any(|prefix| mnemonic.starts_with(prefix)) {
            return;
        }
        let (first, rest) = operands.split_once(", ").unwrap_or((operands, ""));
        let constant = match mnemonic {
            "movw" => rest.strip_prefix(":lower16:").or(rest.strip_prefix("#:lower16:")),
            "ldr" | "ldr.w" => Some(rest).filter(|label| label.starts_with(".L")),
            _ => None,
        };
        // Some instructions have two results, or a list of them: whatever is named is taken for a result.
        for register in operands.split('[').next().unwrap_or_default().split([',', '{', '}', ' ']) {
            self.constants.remove(register);
        }
        if let Some(constant) = constant {
            self.constants.insert(first.to_owned(), constant.to_owned());
        }
    }
}
