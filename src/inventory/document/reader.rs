//! From events to the tree, with the typing of YAML 1.1, merge keys, and limits: nonsense ends in an error here, so that nothing
//! behind this file needs to fear depth or size.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::{
    Entry, Kind, Node,
    explain::{self, QUOTE_IT, is_bare_template},
    json::{self, Json},
    libyaml::{self, Event, Named, Parser, Span, Style},
};
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
    // As in Ansible, what is JSON is read as such.
    let no_json = json::check(&source.text).err();
    let mut reader = Reader::of(source, problems);
    let wrong = match no_json {
        None => {
            reader.typing = Typing::Json;
            reader.json(&source.text).err()
        }
        Some(no_json) => reader.yaml(source, no_json).err(),
    };
    match wrong {
        None => reader.root,
        Some(stop) => {
            reader.problems.push(*stop);
            None
        }
    }
}

/// Why a text is no JSON, and where.
pub(in crate::inventory) fn not_json(source: &Source) -> Option<(&'static str, Place)> {
    let wrong = json::check(&source.text).err()?;
    let span = Span { start: wrong.mark, end: wrong.mark };
    Some((wrong.problem, Reader::of(source, &mut Vec::new()).place(span)))
}

/// A collection whose end has not come yet.
struct Open {
    place: Place,
    anchor: Option<String>,
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
    /// Without a node where that has not ended yet.
    anchors: HashMap<String, (usize, Option<Rc<Node>>)>,
    open: Vec<Open>,
    root: Option<Rc<Node>>,
    problems: &'a mut Vec<Diagnostic>,
}

/// Where YAML's own tags begin.
const YAML: &str = "tag:yaml.org,2002:";
const VAULTED: [&str; 2] = ["!vault", "!vault-encrypted"];

/// An error after which nothing further can be read.
type Stop = Box<Diagnostic>;

impl<'a> Reader<'a> {
    fn of(source: &Source, problems: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            file: source.name.as_str().into(),
            secret: source.secret,
            lines: explain::lines(&source.text),
            typing: Typing::Yaml,
            anchors: HashMap::new(),
            open: Vec::new(),
            root: None,
            problems,
        }
    }
}

impl Reader<'_> {
    fn json(&mut self, text: &str) -> Result<(), Stop> {
        let mut json = Json::new(text);
        loop {
            match json.next() {
                Ok((Event::StreamEnd, _)) => return Ok(()),
                Ok((event, span)) => self.event(event, span)?,
                Err(wrong) => return Err(Box::new(explain::json(&wrong, |span| self.place(span)))),
            }
        }
    }

    fn yaml(&mut self, source: &Source, no_json: libyaml::Wrong) -> Result<(), Stop> {
        let mut documents = 0;
        let mut parser = Parser::new(&source.text);
        loop {
            let next = match &mut parser {
                Ok(parser) => parser.next(),
                Err(wrong) => Err(*wrong),
            };
            let (event, span) = next.map_err(|wrong| {
                let place = |span| self.place(span);
                Box::new(if explain::is_meant_as_json(source) {
                    explain::json(&no_json, place)
                } else {
                    explain::yaml(&wrong, &self.lines, place)
                })
            })?;
            match event {
                Event::StreamEnd => return self.sealed_below(),
                Event::DocumentStart if documents > 0 => {
                    return self.stop(span, "a second document starts here; an inventory file holds one");
                }
                Event::DocumentStart => documents += 1,
                event => self.event(event, span)?,
            }
        }
    }

    /// A file that is encrypted, but not from its first line on: what is in it would be a text.
    fn sealed_below(&self) -> Result<(), Stop> {
        let is_text = self.root.as_ref().and_then(|root| root.text()).is_some_and(vault::has_header);
        let Some(at) =
            self.lines.iter().position(|line| vault::is_sealed(line.trim_start())).filter(|_| is_text)
        else {
            return Ok(());
        };
        let problem = Diagnostic::error("the header of Ansible Vault must be the first line of its file");
        let place = Place {
            file: self.file.clone(),
            line: at + 1,
            column: 1,
            width: self.lines[at].chars().count().max(1),
            text: self.lines[at].clone(),
        };
        Err(Box::new(problem.at(Some(&place)).help("remove what is above it, `---` and comments too")))
    }

    fn event(&mut self, event: Event, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar { name, text, style } => self.scalar(&text, style, name, span),
            Event::SequenceStart(name) => self.start(false, name, span),
            Event::MappingStart(name) => self.start(true, name, span),
            Event::End => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some((_, Some(node))) => {
                    let place = self.place(span);
                    self.add(node, &place)
                }
                Some((_, None)) => self.stop(span, "this alias stands inside of what it names"),
                None => {
                    self.stop(span, &format!("this is not YAML: no anchor `&{anchor}` is above this alias"))
                }
            },
            Event::DocumentStart | Event::DocumentEnd | Event::StreamEnd => Ok(()),
        }
    }

    fn stop(&self, span: Span, message: &str) -> Result<(), Stop> {
        Err(Box::new(Diagnostic::error(message).at(Some(&self.place(span)))))
    }

    fn place(&self, span: Span) -> Place {
        let (start, end) = (span.start, span.end);
        if self.secret {
            return Place::hidden(self.file.clone(), start.line + 1);
        }
        let text = self.lines.get(start.line).cloned().unwrap_or_else(|| "".into());
        let end = if end.line == start.line { end.column } else { text.chars().count() };
        let width = end.saturating_sub(start.column).max(1);
        Place { file: self.file.clone(), line: start.line + 1, column: start.column + 1, width, text }
    }

    /// An anchor names one node alone.
    fn name(&mut self, anchor: Option<&String>, span: Span) -> Result<(), Stop> {
        let Some(anchor) = anchor else { return Ok(()) };
        if let Some((first, _)) = self.anchors.insert(anchor.clone(), (span.start.line + 1, None)) {
            let message =
                format!("this is not YAML: the anchor `&{anchor}` is there twice (first in line {first})");
            return self.stop(span, &message);
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: Style, name: Named, span: Span) -> Result<(), Stop> {
        self.name(name.anchor.as_ref(), span)?;
        let plain = style == Style::Plain;
        let mut place = self.place(span);
        let tag = name.tag.as_deref();
        let is_vault = tag.is_some_and(|tag| VAULTED.contains(&tag));
        if is_vault || text.is_empty() && plain {
            // What is encrypted is nothing to look at, and an empty value has no place of its own: its key shows it.
            place = self.key_place().unwrap_or(place);
        }
        let is_key = self.open.last().is_some_and(|open| open.mapping && open.items.len() % 2 == 0);
        let (value, literal) = match self.typed(text, plain, is_key, tag) {
            Ok(typed) => typed,
            Err(message) => {
                self.problems.push(Diagnostic::error(message).at(Some(&place)));
                (Value::Null, false)
            }
        };
        let is_merge = plain && tag.is_none() && text == "<<";
        if self.secret && !is_key {
            redact::learn(text);
        }
        let sealed = is_vault && value.is_string();
        let kind = if is_merge { Kind::Merge } else { Kind::Scalar(value) };
        let node = Rc::new(Node { place: place.clone(), kind, literal, sealed, depth: 1, nodes: 1 });
        self.remember(name.anchor, &node);
        self.add(node, &place)
    }

    /// The value of a scalar and whether it was tagged `!unsafe`.
    fn typed(
        &self,
        text: &str,
        plain: bool,
        is_key: bool,
        tag: Option<&str>,
    ) -> Result<(Value, bool), String> {
        let string = || Value::String(text.to_owned());
        let resolved = || scalar::resolve(text, self.typing);
        match tag {
            None => {
                let key_word = matches!(text, "<<" | "=") && is_key;
                Ok((if plain && !key_word { resolved()? } else { string() }, false))
            }
            // A lone `!` before nothing is a text; else libyaml reads it as no tag, and what follows as plain.
            Some("!") if plain && text.is_empty() => Ok((string(), false)),
            Some("!") => Ok((scalar::resolve_quoted(text, self.typing)?, false)),
            // Ansible types what follows as if it were plain, quotes or not.
            Some("!unsafe") => Ok((scalar::resolve_quoted(text, self.typing)?, true)),
            Some(tag) if VAULTED.contains(&tag) && is_key => Err(format!("the tag `{tag}` is not for keys")),
            // What is not encrypted is refused where it is used.
            Some(tag) if VAULTED.contains(&tag) => match scalar::resolve_quoted(text, self.typing)? {
                Value::String(_) => Ok((string(), false)),
                _ => Err(format!(
                    "the tag `{tag}` takes a text: `ansible-vault encrypt_string` makes such values"
                )),
            },
            Some(tag) => match tag.strip_prefix(YAML) {
                Some(suffix) => Ok((scalar::tagged(suffix, text)?, false)),
                None => Err(format!("the tag `{tag}` is not known; Ansible knows !unsafe and !vault")),
            },
        }
    }

    fn key_place(&self) -> Option<Place> {
        let open = self.open.last()?;
        (open.mapping && open.items.len() % 2 == 1).then(|| open.items.last().map(|key| key.place.clone()))?
    }

    fn start(&mut self, mapping: bool, name: Named, span: Span) -> Result<(), Stop> {
        self.name(name.anchor.as_ref(), span)?;
        if self.open.len() >= MAX_DEPTH {
            return self.stop(span, &format!("this is nested more than {MAX_DEPTH} levels deep"));
        }
        let place = self.place(span);
        let own = if mapping { "map" } else { "seq" };
        let literal = match name.tag.as_deref() {
            None | Some("!") => false,
            Some(tag) if tag.strip_prefix(YAML) == Some(own) => false,
            Some("!unsafe") => true,
            Some(tag) => {
                let message = format!("the tag `{tag}` is not read here");
                self.problems.push(Diagnostic::error(message).at(Some(&place)));
                false
            }
        };
        let (anchor, items) = (name.anchor, Vec::new());
        self.open.push(Open { place, anchor, literal, items, mapping, depth: 0, nodes: 1 });
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
        let sealed = text("__ansible_vault").map(|text| (text.into(), true));
        text("__ansible_unsafe").map(|text| (text.into(), false)).or(sealed)
    }

    fn remember(&mut self, anchor: Option<String>, node: &Rc<Node>) {
        if let Some(named) = anchor.and_then(|anchor| self.anchors.get_mut(&anchor)) {
            named.1 = Some(node.clone());
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
