//! S3: private keys stay where they are. Each search has its control: it does find a key where there is one.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{Lab, Suite, command::Running, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![private_keys_stay_where_they_are]);
}

fn private_keys_stay_where_they_are(lab: &Lab) {
    let inventory = lab.inventory("cometbft").write(lab);
    let inventory = inventory.to_str().unwrap();
    let mut run = lab.start_loomctl(&["up", "-vv", "--diff", "-i", inventory]);
    let mut seen = BTreeSet::new();
    while !run.is_over() {
        look(&run, &mut seen);
        sleep(Duration::from_millis(20));
    }
    let own = format!("/tmp/loomctl-{}-", run.id());
    let run = run.wait().exits(0);
    let mut said = run.stdout + &run.stderr;
    for text in seen {
        said += &text;
    }
    assert!(said.contains(&format!("ControlPath={own}")), "the arguments of its ssh were not seen");
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
