#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::{
    chain::{basics::Settings, peers::topology::Role, ports::ports_of, profile::Format},
    types::ids::{ChainId, HostAddr, NodeId, NodeName},
};

fn basics() -> Basics {
    Basics {
        name: NodeName::new("node-0").unwrap(),
        chain_id: ChainId::new("default").unwrap(),
        rpc_bind: None,
        ports: BTreeMap::new(),
        settings: Settings::new(),
        values: BTreeMap::new(),
    }
}

fn addr(host: &str) -> PeerAddr {
    PeerAddr { host: HostAddr::new(host).unwrap(), port: 26656 }
}

fn peer(number: usize, host: &str) -> PeerInfo {
    let id = NodeId::new(format!("{number:040x}")).unwrap();
    let name = NodeName::new(format!("node-{number}")).unwrap();
    PeerInfo { spot: Spot { name, role: Role::Validator, behind: Vec::new() }, id, addr: addr(host) }
}

fn context(chain: &str) -> NodeContext {
    let (path, text) = match chain {
        "loom" => ("chaindata/config/config.toml", include_str!("../../../tests/fixtures/loom/config.toml")),
        _ => ("config/config.toml", include_str!("../../../tests/fixtures/cometbft-0.38/config.toml")),
    };
    NodeContext {
        basics: basics(),
        home: RemotePath::new("/home/ubuntu").unwrap(),
        shown: RemotePath::new("/home/ubuntu").unwrap(),
        binary: RemotePath::new(format!("/home/ubuntu/{chain}")).unwrap(),
        user: UserName::new("ubuntu").unwrap(),
        external_address: addr("10.0.0.1"),
        spot: peer(0, "10.0.0.1").spot,
        peers: vec![peer(1, "10.0.0.2")],
        seeds: Vec::new(),
        sync: None,
        unit: UnitOverrides::new(),
        services: Vec::new(),
        rootless: false,
        systemd: None,
        init_files: BTreeMap::from([(HomePath::new(path).unwrap(), text.into())]),
    }
}

fn render(chain: &str, change: impl FnOnce(&mut NodeContext)) -> Result<Rendered, String> {
    let mut node = context(chain);
    change(&mut node);
    let words = |found: Vec<Diagnostic>| {
        let line = |p: &Diagnostic| format!("{} · {}", p.message, p.help.clone().unwrap_or_default());
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    render_node(&Profile::builtin(chain).unwrap(), &node).map_err(words)
}

fn settings(file: &str, keys: Value) -> Settings {
    let Value::Object(keys) = keys else { panic!("a mapping") };
    Settings::from([(file.to_owned(), keys)])
}

fn changed(before: &str, after: &str) -> Vec<String> {
    before.lines().zip(after.lines()).filter(|(a, b)| a != b).map(|(_, b)| b.to_owned()).collect()
}

/// The configuration by path in the home.
fn texts(rendered: &Rendered) -> BTreeMap<HomePath, Text> {
    let below = |file: &RenderedFile| {
        let path = file.path.as_str().trim_start_matches("/home/ubuntu/");
        (HomePath::new(path).unwrap(), file.content.clone())
    };
    rendered.files.iter().map(below).collect()
}

#[test]
fn a_node_of_cometbft() {
    let made = render("cometbft", |_| ()).unwrap();
    assert_eq!(made.argv, ["/home/ubuntu/cometbft", "start", "--home", "/home/ubuntu"]);
    assert_eq!(made.files[0].path.as_str(), "/home/ubuntu/config/config.toml");
    let before = context("cometbft").init_files.into_values().next().unwrap();
    let peer = format!("persistent_peers = \"{:040x}@10.0.0.2:26656\"", 1);
    let expected = [
        "proxy_app = \"kvstore\"",
        "moniker = \"node-0\"",
        "external_address = \"10.0.0.1:26656\"",
        &peer,
        "addr_book_strict = false",
        "allow_duplicate_ip = true",
    ];
    assert_eq!(changed(&before, &made.files[0].content), expected);
    let ports = made.ports.clone();
    assert_eq!(
        (ports["p2p"].bind.as_str(), ports["p2p"].port, ports["p2p"].expected),
        ("0.0.0.0", 26656, true)
    );
    assert_eq!((ports["rpc"].bind.as_str(), ports["rpc"].port), ("127.0.0.1", 26657));
    assert!(!ports["prometheus"].expected);
}

#[test]
fn a_node_of_loom() {
    let made = render("loom", |_| ()).unwrap();
    let peers = format!("tcp://{:040x}@10.0.0.2:26656", 1);
    assert_eq!(made.argv, ["/home/ubuntu/loom", "run", "--persistent-peers", &peers]);
    let yml = made.files.iter().find(|file| file.path.file_name() == "loom.yml").unwrap();
    let expected = "\
# Written by loomctl: change the inventory (`settings: {loom.yml: {…}}`), not this file.
ChainID: \"default\"
QueryServerHost: \"tcp://0.0.0.0:9999\"
RPCListenAddress: \"tcp://127.0.0.1:46657\"
RPCBindAddress: \"tcp://0.0.0.0:46658\"
RPCProxyPort: 46658
";
    assert_eq!((&*yml.content, yml.mode), (expected, 0o644));
    let ports = made.ports.clone();
    let listens: Vec<_> =
        ports.iter().filter(|(_, p)| p.expected).map(|(n, p)| (n.as_str(), p.port)).collect();
    assert_eq!(listens, [("p2p", 26656), ("rpc", 46658), ("tm_rpc", 46657)]);
    // What stands before init is what stands after it.
    let folder = RemotePath::new("/home/.staging").unwrap();
    let before = pre_init_files(&Profile::builtin("loom").unwrap(), &basics(), &folder).unwrap();
    assert_eq!((before[0].path.as_str(), &*before[0].content), ("/home/.staging/loom.yml", expected));
}

/// Peers in a file of their own, a number that says the chain, an address beside its port, and what goes before a start.
#[test]
fn a_node_of_kaia() {
    let kaia = |more: &dyn Fn(&mut NodeContext)| {
        render("kaia", |node| {
            node.basics.chain_id = ChainId::new("2024").unwrap();
            node.peers.push(peer(2, "fd00::2"));
            more(node);
        })
    };
    let made = kaia(&|_| ()).unwrap();
    let home = "/home/ubuntu";
    let argv = ["kcn.yaml", "", "2024", "klay/nodekey"];
    let flags = ["--conf=/home/ubuntu/", "--datadir=/home/ubuntu", "--networkid=", "--nodekey=/home/ubuntu/"];
    let expected: Vec<String> = [format!("{home}/kaia")]
        .into_iter()
        .chain(flags.iter().zip(argv).map(|(flag, value)| format!("{flag}{value}")))
        .collect();
    assert_eq!(made.argv, expected);
    let before =
        "ExecStartPre=/home/ubuntu/kaia init --datadir=/home/ubuntu /home/ubuntu/genesis.json\nExecStart=";
    assert!(made.unit.contains(before), "{}", made.unit);
    let file = |made: &Rendered, name: &str| {
        made.files.iter().find(|file| file.path.file_name() == name).unwrap().content.clone()
    };
    let (one, two) = (format!("{:040x}", 1), format!("{:040x}", 2));
    let peers = format!(
        "[\n  \"kni://{one}@10.0.0.2:26656?discport=0&ntype=cn\",\n  \"kni://{two}@[fd00::2]:26656?discport=0&ntype=cn\"\n]\n"
    );
    assert_eq!(file(&made, "static-nodes.json"), *peers);
    let ports = made.ports.clone();
    assert_eq!(
        (ports["rpc"].bind.as_str(), ports["rpc"].port, ports["p2p"].port),
        ("127.0.0.1", 8551, 32323)
    );
    assert!(!ports["ws"].expected && !ports["prometheus"].expected);

    let moved = kaia(&|node| {
        node.basics.rpc_bind = Some(HostAddr::new("10.0.0.1").unwrap());
        node.basics.ports = BTreeMap::from([("p2p".to_owned(), 33000), ("rpc".to_owned(), 33001)]);
        node.basics.settings = settings("kcn.yaml", json!({"ws-rpc.enable": true}));
    })
    .unwrap();
    let ports = moved.ports.clone();
    assert_eq!(
        (ports["rpc"].bind.as_str(), ports["rpc"].port, ports["p2p"].port),
        ("10.0.0.1", 33001, 33000)
    );
    assert!(ports["ws"].expected && ports["ws"].bind == "127.0.0.1");

    let named = judge(&Profile::builtin("kaia").unwrap(), &basics());
    assert!(named[0].message.contains("kaia knows its chains by numbers"), "{named:?}");
}

#[test]
fn a_node_alone_has_no_peers_flag_and_public_addresses_keep_a_strict_book() {
    let made = render("loom", |node| node.peers.clear()).unwrap();
    assert_eq!(made.argv, ["/home/ubuntu/loom", "run"]);
    let made = render("cometbft", |node| {
        node.external_address = addr("8.8.8.8");
        node.peers = vec![peer(1, "9.9.9.9")];
    });
    assert!(made.unwrap().files[0].content.contains("addr_book_strict = true"));
}

#[test]
fn builds_of_2018_listen_on_9999_too() {
    let made = render("loom", |node| {
        for text in node.init_files.values_mut() {
            *text = text.replace("0.0.0.0:26656", "0.0.0.0:46656").into();
        }
    });
    let ports = made.unwrap().ports;
    assert_eq!((ports["p2p"].port, ports["query"].port, ports["query"].expected), (46656, 9999, true));
}

#[test]
fn a_port_that_moves_is_moved_everywhere() {
    let made = render("loom", |node| {
        node.basics.ports =
            BTreeMap::from([("rpc".into(), 50000), ("p2p".into(), 50001), ("tm_rpc".into(), 50002)]);
        node.basics.rpc_bind = Some(HostAddr::new("::1").unwrap());
    })
    .unwrap();
    let text = |name: &str| &made.files.iter().find(|file| file.path.file_name() == name).unwrap().content;
    assert!(text("loom.yml").contains("RPCBindAddress: \"tcp://[::1]:50000\"\nRPCProxyPort: 50000\n"));
    assert!(text("loom.yml").contains("RPCListenAddress: \"tcp://127.0.0.1:50002\""));
    assert!(text("config.toml").contains("laddr = \"tcp://0.0.0.0:50001\""));
    let ports = made.ports.clone();
    assert_eq!((ports["rpc"].bind.as_str(), ports["rpc"].port, ports["p2p"].port), ("::1", 50000, 50001));
}

#[test]
fn settings_come_last_and_must_not_contradict() {
    let proxy = json!({"proxy_app": "tcp://127.0.0.1:1", "p2p": {"pex": false}});
    for file in ["config.toml", "config/config.toml"] {
        let made = render("cometbft", |node| node.basics.settings = settings(file, proxy.clone())).unwrap();
        let text = &made.files[0].content;
        assert!(text.contains("proxy_app = \"tcp://127.0.0.1:1\"") && text.contains("\npex = false"));
    }
    let said = render("cometbft", |node| {
        node.basics.settings = settings("config.toml", json!({"p2p.laddr": "tcp://0.0.0.0:7"}));
        node.basics.ports.insert("p2p".into(), 8);
    });
    assert!(said.unwrap_err().contains("`ports:` wants p2p on 8, but its key in `settings:` says 7"));
    let said = render("cometbft", |node| node.basics.ports = BTreeMap::from([("p2p".into(), 26657)]));
    assert!(said.unwrap_err().contains("p2p and rpc both want port 26657"));
}

#[test]
fn what_the_chain_does_not_have_is_refused() {
    let said = render("loom", |node| {
        node.basics.settings = settings("loom.yaml", json!({"a": 1}));
        node.basics.ports.insert("rcp".into(), 1);
    });
    let said = said.unwrap_err();
    assert!(
        said.contains("`settings:` names `loom.yaml`") && said.contains("is `loom.yml` meant?"),
        "{said}"
    );
    assert!(said.contains("`ports:` names `rcp`") && said.contains("is `rpc` meant?"), "{said}");
    let said = render("cometbft", |node| node.init_files.clear()).unwrap_err();
    assert!(said.contains("node-0: init has made no config/config.toml"), "{said}");
}

#[test]
fn before_init_the_defaults_count() {
    let profile = Profile::builtin("cometbft").unwrap();
    let moved = BTreeMap::from([("p2p".to_owned(), 7_u16)]);
    let bind = HostAddr::new("0.0.0.0").unwrap();
    let ports = ports_of(&profile, &BTreeMap::new(), &moved, Some(&bind));
    assert_eq!(
        (ports["p2p"].port, ports["rpc"].bind.as_str(), ports["prometheus"].expected),
        (7, "0.0.0.0", false)
    );
}

#[test]
fn s2_what_was_rendered_renders_to_itself() {
    for chain in ["cometbft", "loom"] {
        let change = |node: &mut NodeContext| {
            node.basics.ports.insert("rpc".into(), 50000);
            node.basics.settings = settings("config.toml", json!({"p2p.pex": false, "mempool.size": 7}));
        };
        let once = render(chain, change).unwrap();
        let again = render(chain, |node| {
            change(node);
            node.init_files = texts(&once);
        });
        assert_eq!(again.unwrap(), once);
    }
}

#[test]
fn s9_names_with_marks_arrive_in_configuration_and_unit() {
    for chain in ["cometbft", "loom"] {
        let id = "a\"b' {{ x }} %h $HOME: #\\";
        let made = render(chain, |node| {
            node.basics.chain_id = ChainId::new(id).unwrap();
            node.basics.name = NodeName::new("n\"{{x}}%h$A'").unwrap();
        });
        let made = made.unwrap();
        let toml = made.files.iter().find(|file| file.path.file_name() == "config.toml").unwrap();
        let read = crate::chain::config::read_key;
        assert_eq!(read(Format::Toml, &toml.content, "moniker"), Some(json!("n\"{{x}}%h$A'")));
        assert!(
            made.unit.contains(&format!("Description={chain} node n\"{{{{x}}}}%%h$A'\n")),
            "{}",
            made.unit
        );
        if let Some(yml) = made.files.iter().find(|file| file.path.file_name() == "loom.yml") {
            assert_eq!(read(Format::Yaml, &yml.content, "ChainID"), Some(json!(id)));
        }
    }
}

#[test]
fn each_role_has_its_own_words() {
    let config = |chain: &str, change: fn(&mut NodeContext)| {
        let rendered = render(chain, change).unwrap();
        texts(&rendered).into_iter().find(|(path, _)| path.file_name() == "config.toml").unwrap().1
    };
    for chain in ["cometbft", "loom"] {
        let plain = config(chain, |_| {});
        let has = |text: &str, line: &str| text.lines().any(|found| found == line);
        assert!(has(&plain, "pex = true") && has(&plain, "seeds = \"\"") && has(&plain, "seed_mode = false"));
        let hidden = config(chain, |node| node.spot.behind = vec![NodeName::new("node-1").unwrap()]);
        assert!(has(&hidden, "pex = false"), "{chain}");
        let sentry = config(chain, |node| {
            node.spot.role = Role::Sentry;
            node.peers[0].spot.behind = vec![node.spot.name.clone()];
            node.seeds = vec![peer(7, "10.0.0.7")];
        });
        assert!(
            has(&sentry, &format!("private_peer_ids = \"{:040x}\"", 1))
                && sentry.contains("@10.0.0.7:26656\"")
        );
        assert!(has(&config(chain, |node| node.spot.role = Role::Seed), "seed_mode = true"));
    }
}
