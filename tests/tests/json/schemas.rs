//! The schemas of `docs/json`.

use std::fs;

use jsonschema::{Registry, Validator};
use serde_json::Value;
use uphold_tests::system::Ran;
use uphold_tests::system::programs::workspace;

/// A base for the references from one file to another. Nothing is fetched.
const BASE: &str = "json:///";

const SUFFIX: &str = ".schema.json";

/// The schema of that name, with which outputs are checked.
pub fn schema(name: &str) -> Validator {
    let mut registry = Registry::new();
    for (file, schema) in all() {
        registry = registry.add(format!("{BASE}{file}{SUFFIX}"), schema).expect("a URI");
    }
    let registry = registry.prepare().expect("the references lead somewhere");
    let whole = serde_json::json!({"$ref": format!("{BASE}{name}{SUFFIX}")});
    jsonschema::options().with_registry(&registry).build(&whole).expect("a schema")
}

/// The schemas by name.
pub fn all() -> Vec<(String, Value)> {
    let files = fs::read_dir(workspace().join("docs/json")).expect("the folder").map(|file| file.expect("a file"));
    let named = files.map(|file| {
        let name = file.file_name().into_string().expect("a name");
        let text = fs::read_to_string(file.path()).expect("it is readable");
        let schema = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name.strip_suffix(SUFFIX).expect("a schema").to_owned(), schema)
    });
    let mut all: Vec<(String, Value)> = named.collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// The output of a command, which follows the schema of that name.
pub fn checked(name: &str, ran: &Ran) -> Value {
    let output = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!(ran.out.lines().count(), 1, "one object on one line: {}", ran.out);
    check(name, &output);
    output
}

/// Panics with what is wrong, if an output does not follow the schema of that name.
pub fn check(name: &str, output: &Value) {
    let schema = schema(name);
    let faults: Vec<String> =
        schema.iter_errors(output).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{name}: {faults:#?}\n{output:#}");
}
