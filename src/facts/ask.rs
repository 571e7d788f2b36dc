//! What is asked of the hosts: the gather script's body.

use std::collections::BTreeSet;

use super::Account;
use crate::{
    script::{compose::Script, quote::words},
    types::ids::{NodeName, RemotePath, Sha256, UnitName, UserName},
};

/// What is asked about one node. Paths are relative to the node's folder, which may be known there only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeQuestion {
    pub node: NodeName,
    pub user: UserName,
    /// As it was when it was asked before in this run; `None`: it has to be looked up.
    pub account: Option<Account>,
    /// `None`: the user's home.
    pub folder: Option<RemotePath>,
    pub unit: UnitName,
    /// systemd knew no unit of this name when it was asked before in this run: until its file is there, it knows none.
    pub unit_absent: bool,
    /// Our folder for this node: manifest, pristine documents, audit log.
    pub state: RemotePath,
    pub paths: Vec<String>,
    /// Of `paths`, those whose text the plan needs.
    pub texts: Vec<String>,
    /// Names of what is kept, pristine, of what `init` made.
    pub pristine: Vec<String>,
    /// Where its id is read from, and its validator's key.
    pub node_key: KeyPlace,
    pub validator_key: KeyPlace,
    /// The file, and the key of the height in it; `None`: the chain keeps none.
    pub sign_state: Option<(String, String, &'static str)>,
    pub binary_name: String,
    /// Where the planned binary is kept, when its checksum is known.
    pub binary: Option<(RemotePath, Sha256)>,
    /// Names that its host has to know.
    pub names: BTreeSet<String>,
    pub services: Vec<ServiceQuestion>,
}

/// What is asked about one of a node's services, in the words of `NodeQuestion`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceQuestion {
    pub unit: UnitName,
    pub unit_absent: bool,
    pub binary_name: String,
    pub binary: Option<(RemotePath, Sha256)>,
}

/// Where the public part of a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// The key file itself says it.
    File(String),
    /// It was printed when the key was made; it counts as long as the key file is that one.
    Printed { key: String, to: String },
}

impl KeyPlace {
    /// What is read, and of what key that has to be.
    fn words(&self) -> (&str, &str) {
        match self {
            Self::File(file) => (file, ""),
            Self::Printed { key, to } => (to, key),
        }
    }
}

/// A line of a script: as whom the hand works from there on.
pub fn hand_is(question: &NodeQuestion) -> String {
    let account = question.account.as_ref().map_or_else(String::new, Account::to_string);
    words(["hand_is", question.user.as_str(), &account])
}

/// Everything about the machine, then about each of its nodes; scope N is the Nth question.
pub fn gather(script: &mut Script, questions: &[NodeQuestion]) {
    script.line("observe_host\nobserve_ports\nobserve_pulled");
    let names: BTreeSet<&String> = questions.iter().flat_map(|question| &question.names).collect();
    if !names.is_empty() {
        script.line(words(["observe_names"].into_iter().chain(names.into_iter().map(String::as_str))));
    }
    nodes(script, questions);
}

/// Only the nodes: after a stage, since the machine is what it was.
pub fn nodes(script: &mut Script, questions: &[NodeQuestion]) {
    for (scope, question) in questions.iter().enumerate() {
        let q = question;
        script
            .set("node_user", q.user.as_str())
            .set("node_account", &q.account.as_ref().map_or_else(String::new, Account::to_string))
            .set("node_wd", q.folder.as_ref().map_or("", RemotePath::as_str))
            .set("node_unit", q.unit.as_str())
            .set("node_unit_absent", if q.unit_absent { "yes" } else { "" })
            .set("node_state", q.state.as_str())
            .set("node_paths", &q.paths.join("\n"))
            .set("node_texts", &q.texts.join("\n"))
            .set("node_pristine", &q.pristine.join(" "))
            .set("node_id_file", q.node_key.words().0)
            .set("node_id_of", q.node_key.words().1)
            .set("node_key_file", q.validator_key.words().0)
            .set("node_key_of", q.validator_key.words().1)
            .set("node_sign_file", q.sign_state.as_ref().map_or("", |(file, ..)| file))
            .set("node_sign_key", q.sign_state.as_ref().map_or("", |(_, key, _)| key))
            .set("node_sign_round", q.sign_state.as_ref().map_or("", |(.., round)| round))
            .set("node_binary_name", &q.binary_name)
            .set("node_binary", q.binary.as_ref().map_or("", |(path, _)| path.as_str()))
            .set("node_binary_sum", q.binary.as_ref().map_or("", |(_, sum)| sum.as_str()));
        script.line(format!("observe_node {scope}"));
        for service in &q.services {
            let (path, sum) =
                service.binary.as_ref().map_or(("", ""), |(path, sum)| (path.as_str(), sum.as_str()));
            let absent = if service.unit_absent { "yes" } else { "" };
            let (scope, unit) = (scope.to_string(), service.unit.as_str());
            script.line(words(["observe_service", &scope, unit, absent, &service.binary_name, path, sum]));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        process::Command,
    };

    use super::*;
    use crate::types::scope::Scope;

    /// What a script of the gather's functions says.
    fn says(set_up: &[(&str, &str)], line: &str) -> String {
        let mut script = Script::new("n");
        for (name, value) in set_up {
            script.set(name, value);
        }
        script.line(line);
        let out = Command::new("sh").args(["-c", &script.text(&Scope::System)]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    }

    #[test]
    fn the_link_of_a_unit_is_its_word_that_it_starts_at_boot() {
        let folder = tempfile::tempdir().unwrap();
        let (wants, unit) =
            (folder.path().join("multi-user.target.wants"), folder.path().join("lc-test.service"));
        let runtime = folder.path().join("run");
        let linked = || {
            let said = says(
                &[("units", folder.path().to_str().unwrap()), ("XDG_RUNTIME_DIR", runtime.to_str().unwrap())],
                "is_linked lc-test && say linked; say end",
            );
            assert!(said.contains("n end"), "{said}");
            said.contains("n linked")
        };
        assert!(!linked(), "nothing is there");
        fs::create_dir(&wants).unwrap();
        fs::write(&unit, "[Service]\n").unwrap();
        assert!(!linked(), "no link");
        let link = wants.join("lc-test.service");
        symlink("/lc-elsewhere/lc-test.service", &link).unwrap();
        assert!(!linked(), "a link to nowhere");
        fs::remove_file(&link).unwrap();
        symlink(&unit, &link).unwrap();
        assert!(linked());
        // As systemd has it of a unit that runs, and `mask --runtime` makes it.
        fs::create_dir_all(runtime.join("systemd/propagate/lc-test.service")).unwrap();
        assert!(linked());
        fs::create_dir(runtime.join("systemd/system")).unwrap();
        let mask = runtime.join("systemd/system/lc-test.service");
        symlink("/dev/null", &mask).unwrap();
        assert!(!linked(), "masked until the next boot");
        fs::remove_file(&mask).unwrap();
        assert!(linked());
        fs::remove_file(&unit).unwrap();
        symlink("/dev/null", &unit).unwrap();
        assert!(!linked(), "masked");
    }

    /// systemd is not asked again for what it has not known and could not know since.
    #[test]
    fn a_unit_that_was_not_there_is_asked_for_when_its_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let units = folder.path().to_str().unwrap();
        let asked = |absent: &str| {
            says(
                &[("units", units), ("node_unit_absent", absent)],
                "systemctl() { [ \"$1\" != show ] || echo LoadState=asked; }; observe_unit 0 lc-test",
            )
        };
        assert!(asked("").contains("LoadState=asked"));
        let said = asked("yes");
        assert!(said.contains("LoadState=not-found\n") && said.contains("ActiveState=inactive\n"), "{said}");
        assert!(!said.contains("UnitFileState"), "{said}");
        symlink("/dev/null", folder.path().join("lc-test.service")).unwrap();
        assert!(asked("yes").contains("LoadState=asked"), "masked meanwhile");
    }

    /// S11
    #[test]
    fn a_stamp_is_believed_but_by_a_deep_look() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("chain");
        fs::write(&binary, "what it should be").unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        let holds = |deep: &str, content: &str| {
            let set_up =
                [("binary", binary.to_str().unwrap()), ("sum", Sha256::of(content).as_str()), ("deep", deep)]
                    .map(|(name, value)| (name, value.to_owned()));
            let set_up: Vec<(&str, &str)> =
                set_up.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let stamped =
                "root_owner=$(stat -c %U:%G \"$binary\"); stamp_of \"$binary\" >\"${binary%/*}/.stamp\"";
            says(&set_up, &format!("{stamped}; binary_holds \"$binary\" \"$sum\" && say holds; say end"))
                .contains("n holds")
        };
        assert!(holds("", "what it should be") && holds("1", "what it should be"));
        assert!(holds("", "another") && !holds("1", "another"));
    }

    #[test]
    fn who_we_are_is_read_without_a_process() {
        let id = Command::new("id").arg("-u").output().unwrap().stdout;
        let said = says(&[], "own_uid; say uid \"$uid\"");
        assert!(said.contains(&format!("n uid {}", String::from_utf8(id).unwrap().trim())), "{said}");
    }
}
