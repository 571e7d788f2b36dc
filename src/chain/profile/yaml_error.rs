//! What the YAML reader finds, in our words.

use serde_yaml::{DefaultMessageFormatter, Error as YamlError, MessageFormatter as _};

use crate::types::{diagnostic::Diagnostic, nearest::nearest};

/// What is wrong, and the word of the text that it is about (empty: none).
pub(super) fn yaml_words(error: &YamlError) -> (Diagnostic, String) {
    match error.without_snippet() {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            let help = match nearest(field, expected.iter().copied()) {
                Some(near) => format!("is `{near}` meant?"),
                None => format!("known here: {}", expected.join(", ")),
            };
            (Diagnostic::error(format!("unknown key `{field}`")).help(help), field.clone())
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            let problem = Diagnostic::error(format!("unknown value `{variant}`"));
            (problem.help(format!("one of: {}", expected.join(", "))), variant.clone())
        }
        YamlError::SerdeMissingField { field, .. } => {
            (Diagnostic::error(format!("`{field}` is missing")), (*field).to_owned())
        }
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            (Diagnostic::error(format!("`{key}` stands here twice")), key.clone())
        }
        other => (Diagnostic::error(DefaultMessageFormatter.format_message(other)), String::new()),
    }
}
