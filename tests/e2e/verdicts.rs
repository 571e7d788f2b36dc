//! Whether `genesis check` says of a document what the chain says when it starts from it: real documents, changed in every place in
//! many ways, judged by both. The chain's verdict comes from tests/lab/genesis-oracle, which makes a node of the real module without
//! starting it; a sample is started with the real binary.
//!
//! Sixty of them in `make test`, with the default release; all of them with every release in `make test-chains`.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Suite, chain_binary, command, dice::Dice, in_repository, setup_path, tests};

pub fn register(suite: &mut Suite) {
    let is_there = setup_path("GENESIS_ORACLE").exists();
    suite.plain_where(is_there, tests![s5_sixty_documents_are_judged_as_the_chain_judges_them]);
    if std::env::var_os("LOOMCTL_CHAINS").is_some() {
        suite.plain(tests![
            s5_documents_are_judged_as_every_release_judges_them,
            s5_documents_of_the_sdk_are_judged_as_simd_judges_them,
            the_oracle_says_what_the_binary_does,
        ]);
    }
}

/// Documents that `init` of these releases made, with three validators; or that simd collected.
const COMETBFT: [&str; 3] = ["cometbft-0.37.json", "cometbft-0.38.json", "cometbft-0.40.json"];
const RELEASES: [&str; 4] = ["0.37", "0.38", "0.39", "0.40"];

fn s5_sixty_documents_are_judged_as_the_chain_judges_them() {
    let all = mutations(&fixture(COMETBFT[1]));
    // Spread over all places and ways.
    let step = all.len() / 60;
    let some: Vec<Mutation> = all.into_iter().skip(step / 2).step_by(step).take(60).collect();
    assert_eq!(some.len(), 60);
    let verdicts = compared(&judged("cometbft", some), &setup_path("GENESIS_ORACLE"), "0.38");
    assert!(verdicts.refused > 20 && verdicts.accepted > 5, "{verdicts:?}: both kinds are among them");
}

fn s5_documents_are_judged_as_every_release_judges_them() {
    for document in COMETBFT {
        let mut all = mutations(&fixture(document));
        all.extend(pairs(&fixture(document), 300));
        assert!(all.len() >= 500, "{}", all.len());
        let judged = judged("cometbft", all);
        for release in RELEASES {
            let verdicts = compared(&judged, &oracle(&format!("genesis-oracle-{release}")), release);
            println!("{document}, {release}: {verdicts:?}");
            assert!(verdicts.refused > 200 && verdicts.accepted > 50, "{verdicts:?}");
        }
    }
}

fn s5_documents_of_the_sdk_are_judged_as_simd_judges_them() {
    let document = fs::read_to_string(in_repository("tests/fixtures/simd-0.50/collected.json")).unwrap();
    let all = mutations(&document);
    assert!(all.len() >= 500, "{}", all.len());
    let verdicts = compared(&judged("cosmos", all), &oracle("genesis-oracle-simd"), "simd");
    println!("{verdicts:?}");
    assert!(verdicts.refused > 200 && verdicts.accepted > 20, "{verdicts:?}");
}

/// A node of the real binary, started: it writes that it has started, or ends.
fn the_oracle_says_what_the_binary_does() {
    let all = mutations(&fixture(COMETBFT[1]));
    let step = all.len() / 40;
    let some: Vec<Mutation> = all.into_iter().step_by(step).take(40).collect();
    let folder = tempfile::tempdir().unwrap();
    let paths = written(folder.path(), &some);
    let verdicts = asked(&setup_path("GENESIS_ORACLE"), &paths);
    let binary = chain_binary("COMETBFT");
    for ((mutation, path), verdict) in some.iter().zip(&paths).zip(verdicts) {
        // It would sleep until then.
        if mutation.what.contains("2999") {
            continue;
        }
        let home = tempfile::tempdir().unwrap();
        let home = home.path().to_str().unwrap();
        command::run(Command::new(&binary).args(["init", "--home", home])).ok();
        fs::copy(path, Path::new(home).join("config/genesis.json")).unwrap();
        let starts = starts(&binary, home);
        assert_eq!(starts, verdict == "ok", "{}: the oracle says {verdict:?}", mutation.what);
    }
}

fn starts(binary: &Path, home: &str) -> bool {
    let log = Path::new(home).join("log");
    let free = "tcp://127.0.0.1:0";
    let mut node = Command::new(binary)
        .args(["start", "--home", home, "--proxy_app=kvstore", "--rpc.laddr", free, "--p2p.laddr", free])
        .stdout(fs::File::create(&log).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut started = None;
    for _ in 0..1200 {
        if fs::read_to_string(&log).unwrap_or_default().contains("Started node") {
            started = Some(true);
            break;
        }
        if node.try_wait().unwrap().is_some() {
            started = Some(false);
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = node.kill();
    node.wait().unwrap();
    started.expect("it starts or ends within a minute")
}

#[derive(Debug, Default)]
struct Verdicts {
    accepted: usize,
    refused: usize,
    excepted: usize,
}

/// Documents in files, and what loomctl says of each: once, whatever releases are asked.
struct Judged {
    all: Vec<Mutation>,
    folder: tempfile::TempDir,
    ours: Vec<command::Run>,
}

fn judged(chain: &str, all: Vec<Mutation>) -> Judged {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &PathBuf| {
        let check = ["genesis", "check", "--chain", chain, path.to_str().unwrap()];
        command::run(Command::new(env!("CARGO_BIN_EXE_loomctl")).args(check))
    };
    let ours = written(folder.path(), &all).iter().map(check).collect();
    Judged { all, folder, ours }
}

/// All on which loomctl and the chain do not agree, and that no exception explains, fail the test.
fn compared(Judged { all, folder, ours }: &Judged, oracle: &Path, release: &str) -> Verdicts {
    let theirs = asked(oracle, &written(folder.path(), all));
    assert_eq!(theirs.len(), all.len(), "a verdict each");
    let (mut verdicts, mut wrong) = (Verdicts::default(), String::new());
    for ((mutation, ours), theirs) in all.iter().zip(ours).zip(&theirs) {
        let (ok, starts) = (ours.code == Some(0), theirs == "ok");
        assert!(matches!(ours.code, Some(0 | 2)), "{}: {ours}", mutation.what);
        match (ok, starts) {
            (true, true) => verdicts.accepted += 1,
            (false, false) => verdicts.refused += 1,
            _ if EXCEPTIONS
                .iter()
                .any(|exception| exception.holds(ok, mutation, &ours.stderr, theirs, release)) =>
            {
                verdicts.excepted += 1;
            }
            _ => {
                let said = if ok { "ok" } else { ours.stderr.trim() };
                let _ = writeln!(wrong, "{}\n  loomctl: {said}\n  {release}: {theirs}", mutation.what);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{release}: {} verdicts differ:\n{wrong}",
        wrong.matches("  loomctl: ").count()
    );
    verdicts
}

fn written(folder: &Path, all: &[Mutation]) -> Vec<PathBuf> {
    let write = |(number, mutation): (usize, &Mutation)| {
        let path = folder.join(format!("{number}.json"));
        fs::write(&path, &mutation.text).unwrap();
        path
    };
    all.iter().enumerate().map(write).collect()
}

/// One line a document.
fn asked(oracle: &Path, paths: &[PathBuf]) -> Vec<String> {
    let mut list = tempfile::tempfile().unwrap();
    for path in paths {
        writeln!(list, "{}", path.display()).unwrap();
    }
    std::io::Seek::rewind(&mut list).unwrap();
    let said = Command::new(oracle).stdin(list).stderr(Stdio::inherit()).output().unwrap();
    assert!(said.status.success(), "{}: {}", oracle.display(), said.status);
    String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect()
}

fn oracle(name: &str) -> PathBuf {
    let built = Command::new(in_repository("tests/lab/chains")).arg(name).output().unwrap();
    let text = String::from_utf8(built.stdout).unwrap();
    let path = text.trim().split_once('=').unwrap_or_else(|| panic!("{name} cannot be built")).1;
    PathBuf::from(path)
}

fn fixture(name: &str) -> String {
    fs::read_to_string(in_repository(&format!("tests/fixtures/genesis/{name}"))).unwrap()
}

/// Where the two may differ, and why.
struct Exception {
    why: &'static str,
    /// loomctl says ok, and the chain does not start; or the other way round.
    ok: bool,
    /// Releases that it is about; empty: all.
    of: &'static [&'static str],
    /// What loomctl says (it refuses), or the chain (it does not start), has one of these in it.
    said: &'static [&'static str],
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        why: "without a time each node puts that of its own start, and no first block is accepted",
        ok: false,
        of: &[],
        said: &["is the zero time", "has no `genesis_time`", "genesis_time: \"\" is not a time"],
    },
    Exception {
        why: "the process starts and sleeps until then, with no port open",
        ok: false,
        of: &[],
        said: &["s in the future"],
    },
    Exception {
        why: "a chain id goes into units, file names and messages",
        ok: false,
        of: &[],
        said: &["must have 1 to 50 printable characters"],
    },
    Exception {
        why: "Go reads keys of {type, value} in letters of any size; no program writes them so",
        ok: false,
        of: &[],
        said: &["has no text `type`", "has no text `value`", "pub_key: is not a public key"],
    },
    Exception {
        why: "Go passes over line ends in base64, and over blanks around a quoted number; no program writes them so",
        ok: false,
        of: &[],
        said: &[
            "not base64: Invalid symbol 10",
            "\" 10\" is not a whole number that fits",
            "\"10 \" is not a whole number that fits",
        ],
    },
    Exception {
        why: "Go takes an hour of one digit and a comma before the fraction; RFC 3339 and other readers do not",
        ok: false,
        of: &[],
        said: &["\"2026-11-01T8:00:00Z\" is not a time", "\"2026-11-01T08:00:00,5Z\" is not a time"],
    },
    Exception {
        why: "0.37's kvstore holds the document's app_hash against its own; any other application has its own answer",
        ok: true,
        of: &["0.37"],
        said: &["state.AppHash does not match AppHash after replay"],
    },
    Exception {
        why: "parameters that this release passes over, and others refuse: the document outlives a release",
        ok: false,
        of: &["0.37"],
        said: &["consensus_params.abci"],
    },
    Exception {
        why: "the same of parameters that came with 0.39",
        ok: false,
        of: &["0.37", "0.38"],
        said: &["consensus_params.authority"],
    },
    Exception {
        why: "0.38.26 and 0.40 reserve room in a block for signatures of 3309 bytes; others need less",
        ok: false,
        of: &["0.37", "0.39"],
        said: &["is no room for a block"],
    },
    Exception {
        why: "0.37 knows no block without a limit of its own; 0.38 and later do",
        ok: true,
        of: &["0.37"],
        said: &[
            "block.MaxBytes must be greater than 0. Got -1",
            "evidence.MaxBytesEvidence is greater than upper bound",
        ],
    },
    Exception {
        why: "types of keys that later releases brought",
        ok: true,
        of: &["0.37", "0.38", "0.39"],
        said: &[
            "ml_dsa_65, is an unknown pubkey type",
            "secp256k1eth, is an unknown pubkey type",
            "unknown type \\\"cometbft/PubKeyMlDsa65",
        ],
    },
];

impl Exception {
    fn holds(&self, ok: bool, _: &Mutation, ours: &str, theirs: &str, release: &str) -> bool {
        let said = if ok { theirs } else { ours };
        assert!(!self.why.is_empty());
        self.ok == ok
            && (self.of.is_empty() || self.of.contains(&release))
            && self.said.iter().any(|words| said.contains(words))
    }
}

/// A document with one thing otherwise.
struct Mutation {
    what: String,
    text: String,
}

/// What any value may become.
fn anything() -> Vec<Value> {
    let texts = [
        "",
        "0",
        "1",
        "-1",
        "-0",
        "+10",
        "010",
        " 10",
        "10 ",
        "1e3",
        "1.0",
        "0x10",
        "\u{ff11}",
        "null",
        "true",
        "10,000",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "700",
        "1200",
        "5000",
        "104857600",
        "104857601",
        "ed25519",
        "\u{e9}\u{e9}\u{e9}",
        "a\u{0}b",
    ];
    let mut all: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    all.extend([
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(10),
        json!(1.5),
        json!([]),
        json!({}),
    ]);
    all.extend([
        json!([null]),
        json!([[]]),
        json!(["ed25519"]),
        json!({"a": 1}),
        json!([{}]),
        json!("x".repeat(51)),
    ]);
    all.push(json!("\u{e9}".repeat(26)));
    all
}

/// And what those of a name may become beside it.
fn of_its_kind(key: &str, found: &Value) -> Vec<Value> {
    let texts: &[&str] = match key {
        "genesis_time" => &[
            "2026-11-01T08:00:00+08:00",
            "2026-11-01T08:00:00-00:00",
            "2026-11-01T08:00:00z",
            "2026-11-01t08:00:00Z",
            "2026-11-01 08:00:00Z",
            "2026-02-29T00:00:00Z",
            "2024-02-29T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-01T24:00:00Z",
            "2026-11-01T23:59:60Z",
            "2026-11-01T08:00Z",
            "2026-11-01T08:00:00.Z",
            "2026-11-01T08:00:00.1Z",
            "2026-11-01T08:00:00.123456789123Z",
            "2026-11-01T08:00:00,5Z",
            "2026-11-1T08:00:00Z",
            "26-11-01T08:00:00Z",
            "2026-11-01T08:00:00",
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:01Z",
            "2999-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "2026-11-01T8:00:00Z",
        ],
        "value" => &["====", "AAAA", "\u{e9}"],
        "type" => &[
            "tendermint/PubKeySecp256k1",
            "tendermint/PrivKeyEd25519",
            "tendermint/PubKeySr25519",
            "cometbft/PubKeyMlDsa65",
            "tendermint.crypto.PublicKey",
            "PubKeyEd25519",
            "/cosmos.crypto.ed25519.PubKey",
        ],
        "address" => &["AB", "ABC", "ab cd", "0000000000000000000000000000000000000000"],
        "app_hash" => &[
            "AB",
            "ab",
            "ABC",
            "XY",
            "0xAB",
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        ],
        "max_bytes" => &["13000", "14000", "22020096", "1048576"],
        _ => &[],
    };
    let mut all: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    // The same bytes in other writing.
    if let ("value" | "address", Some(text)) = (key, found.as_str()) {
        let (start, end) = text.split_at(text.len() / 2);
        let written = [
            format!("{start}\n{end}"),
            format!("{start} {end}"),
            format!(" {text}"),
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-").replace('/', "_"),
            text.to_lowercase(),
            format!("{text}\n"),
            start.to_owned(),
            format!("0x{text}"),
        ];
        all.extend(written.map(Value::from));
    }
    if key == "pub_key_types" {
        let types: [&[&str]; 7] = [
            &["secp256k1"],
            &["ed25519", "secp256k1"],
            &["ed25519", "ed25519"],
            &["ed25519", "rsa"],
            &["ml_dsa_65"],
            &["tendermint/PubKeyEd25519"],
            &["ed25519", ""],
        ];
        all.extend(types.map(|types| json!(types)));
    }
    if key == "consensus_params" {
        all.push(json!({"block": {}, "evidence": {}, "validator": {}}));
    }
    all
}

/// Every place of the document in all these ways, and the text itself in some.
fn mutations(document: &str) -> Vec<Mutation> {
    let json: Value = serde_json::from_str(document).unwrap();
    let mut all = vec![Mutation { what: "as it is".to_owned(), text: document.to_owned() }];
    for place in places(&json) {
        let key = place.rsplit('/').next().unwrap_or_default();
        for value in anything().into_iter().chain(of_its_kind(key, json.pointer(&place).unwrap())) {
            let mut changed = json.clone();
            *changed.pointer_mut(&place).unwrap() = value.clone();
            all.push(Mutation { what: format!("{place} = {value}"), text: changed.to_string() });
        }
        all.extend(around(&json, &place));
    }
    all.extend(as_text(document));
    all
}

/// Taken away, renamed, doubled.
fn around(json: &Value, place: &str) -> Vec<Mutation> {
    let (parent, key) = place.rsplit_once('/').unwrap();
    let mut all = Vec::new();
    let mut with = |what: &str, how: &dyn Fn(&mut Value)| {
        let mut changed = json.clone();
        how(changed.pointer_mut(parent).unwrap());
        all.push(Mutation { what: format!("{place} {what}"), text: changed.to_string() });
    };
    match json.pointer(parent).unwrap() {
        Value::Object(_) => {
            with("is gone", &|parent| drop(parent.as_object_mut().unwrap().shift_remove(key)));
            with("in capitals", &|parent| {
                let map = parent.as_object_mut().unwrap();
                let value = map.shift_remove(key).unwrap();
                map.insert(key.to_uppercase(), value);
            });
            with("has a neighbour", &|parent| {
                drop(parent.as_object_mut().unwrap().insert("unknown".into(), json!(7)));
            });
        }
        Value::Array(_) => {
            let at: usize = key.parse().unwrap();
            with("is gone", &|parent| drop(parent.as_array_mut().unwrap().remove(at)));
            with("stands twice", &|parent| {
                let list = parent.as_array_mut().unwrap();
                list.push(list[at].clone());
            });
            with("comes last", &|parent| parent.as_array_mut().unwrap()[at..].rotate_left(1));
        }
        _ => {}
    }
    all
}

fn places(json: &Value) -> Vec<String> {
    fn below(value: &Value, at: &str, all: &mut Vec<String>) {
        let mut each = |key: &str, value: &Value| {
            let place = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            all.push(place.clone());
            below(value, &place, all);
        };
        match value {
            // What only the application reads is its own.
            Value::Object(map) => {
                map.iter().filter(|(key, _)| *key != "app_state").for_each(|(key, value)| each(key, value));
            }
            // One of a list stands for all.
            Value::Array(list) => {
                list.iter().enumerate().take(1).for_each(|(index, value)| each(&index.to_string(), value));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    below(json, "", &mut all);
    all
}

/// What is no matter of values: notation, keys that stand twice, what is no JSON.
fn as_text(document: &str) -> Vec<Mutation> {
    let once = |what: &str, from: &str, to: &str| Mutation {
        what: format!("text: {what}"),
        text: document.replacen(from, to, 1),
    };
    let all = vec![
        once("power with escapes", "\"power\": \"10\"", "\"power\": \"\\u0031\\u0030\""),
        once("time with an escape", "\"genesis_time\": \"2", "\"genesis_time\": \"\\u0032"),
        once("app_hash with an escape", "\"app_hash\": \"\"", "\"app_hash\": \"\\u0041B\""),
        once("chain_id with an escape", "\"chain_id\": \"", "\"chain_id\": \"\\u0074"),
        once("type with an escape", "tendermint/PubKeyEd25519", "tendermint\\/PubKeyEd25519"),
        once("power twice, the last is sound", "\"power\": \"10\"", "\"power\": 7, \"power\": \"10\""),
        once("power twice, the last is not", "\"power\": \"10\"", "\"power\": \"10\", \"power\": 7"),
        once("chain_id twice", "\"chain_id\":", "\"chain_id\": 7, \"chain_id\":"),
        once("a key with an escape", "\"chain_id\"", "\"chain\\u005fid\""),
        once("a comma too many", "\"chain_id\"", ",\"chain_id\""),
        once("a comment", "\"chain_id\"", "/* the id */ \"chain_id\""),
        once("single quotes", "\"chain_id\"", "'chain_id'"),
        once("a tab in a text", "\"chain_id\": \"", "\"chain_id\": \"\t"),
        Mutation { what: "text: cut in half".into(), text: document[..document.len() / 2].into() },
        Mutation { what: "text: empty".into(), text: String::new() },
        Mutation { what: "text: blanks".into(), text: " \n".into() },
        Mutation { what: "text: a list".into(), text: format!("[{document}]") },
        Mutation { what: "text: null".into(), text: "null".into() },
        Mutation { what: "text: something behind it".into(), text: format!("{document} x") },
        Mutation { what: "text: twice".into(), text: format!("{document}{document}") },
        Mutation { what: "text: a byte order mark".into(), text: format!("\u{feff}{document}") },
        Mutation { what: "text: blanks around it".into(), text: format!("\r\n\t {document} \n\n") },
    ];
    all.into_iter().filter(|mutation| mutation.text != document).collect()
}

/// Two changes at once, drawn.
fn pairs(document: &str, count: usize) -> Vec<Mutation> {
    let json: Value = serde_json::from_str(document).unwrap();
    let (places, mut dice) =
        (places(&json), Dice(std::env::var("LOOMCTL_SEED").map_or(7, |seed| seed.parse().unwrap())));
    let draw = |_| {
        let (mut changed, mut what) = (json.clone(), String::new());
        for _ in 0..2 {
            let place = &places[dice.below(places.len())];
            let key = place.rsplit('/').next().unwrap_or_default();
            let of_kind = of_its_kind(key, json.pointer(place).unwrap());
            let pool = if of_kind.is_empty() || dice.below(2) == 0 { anything() } else { of_kind };
            // The first change may have taken the second's place away.
            if let Some(slot) = changed.pointer_mut(place) {
                *slot = pool[dice.below(pool.len())].clone();
                let _ = write!(what, "{place} = {slot}; ");
            }
        }
        Mutation { what, text: changed.to_string() }
    };
    (0..count).map(draw).collect()
}
