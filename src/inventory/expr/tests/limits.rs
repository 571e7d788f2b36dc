//! Expressions that want gigabytes or minutes, as somebody else's inventory could hold them: each ends with an error that
//! names the variable, soon and in little memory.

use std::process::Command;
use std::time::Duration;

use super::{error, host, value};
use crate::fuzz::cpu;

/// Variables beside `x`, which is the attack.
const BESIDE: &str = "a: aaaaaaaaaa
l: [1, 2, 3]
m: {a: 1, b: 2}";

/// Each is the value of `x`.
const ATTACKS: &[&str] = &[
    // A text times a number, and a number times a text.
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ 'a' * 99999999 }}",
    "{{ ('a' * 1000000) * 1000000 }}",
    "{{ 'a' * 9223372036854775807 }}",
    "{{ ('a' * 1000000)|list * 1000 }}",
    "{{ [0] * 10**9 }}",
    "{{ ([0] * 10**9)|length }}",
    "{{ [0, 1] * 9223372036854775807 }}",
    "{{ (([0] * 1000) * 1000)|list }}",
    "{{ ([[]] * 100000) * 100000 }}",
    "{{ ([] * 10**18)|list|join }}",
    "{{ range(100000)|list * 100000 }}",
    // Doubling.
    "{% set n = namespace(t='aaaa') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='aaaa') %}{% for i in range(60) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t|length }}",
    "{% set n = namespace(t=[1]) %}{% for i in range(60) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t|length }}",
    "{% set n = namespace(t=[]) %}{% for i in range(90) %}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t=[]) %}{% for i in range(90) %}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.t == n.t }}",
    "{% set n = namespace(t=[]) %}{% for i in range(90) %}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.t|flatten }}",
    "{% set n = namespace(t=[]) %}{% for i in range(90) %}{% set n.t = {'a': n.t, 'b': n.t} %}{% endfor %}{{ n.t|to_json }}",
    "{% set n = namespace(t='a') %}{% for i in range(60) %}{% set n.t = [n.t, n.t]|join %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='a') %}{% for i in range(60) %}{% set n.t = n.t.replace('a', 'aaaaaaaaaa') %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='a') %}{% for i in range(60) %}{% set n.t = n.t|replace('a', 'aaaaaaaaaa') %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='a') %}{% for i in range(60) %}{% set n.t = n.t|regex_replace('a', 'aaaaaaaaaa') %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set n.t = '%s%s' % (n.t, n.t) %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set n.t = '%s%s'|format(n.t, n.t) %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set n.t = '{0}{0}'.format(n.t) %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set n.t = n.t.join([n.t, n.t, n.t]) %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set n.t = [n.t]|to_json %}{% endfor %}{{ n.t }}{{ 'a' * 10**7 }}",
    "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set b %}{{ n.t }}{{ n.t }}{% endset %}{% set n.t = b %}{% endfor %}{{ n.t }}",
    "{% set n = namespace(t='aa') %}{% for i in range(60) %}{% set n.t = n.t|b64encode ~ n.t|quote %}{% endfor %}{{ n.t }}",
    // Much, piece by piece.
    "{% for i in range(100000) %}{% for j in range(100000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{{ 'a' * 1000000 }}{% endfor %}",
    "{% set b = 'a' * 1000000 %}{% for i in range(99999) %}{{ b }}{% endfor %}",
    "{% set b = 'a' * 1000000 %}{{ ([b] * 90000)|join }}",
    "{% set b = 'a' * 1000000 %}{{ ([b] * 90000)|string }}",
    "{% set b = 'a' * 1000000 %}{{ [b] * 90000 }}",
    "{% set b = 'a' * 1000000 %}{{ ([b] * 90000)|to_nice_json }}",
    "{% set b = 'a' * 1000000 %}{{ ([b] * 90000) ~ 'a' }}",
    "{% set b = 'a' * 1000000 %}{{ ''.join([b] * 90000) }}",
    "{% set b = 'a' * 1000000 %}{{ ('%s' * 1000)|format(b) }}",
    "{% set b = 'a' * 1000000 %}{{ ('{0}' * 1000).format(b) }}",
    "{% set b = 'a' * 1000000 %}{{ b.replace('', b) }}",
    "{% set b = 'a' * 1000000 %}{{ b|replace('', b) }}",
    "{% set b = 'a' * 1000000 %}{{ b|regex_replace('', b) }}",
    "{% set b = 'a\n' * 500000 %}{{ b|indent(1000) }}",
    "{% set n = namespace(l=[]) %}{% for i in range(99999) %}{% set n.l = n.l + ['a' * 1000000] %}{% endfor %}{{ n.l|length }}",
    "{% set n = namespace(l=[]) %}{% for i in range(99999) %}{% set n.l = n.l + [i] %}{% endfor %}{{ n.l|length }}",
    "{% set b = 'a' * 1000000 %}{% for i in range(99999) %}{% if 'b' in b %}{% endif %}{% endfor %}",
    "{% set b = 'a' * 1000000 %}{% set c = b ~ '' %}{% for i in range(99999) %}{% if b == c %}{% endif %}{% endfor %}",
    "{% set b = 'a' * 1000000 %}{% for i in range(99999) %}{% set c = b|upper|hash('sha512') %}{% endfor %}",
    "{% set b = 'a' * 1000000 %}{% for i in range(99999) %}{% set c = b.upper().find('b') %}{% endfor %}",
    "{% for i in range(99999) %}{% set b = range(100000)|list %}{% endfor %}",
    "{% for i in range(99999) %}{% set b = range(100000)|sum %}{% endfor %}",
    "{{ range(100000)|unique|length }}",
    "{{ range(100000)|union(range(100000))|length }}",
    "{{ range(100000)|map('string')|difference(range(100000))|length }}",
    // Widths and counts.
    "{{ '%1000000000d'|format(1) }}",
    "{{ '%.1000000000f'|format(1.5) }}",
    "{{ ['%1000000000d']|map('format', 1)|list }}",
    "{{ '{:>1000000000}'.format('a') }}",
    "{{ '{:0>1000000000}'.format(1) }}",
    "{{ '%*d'|format(1000000000, 1) }}",
    "{{ 'a'|indent(10**12) }}",
    "{{ 'a'|indent(10**12, true) }}",
    "{{ ['a']|map('indent', 10**12, true)|list }}",
    "{{ [1]|batch(10**12, 0)|list }}",
    "{{ [[1]]|map('batch', 10**12, 0)|list }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'.rjust(10**9) }}",
    "{{ 'a'.zfill(10**9) }}",
    "{{ 'a'|center(10**9) }}",
    "{{ 'a'.center(10**9) }}",
    "{{ 'a'|wordwrap(1) * 10**9 }}",
    "{{ 'a'.expandtabs(10**9) }}",
    "{{ [1, 2]|slice(10**9)|list }}",
    // Ranges and numbers.
    "{{ range(10**9)|list }}",
    "{{ range(-9223372036854775807, 9223372036854775807)|list }}",
    "{{ range(0, -9223372036854775807, -1)|list }}",
    "{{ range(9223372036854775807, 0, -9223372036854775807)|list * 10**9 }}",
    "{{ 10**10**10 }}",
    "{{ 2**1000000000 }}",
    "{{ 9**9**9**9 }}",
    "{{ 170141183460469231731687303715884105727 + 1 }}",
    "{{ -170141183460469231731687303715884105727 - 2 }}",
    // Regular expressions.
    "{{ 'a'|regex_search('x{1000}{1000}{1000}') }}",
    "{{ 'a'|regex_search('((a{1,100}){1,100}){1,100}') }}",
    "{{ ('a' * 1000000)|regex_search('(a{1,1000}){1,30}b') }}",
    "{{ ('a' * 1000000)|regex_search('(x+x+)+y|(\\\\w{1,500}\\\\s){1,90}') }}",
    "{{ ('a' * 1000000)|regex_replace('', 'aaaaaaaaaa') }}",
    "{{ ('a' * 1000000)|regex_findall('') }}",
    "{% for i in range(99999) %}{% set b = 'a'|regex_search('\\\\w{50}' ~ i) %}{% endfor %}",
    "{% for i in range(99999) %}{% set b = ('a' * 1000)|regex_search('(a?){90}b') %}{% endfor %}",
    "{{ ('a' * 1000000) is match('(a|aa)+$x') or 'a' * 10**9 }}",
    "{{ ('(' * 100000) is match('a') or 'a'|regex_search('(' * 100000) }}",
    // Loops in loops, and calls of itself.
    "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in l recursive %}{{ loop(l) }}{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% set n = namespace(s=1) %}{% set n.s = n %}{{ n }}",
    "{% set n = namespace(s=1) %}{% set n.s = n %}{{ n == n }}{{ [n]|to_json }}",
    "{% set n = namespace(s=1) %}{% set n.s = [n] %}{{ n.s|flatten|length }}{{ n.s|string }}",
    "{{ hostvars.values()|list|string * 10**9 }}",
];

/// Shaped by a program: a row of operators, brackets, lines.
fn made() -> Vec<(&'static str, String)> {
    let row = |piece: &str| format!("x: \"{{{{ a{} }}}}\"", piece.repeat(14_000));
    let ifs = |piece: &str| format!("x: \"{{% if a %}}{}{{% endif %}}\"", piece.repeat(5_000));
    let doubled = |n: usize| format!("a{}: '{{{{ a{n} }}}}{{{{ a{n} }}}}'\n", n + 1);
    let listed = |n: usize| format!("a{}: ['{{{{ a{n} }}}}', '{{{{ a{n} }}}}']\n", n + 1);
    let spent = |n: usize| {
        format!("a{}: '{{% for i in range(20000) %}}{{% endfor %}}{{{{ a{n} }}}}{{{{ a{n} }}}}'\n", n + 1)
    };
    let chain = |one: &dyn Fn(usize) -> String| {
        format!("x: '{{{{ a38 }}}}'\na0: aaaaaaaa\n{}", (0..38).map(one).collect::<String>())
    };
    vec![
        ("doubling variables", chain(&doubled)),
        ("doubling lists", chain(&listed)),
        ("loops in doubling variables", chain(&spent)),
        ("a row of ~", row(" ~ a")),
        ("a row of +", row(" + a")),
        ("a row of filters", row("|upper")),
        ("a row of attributes", row(".a")),
        ("a row of subscripts", row("[0]")),
        ("a row of calls", row("()")),
        ("a row of not", format!("x: \"{{{{ {} a }}}}\"", "not ".repeat(14_000))),
        ("a row of minus", format!("x: \"{{{{ {} 1 }}}}\"", "-".repeat(50_000))),
        ("a row of conditions", row(" if a else a")),
        ("a row of comparisons", row(" == a")),
        ("a row of tests", row(" is string is true")),
        ("elif", ifs("{% elif a %}")),
        ("if in if", format!("x: \"{}\"", "{% if a %}".repeat(5_000))),
        (
            "brackets with rows",
            format!("x: \"{{{{ {}a{} }}}}\"", "(".repeat(140), " ~ a ~ a ~ a)".repeat(140)),
        ),
        ("a long template", format!("x: \"{{{{ a }}}}{}\"", "a".repeat(2_000_000))),
        ("many lines", format!("x: \"{{{{ a }}}}{}\"", "\\n".repeat(70_000))),
        ("many tags", format!("x: \"{}\"", "{{ a }}".repeat(200_000))),
        ("a long variable", format!("x: '{{{{ b ~ b }}}}'\nb: {}", "b".repeat(4_000_000))),
    ]
}

fn attacked(name: &str, vars: &str) {
    let host = host(vars);
    let start = cpu();
    let why = match host.get("x") {
        Ok(value) => panic!("{name} is rendered: {}", value.unwrap_or_default().to_string().len()),
        Err(problem) => problem,
    };
    let took = cpu().saturating_sub(start);
    assert!(took < Duration::from_secs(2), "{name} took {took:?}: {}", why.message);
    assert!(
        why.message.contains("of the host `n1.example.com` cannot be rendered: "),
        "{name}: {}",
        why.message
    );
    assert!(why.place.is_some() && why.message.len() < 1_000, "{name}: {} bytes", why.message.len());
}

/// On a stack as small as any that renders.
/// P7
#[test]
fn every_attack_ends_with_an_error_that_names_the_variable() {
    for attack in ATTACKS {
        let text = serde_json::Value::from(*attack);
        attacked(attack, &format!("x: {text}\n{BESIDE}"));
    }
    for (name, vars) in made() {
        attacked(name, &format!("{vars}\n{BESIDE}"));
    }
}

/// The same again in a process of its own that may not have more.
/// P7
#[test]
fn every_attack_ends_in_little_memory() {
    let program = std::env::current_exe().unwrap();
    let ran = Command::new("sh")
        .args(["-c", "ulimit -v 500000; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["--exact", "--test-threads=1"])
        .arg("inventory::expr::tests::limits::every_attack_ends_with_an_error_that_names_the_variable")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}

/// P7
#[test]
fn what_is_within_the_limits_is_rendered() {
    assert_eq!(value("x: \"{{ ('ab' * 3) ~ [1] * 2 }}\""), "ababab[1, 1]");
    assert_eq!(
        value("x: \"{{ 'abc'[::-1] }}{{ 'abc'[1:] }}{{ ''[::-1] }}{{ 'abcdef'[4:1:-2] }}\""),
        "cbabcec"
    );
    assert_eq!(value("x: \"{{ [1, 2, 3][::-1] }}\""), serde_json::json!([3, 2, 1]));
    assert_eq!(value("x: \"{{ [1, 2, 3][5:1:-1] }}\""), serde_json::json!([3]));
    assert_eq!(value("x: \"{{ [] + [1] + range(2)|list }}\""), serde_json::json!([1, 0, 1]));
    assert_eq!(value("x: \"{{ 3 * 4 + 2 ** 10 }}\""), 1036);
    assert_eq!(value("x: \"{{ [1, 2, 3]|batch(2, 0) }}\""), serde_json::json!([[1, 2], [3, 0]]));
    assert_eq!(value("x: \"{{ 'a\\n\\nb\\n'|indent(2) }}|\""), "a\n\n  b|");
    assert_eq!(value("x: \"{{ 'a\\nb'|indent(2, true) }}|\""), "  a\n  b|");
    let names: Vec<String> = (0..50_000).map(|n| format!("node-{n:09}")).collect();
    let all = format!("x: '{{{{ y }}}}'\ny: [{}]", names.join(", "));
    assert_eq!(value(&all).as_array().unwrap().len(), 50_000);
    let row = format!("x: \"{{{{ 0{} }}}}\"", " + 1".repeat(150));
    assert_eq!(value(&row), 150);
    assert!(error("x: \"{{ 'a' ~ nope }}\"").message.ends_with("undefined: `nope`"));
}
