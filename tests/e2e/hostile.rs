//! S9 on hosts: what an inventory says arrives as it is, and nothing on the way interprets it.

use std::fs;

use loomctl::chain::{config::read_key, profile::Format};
use serde_json::{Value, json};

use crate::support::{Lab, Suite, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![s9_hostile_values_arrive_as_they_are]);
}

/// For whoever interprets it: a shell, systemd, a template.
const TEXT: &str = "a  b; touch CANARY9 & `touch CANARY9` $(touch CANARY9) ${HOME} $$ %h 100% 'x' \"y\" \\n | > CANARY9 # end";
const FOLDER: &str = "/srv/ein Knoten; touch CANARY9 & 100%h (äß✓)|#x";
/// No blank and no slash, but all that a shell needs to do harm.
const NAME: &str = "n;touch${IFS}CANARY9;`touch${IFS}CANARY9`'%h\"ä✓&";

fn s9_hostile_values_arrive_as_they_are(lab: &Lab) {
    let several = format!("{TEXT}\nÄ✓\ttab\u{7f}");
    // As a unit wants it written.
    let assignment = TEXT.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    let lines = json!([format!("\"HOSTILE={assignment}\""), "UMLAUT=äß✓"]);
    let inventory = lab
        .inventory("cometbft")
        .first(3)
        .var("working_directory", FOLDER)
        .var("settings", json!({"config.toml": {"moniker": TEXT, "tx_index.psql-conn": several}}))
        .var("unit", json!({"Service": {"Environment": lines}}));
    let host = json!({"ansible_host": lab.address(3), "private_ip": lab.address(3)});
    let inventory = inventory.host(NAME, &host).write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.loomctl(&["up", "-i", inventory]).ok();
    for host in 0..lab.hosts() {
        let config = lab.root(host, &format!("cat '{FOLDER}/config/config.toml'")).ok().into();
        let key = |key| read_key(Format::Toml, &config, key);
        assert_eq!(key("moniker"), Some(Value::from(TEXT)));
        assert_eq!(key("tx_index.psql-conn"), Some(Value::from(several.as_str())));
        let status = lab.get(host, 26657, "/status").unwrap();
        assert_eq!(status["result"]["node_info"]["moniker"], TEXT, "the node's own reading");
        let pid = lab.root(host, "systemctl show -p MainPID --value cometbft").ok();
        let of = |file: &str| lab.root(host, &format!("cat /proc/{}/{file}", pid.trim())).ok();
        let environ = of("environ");
        for variable in [&format!("HOSTILE={TEXT}"), "UMLAUT=äß✓"] {
            assert!(environ.split('\0').any(|found| found == variable), "{variable:?} is not in {environ:?}");
        }
        let home = format!("--home\0{FOLDER}\0");
        assert!(of("cmdline").contains(&home), "{home:?} is not in {:?}", of("cmdline"));
        let canary = "find / -xdev ! -type d -name '*CANARY9*' ! -path '/proc/*' 2>/dev/null; true";
        assert_eq!(
            lab.root(host, canary).ok(),
            "",
            "somebody has run what was only to be written on host {host}"
        );
        lab.root(host, "touch /srv/x-CANARY9").ok();
        assert_eq!(lab.root(host, canary).ok(), "/srv/x-CANARY9\n", "control");
    }
    let folder = format!("there=$(cat <<'END'\n/var/lib/loomctl/labnet/{NAME}\nEND\n); test -d \"$there\"");
    lab.root(3, &folder).ok();
    let here = fs::read_dir(lab.path("")).unwrap().flatten();
    assert!(!here.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("CANARY9")));
    assert_eq!(lab.loomctl(&["up", "-i", inventory, "--json"]).exits(0).summary()["changed"], 0);
    lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();

    // What cannot arrive is refused before any connection.
    for (name, value) in
        [("working_directory", "/srv/a\nb"), ("user", "a;b"), ("chain_id", "a\nb"), ("unit_name", "a b")]
    {
        let refused = lab.inventory("cometbft").var(name, value).write(lab);
        let run = lab.loomctl(&["up", "-i", refused.to_str().unwrap()]).exits(2);
        assert!(run.stderr.contains("error"), "{run}");
    }
}
