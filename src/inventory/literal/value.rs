//! What JSON has for a literal.

use indexmap::IndexMap;
use serde_json::{Map, Number, Value};

use super::{Python, UNHASHABLE};
use crate::inventory::scalar;

impl Python {
    pub fn value(self) -> Result<Value, &'static str> {
        let all = |items: Vec<Self>| items.into_iter().map(Self::value).collect::<Result<Value, _>>();
        Ok(match self {
            Self::None => Value::Null,
            Self::Bool(flag) => flag.into(),
            Self::Int(digits) => digits.parse::<Number>().map_or(Value::Null, Value::Number),
            Self::Float(float) => scalar::from_f64(float),
            Self::Complex(real, imaginary) => complex(real, imaginary).into(),
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => String::from_utf8_lossy(&bytes).into(),
            Self::Ellipsis => "...".into(),
            Self::List(items) | Self::Tuple(items) => return all(items),
            Self::Set(items) => {
                let mut seen = Vec::new();
                let mut once = Vec::new();
                for item in items {
                    let key = item.same()?;
                    if !seen.contains(&key) {
                        seen.push(key);
                        once.push(item);
                    }
                }
                return all(once);
            }
            Self::Dict(entries) => {
                let mut members: IndexMap<String, (String, Value)> = IndexMap::new();
                for (key, value) in entries {
                    let (same, name, value) = (key.same()?, key.key()?, value.value()?);
                    // Of equal keys the first one's notation stays, with the last one's value.
                    members.entry(same).or_insert((name, Value::Null)).1 = value;
                }
                members.into_values().collect::<Map<_, _>>().into()
            }
        })
    }

    /// A text that is the same for what Python takes for equal: `1`, `1.0` and `True` are.
    fn same(&self) -> Result<String, &'static str> {
        Ok(match self {
            Self::Bool(flag) => format!("number {}", u8::from(*flag)),
            Self::Int(digits) => format!("number {digits}"),
            Self::Float(float) => format!("number {float}"),
            Self::Text(text) => format!("text {text}"),
            other => other.key()?,
        })
    }

    /// What Python's JSON writes for a key.
    fn key(&self) -> Result<String, &'static str> {
        match self {
            Self::List(_) | Self::Set(_) | Self::Dict(_) => Err(UNHASHABLE),
            Self::Tuple(items) => {
                let keys: Result<Vec<String>, _> = items.iter().map(Self::key).collect();
                Ok(format!("({})", keys?.join(", ")))
            }
            Self::Text(text) => Ok(text.clone()),
            other => other.clone().value().map(|value| value.to_string().trim_matches('"').to_owned()),
        }
    }
}

fn complex(real: f64, imaginary: f64) -> String {
    if real == 0.0 && real.is_sign_positive() {
        return format!("{imaginary}j");
    }
    format!("({real}{imaginary:+}j)")
}
