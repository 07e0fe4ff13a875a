//! Turns the firmware's defmt output into lines: `decode ELF <STREAM`.

use std::io::Read;

use defmt_decoder::{DecodeError, Table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let program = std::env::args_os().nth(1).ok_or("usage: decode ELF <STREAM")?;
    let table = Table::parse(&std::fs::read(program)?)?.ok_or("the program has no defmt texts")?;
    let mut stream = Vec::new();
    std::io::stdin().read_to_end(&mut stream)?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(&stream);
    loop {
        match decoder.decode() {
            Ok(frame) => println!("{}", frame.display(false)),
            Err(DecodeError::UnexpectedEof) => return Ok(()),
            Err(DecodeError::Malformed) => return Err("the output is not what the program logs".into()),
        }
    }
}
