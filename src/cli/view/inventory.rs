//! What an inventory says, in Ansible's own notations: JSON as Python writes it, and the tree of groups.

use std::{fmt::Write as _, io};

use serde::Serialize as _;
use serde_json::{Value, ser::Formatter};

use crate::{
    inventory::{
        Group, Inventory,
        listing::{self, Secrets},
        python::{self, Words},
    },
    types::{harmless, redact},
};

/// A document with sorted keys and four spaces a level: byte for byte what Ansible prints, but for controls that JSON would
/// let through, and for Ansible's own passwords.
pub fn document(mut value: Value, secrets: Secrets) -> String {
    let hostvars = value.pointer_mut("/_meta/hostvars").and_then(Value::as_object_mut);
    let masked = hostvars.filter(|_| secrets == Secrets::Masked);
    masked.into_iter().flat_map(|hosts| hosts.values_mut()).for_each(redact::passwords_of_ansible);
    value.sort_all_objects();
    let mut bytes = Vec::new();
    let mut out = serde_json::Serializer::with_formatter(&mut bytes, Python::default());
    let written = value.serialize(&mut out);
    debug_assert!(written.is_ok(), "a value of JSON can be written");
    bytes.push(b'\n');
    harmless::json(&String::from_utf8_lossy(&bytes)).into_owned()
}

/// The layout of Python's `json.dumps(…, indent=4)`.
#[derive(Default)]
struct Python {
    levels: usize,
    filled: bool,
}

impl Python {
    fn line<W: ?Sized + io::Write>(&self, out: &mut W) -> io::Result<()> {
        write!(out, "\n{:1$}", "", self.levels * 4)
    }

    fn open<W: ?Sized + io::Write>(&mut self, out: &mut W, sign: &str) -> io::Result<()> {
        self.levels += 1;
        self.filled = false;
        out.write_all(sign.as_bytes())
    }

    fn close<W: ?Sized + io::Write>(&mut self, out: &mut W, sign: &str) -> io::Result<()> {
        self.levels -= 1;
        if self.filled {
            self.line(out)?;
        }
        self.filled = true;
        out.write_all(sign.as_bytes())
    }

    fn next<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.line(out)
    }
}

impl Formatter for Python {
    fn write_number_str<W: ?Sized + io::Write>(&mut self, out: &mut W, number: &str) -> io::Result<()> {
        out.write_all(python::number(number, Words::Json).as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, "[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, "]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, "{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, "}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

/// The tree of groups and hosts from a group on.
pub fn graph(inventory: &Inventory, start: &Group, vars: Option<Secrets>) -> String {
    let mut out = String::new();
    branch(inventory, start, vars, 0, &mut out);
    out
}

fn branch(inventory: &Inventory, group: &Group, vars: Option<Secrets>, depth: usize, out: &mut String) {
    leaf(&format!("@{}:", group.name), depth, out);
    for child in group.children.iter().filter_map(|child| inventory.groups.get(child)) {
        branch(inventory, child, vars, depth + 1, out);
    }
    if group.name != "all" {
        for name in &group.hosts {
            leaf(name, depth + 1, out);
            if let (Some(host), Some(secrets)) = (inventory.hosts.get(name), vars) {
                let shown =
                    listing::shown(&host.vars).map(|(name, var)| (name, listing::in_tree(var, secrets)));
                variables(shown.collect(), secrets, depth + 2, out);
            }
        }
    }
    if let Some(secrets) = vars {
        variables(listing::of_group(group, secrets), secrets, depth + 1, out);
    }
}

fn leaf(text: &str, depth: usize, out: &mut String) {
    let _ =
        if depth == 0 { writeln!(out, "{text}") } else { writeln!(out, "{}--{text}", "  |".repeat(depth)) };
}

fn variables(mut vars: Vec<(&str, Value)>, secrets: Secrets, depth: usize, out: &mut String) {
    vars.sort_by_key(|(name, _)| *name);
    for (name, mut value) in vars {
        if secrets == Secrets::Masked {
            redact::password_of_ansible(name, &mut value);
        }
        let text = value.as_str().map_or_else(|| repr(&value), str::to_owned);
        leaf(&format!("{{{name} = {text}}}"), depth, out);
    }
}

/// A value as Python's `repr` shows it.
fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => python::number(&number.to_string(), Words::Repr),
        Value::String(text) => python::quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let member =
                |(key, value): (&String, &Value)| format!("{}: {}", python::quoted(key), repr(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_as_python_writes_it() {
        let value = json!({"b": [], "a": {"y": [1, {}], "x": "ä\u{1f600}\u{7f}\n\""}, "c": {}});
        let wanted = concat!(
            "{\n    \"a\": {\n        \"x\": \"ä😀\\u007f\\n\\\"\",\n        \"y\": [\n            1,\n",
            "            {}\n        ]\n    },\n    \"b\": [],\n    \"c\": {}\n}\n"
        );
        assert_eq!(document(value, Secrets::Masked), wanted);
    }

    #[test]
    fn numbers_as_python_writes_them() {
        for (float, text) in [
            (1.0, "1.0"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (1.5e300, "1.5e+300"),
        ] {
            assert_eq!(python::number(&json!(float).to_string(), Words::Repr), text);
        }
        assert_eq!(python::number("12345678901234567890123", Words::Json), "12345678901234567890123");
        assert_eq!(
            repr(&json!({"a": [null, true, "it's", "q\"'\\"]})),
            r#"{'a': [None, True, "it's", 'q"\'\\']}"#
        );
    }

    #[test]
    fn s3_ansibles_own_passwords_are_printed_only_to_who_asks() {
        let vars = json!({
            "ansible_become_password": "hunter2", "x": {"ansible_ssh_pass": "hunter2"}, "ansible_password": "",
            "ansible_ssh_private_key_file": "~/.ssh/k", "staking_token": "uatom", "passage": {"ports": 1}, "password": false,
        });
        let whole = json!({"_meta": {"hostvars": {"h": vars}}, "secrets": {"hosts": ["h"]}});
        let shown = document(whole.clone(), Secrets::Masked);
        assert!(!shown.contains("hunter2") && shown.contains("ansible_become_password"), "{shown}");
        for kept in [
            "~/.ssh/k",
            "\"secrets\": {\n",
            "uatom",
            "\"ports\": 1",
            "\"password\": false",
            "\"ansible_password\": \"\"",
        ] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
        assert_eq!(document(whole, Secrets::Revealed).matches("hunter2").count(), 2);
    }
}
