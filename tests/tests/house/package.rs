//! The files of a package, and the imports between them.

use std::collections::BTreeMap;

use crate::reader::{self, Module, Place, Reference};
use crate::sources::Source;

/// The parsed source files of a package. Code under `#[cfg(test)]` is left out.
pub struct Package {
    /// The library's name in paths.
    pub name: &'static str,
    pub files: Vec<File>,
    pub modules: BTreeMap<Place, Module>,
    pub references: Vec<Reference>,
}

/// A source file.
pub struct File {
    /// The path from the package's source folder.
    pub short: String,
    pub module: Place,
    pub syntax: syn::File,
}

/// A use of a name that another file defines.
pub struct Import {
    pub from: usize,
    pub to: usize,
    pub line: usize,
    /// The path as it is written.
    pub name: String,
}

/// The target of a path.
enum Found {
    Module(Place),
    /// An item, and the file that defines it.
    Item(usize),
}

/// The longest chain of aliases that is followed: a longer one is a loop.
const MOST_ALIASES: usize = 12;

impl Package {
    /// Parses the files below a folder.
    pub fn parse(name: &'static str, folder: &str, sources: &[Source]) -> Package {
        let mut package = Package { name, files: vec![], modules: BTreeMap::new(), references: vec![] };
        let has_library = sources.iter().any(|source| source.path == format!("{folder}/lib.rs"));
        for source in sources {
            let Some(short) = source.path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            let syntax = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path));
            let module = if short == "main.rs" && !has_library { vec![] } else { place_of(short) };
            package.files.push(File { short: short.to_string(), module, syntax });
        }
        let tests: Vec<Place> =
            package.files.iter().flat_map(|file| reader::test_modules(&file.module, &file.syntax)).collect();
        package.files.retain(|file| !tests.iter().any(|test| file.module.starts_with(test)));
        for (number, file) in package.files.iter().enumerate() {
            let (modules, references) = reader::read(number, &file.module, &file.syntax);
            package.modules.extend(modules);
            package.references.extend(references);
        }
        package
    }

    /// Every use of a name that another file of the package defines. A re-export from the module's own folder does not
    /// count: it only gives the name another path.
    pub fn imports(&self) -> Vec<Import> {
        let import = |reference: &Reference| {
            // A single name without a `use` is defined in this module, or is a variable.
            let is_own = |name: &String| !self.modules[&reference.module].aliases.contains_key(name);
            if matches!(&reference.segments[..], [name] if is_own(name)) {
                return None;
            }
            let to = self.file_of(&reference.module, &reference.segments)?;
            let is_sign = reference.is_reexport && self.files[to].module.starts_with(&reference.module);
            let name = reference.segments.join("::");
            (to != reference.file && !is_sign).then_some(Import {
                from: reference.file,
                to,
                line: reference.line,
                name,
            })
        };
        self.references.iter().filter_map(import).collect()
    }

    /// The file that defines the target of a path, if it belongs to this package.
    pub fn file_of(&self, module: &Place, segments: &[String]) -> Option<usize> {
        Some(match self.find(module, segments, 0)? {
            Found::Module(place) => self.modules[&place].file,
            Found::Item(file) => file,
        })
    }

    fn find(&self, module: &Place, segments: &[String], depth: usize) -> Option<Found> {
        if depth > MOST_ALIASES {
            return None;
        }
        let (first, mut rest) = segments.split_first()?;
        let mut found = match first.as_str() {
            "crate" => Found::Module(vec![]),
            "self" => Found::Module(module.clone()),
            "super" => {
                let mut place = parent(module)?;
                while let Some(("super", more)) = rest.split_first().map(|(first, more)| (first.as_str(), more)) {
                    (place, rest) = (parent(&place)?, more);
                }
                Found::Module(place)
            }
            name if name == self.name && !self.modules[module].items.contains(name) => Found::Module(vec![]),
            name => self.named(module, name, depth)?,
        };
        for segment in rest {
            let Found::Module(place) = &found else { break };
            // A name that is not found comes from a macro in this module.
            let here = Found::Item(self.modules.get(place)?.file);
            found = self.named(place, segment, depth).unwrap_or(here);
        }
        Some(found)
    }

    fn named(&self, place: &Place, name: &str, depth: usize) -> Option<Found> {
        let below = reader::below(place, name);
        if self.modules.contains_key(&below) {
            return Some(Found::Module(below));
        }
        let module = self.modules.get(place)?;
        if module.items.contains(name) {
            return Some(Found::Item(module.file));
        }
        if let Some(path) = module.aliases.get(name) {
            return self.find(place, path, depth + 1);
        }
        module.globs.iter().find_map(|glob| match self.find(place, glob, depth + 1)? {
            Found::Module(other) if other != *place => self.named(&other, name, depth + 1),
            _ => None,
        })
    }
}

fn parent(place: &Place) -> Option<Place> {
    place.split_last().map(|(_, above)| above.to_vec())
}

/// The module of a file, from the file's path.
fn place_of(short: &str) -> Place {
    let mut place: Place = short.trim_end_matches(".rs").split('/').map(ToString::to_string).collect();
    if place == ["lib"] || place.last().is_some_and(|last| last == "mod") {
        place.pop();
    }
    place
}
