//! Documents that want to be read for ever: each ends soon, sound or not.

use std::time::Duration;

use super::*;
use crate::{
    chain::genesis::{compare::changes, standalone::check_one, text::Sound},
    fuzz::cpu,
};

/// Some hundred kilobytes of each kind of much, as a value of a document.
fn much() -> Vec<(&'static str, String)> {
    let (million, some) = (100_000, 15_000);
    let keys = |name: &dyn Fn(usize) -> String| {
        let members: Vec<String> = (0..some).map(|n| format!("\"{}\":{n}", name(n))).collect();
        format!("{{{}}}", members.join(","))
    };
    vec![
        ("lists in lists", "[".repeat(million) + &"]".repeat(million)),
        ("objects in objects", "{\"a\":".repeat(30_000) + "1" + &"}".repeat(30_000)),
        ("open lists", "[".repeat(2 * million)),
        ("a long text", format!("\"{}\"", "a".repeat(2 * million))),
        ("a long number", "9".repeat(2 * million)),
        ("a large number", "1e999999999".to_owned()),
        ("a small number", "-1e-999999999".to_owned()),
        ("escapes", format!("\"{}\"", "\\u00e9".repeat(30_000))),
        ("half a sign", "\"\\ud800\"".to_owned()),
        ("a long key", format!("{{\"{}\":1}}", "k".repeat(2 * million))),
        ("many keys", keys(&|n| format!("k{n}"))),
        ("the same key", keys(&|_| "k".to_owned())),
        ("many items", format!("[{}0]", "0,".repeat(million))),
        ("many objects", format!("[{}{{}}]", "{\"a\":[{}]},".repeat(15_000))),
        ("spaces", " ".repeat(2 * million) + "1"),
    ]
}

#[test]
fn hostile_documents_are_read_in_time() {
    let profile = loom();
    let node = era3().remove(0);
    let real = node.documents["chain"].as_str();
    for (name, value) in much() {
        for place in ["validators", "more"] {
            let start = cpu();
            // At the end, where it counts of two.
            let text = format!("{},\"{place}\":{value}}}", real.trim_end().trim_end_matches('}'));
            check_one(&profile, "chain", &text, NOW);
            if let (Ok(left), Ok(right)) = (Sound::read("chain", real), Sound::read("chain", text.as_str())) {
                let _ = changes(&profile, "chain", &left, &right).map(|found| found.len());
            }
            let took = cpu().saturating_sub(start);
            assert!(took < Duration::from_secs(6), "{name} as {place} took {took:?}");
        }
    }
}

#[test]
fn no_time_of_a_document_is_too_much() {
    for time in [
        "0000-00-00T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "99999999999999999999-01-01T00:00:00Z",
        "2026-01-01T00:00:00+99:99",
        "2026-01-01T00:00:00é",
        "T",
        "TZ",
        "2026-02-31T24:00:00Z",
        "2026-01-01T00:00:00.Z",
        "0001-01-01T00:00:00-23:59",
    ] {
        let node = era3().remove(0);
        let real = node.documents["chain"].as_str();
        let text = format!("{},\"genesis_time\":\"{time}\"}}", real.trim_end().trim_end_matches('}'));
        check_one(&loom(), "chain", &text, i64::MAX);
        check_one(&loom(), "chain", &text, i64::MIN);
    }
}
