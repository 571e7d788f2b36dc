//! What expressions come to, and what is said where they cannot be rendered. That Ansible agrees: tests/inventory/values.rs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod limits;

use serde_json::{Value, json};

use crate::{fuzz::fuzz, inventory::Host, types::diagnostic::Diagnostic};

fn host(vars: &str) -> Host {
    let indented = vars.trim().replace('\n', "\n        ");
    let text = format!("all:\n  hosts:\n    n1.example.com:\n        {indented}\n");
    let (inventory, _) = crate::inventory::parse_yaml("i.yaml", &text).unwrap();
    inventory.hosts["n1.example.com"].clone()
}

fn value(vars: &str) -> Value {
    host(vars).get("x").unwrap().unwrap()
}

fn error(vars: &str) -> Diagnostic {
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

#[test]
fn what_is_undefined_is_named_with_the_nearest_word() {
    let undefined = error("x: '{{ numbr }}'\nnumber: 1");
    assert_eq!(undefined.message, "`x` of the host `n1.example.com` cannot be rendered: undefined: `numbr`");
    assert_eq!(undefined.help.as_deref(), Some("did you mean `number`?"));
    assert!(error("x: '{{ y.b.c }}'\ny: {b: {}}").message.ends_with("undefined: `y.b.c`"));
    assert!(error("x: \"{{ hostvars['n2'].y }}\"").message.ends_with("undefined: `hostvars['n2']`"));
    // What is wrong further in is said of the variable that it is wrong in.
    let inner = error("x: '{{ y }}'\ny: 'a{{ nope }}'");
    assert!(
        inner.message.starts_with("`y` of the host") && inner.place.unwrap().line == 5,
        "{:?}",
        inner.message
    );
}

#[test]
fn what_is_not_asked_for_is_not_rendered() {
    assert_eq!(value("x: '{{ y.a }}'\ny: {a: 1, b: '{{ nope }}'}"), json!(1));
    assert_eq!(value("x: \"{{ y.b | default('d') }}\"\ny: {a: 1, b: '{{ nope }}'}"), json!("d"));
    assert!(error("x: '{{ y }}'\ny: {a: 1, b: '{{ nope }}'}").message.contains("nope"));
}

/// P7
#[test]
fn what_never_ends_is_ended() {
    let loops = "x: '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}'";
    assert!(error(loops).message.contains("fuel"), "{}", error(loops).message);
    let chain: Vec<String> = (0..200).map(|n| format!("v{n}: '{{{{ v{} }}}}'", n + 1)).collect();
    let chain = format!("x: '{{{{ v0 }}}}'\n{}\nv200: 1", chain.join("\n"));
    assert!(error(&chain).message.contains("one after another"), "{}", error(&chain).message);
    let nested = format!("x: \"{{{{ {}1{} }}}}\"", "[".repeat(5000), "]".repeat(5000));
    assert!(error(&nested).message.contains("recursion"), "{}", error(&nested).message);
    let grown = "x: '{% set n = namespace(l=[]) %}{% for i in range(5000) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}'";
    assert!(error(grown).message.contains("nested too deep"), "{}", error(grown).message);
}

#[test]
fn what_asks_the_world_outside_is_refused() {
    for expression in ["lookup('env', 'HOME')", "query('file', '/etc/passwd')", "now()"] {
        let why = error(&format!("x: \"{{{{ {expression} }}}}\"")).message;
        assert!(why.contains("is not done here"), "{why}");
    }
    for expression in
        ["{% include 'a' %}", "{% import 'a' as b %}", "{% extends 'a' %}", "{{ 'a' | random }}"]
    {
        assert!(host(&format!("x: \"{expression}\"")).get("x").is_err(), "{expression}");
    }
}

/// Values of the corpus's expressions, and what the fuzzer makes of them.
/// P7
#[test]
fn fuzz_expressions() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/inventory/expressions.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let (inventory, _) = crate::inventory::parse_yaml("i.yaml", &text).unwrap();
    let host = &inventory.hosts["n1"];
    let texts = host.vars.values().filter_map(|var| var.value.as_str()).filter(|text| text.contains("{{"));
    let corpus: Vec<&[u8]> = texts.map(str::as_bytes).collect();
    fuzz("expressions", &corpus, |bytes| {
        let mut host = host.clone();
        let text = Value::from(String::from_utf8_lossy(bytes).into_owned());
        let var = crate::inventory::Var::new(text, crate::inventory::Origin::Host);
        let vars = std::sync::Arc::make_mut(&mut host.vars);
        vars.insert("x".into(), var.into());
        host.world = super::World::with(&host).into();
        match host.get("x") {
            Ok(value) => value
                .map(|value| (std::mem::discriminant(&value), value.to_string().len().min(99)))
                .ok_or(String::new()),
            Err(problem) => {
                let why = problem.message.split_once("cannot be rendered: ").unwrap_or_default().1;
                // Without the names in it, which would make every message one of its own kind.
                Err(why.split('`').next().unwrap_or_default().to_owned())
            }
        }
    });
}
