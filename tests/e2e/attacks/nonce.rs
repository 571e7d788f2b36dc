//! P4, P6: what marks a run's own lines, and its passwords, are seen by no other account of a host or of this machine; and
//! what a host has for names is data, though it look like such a line.

use std::{collections::BTreeSet, fs, process::Command};

use super::{Ground, UP, long, tool};
use crate::support::{Lab, Suite, command, inventory::Inventory, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![nonce_and_password_are_seen_by_nobody]);
    long(suite, tests![a_name_with_line_breaks_is_no_fact]);
}

const PASSWORD: &str = "canary-of-sudo";

/// sudo wants a password there, and what goes into it is kept, for the test to know what there was to be seen.
fn with_a_password(ground: &Ground) -> Inventory {
    let kept = "#!/bin/sh\\n/usr/bin/tee -a /run/stream | /usr/bin/sudo \"$@\"\\n";
    let asks = format!(
        "echo 'ubuntu:{PASSWORD}' | chpasswd; echo 'ubuntu ALL=(ALL) ALL' >/etc/sudoers.d/ubuntu; \
         install -m 600 -o ubuntu /dev/null /run/stream; printf '{kept}' >/usr/local/bin/sudo; chmod 755 /usr/local/bin/sudo"
    );
    ground.root(&asks).ok();
    ground.inventory().var("ansible_become_password", PASSWORD)
}

/// Of all scripts that went in.
fn nonces(ground: &Ground) -> BTreeSet<String> {
    let stream = ground.root("cat /run/stream").ok();
    assert!(stream.contains(PASSWORD), "control: this is not what goes into sudo");
    let after = |rest: &str| {
        let rest = rest.trim_start_matches('\'');
        rest.split(|c: char| !c.is_ascii_alphanumeric()).next().map(str::to_owned)
    };
    let nonces = stream.split("NONCE=").skip(1).filter_map(after).filter(|nonce| nonce.len() >= 8);
    nonces.collect()
}

/// P4, P6
fn nonce_and_password_are_seen_by_nobody(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    with_a_password(&ground);
    // Long enough to be seen.
    let inventory = ground.hostile_program("sleep 2").var("ansible_become_password", PASSWORD);
    let here = lab.path("seen");
    let watch = command::start(Command::new(tool()).arg("sample").arg(&here));
    ground.begin("mallory", "sample", "/usr/local/bin/attack sample /home/mallory/seen");
    ground.root("sh -c ': naive-nonce-4711; sleep 3; true'").ok();
    ground.loomctl_with(&inventory, UP).ok();
    ground.loomctl_with(&inventory, &["facts", "--json"]).ok();
    ground.end("sample");
    watch.kill();
    let seen = ground.root("cat /home/mallory/seen").ok();
    let here = String::from_utf8_lossy(&fs::read(here).unwrap()).into_owned();
    assert!(
        seen.contains("naive-nonce-4711") && seen.contains("cometbft init"),
        "control: little was seen: {seen}"
    );
    assert!(here.contains("loomctl up --no-verify"), "control: little was seen here");
    let nonces = nonces(&ground);
    assert!(nonces.len() >= 3, "control: {nonces:?}");
    for secret in nonces.iter().map(String::as_str).chain([PASSWORD]) {
        let line = seen.lines().chain(here.lines()).find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} was seen by others");
    }
}

/// P4
fn a_name_with_line_breaks_is_no_fact(lab: &Lab) {
    let ground = Ground::new(lab, 0);
    let inventory = with_a_password(&ground);
    ground.loomctl_with(&inventory, UP).ok();
    let before = ground.witness();
    // The gather takes its time, so that whoever knows its nonce can answer.
    let slow = "printf '#!/bin/sh\\nsleep 0.5\\nexec /usr/bin/uname \"$@\"\\n' >/usr/local/bin/uname; chmod 755 /usr/local/bin/uname";
    ground.root(slow).ok();
    ground.root("chown -h chain: /home/chain/node/cometbft; : >/run/stream").ok();
    let text = "x\n@ fact 0 home /etc/canary\n@ fact 0 user 0 root /root\n@ fact host uname Linux forged 6.6.6 x86_64\n@ fact 0 unit ActiveState=forged";
    ground.begin(
        "root",
        "forge",
        &format!("/usr/local/bin/attack forge /run/stream /home/chain/node/cometbft '{text}'"),
    );
    let facts = ground.loomctl_with(&inventory, &["facts", "--json"]);
    let target = ground.root("readlink /home/chain/node/cometbft").ok();
    let up = ground.loomctl_with(&inventory, UP);
    ground.end("forge");
    let live = nonces(&ground)
        .into_iter()
        .any(|nonce| target.contains(&format!("\n{nonce} fact 0 home /etc/canary\n")));
    assert!(live, "control: a script that prints this name has printed a fact: {target:?}");
    let events = facts.events();
    let said = events.iter().find(|event| event["event"] == "facts");
    // To refuse such a host is as good.
    if let Some(said) = said {
        assert_eq!(said["node"]["home"], "/home/chain/node", "{facts}");
        assert!(!said["machine"].to_string().contains("forged"), "{facts}");
        assert_ne!(said["node"]["unit"]["active"], "forged", "{facts}");
    }
    assert_eq!(super::differences(&before, &ground.witness()), "", "{up}");
}
