//! Ansible's inventory language: text in, hosts with variables out.
//!
//! The reference is ansible-core 2.19 itself. Everything here is pure except `sources`, the only folder that
//! reads files and starts inventory scripts. Knows nothing of chains. One file a matter: `sources` (what `-i` names,
//! opened), `document` (YAML to a tree with places), `scalar` and `timestamp` (YAML 1.1 typing), `literal` and `words`
//! (INI typing), `yaml`, `ini`, `list` and `dynamic` (each form to groups and hosts), `names` (ranges, ports), `beside`
//! (`group_vars/`, `host_vars/`), `build` (groups, their order and precedence), `extra` (`-e`), `pattern` (`--limit`),
//! `expr` (`{{ }}` in values), `vault` (Ansible Vault), `listing` (the document of `inventory list`).
//!
//! Where Ansible warns about something that it could not use and goes on, what builds refuses (`Purpose`): a network
//! half read is a network half built.

mod adjacent;
mod build;
mod document;
mod dynamic;
mod expr;
mod extra;
mod ini;
mod list;
pub mod listing;
mod literal;
mod names;
mod pattern;
pub mod python;
mod scalar;
mod shlex;
mod sources;
mod timestamp;
pub mod vagrant;
mod variables;
mod vault;
mod yaml;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::types::{
    code::Code,
    diagnostic::{Diagnostic, Place, Severity, limited},
};
use document::Kind;
use expr::World;
pub use pattern::{select, select_to_view};
pub use sources::{passwords, texts_of};
pub use vault::Vault;

/// Variables by name; hosts share what their groups say.
pub type Vars = IndexMap<Arc<str>, Arc<Var>>;

/// What the inventory says, merged.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// In Ansible's order, the one of a play with `hosts: all`: hosts of `all` itself, the ungrouped, then
    /// group by group as they appear, level by level.
    pub hosts: IndexMap<String, Host>,
    /// `all` and `ungrouped` first, the others as they appear.
    pub groups: IndexMap<String, Group>,
    /// Absolute folder of the first inventory file: relative paths in values start here.
    pub base: PathBuf,
    /// Files of variables for names that nobody has: a warning of `inventory check`.
    pub unread: Vec<Diagnostic>,
}

/// A host with the variables that hold for it.
#[derive(Debug, Clone, Default)]
pub struct Host {
    pub name: String,
    /// Merged by Ansible's precedence: `all`, parents, children, the host itself, extra variables.
    /// Values are as written; [`Host::get`] renders their expressions.
    pub vars: Arc<Vars>,
    /// All groups that it is in, parents too, without `all`, sorted: Ansible's `group_names`.
    pub groups: Arc<[String]>,
    /// The how many-th host of the inventory it is, in the order of appearance.
    pub nth: usize,
    /// Where it is first named.
    pub place: Option<Place>,
    /// Absolute path of the file that first names it: Ansible's `inventory_file`.
    pub file: Option<Arc<Path>>,
    /// Opens what is encrypted in its variables, when they are used.
    pub vault: Arc<Vault>,
    /// What its expressions may ask of the other hosts.
    pub world: Arc<World>,
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub name: String,
    /// Set for this group itself, in the sources.
    pub vars: Vars,
    /// Set for this group beside the sources, in `group_vars/`.
    pub adjacent: Vars,
    /// Hosts of this group itself, without those of its children.
    pub hosts: Vec<String>,
    pub children: Vec<String>,
    /// Longest way from `all`, which is at 0.
    pub depth: usize,
    /// `ansible_group_priority`, 1 where not set.
    pub priority: i64,
    pub place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Var {
    pub value: Value,
    /// Where the value stands; for lists, dictionaries and empty values, where the name stands.
    pub place: Option<Place>,
    /// Where the variable's name stands.
    pub name_place: Option<Place>,
    pub origin: Origin,
    pub marks: Marks,
}

/// What has to be known of a value beside itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// JSON pointers of what was tagged `!unsafe`: texts at and below them are no templates.
    pub literal: Vec<String>,
    /// JSON pointers of texts that are still encrypted with Ansible Vault.
    pub sealed: Vec<String>,
    /// It comes from a file that is encrypted as a whole.
    pub secret: bool,
}

/// Who set a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Host,
    Group(String),
    /// `--extra-vars`
    Extra,
}

impl Var {
    /// A variable that no file sets.
    pub fn new(value: Value, origin: Origin) -> Self {
        Self { value, place: None, name_place: None, origin, marks: Marks::default() }
    }
}

impl Host {
    /// The value of a variable with its `{{ }}` expressions rendered against this host's own variables,
    /// `inventory_hostname`, `inventory_hostname_short`, `group_names`, `inventory_file`, `inventory_dir`, `groups` and
    /// `hostvars`. An expression that is the whole text keeps its type; within other text it becomes text.
    ///
    /// `None` where the variable is not set. The error names variable, host and place: an undefined
    /// variable, a cycle, or what the template engine cannot do.
    pub fn get(&self, name: &str) -> Result<Option<Value>, Diagnostic> {
        expr::get(self, name)
    }
}

/// One inventory file's text.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// As the user named it; what messages show.
    pub name: String,
    /// Absolute.
    pub path: Option<Arc<Path>>,
    pub text: String,
    /// Found in a directory: it may be empty.
    pub inside: bool,
    /// The file is encrypted: nothing of it may be shown.
    pub secret: bool,
}

impl Source {
    /// What follows the last dot of the file's name, as Python splits it.
    fn extension(&self) -> Option<&str> {
        Path::new(&self.name).extension()?.to_str()
    }
}

/// What an inventory is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// To build on: what Ansible would leave out is an error.
    #[default]
    Build,
    /// To be shown as Ansible shows it: what Ansible leaves out is warned about.
    View {
        /// Without them, what stands beside the sources is not read.
        variables: bool,
    },
}

/// What an inventory is made of.
#[derive(Debug, Default)]
pub struct Asked<'a> {
    pub paths: &'a [PathBuf],
    pub extra: &'a [String],
    pub vault: Arc<Vault>,
    /// The working directory, whose `group_vars/` and `host_vars/` count most; nothing: the process's own.
    pub here: PathBuf,
    pub purpose: Purpose,
}

/// Reads inventories (files, directories, scripts, `host1,host2`), in order, what stands beside them, and extra
/// variables (`k=v k2=v2`, `@file`, `{json}`).
///
/// With the inventory come its warnings. The error holds every problem found, warnings too: a file that
/// cannot be read, is no inventory, or says something that Ansible would skip.
pub fn load(asked: &Asked<'_>) -> Result<(Inventory, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let opened = sources::open(asked.paths, &asked.vault, &mut problems);
    let extra = sources::extras(asked.extra, &asked.vault, &mut problems);
    let folders = folders(asked, &mut problems);
    let mut inventory = assemble(&opened, &folders, &extra, asked, problems)?;
    inventory.0.base = asked.paths.first().map(|path| sources::base(path)).unwrap_or_default();
    inventory.1.extend(sources::warnings(asked, &folders));
    Ok(inventory)
}

/// The same for a text in YAML that stands for what the only path holds: what is beside that file counts, and relative
/// paths start there.
pub fn load_text(asked: &Asked<'_>, text: &str) -> Result<(Inventory, Vec<Diagnostic>), Vec<Diagnostic>> {
    let path = asked.paths.first().map_or(Path::new(""), PathBuf::as_path);
    let mut problems = Vec::new();
    let extra = sources::extras(asked.extra, &asked.vault, &mut problems);
    let folders = folders(asked, &mut problems);
    let name = format!("{} (its machines)", path.display());
    let from = std::path::absolute(path).ok().map(Arc::from);
    let source = Source { name, path: from, text: text.to_owned(), inside: false, secret: false };
    let mut inventory = assemble(&[sources::Opened::Text(source)], &folders, &extra, asked, problems)?;
    inventory.0.base = sources::base(path);
    inventory.1.extend(sources::warnings(asked, &folders));
    Ok(inventory)
}

/// The folders with variables, where these are wanted.
fn folders(asked: &Asked<'_>, problems: &mut Vec<Diagnostic>) -> Vec<sources::Folder> {
    match asked.purpose {
        Purpose::View { variables: false } => Vec::new(),
        _ => sources::folders(asked, problems),
    }
}

/// Reads one inventory text; `name` stands in the places of problems.
pub fn parse_yaml(name: &str, text: &str) -> Result<(Inventory, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source =
        Source { name: name.to_owned(), path: None, text: text.to_owned(), inside: false, secret: false };
    assemble(&[sources::Opened::Text(source)], &[], &[], &Asked::default(), Vec::new())
}

/// One document of YAML or JSON as values are read here, without the rest of an inventory's language: to be compared with
/// `PyYAML`.
pub fn value_of(text: &str) -> Result<Value, Vec<Diagnostic>> {
    let text = text.to_owned();
    let source = Source { name: "document".to_owned(), path: None, text, inside: false, secret: false };
    let mut problems = Vec::new();
    let root = document::read(&source, &mut problems);
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    Ok(root.map_or(Value::Null, |root| scalar::finite(root.value(&mut Marks::default()))))
}

fn assemble(
    opened: &[sources::Opened],
    folders: &[sources::Folder],
    extra: &[extra::Extra],
    asked: &Asked<'_>,
    mut problems: Vec<Diagnostic>,
) -> Result<(Inventory, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut builder = build::Builder::default();
    for one in opened {
        match one {
            sources::Opened::Text(source) => text(source, &mut builder, &mut problems),
            sources::Opened::List(names) => list::read(names, &mut builder),
            sources::Opened::Script(script) => dynamic::read(script, &mut builder, &mut problems),
        }
    }
    let (groups, hosts): (Vec<&str>, Vec<&str>) =
        (builder.group_names().collect(), builder.host_names().collect());
    let adjacent = adjacent::read(folders, &groups, &hosts, &mut problems);
    let extra = extra::read(extra, &mut problems);
    let mut inventory = builder.finish(&adjacent, &extra, &asked.vault, &mut problems);
    inventory.unread = adjacent.strays;
    if asked.purpose != Purpose::Build {
        for problem in problems.iter_mut().filter(|problem| problem.code == Code::Skipped) {
            problem.severity = Severity::Warning;
        }
    }
    let is_wrong = problems.iter().any(Diagnostic::is_error);
    let said = limited(problems);
    if is_wrong { Err(said) } else { Ok((inventory, said)) }
}

/// A file: YAML where its name allows that and it is a dictionary, else INI, as Ansible tries them.
fn text(source: &Source, builder: &mut build::Builder, problems: &mut Vec<Diagnostic>) {
    if !matches!(source.extension(), None | Some("yaml" | "yml" | "json")) {
        let before = problems.len();
        ini::read(source, builder, problems);
        if problems.len() > before
            && document::read(source, &mut Vec::new()).is_some_and(|root| root.entries().is_some())
        {
            let shown = &source.name;
            problems.truncate(before);
            problems.push(
                Diagnostic::error(format!(
                    "the inventory {shown} looks like YAML, and its name says that it is not"
                ))
                .help(
                    "as in Ansible, YAML files end in .yaml, .yml or .json, or have no extension: rename it",
                ),
            );
        }
        return;
    }
    let mut of_yaml = Vec::new();
    let root = document::read(source, &mut of_yaml);
    match root.as_ref().map(|root| &root.kind) {
        Some(Kind::Mapping(groups)) if !groups.is_empty() => {
            problems.append(&mut of_yaml);
            return root.iter().for_each(|root| yaml::read(source, root, builder, problems));
        }
        None if of_yaml.is_empty() => return empty(source, builder, problems),
        Some(Kind::Mapping(_) | Kind::Scalar(Value::Null)) => return empty(source, builder, problems),
        _ => {}
    }
    let mut of_ini = Vec::new();
    ini::read(source, &mut build::Builder::default(), &mut of_ini);
    // One text and no more is no YAML inventory, whatever is wrong with it as INI.
    let is_plain = matches!(root.as_ref().map(|root| &root.kind), Some(Kind::Scalar(_)));
    if of_ini.is_empty() || ini::is_likely(&source.text) || is_plain && source.extension().is_none() {
        return ini::read(source, builder, problems);
    }
    if let Some(root) = root.filter(|_| of_yaml.is_empty()) {
        yaml::read(source, &root, builder, &mut of_yaml);
    }
    problems.append(&mut of_yaml);
}

/// Nothing to read. In a directory that is nobody's concern. Ansible goes on as if it were INI.
fn empty(source: &Source, builder: &mut build::Builder, problems: &mut Vec<Diagnostic>) {
    if source.inside {
        return;
    }
    problems.push(
        Diagnostic::error(format!("the inventory {} is empty", source.name))
            .coded(Code::Skipped)
            .help("an inventory starts with a group, mostly `all:`, and its `hosts:`"),
    );
    let mut of_ini = Vec::new();
    ini::read(source, &mut build::Builder::default(), &mut of_ini);
    if of_ini.is_empty() {
        ini::read(source, builder, problems);
    }
}
