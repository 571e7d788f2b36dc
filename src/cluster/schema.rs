//! loomctl's variables as a JSON schema, so that editors complete and check YAML inventories.

use serde_json::{Map, Value, json};

use super::variables::{Kind, VARIABLES};

/// Groups in groups, and in each the variables that loomctl knows; all others are the user's own.
pub fn schema() -> Value {
    let variables: Map<String, Value> =
        VARIABLES.iter().map(|(name, kind, what)| ((*name).to_owned(), variable(*kind, what))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "YAML inventory of loomctl",
        "description": "An Ansible inventory; only loomctl's own variables are described",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/group"},
        "$defs": {
            "group": {
                "type": ["object", "null"],
                "properties": {
                    "hosts": {"type": ["object", "string", "null"], "additionalProperties": {"$ref": "#/$defs/variables"}},
                    "vars": {"$ref": "#/$defs/variables"},
                    "children": {"type": ["object", "string", "null"], "additionalProperties": {"$ref": "#/$defs/group"}},
                },
                "additionalProperties": false,
            },
            "variables": {"type": ["object", "null"], "properties": variables},
            "template": {"type": "string", "pattern": r"\{\{"},
        },
    })
}

fn variable(kind: Kind, what: &str) -> Value {
    let known = of(kind);
    // What is written as a template is judged once it is rendered.
    json!({"description": what, "anyOf": [known, {"$ref": "#/$defs/template"}, {"type": "null"}]})
}

fn of(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": ["string", "number", "boolean"]}),
        Kind::OneOf(words) => json!({"enum": words}),
        Kind::Sha256 => json!({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
        Kind::Folder => json!({"type": "string", "pattern": "^/"}),
        Kind::Flag => json!({"anyOf": [{"type": "boolean"}, {"enum": ["yes", "no", "on", "off", 1, 0]}]}),
        Kind::List => json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
        Kind::Power => {
            json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+$"}]})
        }
        Kind::Ports => {
            let port = json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string", "pattern": "^[0-9]+$"}]});
            json!({"type": "object", "additionalProperties": port})
        }
        Kind::Words => json!({"type": "object", "additionalProperties": {"type": ["string", "number"]}}),
        Kind::Network => {
            let peers = json!({"type": "array", "items": {"type": "string"}});
            let fields = json!({"genesis": {"type": "string"}, "sha256": of(Kind::Sha256), "peers": peers, "seeds": peers});
            let joined = json!({"type": "object", "properties": fields, "required": ["genesis", "sha256"], "additionalProperties": false});
            let joined = json!({"anyOf": [{"type": "string"}, joined]});
            json!({"type": "object", "properties": {"joined": joined}, "required": ["joined"], "additionalProperties": false})
        }
        Kind::Services => {
            let fields = json!({"binary": {"type": "string"}, "binary_sha256": of(Kind::Sha256), "unit_name": {"type": "string"}, "unit": of(Kind::Tables)});
            let service = json!({"type": "object", "properties": fields, "additionalProperties": false});
            json!({"type": "object", "additionalProperties": service})
        }
        Kind::Tables => json!({"type": "object", "additionalProperties": {"type": "object"}}),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, path::Path, time::Duration};

    use super::*;
    use crate::{
        cluster::resolve::{Supplied, resolve},
        inventory::parse_yaml,
    };

    /// `INSTA_UPDATE=always` rewrites it.
    #[test]
    fn the_published_schema_is_the_one_of_the_variables() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/inventory.schema.json");
        let text = format!("{:#}\n", schema());
        if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
            fs::write(&path, &text).unwrap();
        }
        assert_eq!(fs::read_to_string(path).unwrap(), text, "`loomctl schema inventory` has another text");
    }

    /// What the schema forbids, the reader refuses: both say the same of every variable.
    #[test]
    fn what_the_schema_forbids_is_refused() {
        for (name, kind, _) in VARIABLES {
            let wrong = match kind {
                Kind::Text => "[a]",
                Kind::OneOf(_) => "nobody",
                Kind::Sha256 => "abc",
                Kind::Folder => "relative/path",
                Kind::Flag => "perhaps",
                Kind::Power => "-1",
                Kind::Ports => "{p2p: 70000}",
                Kind::Words => "{denom: [a]}",
                Kind::List | Kind::Tables | Kind::Network | Kind::Services => "{a: b}",
            };
            // What is needed beside it; a name that is there twice would count once.
            let needed = ["binary: /bin/sh", "user: u"]
                .into_iter()
                .filter(|line| !line.starts_with(&format!("{name}:")));
            // With a binary nobody looks at `loom_build`.
            let needed = needed.filter(|line| *name != "loom_build" || !line.starts_with("binary"));
            let lines: Vec<String> = needed.map(str::to_owned).chain([format!("{name}: {wrong}")]).collect();
            let text = format!("all:\n  hosts:\n    h:\n      {}\n", lines.join("\n      "));
            let (inventory, _) = parse_yaml("i.yaml", &text).unwrap();
            let supplied = Supplied { connect_timeout: Duration::default(), become_password: None };
            let problems = resolve(&inventory, &supplied).unwrap_err();
            assert!(problems.iter().any(|p| p.message.contains(name)), "{name}: {problems:?}");
        }
    }
}
