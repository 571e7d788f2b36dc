#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

const COMETBFT: &str = include_str!("../../../tests/fixtures/cometbft-0.38/config.toml");
const LOOM: &str = include_str!("../../../tests/fixtures/loom/config.toml");

fn set_toml(file: &str, text: &str, sets: &[(String, Value)]) -> Result<String, Vec<Diagnostic>> {
    let mut parsed = Parsed::named(file, Format::Toml, &text.into()).map_err(|problem| vec![problem])?;
    parsed.set(file, &[], sets).map(|()| parsed.text().to_string())
}

fn set_yaml(
    file: &str,
    text: &str,
    known: &[String],
    sets: &[(String, Value)],
) -> Result<String, Vec<Diagnostic>> {
    let mut parsed = Parsed::named(file, Format::Yaml, &text.into()).map_err(|problem| vec![problem])?;
    parsed.set(file, known, sets).map(|()| parsed.text().to_string())
}

/// The value of a key in a text.
fn read(format: Format, text: &str, key: &str) -> Option<Value> {
    read_key(format, &text.into(), key)
}

fn sets(key: &str, value: Value) -> Vec<(String, Value)> {
    vec![(key.to_owned(), value)]
}

fn changed_lines(before: &str, after: &str) -> Vec<String> {
    assert_eq!(before.lines().count(), after.lines().count());
    before.lines().zip(after.lines()).filter(|(a, b)| a != b).map(|(_, b)| b.to_owned()).collect()
}

#[test]
fn toml_keys_change_and_everything_else_stays() {
    let cases = [
        ("p2p.pex", json!(false), "pex = false"),
        ("p2p.pex", json!("false"), "pex = false"),
        ("moniker", json!("a \"b\" ü"), "moniker = 'a \"b\" ü'"),
        ("p2p.max_num_inbound_peers", json!(80), "max_num_inbound_peers = 80"),
        ("rpc.cors_allowed_origins", json!(["*"]), "cors_allowed_origins = [\"*\"]"),
    ];
    for text in [COMETBFT, LOOM] {
        for (key, value, line) in &cases {
            let after = set_toml("config.toml", text, &sets(key, value.clone())).unwrap();
            assert_eq!(changed_lines(text, &after), [*line]);
            // Again: nothing to change.
            assert_eq!(set_toml("config.toml", &after, &sets(key, value.clone())).unwrap(), after);
        }
    }
    let after = set_toml("config.toml", COMETBFT, &sets("statesync.chunk_fetchers", json!(8))).unwrap();
    assert_eq!(changed_lines(COMETBFT, &after), ["chunk_fetchers = \"8\""]);
}

#[test]
fn several_values_change_in_their_places() {
    let text = "a = 1 # one\r\nt = { x = 'y', n = [\"u\"] } #\r\n\r\n[s]\r\nb.c = \"\"\"\ntwo\nlines\"\"\"\r\n  d = true";
    let mut parsed = Parsed::of(Format::Toml, &text.into()).unwrap();
    let mut set = |key: &str, value: Value| parsed.set("f", &[], &sets(key, value)).unwrap();
    set("s.d", json!(false));
    set("a", json!(22));
    set("a", json!(333));
    set("t.x", json!("longer than it was"));
    set("t.n", json!(["v", "w"]));
    set("s.b.c", json!("short"));
    assert_eq!(
        &*parsed.text(),
        "a = 333 # one\r\nt = { x = \"longer than it was\", n = [\"v\", \"w\"] } #\r\n\r\n[s]\r\nb.c = \"short\"\r\n  d = false"
    );
    assert_eq!((parsed.key("a"), parsed.key("t.x")), (Some(json!(333)), Some(json!("longer than it was"))));
    // Back to what it was: as it was written.
    let back = [
        ("a", json!(1)),
        ("t.x", json!("y")),
        ("t.n", json!(["u"])),
        ("s.b.c", json!("two\nlines")),
        ("s.d", json!(true)),
    ];
    for (key, value) in back {
        parsed.set("f", &[], &sets(key, value)).unwrap();
    }
    assert_eq!(&*parsed.text(), text);
}

#[test]
fn toml_keys_that_are_not_there_are_refused_with_the_nearest() {
    let refused = |key: &str, value: Value| {
        let problem = set_toml("config.toml", COMETBFT, &sets(key, value)).unwrap_err().remove(0);
        format!("{} · {}", problem.message, problem.help.unwrap_or_default())
    };
    assert!(refused("p2p.pexx", json!(true)).ends_with("is `p2p.pex` meant?"));
    assert!(refused("pp2p.pex", json!(true)).ends_with("is `p2p` meant?"));
    assert!(refused("p2p", json!(true)).contains("is a section"));
    assert!(refused("p2p.pex", json!("maybe")).contains("is boolean, so it cannot be \"maybe\""));
    assert!(refused("p2p.pex.x", json!(true)).contains("no key `p2p.pex.x`"));
    assert!(refused("p2p..x", json!(true)).contains("is not a dotted key"));
    assert!(
        set_toml("config.toml", "a = = 1", &sets("a", json!(1))).unwrap_err()[0]
            .message
            .contains("is not TOML")
    );
}

#[test]
fn yaml_is_written_whole_with_settings_over_it() {
    let known = ["RPCProxyPort".to_owned(), "ChainID".to_owned()];
    let base = "# head\nChainID: \"default\"\n# inner\nRPCProxyPort: 46658\n";
    let wanted = [
        ("rpcproxyport".to_owned(), json!(7)),
        ("Karma.Enabled".to_owned(), json!(true)),
        ("TxLimiter.DeployerAddressList".to_owned(), json!(["a: b", "yes"])),
    ];
    let text = set_yaml("loom.yml", base, &known, &wanted).unwrap();
    let expected = "# head\nChainID: \"default\"\nRPCProxyPort: 7\nKarma:\n  Enabled: true\n\
                    TxLimiter:\n  DeployerAddressList: [\"a: b\", \"yes\"]\n";
    assert_eq!(text, expected);
    assert_eq!(read(Format::Yaml, &text, "karma.enabled"), Some(json!(true)));
    assert_eq!(read(Format::Yaml, &text, "Karma.Other"), None);
    let problem = set_yaml("loom.yml", base, &known, &sets("RPCProxyPrt", json!(1))).unwrap_err().remove(0);
    assert_eq!(problem.help.as_deref(), Some("is `RPCProxyPort` meant?"));
    assert!(set_yaml("loom.yml", base, &known, &sets("ChainID.x", json!(1))).is_err());
}

#[test]
fn settings_may_be_nested_or_dotted() {
    let Value::Object(settings) = json!({"p2p": {"pex": false}, "rpc.laddr": "x", "empty": {}}) else {
        panic!()
    };
    let flat: Vec<_> = flatten(&settings).into_iter().map(|(key, _)| key).collect();
    assert_eq!(flat, ["p2p.pex", "rpc.laddr", "empty"]);
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,20}",
        "[\u{0}-\u{ff}\u{2028}\u{2029}\u{feff}]{0,12}",
        "[ \"'\\\\$%:#{}\\[\\]\n\t!&*-]{0,12}",
        "yes|no|null|~|0777|12:30:45|1e3|<<|=",
    ]
}

proptest! {
    #[test]
    fn s9_texts_arrive_in_every_format(text in hostile(), key in hostile()) {
        let toml = set_toml("config.toml", COMETBFT, &sets("moniker", json!(text))).unwrap();
        prop_assert_eq!(read(Format::Toml, &toml, "moniker"), Some(json!(text)));
        prop_assert_eq!(read(Format::Toml, &toml, "p2p.laddr"), Some(json!("tcp://0.0.0.0:26656")));

        let yaml = set_yaml("loom.yml", "A: 1\n", &[], &sets("ChainID", json!({key.as_str(): [text.as_str()]}))).unwrap();
        let back = read(Format::Yaml, &yaml, "ChainID");
        prop_assert_eq!(back, Some(json!({key.as_str(): [text.as_str()]})), "{}", yaml);
        prop_assert_eq!(read(Format::Yaml, &yaml, "A"), Some(json!(1)));

        prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
    }
}
