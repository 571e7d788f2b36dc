use std::time::Duration;

use super::*;
use crate::fuzz::cpu;

const PHRASE: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

#[test]
fn s3_values_of_secret_keys_are_not_shown() {
    let lines = [
        ("  ansible_password: hunter2", "  ansible_password: *******"),
        ("h: {ansible_become_pass: hunter2, power: -3}", "h: {ansible_become_pass: *******, power: -3}"),
        ("h: {ansible_become_pass: hunter2}", "h: {ansible_become_pass: *******}"),
        ("\"my_secret\": \"a, ü: b\"", "\"my_secret\": \"*******\""),
        ("working_directory: /srv/x", "working_directory: /srv/x"),
    ];
    for (line, shown) in lines {
        assert_eq!(in_place(line), shown);
        assert_eq!(in_place(line).chars().count(), line.chars().count());
    }
}

#[test]
fn s3_secrets_of_every_format_are_masked_and_keys_stay() {
    let phrase = format!("seed={PHRASE}");
    for (shown, hidden) in [
        ("Environment=DB_PASSWORD=", "hunter2, and more"),
        ("Environment=\"A=b\" \"RPC_TOKEN=", "x\" \"C=d\""),
        ("  auth-token: ", "abc"),
        ("\"token\": ", "17"),
        ("ExecStart=/x start --rpc-secret ", "abc"),
        ("ExecStart=/x start --rpc-secret=", "abc"),
        ("seed=", &phrase[5..]),
    ] {
        let masked = line(&format!("{shown}{hidden}"));
        assert_eq!(masked, format!("{shown}{STARS}"), "{hidden}");
    }
    assert_eq!(line("x = \"postgres://n:pw@h/d\" # ok"), format!("x = \"postgres://n:{STARS}@h/d\" # ok"));
    assert_eq!(line(&format!("Write it down: ({PHRASE}).")), format!("Write it down: ({STARS})."));
    assert_eq!(line(&format!("+{PHRASE}")), format!("+{STARS}"));
}

#[test]
fn s3_what_a_url_carries_beside_its_place_is_masked() {
    for (url, shown) in [
        ("https://me:canary@h/x", "https://me:*@h/x"),
        ("HTTPS://me:canary@h", "HTTPS://me:*@h"),
        ("https://me:can@ary@h/x", "https://me:*@h/x"),
        ("https://me:can/ary@h/x", "https://me:*@h/x"),
        ("https://canary@h/x", "https://*@h/x"),
        ("https://h/x?t=canary&a=canary#canary", "https://h/x?*"),
        ("https://h?canary", "https://h?*"),
        ("https://me:canary@h:8443/x?canary", "https://me:*@h:8443/x?*"),
        ("https://me:canary@h/a@b", "https://me:*@h/a@b"),
    ] {
        let shown = shown.replace('*', STARS);
        for (before, after) in
            [("", ""), ("binary: ", ""), ("\"", "\","), ("fetch ", " (through this machine)")]
        {
            assert_eq!(line(&format!("{before}{url}{after}")), format!("{before}{shown}{after}"));
        }
        let starred = in_place(&format!("binary: {url}"));
        assert!(!starred.contains("can") && starred.chars().count() == url.chars().count() + 8, "{starred}");
    }
    let mut values =
        serde_json::json!({"binary": "https://me:canary@h/x?canary", "list": ["https://canary@h"]});
    by_key(&mut values);
    assert!(!values.to_string().contains("canary"), "{values}");
    for kept in [
        "https://h:8443/x",
        "http://[fd00::1]:80/x@y",
        "enode://ab12@10.0.0.1:30303?discport=0",
        "kni://ab12@10.0.0.1:32323?discport=0&ntype=cn",
        "tcp://585935efd643a51a3b004e1bfb7cc8c341f7d1db@h:26656",
        "https://h/x?",
    ] {
        assert_eq!(line(kept), kept);
    }
}

#[test]
fn s3_values_that_go_on_below_their_key_are_masked() {
    let given = "a: 1\npasswords:\n  - abc\n  x: abc\nb: 2\nsecret: |\n  abc\n\n  abc\nc: 3\n";
    assert_eq!(
        text(given),
        "a: 1\npasswords:\n  ********\n  ********\nb: 2\nsecret: ********\n  ********\n\n  ********\nc: 3\n"
    );
    let given = "[auth.secrets]\nrpc = \"abc\"\n[p2p]\npex = true\ntokens = [\n  \"abc\",\n]\nk_pass = \"\"\"abc\nabc\"\"\"\n";
    let masked = text(given);
    assert!(
        !masked.contains("abc") && masked.contains("rpc = ") && masked.contains("pex = true"),
        "{masked}"
    );
    assert_eq!(masked.lines().count(), given.lines().count());
}

#[test]
fn what_is_no_secret_stays() {
    for kept in [
        "priv_validator_key_file = \"config/priv_validator_key.json\"",
        "private_peer_ids = \"\"",
        "PrivateTmp=yes",
        "password = \"\"",
        "# Comma separated list of nodes to keep persistent connections to",
        "laddr = \"tcp://127.0.0.1:26657\"",
        "#   postgresql://<user>:<password>@<host>:<port>/<db>?<opts>",
        "persistent_peers = \"585935efd643a51a3b004e1bfb7cc8c341f7d1db@10.77.4.11:26656\"",
        "ExecStart=/home/ubuntu/node/cometbft start --home /home/ubuntu/node",
    ] {
        assert_eq!(text(kept), kept);
    }
}

#[test]
fn a_url_in_a_url_is_masked_once() {
    let mut value = serde_json::json!("https://h/x?to=https://k/y?canary");
    by_key(&mut value);
    assert_eq!(value, format!("https://h/x?{STARS}"));
}

#[test]
fn texts_that_were_encrypted_are_hidden_where_they_overlap_too() {
    learn("\u{1f512}one\u{1f512}two\n \u{1f512}two\u{1f512}three \n\u{1f512}one\n\u{1f512}x");
    assert_eq!(vaulted("a \u{1f512}one\u{1f512}two\u{1f512}three, \u{1f512}one"), "a <vault>, <vault>");
    assert_eq!(vaulted("\u{1f512}tw\u{1f512}x"), "\u{1f512}tw\u{1f512}x", "shorter than what is remembered");
    assert_eq!(line("pass=\u{1f512}one\u{1f512}two"), format!("pass={STARS}"));
    assert_eq!(in_place("a \u{1f512}one\u{1f512}two"), "a ********");
}

/// Of each secret it was looked for what could end it, up to the end of the line: minutes for a line as long as a file.
#[test]
fn p7_a_line_that_a_host_fills_with_beginnings_of_secrets_takes_no_time() {
    let many = |part: &str| part.repeat(1_000_000 / part.len());
    for hostile in [
        many("://"),
        many("http://"),
        many("http://a:b"),
        many("http://a:b@c/"),
        format!("{{{}", many("pass=")),
        format!("{{{}, {}}}", many("pass="), many("token: ")),
        format!("{}x{}", many("pass='"), many(" ")),
        format!("{}{}", many("--secret "), many(" ")),
        many("legal "),
        many("\\\" '"),
    ] {
        let begun = cpu();
        let hidden = [text(&hostile), in_place(&hostile)];
        let took = cpu().saturating_sub(begun);
        assert!(hidden.iter().all(|text| !text.is_empty()));
        assert!(took < Duration::from_secs(10), "{}: {took:?}", &hostile[..20]);
    }
}

#[test]
fn p7_many_texts_that_were_encrypted_take_no_time() {
    let begun = cpu();
    for number in 0..50_000 {
        learn(&format!("\u{1f511} {number} of many\n"));
    }
    let shown = vaulted(&"\u{1f511} 17 of many, \u{1f511} 17 of".repeat(10_000));
    assert!(cpu().saturating_sub(begun) < Duration::from_secs(10));
    assert!(shown.starts_with("<vault>, \u{1f511} 17 of<vault>, "));
}
