//! `{{ }}` in values, rendered when a variable is used.
//!
//! The engine is Tera, whose expressions are Jinja's but for positional arguments of filters; those of the
//! common filters are given their names first. An expression that is the whole text keeps its type, as in
//! Ansible 2.19.

use serde_json::Value;
use tera::{Context, Kwargs, State, Tera};

use super::{Host, Var, document};
use crate::masked;
use crate::problem::Problem;

const NAME: &str = "value";

pub(super) fn get(host: &Host, name: &str) -> Result<Option<Value>, Problem> {
    let Some(var) = host.vars.get(name) else { return Ok(own(host, name)) };
    let mut scope = Scope { host, stack: Vec::new() };
    scope.variable(name, var).map(Some)
}

/// What Ansible knows of a host without being told.
fn own(host: &Host, name: &str) -> Option<Value> {
    let value = match name {
        "inventory_hostname" => Value::from(host.name.clone()),
        "inventory_hostname_short" => {
            let is_address = host.name.parse::<std::net::IpAddr>().is_ok();
            let short = if is_address { None } else { host.name.split('.').next() };
            Value::from(short.unwrap_or(&host.name))
        }
        "group_names" => Value::from(host.groups.to_vec()),
        "inventory_file" => Value::from(host.file.as_ref()?.to_string_lossy()),
        "inventory_dir" => Value::from(host.file.as_ref()?.parent()?.to_string_lossy()),
        _ => return None,
    };
    Some(value)
}

struct Scope<'h> {
    host: &'h Host,
    /// The variables being rendered, outermost first.
    stack: Vec<String>,
}

impl Scope<'_> {
    fn variable(&mut self, name: &str, var: &Var) -> Result<Value, Problem> {
        if self.stack.iter().any(|open| open == name) {
            let chain = self.stack.join(" > ");
            return Err(self.problem(var, name, &format!("it needs itself: {chain} > {name}")));
        }
        self.stack.push(name.to_owned());
        let value = self.render(name, var, &var.value, "");
        self.stack.pop();
        value
    }

    fn problem(&self, var: &Var, name: &str, why: &str) -> Problem {
        Problem::error(format!("`{name}` of the host `{}` cannot be rendered: {why}", self.host.name))
            .at(var.place.as_ref())
    }

    fn render(&mut self, name: &str, var: &Var, value: &Value, pointer: &str) -> Result<Value, Problem> {
        if var.marks.literal.iter().any(|literal| literal == pointer) {
            return Ok(value.clone());
        }
        if var.marks.sealed.iter().any(|sealed| sealed == pointer) {
            return self.opened(name, var, value);
        }
        match value {
            Value::String(text) if is_template(text) => self.text(name, var, text),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.render(name, var, item, &format!("{pointer}/{index}")))
                .collect(),
            Value::Object(members) => {
                let mut rendered = serde_json::Map::new();
                for (key, member) in members {
                    let below = document::child(pointer, key);
                    rendered.insert(key.clone(), self.render(name, var, member, &below)?);
                }
                Ok(rendered.into())
            }
            _ => Ok(value.clone()),
        }
    }

    /// What was encrypted; it is no template, and is never shown.
    fn opened(&self, name: &str, var: &Var, value: &Value) -> Result<Value, Problem> {
        match self.host.vault.open_text(value.as_str().unwrap_or_default()) {
            Ok(text) => {
                masked::learn(&text);
                Ok(Value::String(text))
            }
            Err(why) => Err(self.problem(var, name, &why.to_string()).help(why.help())),
        }
    }

    fn text(&mut self, name: &str, var: &Var, text: &str) -> Result<Value, Problem> {
        let whole = whole_expression(text);
        let template = match whole {
            Some(expression) => format!("{{{{ ({}) | json_text }}}}", named_arguments(expression)),
            None => named_arguments(text),
        };
        let mut tera = Tera::new();
        tera.register_filter("json_text", json_text);
        tera.add_raw_template(NAME, &template).map_err(|error| self.problem(var, name, &reason(&error)))?;
        let needed =
            tera.get_template_variables(NAME).map_err(|error| self.problem(var, name, &reason(&error)))?;
        let mut needed: Vec<&str> = needed.into_iter().collect();
        needed.sort_unstable();
        let mut context = Context::new();
        let mut missing: Vec<&str> = Vec::new();
        for needed in needed {
            let value = match self.host.vars.get(needed) {
                Some(other) => Some(self.variable(needed, other)?),
                None => own(self.host, needed),
            };
            match value {
                Some(value) => context.insert_value(needed.to_owned(), to_tera(&value)),
                None => missing.push(needed),
            }
        }
        let rendered = tera.render(NAME, &context).map_err(|error| {
            let why = match missing.as_slice() {
                [] => reason(&error),
                names => format!("{} (not set: {})", reason(&error), names.join(", ")),
            };
            self.problem(var, name, &why)
        })?;
        if whole.is_none() {
            return Ok(Value::String(rendered));
        }
        serde_json::from_str(&rendered).map_err(|error| self.problem(var, name, &error.to_string()))
    }
}

fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

/// The expression of a text that is one `{{ }}` and nothing else.
fn whole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    (!inner.contains("}}") && !inner.contains("{{")).then_some(inner)
}

/// The first line of what the engine says; it draws a picture below.
fn reason(error: &tera::Error) -> String {
    let text = match error.kind() {
        tera::ErrorKind::SyntaxError(report) | tera::ErrorKind::RenderingError(report) => {
            report.message().to_owned()
        }
        kind => kind.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

#[allow(clippy::needless_pass_by_value)] // the shape that Tera asks of a filter
fn json_text(value: tera::Value, _: Kwargs, _: &State<'_>) -> Result<String, tera::Error> {
    if value.is_undefined() {
        return Err(tera::Error::message("the expression is undefined"));
    }
    serde_json::to_string(&value).map_err(tera::Error::message)
}

/// By hand: with `arbitrary_precision`, numbers do not pass through serde as numbers.
fn to_tera(value: &Value) -> tera::Value {
    match value {
        Value::Null => tera::Value::none(),
        Value::Bool(flag) => (*flag).into(),
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.parse::<i128>().map(tera::Value::from).ok();
            let float =
                || (text.contains(['.', 'e', 'E'])).then(|| number.as_f64().map(tera::Value::from))?;
            whole.or_else(float).unwrap_or_else(|| text.as_str().into())
        }
        Value::Array(items) => items.iter().map(to_tera).collect::<Vec<tera::Value>>().into(),
        Value::Object(members) => {
            let pairs = members.iter().map(|(key, member)| (key.clone(), to_tera(member)));
            pairs.collect::<std::collections::BTreeMap<String, tera::Value>>().into()
        }
    }
}

/// The names of filters' arguments, where Jinja's users write them by position.
const ARGUMENTS: [(&str, &[&str]); 6] = [
    ("default", &["value", "boolean"]),
    ("replace", &["from", "to"]),
    ("join", &["sep"]),
    ("split", &["pat"]),
    ("round", &["precision"]),
    ("truncate", &["length"]),
];

/// `x | default('y')` to `x | default(value='y')`; texts in quotes are passed over.
fn named_arguments(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('|') {
        let (before, after) = rest.split_at(at + 1);
        result.push_str(before);
        rest = after;
        let word = after.trim_start();
        let blanks = &after[..after.len() - word.len()];
        let Some((filter, names, call)) = ARGUMENTS
            .iter()
            .find_map(|(filter, names)| Some((filter, names, word.strip_prefix(filter)?.strip_prefix('(')?)))
        else {
            continue;
        };
        if let Some((arguments, tail)) = arguments(call) {
            let given: Vec<String> =
                arguments.iter().enumerate().map(|(i, text)| name(text, names.get(i))).collect();
            result.extend([blanks, *filter, "(", &given.join(", "), ")"]);
            rest = tail;
        }
    }
    result.push_str(rest);
    result
}

fn name(argument: &str, name: Option<&&str>) -> String {
    let argument = argument.trim();
    let is_named =
        argument.split_once('=').is_some_and(|(word, value)| is_word(word.trim()) && !value.starts_with('='));
    match name {
        Some(name) if !is_named => format!("{name}={}", named_arguments(argument)),
        _ => argument.to_owned(),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The arguments up to the closing parenthesis, and what follows it.
fn arguments(call: &str) -> Option<(Vec<&str>, &str)> {
    let (mut found, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, c) in call.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')') if depth == 0 => {
                if !call[start..at].trim().is_empty() {
                    found.push(&call[start..at]);
                }
                return Some((found, &call[at + 1..]));
            }
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                found.push(&call[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use serde_json::json;

    fn host(vars: &str) -> Host {
        let indented = vars.trim().replace('\n', "\n        ");
        let text = format!("all:\n  hosts:\n    n1.example.com:\n        {indented}\n");
        let (inventory, _) = crate::inventory::parse_yaml("i.yaml", &text).unwrap();
        inventory.hosts["n1.example.com"].clone()
    }

    fn value(vars: &str) -> Value {
        host(vars).get("x").unwrap().unwrap()
    }

    fn error(vars: &str) -> Problem {
        host(vars).get("x").unwrap_err()
    }

    #[test]
    fn a_whole_expression_keeps_its_type() {
        assert_eq!(value("x: '{{ y }}'\ny: 5"), json!(5));
        assert_eq!(value("x: '{{ y + 1 }}'\ny: 5"), json!(6));
        assert_eq!(value("x: '{{ y }}'\ny: [1, {a: b}]"), json!([1, {"a": "b"}]));
        assert_eq!(value("x: 'p{{ y }}'\ny: 5"), json!("p5"));
        assert_eq!(value("x: {l: ['{{ y }}']}\ny: '{{ z }}'\nz: <&>"), json!({"l": ["<&>"]}));
        assert_eq!(
            value("x: '{{ y }}'\ny: 123456789012345678901234567890"),
            serde_json::from_str::<Value>("123456789012345678901234567890").unwrap()
        );
    }

    #[test]
    fn filters_in_jinjas_way() {
        assert_eq!(value("x: \"{{ nope | default('d') }}\""), json!("d"));
        assert_eq!(value("x: \"{{ nope | default(y, true) | upper }}!\"\ny: e"), json!("E!"));
        assert_eq!(value("x: \"{{ y | replace('a', 'b|c') | lower }}\"\ny: Aa"), json!("ab|c"));
        assert_eq!(value("x: \"{{ l | join('-') }}\"\nl: [1, 2]"), json!("1-2"));
    }

    #[test]
    fn what_ansible_knows_of_the_host() {
        assert_eq!(
            value("x: '{{ inventory_hostname_short }}.{{ inventory_hostname }}'"),
            json!("n1.n1.example.com")
        );
        assert_eq!(value("x: '{{ group_names }}'"), json!(["ungrouped"]));
        assert_eq!(host("y: 1").get("x").unwrap(), None);
    }

    #[test]
    fn unsafe_is_no_template() {
        assert_eq!(value("x: !unsafe '{{ y }}'"), json!("{{ y }}"));
        assert_eq!(value("x: [!unsafe '{{ y }}', '{{ z }}']\nz: 1"), json!(["{{ y }}", 1]));
    }

    #[test]
    fn errors_name_variable_host_and_place() {
        let cycle = error("x: '{{ y }}'\ny: 'a{{ x }}'");
        assert_eq!(
            cycle.message,
            "`x` of the host `n1.example.com` cannot be rendered: it needs itself: x > y > x"
        );
        assert_eq!(cycle.place.unwrap().line, 4);
        let undefined = error("x: '{{ nope }}'");
        assert!(
            undefined.message.contains("`x` of the host") && undefined.message.contains("nope"),
            "{undefined:?}"
        );
        assert!(error("x: '{{ 1 + }}'").message.contains("cannot be rendered"));
        assert!(error("x: '{{ y | no_such_filter }}'\ny: 1").message.contains("no_such_filter"));
    }
}
