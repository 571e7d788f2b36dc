//! A validator's sign state: what its key has signed last. Text in, text out.

use serde_json::Value;

use crate::types::ids::Invalid;

/// The height that a sign state stands at. `prefix` is that of the profile: `last_` where key and sign state are one file.
pub fn height(text: &str, prefix: &str) -> Result<u64, Invalid> {
    number(&read(text)?, &format!("{prefix}height"))
}

/// The sign state of a key that may sign anything from height `first` on, and nothing below.
///
/// Round and step are zero, and what was signed last is forgotten with its height: a validator compares height, round and
/// step with these, and only an equal one with the signature. A height of which something was signed must be below
/// `first`, whatever the round: round zero forbids no later round of its own height. Other members stay, among them the
/// key of a file that holds both; numbers keep their notation, since a release refuses the other one.
pub fn from_height(text: &str, prefix: &str, first: u64) -> Result<String, Invalid> {
    let mut json = read(text)?;
    for (name, value) in [("height", first), ("round", 0), ("step", 0)] {
        let name = format!("{prefix}{name}");
        number(&json, &name)?;
        json[&name] = if json[&name].is_string() { value.to_string().into() } else { value.into() };
    }
    if let Some(members) = json.as_object_mut() {
        for name in ["signature", "signbytes"] {
            members.shift_remove(&format!("{prefix}{name}"));
        }
    }
    serde_json::to_string_pretty(&json).map_err(|_| invalid("cannot be written"))
}

fn read(text: &str) -> Result<Value, Invalid> {
    // serde's own words may hold a part of the text, and with it of a key.
    let json: Value = serde_json::from_str(text).map_err(|_| invalid("is not JSON"))?;
    if json.is_object() { Ok(json) } else { Err(invalid("is not a JSON object")) }
}

fn number(json: &Value, name: &str) -> Result<u64, Invalid> {
    let value = &json[name];
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| invalid(&format!("has no number `{name}`")))
}

fn invalid(why: &str) -> Invalid {
    Invalid { what: "sign state", why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const COMET: &str = r#"{
  "height": "41",
  "round": 2,
  "step": 3,
  "signature": "c2lnbmF0dXJl",
  "signbytes": "7B22"
}"#;
    const LOOM: &str = r#"{"address":"A","pub_key":{"type":"t","value":"p"},"last_height":"41","last_round":"2","last_step":3,
      "last_signature":"c2ln","last_signbytes":"7B22","priv_key":{"type":"t","value":"k"}}"#;

    /// As CometBFT's FilePVLastSignState.CheckHRS decides: whether it would sign this.
    fn signs(state: &str, prefix: &str, at: (u64, u64, u64)) -> bool {
        let json = read(state).unwrap();
        let last = ["height", "round", "step"].map(|name| number(&json, &format!("{prefix}{name}")).unwrap());
        at > (last[0], last[1], last[2])
    }

    #[test]
    fn s13_a_raised_state_signs_nothing_below_its_height_in_any_round() {
        for (text, prefix) in [(COMET, ""), (LOOM, "last_")] {
            let raised = from_height(text, prefix, 52).unwrap();
            assert_eq!(height(&raised, prefix).unwrap(), 52);
            for round in [0, 1, 2, 1000, u64::from(u32::MAX)] {
                for step in 1..=3 {
                    assert!(!signs(&raised, prefix, (51, round, step)), "round {round}, step {step}");
                    assert!(signs(&raised, prefix, (52, round, step)), "it goes on there");
                }
            }
            assert!(!raised.contains("sign\u{61}ture") && !raised.contains("signbytes"), "{raised}");
        }
    }

    #[test]
    fn notation_and_key_stay() {
        let raised = from_height(COMET, "", 52).unwrap();
        assert_eq!(raised, "{\n  \"height\": \"52\",\n  \"round\": 0,\n  \"step\": 0\n}");
        let loom: Value = serde_json::from_str(&from_height(LOOM, "last_", 52).unwrap()).unwrap();
        let before: Value = serde_json::from_str(LOOM).unwrap();
        for same in ["address", "pub_key", "priv_key"] {
            assert_eq!(loom[same], before[same]);
        }
        assert_eq!((&loom["last_round"], &loom["last_step"]), (&Value::from("0"), &Value::from(0)));
    }

    #[test]
    fn what_is_no_sign_state_is_refused_without_its_text() {
        for text in ["", "[]", "{\"height\":\"secret\"}", "{\"height\":\"1\",\"round\":0}", "secret"] {
            let why = from_height(text, "", 5).unwrap_err().to_string();
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
