//! Reads the assembly of a whole program, as LLVM writes it: which function calls which, whose address it takes, and
//! the size of its frame.

use std::collections::{BTreeMap, BTreeSet};

use super::registers::{Machine, Registers};

/// A function of the program.
#[derive(Debug, Default)]
pub struct Function {
    /// Bytes of stack that it takes until it returns, without those of its callees.
    pub frame: u64,
    /// The functions that it calls, or jumps to at its end; how often.
    pub calls: BTreeMap<String, u32>,
    /// The functions and the data whose address it takes.
    pub addresses: BTreeSet<String>,
    /// Calls to an address that is not known.
    pub indirect: u32,
    /// Instructions that end the program.
    pub traps: u32,
    /// Bytes of stack while an outlined piece of it runs, which are not in the size that the compiler states.
    outlined: u64,
    /// Its literal pool: the values by their labels.
    constants: BTreeMap<String, String>,
    /// The constants that were called through a register: symbols, or labels of the pool.
    through: Vec<String>,
}

impl Function {
    /// The calls through registers, once the literal pool is known.
    fn resolve(&mut self) {
        for label in std::mem::take(&mut self.through) {
            let symbol = self.constants.get(&label).cloned().unwrap_or(label);
            // The label of something else is a table of functions, one of which was called.
            if symbol.starts_with(".L") {
                self.indirect += 1;
                continue;
            }
            *self.calls.entry(symbol).or_default() += 1;
        }
    }
}

/// A program.
#[derive(Debug, Default)]
pub struct Program {
    pub functions: BTreeMap<String, Function>,
    /// The functions and the other data whose address is in a piece of data.
    pub data: BTreeMap<String, BTreeSet<String>>,
}

impl Program {
    pub fn read(assembly: &str) -> Program {
        let mut program = Program::default();
        for line in assembly.lines() {
            let typed = line.trim_start().strip_prefix(".type").and_then(|rest| rest.split_once(','));
            if let Some((name, "@function" | "%function")) = typed {
                program.functions.insert(name.trim().to_owned(), Function::default());
            }
        }
        let machine = Machine::of(assembly);
        let mut reader = Reader::new(machine);
        let mut part = Part::Other;
        for line in assembly.lines() {
            let line = machine.without_comment(line);
            if let Some(new) = part_of(line) {
                (part, reader.at) = (new, None);
            } else if let Some(label) = line.strip_suffix(':') {
                reader.label(&mut program, &part, label);
            } else if !line.is_empty() {
                match part {
                    Part::Text => reader.line(&mut program, line),
                    Part::Data => reader.datum(&mut program, line),
                    Part::Frames => reader.frame(line),
                    Part::Other => {}
                }
            }
        }
        assert_eq!(reader.frames.len(), reader.beginnings.len(), "the size of a frame is missing");
        for (beginning, size) in &reader.frames {
            let function = program.functions.get_mut(&reader.beginnings[beginning]).expect("a frame has a function");
            function.frame = size + function.outlined + machine.bytes_of_a_call();
        }
        program.functions.values_mut().for_each(Function::resolve);
        program
    }
}

/// The part of the program that a line belongs to.
enum Part {
    Text,
    Data,
    Frames,
    Other,
}

/// The part that begins with this line.
fn part_of(line: &str) -> Option<Part> {
    let (directive, rest) = words(line);
    if !matches!(directive, ".section" | ".text" | ".data" | ".bss") {
        return None;
    }
    let name = if directive == ".section" { rest.split(',').next()?.trim_matches('"') } else { directive };
    let is_one_of = |names: &[&str]| names.iter().any(|prefix| name.starts_with(prefix));
    Some(match () {
        () if is_one_of(&[".text"]) => Part::Text,
        () if is_one_of(&[".data", ".rodata", ".bss", ".tdata", ".tbss"]) => Part::Data,
        () if is_one_of(&[".stack_sizes"]) => Part::Frames,
        () => Part::Other,
    })
}

/// The first word of a line, and its operands.
fn words(line: &str) -> (&str, &str) {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (first, rest.trim())
}

/// Whether a directive is a value as large as an address.
fn is_value(directive: &str) -> bool {
    matches!(directive, ".quad" | ".long" | ".8byte" | ".4byte" | ".word" | ".xword")
}

/// The symbols in operands.
fn symbols(operands: &str) -> impl Iterator<Item = String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
    let words = operands.split(move |c| !is_part(c)).map(|word| word.trim_start_matches('$'));
    words.filter(|word| !word.is_empty()).map(str::to_owned)
}

struct Reader {
    machine: Machine,
    registers: Registers,
    /// The functions by the labels at their beginnings.
    beginnings: BTreeMap<String, String>,
    /// The labels at the beginnings, and the sizes of the frames.
    frames: Vec<(String, u64)>,
    /// The function or the piece of data that the line belongs to, and the last label in it.
    at: Option<String>,
    label: String,
    /// The label whose frame is being read.
    begins: Option<String>,
}

impl Reader {
    fn new(machine: Machine) -> Reader {
        Reader {
            machine,
            registers: Registers::new(machine),
            beginnings: BTreeMap::new(),
            frames: Vec::new(),
            at: None,
            label: String::new(),
            begins: None,
        }
    }

    fn label(&mut self, program: &mut Program, part: &Part, label: &str) {
        match part {
            Part::Text if program.functions.contains_key(label) => {
                self.at = Some(label.to_owned());
                self.registers = Registers::new(self.machine);
            }
            Part::Text if label.starts_with(".Lfunc_begin") => {
                let function = self.at.clone().expect("a function begins");
                self.beginnings.insert(label.to_owned(), function);
            }
            Part::Text => self.label = label.to_owned(),
            Part::Data => {
                self.at = Some(label.to_owned());
                program.data.insert(label.to_owned(), BTreeSet::new());
            }
            Part::Frames | Part::Other => {}
        }
    }

    /// A line of a function: a constant of its pool, an instruction, or a note for the assembler.
    fn line(&mut self, program: &mut Program, line: &str) {
        let (mnemonic, operands) = words(line);
        let function = self.at.as_ref().and_then(|at| program.functions.get_mut(at));
        if mnemonic.starts_with('.') {
            if let Some(function) = function.filter(|_| is_value(mnemonic)) {
                function.addresses.extend(symbols(operands));
                function.constants.insert(self.label.clone(), operands.to_owned());
            }
            return;
        }
        let function = function.unwrap_or_else(|| panic!("this instruction is in no function: {line}"));
        if self.machine.is_trap(mnemonic) {
            function.traps += 1;
        } else if !self.machine.is_branch(mnemonic) {
            if operands.contains("lr, [sp, #-8]!") {
                function.outlined = 8;
            }
            function.addresses.extend(symbols(operands));
            self.registers.follow(mnemonic, operands);
        } else if let Some(symbol) = self.machine.aim(operands) {
            *function.calls.entry(symbol.to_owned()).or_default() += 1;
        } else if self.machine.is_through_an_address(operands) {
            match self.registers.constant(operands) {
                Some(table) if table.starts_with(".LJTI") => {}
                Some(constant) => function.through.push(constant.to_owned()),
                None => function.indirect += 1,
            }
        }
    }

    fn datum(&mut self, program: &mut Program, line: &str) {
        let (directive, operands) = words(line);
        if let Some(data) = self.at.as_ref().and_then(|at| program.data.get_mut(at)).filter(|_| is_value(directive)) {
            data.extend(symbols(operands));
        }
    }

    /// A beginning, and then the size as a number of seven bits in each byte, the lowest first.
    fn frame(&mut self, line: &str) {
        let (directive, operand) = words(line);
        let bytes = match directive {
            ".byte" => vec![operand.parse().expect("a byte")],
            ".ascii" => unescaped(operand.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("a string")),
            _ if is_value(directive) => {
                self.begins = Some(operand.to_owned());
                return;
            }
            _ => panic!("a line about the size of a frame: {line}"),
        };
        let size = bytes.iter().rev().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7f));
        self.frames.push((self.begins.take().expect("a function has one size"), size));
    }
}

/// The bytes of a string as the assembler writes it.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.iter().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
        let (byte, length) = match (digits, rest.first()) {
            (0, Some(b'n')) => (b'\n', 1),
            (0, Some(b't')) => (b'\t', 1),
            (0, Some(b'r')) => (b'\r', 1),
            (0, Some(b'b')) => (8, 1),
            (0, Some(b'f')) => (12, 1),
            (0, Some(other)) => (*other, 1),
            (0, None) => panic!("a string that ends in a backslash"),
            (digits, _) => (rest[..digits].iter().fold(0, |byte, digit| byte << 3 | (digit - b'0')), digits),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}
