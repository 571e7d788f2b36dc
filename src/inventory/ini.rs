//! INI inventories (ansible/plugins/inventory/ini.py): `[group]`, `[group:vars]`, `[group:children]`, hosts with
//! variables in their line.

use std::sync::Arc;

use indexmap::IndexMap;

use super::build::{Builder, GroupId, UNGROUPED};
use super::literal::evaluate;
use super::shlex::{self, Word};
use super::{
    Origin, Source, Var, document,
    names::{self, Refused},
};
use crate::types::{
    diagnostic::{Diagnostic, Place},
    nearest::nearest,
    redact,
};

pub(super) fn read(source: &Source, builder: &mut Builder, problems: &mut Vec<Diagnostic>) {
    let mut reader = Reader {
        source,
        builder,
        problems,
        file: source.name.as_str().into(),
        section: (UNGROUPED, Section::Hosts),
        awaited: IndexMap::new(),
        children: Vec::new(),
    };
    let lines = lines(&source.text);
    if let Some(at) = document::conflict(lines.iter().copied()) {
        let line = Line { number: at + 1, whole: lines[at].into(), indent: 0, text: lines[at], length: 7 };
        let place = reader.place(&line, 0..7);
        return reader.problems.push(document::of_conflict().at(Some(&place)));
    }
    for (at, line) in lines.into_iter().enumerate() {
        reader.line(at + 1, line);
    }
    reader.finish();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Vars,
    Children,
    /// One that nobody knows: what stands in it has been complained about.
    Unknown,
}

/// Where a group was first used that has no section of its own yet.
enum Awaited {
    Vars(Place),
    Child(Vec<(GroupId, Place)>),
}

struct Reader<'a> {
    source: &'a Source,
    builder: &'a mut Builder,
    problems: &'a mut Vec<Diagnostic>,
    file: Arc<str>,
    section: (GroupId, Section),
    awaited: IndexMap<String, Awaited>,
    /// Names of known groups, for those that nobody defines.
    children: Vec<String>,
}

/// Lines as Python's `splitlines` has them.
fn lines(text: &str) -> Vec<&str> {
    let ends = ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(ends) {
        lines.push(&rest[..at]);
        let width = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        rest = &rest[at + width..];
    }
    lines.push(rest);
    lines
}

/// A line that says something, and where its text begins.
struct Line<'l> {
    number: usize,
    whole: Arc<str>,
    indent: usize,
    text: &'l str,
    /// Characters of the text.
    length: usize,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, whole: &str) {
        let text = whole.trim();
        if text.is_empty() || text.starts_with([';', '#']) {
            return;
        }
        let indent = whole.chars().take_while(|c| c.is_whitespace()).count();
        let line = Line { number, whole: whole.into(), indent, text, length: text.chars().count() };
        if let Some((name, kind)) = section(text) {
            return self.begin(&line, name, kind);
        }
        if text.starts_with('[') && text.ends_with(']') {
            let message = "this is no section: no spaces, and at most one colon";
            return self.error(
                &line,
                0..usize::MAX,
                message,
                Some("`[group]`, `[group:vars]` or `[group:children]`"),
            );
        }
        match self.section.1 {
            Section::Hosts => self.hosts(&line),
            Section::Vars => self.variable(&line),
            Section::Children => self.child(&line),
            Section::Unknown => {}
        }
    }

    fn place(&self, line: &Line<'_>, chars: std::ops::Range<usize>) -> Place {
        if self.source.secret {
            return Place::hidden(self.file.clone(), line.number);
        }
        let (start, end) = (chars.start.min(line.length), chars.end.min(line.length));
        Place {
            file: self.file.clone(),
            line: line.number,
            column: line.indent + start + 1,
            width: end.saturating_sub(start).max(1),
            text: line.whole.clone(),
        }
    }

    fn error(
        &mut self,
        line: &Line<'_>,
        chars: std::ops::Range<usize>,
        message: impl Into<String>,
        help: Option<&str>,
    ) {
        let place = self.place(line, chars);
        let mut problem = Diagnostic::error(message).at(Some(&place));
        problem.help = help.map(str::to_owned);
        self.problems.push(problem);
    }

    fn begin(&mut self, line: &Line<'_>, name: &str, kind: Option<&str>) {
        let place = self.place(line, 1..1 + name.chars().count());
        let section = match kind {
            None | Some("hosts") => Section::Hosts,
            Some("vars") => Section::Vars,
            Some("children") => Section::Children,
            Some(other) => {
                let help = nearest(other, ["hosts", "vars", "children"])
                    .map(|near| format!("did you mean `{near}`?"));
                let at = 2 + name.chars().count();
                let message = format!("a section is of `hosts`, `vars` or `children`, not of `{other}`");
                self.error(line, at..at + other.chars().count(), message, help.as_deref());
                self.section.1 = Section::Unknown;
                return;
            }
        };
        if section == Section::Vars
            && self.builder.has_group(name).is_none()
            && !self.awaited.contains_key(name)
        {
            self.awaited.insert(name.to_owned(), Awaited::Vars(place.clone()));
        }
        let group = self.builder.group(name, &place);
        self.section = (group, section);
        if section != Section::Vars {
            self.children.push(name.to_owned());
            if let Some(Awaited::Child(parents)) = self.awaited.shift_remove(name) {
                for (parent, place) in parents {
                    self.builder.add_child(parent, group, &place);
                }
            }
        }
    }

    fn child(&mut self, line: &Line<'_>) {
        let end =
            line.text.find(|c: char| c == ':' || c == ']' || c.is_whitespace()).unwrap_or(line.text.len());
        let (name, rest) = line.text.split_at(end);
        if name.is_empty() || !only_comment(rest) {
            return self.error(
                line,
                0..usize::MAX,
                "here the name of a group is expected, and nothing else",
                None,
            );
        }
        let place = self.place(line, 0..name.chars().count());
        let parent = self.section.0;
        match (self.builder.has_group(name), self.awaited.get_mut(name)) {
            (Some(child), _) => self.builder.add_child(parent, child, &place),
            (None, Some(Awaited::Child(parents))) => parents.push((parent, place)),
            (None, _) => {
                self.awaited.insert(name.to_owned(), Awaited::Child(vec![(parent, place)]));
            }
        }
    }

    fn variable(&mut self, line: &Line<'_>) {
        let Some((name, value)) = line.text.split_once('=') else {
            return self.error(line, 0..usize::MAX, "here `name=value` is expected", None);
        };
        let start = name.chars().count() + 1;
        let start = start + value.chars().take_while(|c| c.is_whitespace()).count();
        let (name, value) = (name.trim(), value.trim());
        let origin = Origin::Group(self.builder.group_name(self.section.0).to_owned());
        let range = start..start + value.chars().count();
        let Some(var) = self.typed(line, range, 0..name.chars().count(), value, origin) else { return };
        if let Err(message) = self.builder.set_group_var(self.section.0, &name.into(), var.into()) {
            self.error(line, start..usize::MAX, message, None);
        }
    }

    /// A value by Python's rules, with its places.
    fn typed(
        &mut self,
        line: &Line<'_>,
        value: std::ops::Range<usize>,
        name: std::ops::Range<usize>,
        text: &str,
        origin: Origin,
    ) -> Option<Var> {
        match evaluate(text) {
            Ok(read) => {
                if read.is_none() && is_nearly_a_literal(text) {
                    self.warn_of_text(line, value.clone());
                }
                let mut var = Var::new(read.unwrap_or_else(|| text.into()), origin);
                var.place = Some(self.place(line, value));
                var.name_place = Some(self.place(line, name));
                if self.source.secret {
                    var.marks.secret = true;
                    redact::learn(text);
                    var.value.as_str().into_iter().for_each(redact::learn);
                }
                Some(var)
            }
            Err(message) => {
                self.error(line, value, message, Some("as a text it needs quotes within quotes: '\"…\"'"));
                None
            }
        }
    }

    fn warn_of_text(&mut self, line: &Line<'_>, value: std::ops::Range<usize>) {
        let place = self.place(line, value);
        let message = "this looks like a list or a dictionary, and is read as a text";
        let help = "a list or dictionary is Python's here, its texts in quotes; in a host's line all of it in quotes again: \
                    `name=\"{'key': 1}\"`";
        self.problems.push(Diagnostic::warning(message).at(Some(&place)).help(help));
    }

    fn hosts(&mut self, line: &Line<'_>) {
        let words = match shlex::split(line.text) {
            Ok(words) => words,
            Err((message, at)) => {
                return self.error(line, at..usize::MAX, message, Some("close it, or put it in quotes"));
            }
        };
        let Some((host, rest)) = words.split_first().filter(|_| !self.builder.is_full()) else { return };
        let (names, port) = match named(&host.text) {
            Ok(named) => named,
            Err(refused) => {
                let (code, help) = (refused.code(), refused.help());
                self.error(line, host.start..host.end, refused.message, help.as_deref());
                self.problems.last_mut().into_iter().for_each(|problem| problem.code = code);
                return;
            }
        };
        let written: Vec<char> = line.text.chars().collect();
        let variables: Vec<(Arc<str>, Arc<Var>)> =
            rest.iter().filter_map(|word| self.host_variable(line, &written, word)).collect();
        let place = self.place(line, host.start..host.end);
        if let Err(message) = self.builder.charge(names.len(), variables.len()) {
            return self.error(line, host.start..host.end, message, None);
        }
        for name in names {
            self.builder.host(&name, Some(self.section.0), port, &place, self.source.path.as_ref());
            for (variable, var) in &variables {
                if let Err(message) = self.builder.set_host_var(&name, variable, var.clone()) {
                    self.error(line, host.start..host.end, message, None);
                }
            }
        }
    }

    fn host_variable(
        &mut self,
        line: &Line<'_>,
        written: &[char],
        word: &Word,
    ) -> Option<(Arc<str>, Arc<Var>)> {
        let Some((name, value)) = word.text.split_once('=') else {
            let help = "a host stands alone in its line; behind it variables, without spaces around `=`";
            self.error(
                line,
                word.start..word.end,
                format!("here `name=value` is expected, not `{}`", word.text),
                Some(help),
            );
            return None;
        };
        // Where the word had quotes, the text is shorter than its place.
        let written = written.get(word.start..word.end).unwrap_or_default();
        let sign = word.start + written.iter().position(|c| *c == '=').unwrap_or(0);
        let end = if sign + 1 < word.end { sign + 1..word.end } else { word.start..word.end };
        let var = self.typed(line, end, word.start..sign, value, Origin::Host)?;
        Some((name.into(), var.into()))
    }

    /// Groups that were used and never defined.
    fn finish(&mut self) {
        for (name, awaited) in std::mem::take(&mut self.awaited) {
            let (place, message) = match awaited {
                Awaited::Vars(place) => {
                    (place, format!("`[{name}:vars]` is for a group that has no section `[{name}]`"))
                }
                Awaited::Child(parents) => match parents.into_iter().next_back() {
                    Some((_, place)) => (place, format!("the group `{name}` has no section `[{name}]`")),
                    None => continue,
                },
            };
            let help = match nearest(&name, self.children.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add `[{name}]`, with its hosts or empty"),
            };
            self.problems.push(Diagnostic::error(message).at(Some(&place)).help(help));
        }
    }
}

/// Brackets around it, and no expression.
fn is_nearly_a_literal(text: &str) -> bool {
    let within = |open, close| text.starts_with(open) && text.ends_with(close);
    (within('{', '}') && !text.starts_with("{{") && !text.starts_with("{%")) || within('[', ']')
}

/// The names of a host line, and the port.
fn named(text: &str) -> Result<(Vec<String>, Option<u64>), Refused> {
    let (names, port) = names::expand(text)?;
    if text.trim().ends_with(':') && port.is_none() {
        return Err("a `:` at the end of a host's name stands before a port, and there is none"
            .to_owned()
            .into());
    }
    if names.iter().any(|name| name.trim() == "---") {
        return Err("`---` begins a YAML file, and this is read as an INI file".to_owned().into());
    }
    if names.iter().any(String::is_empty) {
        return Err("a host needs a name".to_owned().into());
    }
    Ok((names, port))
}

/// `[name]`, `[name:kind]`, a comment behind it.
fn section(text: &str) -> Option<(&str, Option<&str>)> {
    let (inner, rest) = text.strip_prefix('[')?.split_once(']')?;
    let (name, kind) = match inner.split_once(':') {
        Some((name, kind)) => (name, Some(kind)),
        None => (inner, None),
    };
    let word = |kind: &str| !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_');
    let sound = !name.is_empty() && !name.contains(char::is_whitespace) && kind.is_none_or(word);
    (sound && only_comment(rest)).then_some((name, kind))
}

fn only_comment(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with('#')
}

/// Whether a text has a line that only an INI inventory has.
pub(super) fn is_likely(text: &str) -> bool {
    lines(text)
        .into_iter()
        .any(|line| section(line.trim()).is_some_and(|(name, _)| !name.contains([',', '"', '{', '\''])))
}
