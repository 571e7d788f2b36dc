//! Ansible's inventory language: text in, hosts with variables out.
//!
//! The reference is ansible-core 2.19 itself. Everything here is pure except `sources`, the only file that
//! reads files. Knows nothing of chains. One file a matter: `sources` (files to texts), `document` (YAML to a
//! tree with places), `scalar` and `timestamp` (YAML 1.1 typing), `yaml` (the tree to groups and hosts),
//! `names` (ranges, ports), `build` (groups, their order and precedence), `extra` (`-e`), `pattern`
//! (`--limit`), `expr` (`{{ }}` in values).
//!
//! Where Ansible warns about something that it could not use and goes on, this reader refuses: a network
//! half read is a network half built.

mod build;
mod document;
mod expr;
mod extra;
mod names;
mod pattern;
mod scalar;
mod sources;
mod timestamp;
mod yaml;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use crate::problem::{Place, Problem};
pub use pattern::select;
pub use sources::texts_of;

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
}

/// A host with the variables that hold for it.
#[derive(Debug, Clone, Default)]
pub struct Host {
    pub name: String,
    /// Merged by Ansible's precedence: `all`, parents, children, the host itself, extra variables.
    /// Values are as written; [`Host::get`] renders their expressions.
    pub vars: IndexMap<String, Var>,
    /// All groups that it is in, parents too, without `all`, sorted: Ansible's `group_names`.
    pub groups: Vec<String>,
    /// Where it is first named.
    pub place: Option<Place>,
    /// Absolute path of the file that first names it: Ansible's `inventory_file`.
    pub file: Option<Arc<Path>>,
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub name: String,
    /// Set for this group itself.
    pub vars: IndexMap<String, Var>,
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
    /// JSON pointers of what was tagged `!unsafe`: texts at and below them are no templates.
    pub literal: Vec<String>,
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
        Self { value, place: None, name_place: None, origin, literal: Vec::new() }
    }
}

impl Host {
    /// The value of a variable with its `{{ }}` expressions rendered against this host's own variables and
    /// `inventory_hostname`, `inventory_hostname_short`, `group_names`, `inventory_file`, `inventory_dir`.
    /// An expression that is the whole text keeps its type; within other text it becomes text.
    ///
    /// `None` where the variable is not set. The error names variable, host and place: an undefined
    /// variable, a cycle, or what the template engine cannot do.
    pub fn get(&self, name: &str) -> Result<Option<Value>, Problem> {
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
}

/// Reads inventory files, in order, and extra variables (`k=v k2=v2`, `@file`, `{json}`).
///
/// With the inventory come its warnings. The error holds every problem found, warnings too: a file that
/// cannot be read, is no YAML, or says something that Ansible would skip.
pub fn load(paths: &[PathBuf], extra: &[String]) -> Result<(Inventory, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let (files, extra) = sources::read(paths, extra, &mut problems);
    assemble(&files, &extra, problems)
}

/// The same for a text that a program has made; relative paths in it start beside `path`.
pub fn load_text(
    name: &str,
    path: &Path,
    text: &str,
    extra: &[String],
) -> Result<(Inventory, Vec<Problem>), Vec<Problem>> {
    let mut problems = Vec::new();
    let (_, extra) = sources::read(&[], extra, &mut problems);
    let path = std::path::absolute(path).ok().map(Arc::from);
    let source = Source { name: name.to_owned(), path, text: text.to_owned() };
    assemble(&[source], &extra, problems)
}

/// Reads one inventory text; `name` stands in the places of problems.
pub fn parse_yaml(name: &str, text: &str) -> Result<(Inventory, Vec<Problem>), Vec<Problem>> {
    let source = Source { name: name.to_owned(), path: None, text: text.to_owned() };
    assemble(&[source], &[], Vec::new())
}

fn assemble(
    files: &[Source],
    extra: &[extra::Extra],
    mut problems: Vec<Problem>,
) -> Result<(Inventory, Vec<Problem>), Vec<Problem>> {
    let mut builder = build::Builder::default();
    for file in files {
        yaml::read(file, &mut builder, &mut problems);
    }
    let extra = extra::read(extra, &mut problems);
    let mut inventory = builder.finish(&extra, &mut problems);
    let folder = files.first().and_then(|file| file.path.as_deref()?.parent());
    inventory.base = folder.unwrap_or(Path::new("")).to_path_buf();
    if problems.iter().any(Problem::is_error) { Err(problems) } else { Ok((inventory, problems)) }
}
