//! The command of a process, and the arguments that run it (init(5) "Process definition", `exec` and `script`; the
//! characters that require a shell were measured on Upstart 1.13.2).

/// The shell that runs scripts and command lines with shell characters.
const SHELL: &[u8] = b"/bin/sh";

/// Characters for which an `exec` line is run by the shell.
const SHELL_CHARACTERS: &[u8] = b"~`!$^&*()=|\\{}[];\"'<>?";

/// The place at which the shell reads a long script.
#[derive(PartialEq, Eq, Debug)]
pub struct ScriptPlace {
    /// An open descriptor.
    pub descriptor: i32,
    /// The name of the file from which the script is read.
    pub file: &'static [u8],
    /// The first line of the script: the shell, which has opened the script by name, closes the descriptor, so that no
    /// process of the script inherits it.
    pub prologue: &'static [u8],
}

const USUAL_PLACE: ScriptPlace = ScriptPlace { descriptor: 9, file: b"/proc/self/fd/9", prologue: b"exec 9<&-\n" };

/// The place for a process that uses the first one for something else (`expect fd 9`).
const OTHER_PLACE: ScriptPlace = ScriptPlace { descriptor: 8, file: b"/proc/self/fd/8", prologue: b"exec 8<&-\n" };

/// The place for a long script of a process that also gets this descriptor.
pub const fn script_place(given: Option<i32>) -> &'static ScriptPlace {
    match given {
        Some(9) => &OTHER_PLACE,
        _ => &USUAL_PLACE,
    }
}

/// A command of a job file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// `exec`: a command line.
    Exec(&'a [u8]),
    /// `script`: the lines of the script, each with its newline.
    Script(&'a [u8]),
}

/// The way in which the kernel gets a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form<'a> {
    /// Split on blanks, without a shell.
    Direct(&'a [u8]),
    /// `sh -e -c "exec LINE"`: the program replaces the shell.
    Replace(&'a [u8]),
    /// `sh -e -c LINE`.
    Line(&'a [u8]),
    /// `sh -e FILE`, where the file is an open descriptor.
    File(&'a [u8]),
}

/// One argument, in up to two pieces that are joined with nothing between.
pub type Argument<'a> = [&'a [u8]; 2];

impl<'a> Command<'a> {
    fn form(self) -> Form<'a> {
        match self {
            Command::Exec(line) if line.iter().any(|byte| SHELL_CHARACTERS.contains(byte)) => Form::Replace(line),
            Command::Exec(line) => Form::Direct(line),
            Command::Script(body) => {
                let first = body.iter().position(|&byte| byte == b'\n').unwrap_or(body.len());
                if body[first..].iter().all(|&byte| byte == b'\n') {
                    Form::Line(&body[..first])
                } else {
                    Form::File(body)
                }
            }
        }
    }

    /// The program: the shell, or the first word of the line.
    pub(crate) fn program(self) -> &'a [u8] {
        match self.form() {
            Form::Direct(line) | Form::Replace(line) => {
                line.split(|byte| byte.is_ascii_whitespace()).find(|word| !word.is_empty()).unwrap_or_default()
            }
            Form::Line(_) | Form::File(_) => SHELL,
        }
    }

    /// The arguments in order; the first names the program. A long script is read at that place.
    pub fn arguments(self, place: &ScriptPlace) -> impl Iterator<Item = Argument<'a>> {
        let form = self.form();
        let (words, shell): (&[u8], [Option<Argument<'a>>; 5]) = match form {
            Form::Direct(line) => (line, [None; 5]),
            Form::Replace(line) => (b"", shell(b"-c", [b"exec ", line], true)),
            Form::Line(line) => (b"", shell(b"-c", [line, b""], true)),
            Form::File(_) => (b"", shell(b"", [place.file, b""], false)),
        };
        let words = words.split(|&byte| byte == b' ' || byte == b'\t').filter(|word| !word.is_empty());
        shell.into_iter().flatten().chain(words.map(|word| [word, b"".as_slice()]))
    }

    /// The script that the shell reads at a [`ScriptPlace`], after its prologue.
    pub fn script_file(self) -> Option<&'a [u8]> {
        match self.form() {
            Form::File(body) => Some(body),
            _ => None,
        }
    }
}

/// `/bin/sh -e [FLAG] TEXT [/bin/sh]`.
fn shell<'a>(flag: &'static [u8], text: Argument<'a>, with_name: bool) -> [Option<Argument<'a>>; 5] {
    let name: Option<Argument<'a>> = with_name.then_some([SHELL, b""]);
    let flag: Option<Argument<'a>> = (!flag.is_empty()).then_some([flag, b""]);
    [Some([SHELL, b""]), Some([b"-e", b""]), flag, Some(text), name]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(command: Command<'_>) -> Vec<String> {
        command.arguments(script_place(None)).map(|pieces| String::from_utf8(pieces.concat()).unwrap()).collect()
    }

    #[test]
    fn the_shell_is_used_only_where_it_is_needed() {
        let table: [(Command, &[&str], bool); 10] = [
            (Command::Exec(b"sleep 1000"), &["sleep", "1000"], false),
            (Command::Exec(b"  a \t b  c "), &["a", "b", "c"], false),
            (Command::Exec(b"sleep $N"), &["/bin/sh", "-e", "-c", "exec sleep $N", "/bin/sh"], false),
            (Command::Exec(b"a; b"), &["/bin/sh", "-e", "-c", "exec a; b", "/bin/sh"], false),
            (Command::Exec(b"a k=v"), &["/bin/sh", "-e", "-c", "exec a k=v", "/bin/sh"], false),
            (Command::Exec(b"a #b"), &["a", "#b"], false),
            (Command::Script(b"exit 7\n"), &["/bin/sh", "-e", "-c", "exit 7", "/bin/sh"], false),
            (Command::Script(b"exit 7\n\n\n"), &["/bin/sh", "-e", "-c", "exit 7", "/bin/sh"], false),
            (Command::Script(b""), &["/bin/sh", "-e", "-c", "", "/bin/sh"], false),
            (Command::Script(b"a\nb\n"), &["/bin/sh", "-e", "/proc/self/fd/9"], true),
        ];
        for (command, arguments, file) in table {
            assert_eq!(joined(command), arguments, "{command:?}");
            assert_eq!(command.script_file().is_some(), file, "{command:?}");
        }
    }
}
