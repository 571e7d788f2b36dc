//! From saphyr's events to the tree, with the typing of YAML 1.1, merge keys, and limits: nonsense ends in an error here, so
//! that nothing behind this file needs to fear depth or size.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::Value;

use super::{Entry, Kind, Node};
use crate::{
    inventory::{
        Source,
        scalar::{self, Typing},
        vault,
    },
    types::{
        diagnostic::{Diagnostic, Place},
        redact,
    },
};

/// Levels of nesting, aliases followed.
const MAX_DEPTH: usize = 100;
/// Nodes of the document, aliases followed: what stops a "billion laughs".
const MAX_NODES: usize = 2_000_000;

/// Reads one document. `None` where the text holds none, or where an error stopped the reading;
/// problems are added to `problems`.
pub(in crate::inventory) fn read(source: &Source, problems: &mut Vec<Diagnostic>) -> Option<Rc<Node>> {
    let text = source.text.as_str();
    let lines: Vec<Arc<str>> = text.split('\n').map(|line| line.trim_end_matches('\r').into()).collect();
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let mut reader = Reader {
        file: source.name.as_str().into(),
        secret: source.secret,
        lines,
        typing: if is_json { Typing::Json } else { Typing::Yaml },
        anchors: HashMap::new(),
        open: Vec::new(),
        root: None,
        problems,
    };
    reader.run(text).map_err(|stop| reader.problems.push(*stop)).ok()?;
    reader.root
}

/// A collection whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    literal: bool,
    items: Vec<Rc<Node>>,
    mapping: bool,
    depth: usize,
    nodes: usize,
}

struct Reader<'a> {
    file: Arc<str>,
    lines: Vec<Arc<str>>,
    secret: bool,
    typing: Typing,
    anchors: HashMap<usize, Rc<Node>>,
    open: Vec<Open>,
    root: Option<Rc<Node>>,
    problems: &'a mut Vec<Diagnostic>,
}

/// An error after which nothing further can be read.
type Stop = Box<Diagnostic>;

impl Reader<'_> {
    fn run(&mut self, text: &str) -> Result<(), Stop> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let mark = *error.marker();
                let place = self.place(Span::new(mark, mark));
                let problem =
                    Diagnostic::error(format!("this is not YAML: {}", error.info())).at(Some(&place));
                // It may show only in the line below.
                let lines = [mark.line(), mark.line().saturating_sub(1)];
                let text =
                    |line: usize| self.lines.get(line.checked_sub(1)?).filter(|text| is_bare_template(text));
                Box::new(if lines.into_iter().find_map(text).is_some() {
                    problem.help(QUOTE_IT)
                } else {
                    problem
                })
            })?;
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                if documents > 1 {
                    return self.stop(span, "a second document starts here; an inventory file holds one");
                }
            }
            self.event(event, span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(anchor, tag) => self.start(false, anchor, tag.as_deref(), span),
            Event::MappingStart(anchor, tag) => self.start(true, anchor, tag.as_deref(), span),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    let place = self.place(span);
                    self.add(node, &place)
                }
                None => self.stop(span, "this alias stands inside of what it names"),
            },
            _ => Ok(()),
        }
    }

    fn stop(&self, span: Span, message: &str) -> Result<(), Stop> {
        Err(Box::new(Diagnostic::error(message).at(Some(&self.place(span)))))
    }

    fn place(&self, span: Span) -> Place {
        let line = span.start.line().max(1);
        if self.secret {
            return Place::hidden(self.file.clone(), line);
        }
        let text = self.lines.get(line - 1).cloned().unwrap_or_else(|| "".into());
        let end = if span.end.line() == span.start.line() { span.end.col() } else { text.chars().count() };
        Place {
            file: self.file.clone(),
            line,
            column: span.start.col() + 1,
            width: end.saturating_sub(span.start.col()).max(1),
            text,
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), Stop> {
        let plain = style == ScalarStyle::Plain;
        let mut place = self.place(span);
        let is_vault = tag.is_some_and(|tag| tag.suffix.starts_with("vault"));
        if is_vault || text.is_empty() && plain {
            // What is encrypted is nothing to look at, and an empty value has no place of its own: its key shows it.
            place = self.key_place().unwrap_or(place);
        }
        let (value, literal) = match self.typed(text, plain, tag) {
            Ok(typed) => typed,
            Err(message) => {
                self.problems.push(Diagnostic::error(message).at(Some(&place)));
                (Value::Null, false)
            }
        };
        let is_merge = plain && tag.is_none() && text == "<<";
        let is_key = self.open.last().is_some_and(|open| open.mapping && open.items.len() % 2 == 0);
        if self.secret && !is_key {
            redact::learn(text);
        }
        let sealed = is_vault && vault::is_sealed(text);
        let kind = if is_merge { Kind::Merge } else { Kind::Scalar(value) };
        let node = Rc::new(Node { place: place.clone(), kind, literal, sealed, depth: 1, nodes: 1 });
        self.remember(anchor, &node);
        self.add(node, &place)
    }

    /// The value of a scalar and whether it was tagged `!unsafe`.
    fn typed(&self, text: &str, plain: bool, tag: Option<&Tag>) -> Result<(Value, bool), String> {
        let string = || Value::String(text.to_owned());
        let merge_key = self.open.last().is_some_and(|open| open.mapping && open.items.len() % 2 == 0);
        let Some(tag) = tag else {
            let key_word = matches!(text, "<<" | "=") && merge_key;
            let value = if plain && !key_word { scalar::resolve(text, self.typing)? } else { string() };
            return Ok((value, false));
        };
        match (tag.handle.as_str(), tag.suffix.as_str()) {
            // libyaml reads a lone `!` as no tag, and what follows as plain.
            ("", "!") | ("!", "") => Ok((scalar::resolve(text, self.typing)?, false)),
            // Ansible types what follows as if it were plain, quotes or not.
            ("!", "unsafe") => Ok((scalar::resolve(text, self.typing)?, true)),
            ("!", "vault" | "vault-encrypted") => {
                if vault::is_sealed(text) {
                    return Ok((string(), false));
                }
                Err("this is not encrypted with Ansible Vault: `ansible-vault encrypt_string` makes such values".to_owned())
            }
            ("tag:yaml.org,2002:", suffix) => Ok((scalar::tagged(suffix, text)?, false)),
            _ => Err(format!("the tag `{tag}` is not known; Ansible knows !unsafe and !vault")),
        }
    }

    fn key_place(&self) -> Option<Place> {
        let open = self.open.last()?;
        (open.mapping && open.items.len() % 2 == 1).then(|| open.items.last().map(|key| key.place.clone()))?
    }

    fn start(&mut self, mapping: bool, anchor: usize, tag: Option<&Tag>, span: Span) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return self.stop(span, &format!("this is nested more than {MAX_DEPTH} levels deep"));
        }
        let place = self.place(span);
        let own = if mapping { "map" } else { "seq" };
        let literal = match tag.map(|tag| (tag.handle.as_str(), tag.suffix.as_str())) {
            None | Some(("", "!") | ("!", "")) => false,
            Some(("tag:yaml.org,2002:", suffix)) if suffix == own => false,
            Some(("!", "unsafe")) => true,
            Some((handle, suffix)) => {
                let message = format!("the tag `{handle}{suffix}` is not read here");
                self.problems.push(Diagnostic::error(message).at(Some(&place)));
                false
            }
        };
        self.open.push(Open { place, anchor, literal, items: Vec::new(), mapping, depth: 0, nodes: 1 });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let (depth, nodes) = (open.depth + 1, open.nodes);
        let kind =
            if open.mapping { Kind::Mapping(self.entries(open.items)) } else { Kind::Sequence(open.items) };
        let (kind, literal, sealed) = match self.in_json(&kind) {
            Some((text, sealed)) => (Kind::Scalar(text), !sealed, sealed),
            None => (kind, open.literal, false),
        };
        let node = Rc::new(Node { place: open.place.clone(), kind, literal, sealed, depth, nodes });
        self.remember(open.anchor, &node);
        self.add(node, &open.place)
    }

    /// How Ansible writes a text in JSON that is no template, or is encrypted (then true).
    fn in_json(&self, kind: &Kind) -> Option<(Value, bool)> {
        let Kind::Mapping(entries) = kind else { return None };
        let text = |name: &str| entries.get(name).filter(|_| self.typing == Typing::Json)?.value.text();
        let sealed =
            text("__ansible_vault").filter(|text| vault::is_sealed(text)).map(|text| (text.into(), true));
        text("__ansible_unsafe").map(|text| (text.into(), false)).or(sealed)
    }

    fn remember(&mut self, anchor: usize, node: &Rc<Node>) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    fn add(&mut self, node: Rc<Node>, place: &Place) -> Result<(), Stop> {
        let levels = self.open.len() + node.depth;
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.depth = open.depth.max(node.depth);
        open.nodes = open.nodes.saturating_add(node.nodes);
        open.items.push(node);
        let stop = |message: String| Err(Box::new(Diagnostic::error(message).at(Some(place))));
        if levels > MAX_DEPTH {
            return stop(format!("this is nested more than {MAX_DEPTH} levels deep"));
        }
        if open.nodes > MAX_NODES {
            return stop(format!("aliases make this document larger than {MAX_NODES} values"));
        }
        Ok(())
    }

    /// Keys and values to entries: merged ones first, as `PyYAML` flattens them, own ones over them.
    fn entries(&mut self, items: Vec<Rc<Node>>) -> IndexMap<String, Entry> {
        let mut merged = IndexMap::new();
        let mut own: IndexMap<String, Entry> = IndexMap::new();
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            if matches!(key.kind, Kind::Merge) {
                self.merge(&value, &mut merged);
                continue;
            }
            let Some(text) = key.key_text() else {
                let message = format!("{} cannot be a key", key.is_a());
                let problem = Diagnostic::error(message).at(Some(&key.place));
                let is_bare = is_bare_template(&key.place.text);
                self.problems.push(if is_bare { problem.help(QUOTE_IT) } else { problem });
                continue;
            };
            if let Some(first) = own.get(&text) {
                let message = format!(
                    "`{text}` stands here twice (first in line {}): this one counts",
                    first.key.place.line
                );
                self.problems
                    .push(Diagnostic::warning(message).at(Some(&key.place)).help("remove one of the two"));
            }
            own.insert(text, Entry { key, value });
        }
        merged.extend(own);
        merged
    }

    fn merge(&mut self, value: &Node, merged: &mut IndexMap<String, Entry>) {
        match &value.kind {
            Kind::Mapping(entries) => {
                merged.extend(entries.iter().map(|(key, entry)| (key.clone(), entry.clone())));
            }
            // Of a list the first one wins, so it comes last.
            Kind::Sequence(items) if items.iter().all(|item| matches!(item.kind, Kind::Mapping(_))) => {
                for item in items.iter().rev() {
                    self.merge(item, merged);
                }
            }
            _ => {
                let message =
                    format!("`<<` takes a dictionary or a list of them, and this is {}", value.is_a());
                self.problems.push(Diagnostic::error(message).at(Some(&value.place)));
            }
        }
    }
}

const QUOTE_IT: &str = "a value that begins with `{{` needs quotes: `name: \"{{ value }}\"`";

/// Whether a value in this line begins with `{{` without quotes: to YAML that is a dictionary in a dictionary.
fn is_bare_template(line: &str) -> bool {
    let value = line.split_once(": ").map_or(line, |(_, value)| value);
    value.trim_start_matches([' ', '-']).starts_with("{{")
}
