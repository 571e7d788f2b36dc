//! Inventories as Ansible reads them, by Ansible itself: `loomctl inventory` against ansible-core of tests/lab/setup.

mod corpus;
mod documents;
mod newcomer;
mod random;
mod values;
mod vault;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use loomctl::cli::view::inventory as view;
use loomctl::inventory::{
    Asked, Inventory, Purpose,
    listing::{self, Secrets},
    load, passwords, select_to_view,
};
use loomctl::types::diagnostic::Diagnostic;
use serde_json::{Value, json};

use crate::support::{Suite, in_repository, setup_path};

pub fn register(suite: &mut Suite) {
    corpus::register(suite);
    documents::register(suite);
    newcomer::register(suite);
    random::register(suite);
    values::register(suite);
    vault::register(suite);
}

/// One inventory, and how it is asked for.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub name: String,
    /// The working directory.
    pub folder: PathBuf,
    pub inventory: Vec<String>,
    pub extra: Vec<String>,
    pub limits: Vec<String>,
    pub vault: Option<String>,
    /// Its variables are rendered, too.
    pub values: bool,
}

impl Case {
    fn asked(&self) -> Value {
        json!({"cwd": self.folder, "inventory": self.inventory, "extra": self.extra, "limits": self.limits,
            "vault": self.vault, "values": self.values})
    }
}

/// `loomctl inventory …`: status, stdout and stderr.
pub trait Loomctl {
    fn inventory(&self, command: &[&str]) -> (u8, String, String);
}

/// The program itself.
pub struct Program<'c>(pub &'c Case);

impl Loomctl for Program<'_> {
    fn inventory(&self, command: &[&str]) -> (u8, String, String) {
        if command[0] == "graph" {
            // Starts take time; that the program prints it is seen in `vault`.
            return Library::of(self.0).inventory(command);
        }
        let mut run = Command::new(env!("CARGO_BIN_EXE_loomctl"));
        run.current_dir(&self.0.folder).arg("inventory").args(command);
        run.args(self.0.inventory.iter().flat_map(|name| ["-i", name]));
        run.args(self.0.extra.iter().flat_map(|extra| ["-e", extra]));
        run.args(self.0.vault.iter().flat_map(|file| ["--vault-password-file", file]));
        run.env_remove("LOOMCTL_INVENTORY").env_remove("ANSIBLE_VAULT_PASSWORD_FILE");
        let output = run.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status.code().and_then(|code| u8::try_from(code).ok());
        (status.unwrap_or(u8::MAX), text(&output.stdout), text(&output.stderr))
    }
}

/// What the program is made of, in this process: for thousands of inventories.
pub struct Library {
    view: Result<Inventory, Vec<Diagnostic>>,
    warnings: Vec<Diagnostic>,
    /// Whether it can be built on.
    is_sound: bool,
}

impl Library {
    pub fn of(case: &Case) -> Self {
        let path = |name: &String| if name.contains(',') { name.into() } else { case.folder.join(name) };
        let paths: Vec<PathBuf> = case.inventory.iter().map(path).collect();
        let extra = |extra: &String| match extra.strip_prefix('@') {
            Some(file) => format!("@{}", case.folder.join(file).display()),
            None => extra.clone(),
        };
        let extra: Vec<String> = case.extra.iter().map(extra).collect();
        let files: Vec<PathBuf> = case.vault.iter().map(|file| case.folder.join(file)).collect();
        let vault = passwords(&[], &files, |_| unreachable!()).unwrap();
        let (here, purpose) = (case.folder.clone(), Purpose::View { variables: true });
        let asked = Asked { paths: &paths, extra: &extra, vault: vault.into(), here, purpose };
        let is_sound = load(&Asked {
            purpose: Purpose::Build,
            here: case.folder.clone(),
            vault: asked.vault.clone(),
            ..asked
        });
        let (view, warnings) = match load(&asked) {
            Ok((inventory, warnings)) => (Ok(inventory), warnings),
            Err(problems) => (Err(problems), Vec::new()),
        };
        Self { view, warnings, is_sound: is_sound.is_ok() }
    }
}

impl Loomctl for Library {
    fn inventory(&self, command: &[&str]) -> (u8, String, String) {
        let inventory = match &self.view {
            Ok(inventory) => inventory,
            Err(problems) => return (2, String::new(), format!("{problems:?}")),
        };
        let said = self.warnings.iter().map(|warning| warning.message.clone() + "\n").collect::<String>();
        let names =
            |names: Vec<String>| (0, names.into_iter().map(|name| name + "\n").collect(), said.clone());
        let secrets = Secrets::Revealed;
        match command {
            ["list", "--reveal"] => {
                (0, view::document(listing::list(inventory, secrets, |_| true), secrets), said.clone())
            }
            ["list", "--reveal", "--limit", limit] => match select_to_view(inventory, limit) {
                Ok((chosen, _)) => {
                    let is_chosen = |name: &str| chosen.iter().any(|chosen| chosen == name);
                    (0, view::document(listing::list(inventory, secrets, is_chosen), secrets), said.clone())
                }
                Err(problem) => (2, String::new(), problem.message),
            },
            ["graph", vars @ ..] => {
                let vars = (!vars.is_empty()).then_some(secrets);
                (0, view::graph(inventory, &inventory.groups["all"], vars), said.clone())
            }
            ["hosts"] => names(inventory.hosts.keys().cloned().collect()),
            ["hosts", "--limit", limit] => match select_to_view(inventory, limit) {
                Ok((chosen, _)) if !chosen.is_empty() => names(chosen),
                Ok(_) => (2, String::new(), "--limit leaves nobody".to_owned()),
                Err(problem) => (2, String::new(), problem.message),
            },
            other => panic!("{other:?}"),
        }
    }
}

/// What Ansible makes of each case (tests/inventory/reference.py), all in one process.
pub fn ansible(cases: &[Case]) -> Vec<Value> {
    let mut python = Command::new(setup_path("ANSIBLE").join("bin/python"))
        .arg(in_repository("tests/inventory/reference.py"))
        .env("ANSIBLE_HOME", std::env::temp_dir().join("loomctl-ansible"))
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked: Value = cases.iter().map(Case::asked).collect();
    python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "reference.py failed");
    let text = String::from_utf8(output.stdout).unwrap();
    let results: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), cases.len());
    results
}

/// Warnings after which Ansible has used everything.
const HARMLESS: [&str; 5] = [
    "Found both group and host with same name",
    "Invalid characters were found in group names",
    "Found duplicate mapping key",
    "Found variable using reserved name",
    // Not what is left out, but that there is nothing.
    "No inventory was parsed",
];

/// Cases whose `--graph --vars` shows Python's own times and keys, where loomctl has JSON's.
const OF_PYTHON: [&str; 4] = ["dates.yaml", "ini_typing.ini", "nested.yaml", "yaml_keys.yaml"];

/// Whether Ansible has read nothing of a source, or has failed.
fn has_refused(result: &Value) -> bool {
    result.get("failed").is_some() || warnings(result).any(|text| text.contains("Unable to parse"))
}

/// Whether Ansible has left something out and has gone on.
fn has_left_out(result: &Value) -> bool {
    warnings(result).any(|text| !HARMLESS.iter().any(|harmless| text.contains(harmless)))
}

fn warnings(result: &Value) -> impl Iterator<Item = &str> {
    result["warned"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Where the two differ in this case: in what is shown, with all secrets. What Ansible warns about and leaves out, loomctl warns
/// about, too, and builds nothing on it; what Ansible does not read at all, it refuses.
pub fn differences(case: &Case, loomctl: &impl Loomctl, theirs: &Value) -> Vec<String> {
    let (status, list, stderr) = loomctl.inventory(&["list", "--reveal"]);
    let mut wrong = Vec::new();
    let mut differ = |what: &str, ours: &str, theirs: &str| {
        // What a terminal takes for the end of a line is escaped here.
        let visible = |text: &str| text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
        let lines = |text: &str| visible(text).lines().map(str::to_owned).collect::<Vec<_>>();
        let (ours, theirs) = (lines(ours), lines(theirs));
        if ours != theirs {
            let at = (0..ours.len()).find(|at| ours.get(*at) != theirs.get(*at)).unwrap_or(ours.len());
            let at = |lines: &[String]| {
                lines.iter().skip(at.saturating_sub(3)).take(8).cloned().collect::<Vec<_>>().join("\n    ")
            };
            wrong.push(format!(
                "{}: {what}\n  ours:\n    {}\n  Ansible's:\n    {}",
                case.name,
                at(&ours),
                at(&theirs)
            ));
        }
    };
    if has_refused(theirs) || case.name.starts_with("refused_") {
        if status != 2 {
            let why = format!("{} {}", theirs["warned"], theirs["failed"]);
            differ(
                "Ansible has refused or left out something",
                &format!("status {status}\n{list}{stderr}"),
                &why,
            );
        }
        return wrong;
    }
    if status != 0 {
        differ("refused", &stderr, theirs["list"].as_str().unwrap_or_default());
        return wrong;
    }
    if has_left_out(theirs) && (stderr.is_empty() || Library::of(case).is_sound) {
        let why = theirs["warned"].to_string();
        differ("Ansible has left out something", &format!("no warning, or nothing refused\n{stderr}"), &why);
    }
    let text = |name: &str| theirs[name].as_str().unwrap_or_default().to_owned() + "\n";
    differ("list", &list, &text("list"));
    differ("graph", &loomctl.inventory(&["graph"]).1, &text("graph"));
    // In the tree Ansible opens encrypted values, where it can, and fails where it cannot; loomctl prints them as they are.
    if !OF_PYTHON.contains(&case.name.as_str()) && !theirs["vars"].is_null() && case.vault.is_none() {
        differ("graph --vars", &loomctl.inventory(&["graph", "--vars"]).1, &text("vars"));
    }
    // Below the first level of groups Ansible's order is that of memory addresses.
    let any_order = theirs["depth"].as_u64() > Some(1);
    let hosts = |names: Option<&Value>| {
        let names = names.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        if any_order {
            names.sort();
        }
        names.join("\n")
    };
    let ours = |text: &str| hosts(Some(&text.lines().collect()));
    differ("hosts", &ours(&loomctl.inventory(&["hosts"]).1), &hosts(theirs.get("hosts")));
    for (limit, theirs) in case.limits.iter().zip(theirs["listed"].as_array().into_iter().flatten()) {
        let (status, ours, _) = loomctl.inventory(&["list", "--reveal", "--limit", limit]);
        let theirs = theirs.as_str().map_or_else(|| "status 2".to_owned(), |list| list.to_owned() + "\n");
        differ(
            &format!("list --limit {limit}"),
            &if status == 0 { ours } else { format!("status {status}") },
            &theirs,
        );
    }
    for (limit, theirs) in case.limits.iter().zip(theirs["limits"].as_array().into_iter().flatten()) {
        let (status, stdout, stderr) = loomctl.inventory(&["hosts", "--limit", limit]);
        let theirs = if theirs.is_null() { "status 2".to_owned() } else { hosts(Some(theirs)) };
        let ours = if status == 0 { ours(&stdout) } else { format!("status {status}") };
        differ(&format!("--limit {limit}"), &ours, &theirs);
        if status == 2 {
            assert!(stderr.contains("--limit"), "{stderr}");
        }
    }
    wrong
}
