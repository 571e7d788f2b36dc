//! The profile's format as a JSON schema: a file, which a test holds to the types that read a profile.

/// For editors: known keys, their types and what they are for. What must be there is left to `loomctl chain check`, since a
/// profile that extends another one may leave anything out; only at the top it says which of the two it is.
pub const SCHEMA: &str = include_str!("../../../schemas/profile.schema.json");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, path::Path};

    use schemars::{Schema, schema_for, transform::RecursiveTransform};
    use serde_json::{Value, json};

    use super::{super::Profile, *};

    fn of_the_types() -> Value {
        let mut schema = schema_for!(Profile);
        let required = schema.get("required").cloned().unwrap_or_default();
        let forget = |schema: &mut Schema| drop(schema.remove("required"));
        schemars::transform::Transform::transform(&mut RecursiveTransform(forget), &mut schema);
        schema.insert("title".to_owned(), "profile.yaml of loomctl".into());
        schema.insert("anyOf".to_owned(), json!([{"required": ["extends"]}, {"required": required}]));
        let extends =
            json!({"type": "string", "description": "A chain in the program that this one is laid over"});
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.insert("extends".to_owned(), extends);
        }
        schema.to_value()
    }

    /// `INSTA_UPDATE=always` rewrites it.
    #[test]
    fn the_published_schema_is_the_one_of_the_types() {
        let schema = of_the_types();
        let text = format!("{schema:#}\n");
        if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/profile.schema.json");
            return fs::write(path, &text).unwrap();
        }
        assert_eq!(SCHEMA, text, "`loomctl schema profile` has another text");
        for key in ["chain_data", "extends", "documents", "probe", "probes", "roles"] {
            assert!(schema["properties"].get(key).is_some(), "{key}");
        }
        assert_eq!(schema["additionalProperties"], false);
        let power = &schema["$defs"]["ValidatorRule"]["properties"]["power_form"];
        assert!(power.to_string().contains("PowerForm") || power.to_string().contains("quoted"), "{power}");
    }
}
