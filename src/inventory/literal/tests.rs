#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use serde_json::json;

#[test]
fn what_is_a_literal_has_its_value() {
    for (text, value) in [
        ("1", json!(1)),
        ("-1", json!(-1)),
        ("- 1", json!(-1)),
        ("-0", json!(0)),
        ("00", json!(0)),
        ("1_000", json!(1000)),
        ("0xfF", json!(255)),
        ("0o17", json!(15)),
        ("0b_1", json!(1)),
        ("1e9", json!(1e9)),
        (".5", json!(0.5)),
        ("1.", json!(1.0)),
        ("01.5", json!(1.5)),
        ("1e-3", json!(0.001)),
        ("True", json!(true)),
        ("None", json!(null)),
        ("'a' \"b\"", json!("ab")),
        ("b'x\\x41'", json!("xA")),
        (r"'a\n\u00e4\q\101'", json!("a\nä\\qA")),
        (r"r'\n'", json!("\\n")),
        ("'''a'b'''", json!("a'b")),
        ("1,2", json!([1, 2])),
        ("1,", json!([1])),
        ("()", json!([])),
        ("(1)", json!(1)),
        ("[1, 'a', [True],]", json!([1, "a", [true]])),
        ("{'a': 1, 2: (3,), None: {}, 'a': 4}", json!({"a": 4, "2": [3], "null": {}})),
        ("{1, 1, True}", json!([1])),
        ("{1: 'a', True: 'b', 'x': 0}", json!({"1": "b", "x": 0})),
        ("set()", json!([])),
        ("...", json!("...")),
        ("2j", json!("2j")),
        ("1+2j", json!("(1+2j)")),
        ("5 # five", json!(5)),
        (" 7", json!(7)),
    ] {
        assert_eq!(evaluate(text), Ok(Some(value)), "{text}");
    }
    let big = "123456789012345678901234567890";
    assert_eq!(evaluate(big).unwrap().unwrap().to_string(), big);
}

#[test]
fn everything_else_is_text() {
    for text in [
        "",
        "true",
        "yes",
        "0644",
        "08",
        "1__0",
        "1_",
        "_1",
        "1.2.3.4",
        "10.0.0.1",
        "5s",
        "0x",
        "1+2",
        "--1",
        "a,b",
        "{{ x }}",
        "f'a'",
        "'a",
        "'a' b'c'",
        "b'ä'",
        r"'\x4'",
        r"'\N{DASH}'",
        "[1",
        "1]",
        "(1,,)",
        "{1: }",
        "-True",
        "1e",
        "2026-01-01",
        "'a' # b' c",
        "e9",
        "1 2",
        "#",
        "*a",
        "{**{}}",
        "[*[1]]",
        "-'a'",
        "1if",
    ] {
        let wanted = if text == "'a' # b' c" { Some(json!("a")) } else { None };
        assert_eq!(evaluate(text), Ok(wanted), "{text}");
    }
    assert_eq!(evaluate(&"[".repeat(100_000)), Ok(None));
    assert_eq!(evaluate(&"9".repeat(5000)), Ok(None));
    assert!(evaluate(&format!("{}{}", "[".repeat(150), "]".repeat(150))).unwrap().is_some());
}

#[test]
fn what_python_cannot_build_is_an_error() {
    for text in ["{{1}}", "{[1]}", "{[1]: 2}", "{{}}", "{(1, [2])}"] {
        assert_eq!(evaluate(text), Err(UNHASHABLE), "{text}");
    }
}
