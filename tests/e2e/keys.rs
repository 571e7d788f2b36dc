//! S3: private keys and secrets stay where they are. Each search has its control: it does find a key where there is one.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::faults::{until, with_passphrase};
use crate::support::{
    Lab, Suite,
    command::{self, Run, Running},
    tests,
};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![private_keys_stay_where_they_are, secrets_stay_where_they_are]);
}

fn private_keys_stay_where_they_are(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let run = lab.start_loomctl(&["up", "-vv", "--diff", "-i", inventory]);
    let (run, seen) = watched(run);
    let run = run.exits(0);
    let mut said = run.stdout + &run.stderr;
    for text in seen {
        said += &text;
    }
    assert!(said.contains("ControlPath=/tmp/loomctl-"), "the arguments of its ssh were not seen");
    assert!(said.contains(".log\n"), "its private folder was not seen");
    assert!(said.contains("cometbft\0start"), "the arguments of the hosts' processes were not seen");

    for command in
        [vec!["up", "--json"], vec!["plan", "--json"], vec!["facts", "--json", "-vv"], vec!["verify", "-vv"]]
    {
        let run = lab.loomctl(&[&command[..], &["-i", inventory]].concat()).exits(0);
        said += &run.stdout;
        said += &run.stderr;
    }
    let read = "sed -n 's/.*\"value\": *\"\\([A-Za-z0-9+\\/=]\\{80,\\}\\)\".*/\\1/p' \
                /home/ubuntu/node/config/node_key.json /home/ubuntu/node/config/priv_validator_key.json";
    for host in 0..lab.hosts() {
        let keys = lab.root(host, read).ok();
        let keys: Vec<Key> = keys.lines().map(Key::of).collect();
        assert_eq!(keys.len(), 2, "a node key and a validator key");
        assert!(said.contains(&keys[1].public), "control: not even the public key was printed");
        for key in keys {
            is_nowhere(lab, host, &key, &said);
        }
    }
}

/// To its end, and all that could be seen of it meanwhile.
fn watched(mut run: Running) -> (Run, BTreeSet<String>) {
    let mut seen = BTreeSet::new();
    while !run.is_over() {
        look(&run, &mut seen);
        sleep(Duration::from_millis(20));
    }
    (run.wait(), seen)
}

pub fn is_nowhere(lab: &Lab, host: usize, key: &Key, said: &str) {
    for form in &key.secret {
        assert!(!said.contains(form), "a private key of host {host} was shown as {form}");
    }
    let patterns: String = key.secret.iter().fold(String::new(), |all, form| all + " -e '" + form + "'");
    let elsewhere = "/var/lib/loomctl /run /tmp /var/tmp /var/log /root /etc";
    assert_eq!(lab.root(host, &format!("grep -rlF {patterns} {elsewhere}; true")).ok(), "", "on host {host}");
    let control = lab.root(host, &format!("grep -rlF {patterns} /home/ubuntu")).ok();
    assert_eq!(control.lines().count(), 1, "the key itself, and no copy: {control}");

    let here = || [holders(&lab.path(""), &key.secret), holders_in(lab.folder(), &key.secret)].concat();
    assert_eq!(here(), Vec::<PathBuf>::new(), "a private key of host {host} came here");
    let decoy = lab.path("decoy");
    for form in &key.secret {
        fs::write(&decoy, format!("x{form}x")).unwrap();
        assert_eq!(here(), std::slice::from_ref(&decoy), "control");
    }
    fs::remove_file(&decoy).unwrap();
}

/// A key in the forms in which it could leave its host.
pub struct Key {
    /// As it is, in base64 once more (as a file that goes through it, at any offset), in hex.
    secret: Vec<String>,
    pub public: String,
}

impl Key {
    pub fn of(text: &str) -> Self {
        let bytes = STANDARD.decode(text).expect("a key is base64");
        assert_eq!(bytes.len(), 64, "the secret, then the public key");
        let plain = &text[..40];
        let again = (0..3).map(|offset| STANDARD.encode(&plain[offset..offset + 36]));
        let hex = hex::encode(&bytes[..32]);
        let secret = again.chain([plain.to_owned(), hex.to_uppercase(), hex]).collect();
        Self { secret, public: STANDARD.encode(&bytes[32..]) }
    }
}

/// Files of a folder, and of those below it, that hold one of these.
fn holders(folder: &Path, forms: &[String]) -> Vec<PathBuf> {
    let below = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let below = below.filter(|path| path.is_dir()).flat_map(|path| holders(&path, forms));
    below.chain(holders_in(folder, forms)).collect()
}

fn holders_in(folder: &Path, forms: &[String]) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let holds = |path: &PathBuf| {
        let text = fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        forms.iter().any(|form| text.contains(form))
    };
    files.filter(|path| path.is_file()).filter(holds).collect()
}

/// What can be seen of a run at this moment: the arguments of all processes, those of the lab's hosts among them, and
/// the files of its private folder.
pub fn look(run: &Running, seen: &mut BTreeSet<String>) {
    // A process may end while it is looked at.
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let paths =
        |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    seen.extend(paths(Path::new("/proc")).map(|process| text(&process.join("cmdline"))));
    let own = format!("/tmp/loomctl-{}-", run.id());
    let folders = paths(Path::new("/tmp")).filter(|path| path.to_string_lossy().starts_with(&own));
    for file in folders.flat_map(|folder| paths(&folder).collect::<Vec<_>>()) {
        seen.insert(format!("{}\n", file.display()));
        // The others are sockets.
        seen.extend(file.is_file().then(|| text(&file)));
    }
}

const PASSWORD: &str = "canary-of-sudo";
const PASSPHRASE: &str = "canary-of-the-ssh-key";
const TOKEN: &str = "canary-of-the-unit";
const DATABASE: &str = "canary-of-the-configuration";
const VAULT: &str = "63616e6172792d6f662d7468652d7661756c74";
const MNEMONIC: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const SECRETS: [&str; 6] = [PASSWORD, PASSPHRASE, TOKEN, DATABASE, VAULT, MNEMONIC];

/// A chain whose init prints a mnemonic, and fails while it is told to.
fn talkative(lab: &Lab) -> PathBuf {
    let chain = lab.inventory("cometbft").vars["binary"].as_str().unwrap().to_owned();
    for host in 0..lab.hosts() {
        let there = lab.folder().join(format!("h{host}/root/usr/local/bin/real"));
        fs::copy(&chain, there).unwrap();
    }
    let wrapper = lab.path("cometbft");
    let text = format!(
        "#!/bin/sh\ncase \" $* \" in *\" init \"*) echo 'Mnemonic: {MNEMONIC}'; echo '{MNEMONIC}' >&2;\n\
         [ ! -e /run/no-init ] || exit 7;; esac\n/usr/local/bin/real \"$@\"\n"
    );
    fs::write(&wrapper, text).unwrap();
    wrapper
}

/// Passwords of sudo (from the inventory, and typed), of an SSH key; a token in a unit, a password in a configuration, a
/// mnemonic that init prints, a vault's text. Each does its work, and is seen nowhere else.
fn secrets_stay_where_they_are(lab: &Lab) {
    for host in 0..lab.hosts() {
        let asks = "echo 'ubuntu ALL=(ALL) ALL' >/etc/sudoers.d/ubuntu; touch /run/no-init";
        lab.root(host, &format!("echo 'ubuntu:{PASSWORD}' | chpasswd; {asks}")).ok();
    }
    let unit = serde_json::json!({"Service": {"Environment": format!("RPC_TOKEN={TOKEN}")}});
    let database = format!("postgres://node:{DATABASE}@db/x");
    let settings = serde_json::json!({"config.toml": {"tx_index.psql-conn": database}});
    let inventory = lab
        .inventory("cometbft")
        .var("binary", talkative(lab).to_str().unwrap())
        .var("unit", unit)
        .var("settings", settings)
        .host_var(
            "node-3",
            "ansible_ssh_private_key_file",
            with_passphrase(lab, PASSPHRASE).to_str().unwrap(),
        );
    let typed = inventory.clone().write(lab);
    let typed = fs::rename(&typed, lab.path("typed.yaml")).map(|()| lab.path("typed.yaml")).unwrap();
    let inventory = inventory.var("ansible_become_password", PASSWORD).write(lab);
    let inventory = inventory.to_str().unwrap();
    let agent = lab.path("agent");
    let _agent = command::start(Command::new("ssh-agent").arg("-D").arg("-a").arg(&agent));
    let add =
        || command::run(Command::new("ssh-add").arg("-q").arg(lab.key()).env("SSH_AUTH_SOCK", &agent)).code;
    until(|| add() == Some(0));
    let start = |arguments: &[&str]| {
        let mut loomctl = lab.loomctl_command(arguments);
        command::start(loomctl.env("SSH_AUTH_SOCK", &agent).env("HOME", lab.path("")))
    };
    let mut said = String::new();
    let mut keep = |run: &Run, seen: BTreeSet<String>| {
        said += &run.stdout;
        said += &run.stderr;
        said.extend(seen);
    };

    // An init that fails is shown, without what nobody may see.
    let (run, seen) = watched(start(&["up", "-i", inventory, "--no-verify", "-vvv"]));
    assert!(run.stderr.contains("Mnemonic: ********") && run.stderr.contains("ended with status 7"), "{run}");
    keep(&run.exits(1), seen);
    for host in 0..lab.hosts() {
        lab.root(host, "rm /run/no-init").ok();
    }
    let plan = lab.path("plan.json");
    let plan = plan.to_str().unwrap();
    let (run, seen) = watched(start(&["up", "-i", inventory, "--no-verify", "-vvv", "--diff"]));
    assert!(seen.iter().any(|text| text.contains("ControlPath=")), "its arguments were not seen");
    keep(&run.exits(0), seen);
    for host in 0..lab.hosts() {
        // Damage, for a plan that has these files in it.
        let harm = "sed -i /RPC_TOKEN/d /etc/systemd/system/cometbft.service; cd /home/ubuntu/node/config && \
                    sed -i 's/^psql-conn = .*/psql-conn = \"postgres:\\/\\/node:old@db\"/' config.toml";
        lab.root(host, harm).ok();
    }
    let run = start(&["plan", "-i", inventory, "--out", plan]).exits(0);
    assert!(run.stdout.contains("+psql-conn = \"postgres://node:********@db/x\""), "{run}");
    assert!(
        run.stdout.contains("+Environment=RPC_TOKEN=********") && !run.stdout.contains("node:old"),
        "{run}"
    );
    keep(&run, BTreeSet::new());
    for arguments in [
        vec!["plan", "-i", inventory, "--json"],
        vec!["facts", "-i", inventory, "--json", "-vvv"],
        vec!["up", "-i", inventory, "--no-verify", "--plan", plan, "--json"],
        vec!["history", "-i", inventory],
        vec!["verify", "-i", inventory, "-vvv"],
        vec!["doctor", "-i", inventory],
    ] {
        let (run, seen) = watched(start(&arguments));
        assert!(arguments[0] == "doctor" || arguments[0] == "verify" || run.code == Some(0), "{run}");
        keep(&run, seen);
    }
    lab.root(0, &format!("grep -q {TOKEN} /etc/systemd/system/cometbft.service")).ok();
    lab.root(0, &format!("grep -q {DATABASE} /home/ubuntu/node/config/config.toml")).ok();

    typed_password(lab, &typed, &agent, &mut keep);
    vault(lab, &mut keep);
    for secret in SECRETS {
        let at = said.find(secret).and_then(|at| said[..at].lines().next_back());
        assert_eq!(at, None, "{secret} was shown, after this");
        said.push_str(secret);
        assert!(said.contains(secret), "control");
        stays(lab, secret, plan);
    }
}

/// `-K` at a terminal.
fn typed_password(lab: &Lab, inventory: &Path, agent: &Path, keep: &mut impl FnMut(&Run, BTreeSet<String>)) {
    fs::write(lab.path("typed"), format!("{PASSWORD}\n")).unwrap();
    let up = format!("{} up -K -vvv --no-verify -i {}", env!("CARGO_BIN_EXE_loomctl"), inventory.display());
    // When its echo is off, the terminal waits for a password.
    let keys = "for n in $(seq 1200); do ! stty -aF \"$(cat terminal)\" 2>/dev/null | grep -qw -e -echo || break; sleep 0.1; done; \
                cat typed; for n in $(seq 6000); do ! grep -q -e 'up ok' -e 'error:' shown || break; sleep 0.1; done";
    let terminal = format!("({keys}) | script -qefc 'tty >terminal; exec {up}' shown");
    let mut terminal_command = Command::new("bash");
    terminal_command.args(["-c", &terminal]).current_dir(lab.path("")).env("SSH_AUTH_SOCK", agent);
    let (run, seen) = watched(command::start(terminal_command.env("HOME", lab.path(""))));
    fs::remove_file(lab.path("typed")).unwrap();
    assert!(run.stdout.contains("BECOME password:") && run.stdout.contains("up ok"), "{run}");
    keep(&run, seen);
}

/// It is not decrypted: the error says so, and not what stands there.
fn vault(lab: &Lab, keep: &mut impl FnMut(&Run, BTreeSet<String>)) {
    let plain = lab.inventory("cometbft").var("ansible_become_password", PASSWORD).yaml();
    let sealed = format!("$ANSIBLE_VAULT;1.1;AES256\n        {VAULT}\n");
    let used = plain.replacen("    user:", &format!("    user: !vault |\n        {sealed}    unused:"), 1);
    fs::write(lab.path("vault.yaml"), used).unwrap();
    let run =
        lab.loomctl(&["up", "-i", lab.path("vault.yaml").to_str().unwrap(), "--no-verify", "-vvv"]).exits(2);
    assert!(run.stderr.contains("vault"), "{run}");
    keep(&run, BTreeSet::new());
    fs::remove_file(lab.path("vault.yaml")).unwrap();
}

/// Files on the hosts and here: where the secret belongs, and nowhere else.
fn stays(lab: &Lab, secret: &str, plan: &str) {
    let places = "/etc /home /root /run /tmp /var/tmp /var/log /var/lib/loomctl /opt /srv /usr/local";
    let own = "-e ^/etc/systemd/system/cometbft.service$ -e ^/home/ubuntu/node/config/config.toml$ -e ^/var/lib/loomctl/bin/";
    let find = format!("grep -rlF --devices=skip -e '{secret}' {places} 2>/dev/null | grep -v {own}; true");
    for host in 0..lab.hosts() {
        lab.root(host, &format!("printf %s '{secret}' >/srv/decoy")).ok();
        assert_eq!(lab.root(host, &find).ok(), "/srv/decoy\n", "{secret} on host {host}, and the control");
    }
    let plan = fs::read_to_string(plan).unwrap();
    assert!(
        !plan.contains(secret) && plan.contains("********") && plan.contains("masked_sha256"),
        "{secret}"
    );
    let forms = [secret.to_owned()];
    let mut here = holders(&lab.path(""), &forms);
    here.retain(|path| {
        !path.ends_with("inventory.yaml") && !path.ends_with("typed.yaml") && !path.ends_with("cometbft")
    });
    assert_eq!(here, Vec::<PathBuf>::new(), "{secret} came here");
    let history = std::env::home_dir().map(|home| home.join(".bash_history"));
    let history = history.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    assert!(!history.contains(secret));
}
