//! The part of JSON Schema that the schemas of `docs/json` use. A keyword that is not known is a fault.

use serde_json::Value;

/// Keywords that say nothing about values.
const NOTES: [&str; 4] = ["$schema", "title", "description", "$defs"];

/// The faults of a value.
pub fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut all = vec![];
    let empty = vec![];
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let list = || wanted.as_array().unwrap_or(&empty);
        match keyword.as_str() {
            "$ref" => {
                let pointer = wanted.as_str().and_then(|text| text.strip_prefix('#')).expect("it is in this file");
                all.extend(faults(root, root.pointer(pointer).expect("it exists"), value, at));
            }
            "type" => {
                let names = if wanted.is_array() { list().iter().collect() } else { vec![wanted] };
                let fits = names.iter().any(|name| is_of(value, name.as_str().expect("a type is a name")));
                all.extend((!fits).then(|| format!("{at}: {value} is not of type {wanted}")));
            }
            "const" => all.extend((value != wanted).then(|| format!("{at}: {value} is not {wanted}"))),
            "enum" => all.extend((!list().contains(value)).then(|| format!("{at}: {value} is not in {wanted}"))),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    all.extend(faults(root, wanted, item, &format!("{at}/{index}")));
                }
            }
            "required" if value.is_object() => {
                let missing = list().iter().filter(|name| value.get(name.as_str().unwrap_or_default()).is_none());
                all.extend(missing.map(|name| format!("{at}: {name} is missing")));
            }
            "properties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    match wanted.get(name) {
                        Some(schema) => all.extend(faults(root, schema, field, &format!("{at}/{name}"))),
                        None => all.push(format!("{at}/{name}: the schema does not have it")),
                    }
                }
            }
            "required" | "additionalProperties" => {}
            other => assert!(NOTES.contains(&other), "{at}: unknown keyword {other}"),
        }
    }
    all
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}

#[test]
fn faults_are_found() {
    use serde_json::json;
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": ["integer", "null"]},
        "b": {"items": {"$ref": "#/$defs/word"}}}, "$defs": {"word": {"enum": ["x"]}}});
    let count = |value: Value| faults(&schema, &schema, &value, "").len();
    assert_eq!(count(json!({"a": 1, "b": ["x", "x"]})), 0);
    assert_eq!(count(json!({"a": "1"})), 1);
    assert_eq!(count(json!({"b": ["y"], "c": 1})), 3);
    assert_eq!(count(json!([])), 1);
}
