//! Host patterns of `--limit`, as ansible/inventory/manager.py evaluates them: names, globs, groups, `~regex`,
//! subscripts, `@file`, lists by `,` or `:`, `!` without and `&` only.

use std::collections::HashSet;
use std::fmt::Write as _;

use regex::Regex;

use super::{Inventory, names, sources};
use crate::types::{
    code::Code,
    diagnostic::{Diagnostic, Severity},
    nearest::nearest,
};

/// The hosts that `limit` names, in inventory order. The error: a part that matches nothing or cannot be read, or
/// nothing left.
pub fn select(inventory: &Inventory, limit: &str) -> Result<Vec<String>, Diagnostic> {
    let names = chosen(inventory, limit, &mut Err)?;
    if names.is_empty() {
        return Err(Diagnostic::error(format!("--limit `{limit}` leaves no host")));
    }
    Ok(names)
}

/// The same as Ansible goes on: a part that matches nothing is warned about, and nobody may be left.
pub fn select_to_view(
    inventory: &Inventory,
    limit: &str,
) -> Result<(Vec<String>, Vec<Diagnostic>), Diagnostic> {
    let mut ignored = Vec::new();
    let mut ignore = |problem: Diagnostic| {
        ignored.push(Diagnostic { severity: Severity::Warning, ..problem.coded(Code::Skipped) });
        Ok(())
    };
    let names = chosen(inventory, limit, &mut ignore)?;
    Ok((names, ignored))
}

/// `unmatched` says what a part is that matches nothing.
fn chosen(
    inventory: &Inventory,
    limit: &str,
    unmatched: &mut dyn FnMut(Diagnostic) -> Result<(), Diagnostic>,
) -> Result<Vec<String>, Diagnostic> {
    let mut parts = Vec::new();
    for part in split(limit) {
        match part.strip_prefix('@') {
            Some(file) => parts.extend(sources::patterns(file).map_err(|problem| *problem)?),
            None => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    if parts.is_empty() {
        return Err(
            Diagnostic::error("--limit is empty").help("name hosts or groups: `--limit loom-0,loom-1`")
        );
    }
    let (mut chosen, mut only, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for part in &parts {
        match part.chars().next() {
            Some('!') => without.push(&part[1..]),
            Some('&') => only.push(&part[1..]),
            _ => chosen.push(part.as_str()),
        }
    }
    if chosen.is_empty() {
        chosen.push("all");
    }
    let mut hosts = HashSet::new();
    for part in chosen {
        // A host's own name goes before that of a group; behind `!` and `&` it does not.
        match inventory.hosts.get_key_value(part) {
            Some((name, _)) => hosts.extend([name.as_str()]),
            None => hosts.extend(matches(inventory, part, unmatched)?),
        }
    }
    for part in only {
        let keep: HashSet<&str> = matches(inventory, part, unmatched)?.into_iter().collect();
        hosts.retain(|host| keep.contains(host));
    }
    for part in without {
        for host in matches(inventory, part, unmatched)? {
            hosts.remove(host);
        }
    }
    Ok(inventory.hosts.keys().filter(|name| hosts.contains(name.as_str())).cloned().collect())
}

/// A comma anywhere makes it a list by commas; else colons divide, unless the whole is one host.
fn split(limit: &str) -> Vec<String> {
    let parts: Vec<String> = if limit.contains(',') {
        limit.split(',').map(str::to_owned).collect()
    } else if names::address(limit).is_some() {
        vec![limit.to_owned()]
    } else {
        by_colons(limit)
    };
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Runs of what is no colon, space or bracket, and of whole brackets; a bracket without its other half divides too.
fn by_colons(limit: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = limit;
    while let Some(c) = rest.chars().next() {
        let close = if c == '[' { rest.find(']') } else { None };
        let width = close.map_or(c.len_utf8(), |at| at + 1);
        match parts.last_mut() {
            Some(part) if close.is_some() || !(matches!(c, ':' | '[' | ']') || c.is_whitespace()) => {
                part.push_str(&rest[..width]);
            }
            _ => parts.push(String::new()),
        }
        rest = &rest[width..];
    }
    parts
}

/// The hosts that one pattern names, in Ansible's order: subscripts count in it.
fn matches<'i>(
    inventory: &'i Inventory,
    part: &str,
    if_none: &mut dyn FnMut(Diagnostic) -> Result<(), Diagnostic>,
) -> Result<Vec<&'i str>, Diagnostic> {
    if part.is_empty() {
        return Err(Diagnostic::error("--limit: a `!` or `&` stands alone"));
    }
    let (pattern, subscript) = subscript(part);
    let is_regex = pattern.starts_with('~');
    let regex = regex(pattern)?;
    let groups: Vec<&str> =
        inventory.groups.keys().filter(|name| regex.is_match(name)).map(String::as_str).collect();
    let mut hosts: Vec<&str> = groups.iter().flat_map(|group| members(inventory, group)).collect();
    if groups.is_empty() || is_regex || pattern.contains(['.', '?', '*', '[']) {
        let mut named: Vec<_> = inventory.hosts.values().filter(|host| regex.is_match(&host.name)).collect();
        named.sort_by_key(|host| host.nth);
        hosts.extend(named.into_iter().map(|host| host.name.as_str()));
    }
    // A group may be empty: `all:!broken` holds on good days too.
    if hosts.is_empty() && groups.is_empty() && part != "all" {
        return if_none(unmatched(inventory, part, pattern)).map(|()| hosts);
    }
    let Some(subscript) = subscript.filter(|_| !hosts.is_empty()) else { return Ok(hosts) };
    if let Some(some) = subscript.of(&hosts) {
        return Ok(some);
    }
    let problem = Diagnostic::error(format!("--limit `{part}`: `{pattern}` has no host of that number"))
        .help("the first is 0, the last -1; both ends of a range belong to it");
    match subscript {
        Subscript::One(_) => Err(problem),
        // A part of a list may be empty.
        Subscript::Range(..) => if_none(problem).map(|()| Vec::new()),
    }
}

/// The hosts that a pattern's `[…]` at the end picks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subscript {
    One(i64),
    /// With its end; to the last one where there is none.
    Range(usize, Option<usize>),
}

impl Subscript {
    fn of<T: Copy>(self, hosts: &[T]) -> Option<Vec<T>> {
        let one = |at: usize| hosts.get(at).map(|host| vec![*host]);
        match self {
            Self::One(at) if at < 0 => {
                one(hosts.len().checked_sub(usize::try_from(at.unsigned_abs()).ok()?)?)
            }
            Self::One(at) => one(usize::try_from(at).ok()?),
            // Ansible takes an end of 0 for none.
            Self::Range(at, Some(0)) => one(at),
            Self::Range(at, end) => {
                let end = end.map_or(hosts.len(), |end| end.saturating_add(1).min(hosts.len()));
                hosts.get(at..end).filter(|some| !some.is_empty()).map(<[T]>::to_vec)
            }
        }
    }
}

/// `group[0]`, `group[-1]`, `group[1:]`, `group[0:2]`, and `group[0-2]` for the same; a regular expression has none.
fn subscript(part: &str) -> (&str, Option<Subscript>) {
    let read = || {
        let (head, inner) = part.strip_suffix(']')?.rsplit_once('[')?;
        let number =
            |text: &str| text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse::<usize>().ok())?;
        let subscript = match inner.split_once([':', '-']) {
            Some((begin, end)) if !begin.is_empty() => {
                Subscript::Range(number(begin)?, if end.is_empty() { None } else { Some(number(end)?) })
            }
            _ => Subscript::One(inner.parse().ok().filter(|_| !inner.starts_with('+'))?),
        };
        (!head.is_empty() && !part.starts_with('~')).then_some((head, Some(subscript)))
    };
    read().unwrap_or((part, None))
}

fn regex(pattern: &str) -> Result<Regex, Diagnostic> {
    let expression = match pattern.strip_prefix('~') {
        Some(expression) => format!("^(?:{expression})"),
        None => of_glob(pattern),
    };
    Regex::new(&expression).map_err(|error| {
        let why = error.to_string();
        let why = why.lines().next_back().unwrap_or_default().trim_start_matches("error: ");
        Diagnostic::error(format!("--limit `{pattern}`: this is no regular expression: {why}"))
            .help("look-around and back-references are not known here")
    })
}

/// Python's `fnmatch` as a regular expression: `*`, `?`, `[seq]`, `[!seq]`.
fn of_glob(glob: &str) -> String {
    let mut expression = "(?s)^".to_owned();
    let mut rest = glob;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' => {
                let negated = rest.starts_with('!');
                let from = usize::from(negated);
                // A `]` right at the start belongs to the set.
                let skip = usize::from(rest[from..].starts_with(']'));
                match rest[from + skip..].find(']') {
                    Some(end) => {
                        let end = from + skip + end;
                        set(&rest[from..end], negated, &mut expression);
                        rest = &rest[end + 1..];
                    }
                    None => expression.push_str("\\["),
                }
            }
            c => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression + "$"
}

fn set(body: &str, negated: bool, expression: &mut String) {
    expression.push_str(if negated { "[^" } else { "[" });
    let chars: Vec<char> = body.chars().collect();
    let mut at = 0;
    let mut any = false;
    while at < chars.len() {
        let is_range = at + 2 < chars.len() && chars[at + 1] == '-';
        let (first, last) = (chars[at], if is_range { chars[at + 2] } else { chars[at] });
        at += if is_range { 3 } else { 1 };
        if first <= last {
            let _ = write!(expression, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(first), u32::from(last));
            any = true;
        }
    }
    // Ranges that end before they begin hold nothing.
    expression.push_str(match (any, negated) {
        (true, _) => "]",
        (false, true) => "&&[^\\s\\S]]",
        (false, false) => "^\\s\\S]",
    });
}

fn unmatched(inventory: &Inventory, part: &str, pattern: &str) -> Diagnostic {
    let known = inventory.hosts.keys().chain(inventory.groups.keys()).map(String::as_str);
    let problem = Diagnostic::error(format!("--limit: `{part}` matches no host and no group"));
    match nearest(pattern, known) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if pattern != part => problem.help(format!(
            "brackets at the end count hosts of the group before them, and there is no group `{pattern}`; \
             for names that are alike use a glob: `{pattern}*`"
        )),
        None => problem.help("`loomctl inventory graph` shows the names"),
    }
}

/// The hosts of a group and of all below it, level by level.
fn members<'i>(inventory: &'i Inventory, group: &str) -> Vec<&'i str> {
    let (mut hosts, mut known) = (Vec::new(), HashSet::new());
    let (mut open, mut seen) = (vec![group], HashSet::from([group]));
    let mut next = 0;
    while let Some(name) = open.get(next).copied() {
        next += 1;
        if let Some(group) = inventory.groups.get(name) {
            hosts.extend(group.hosts.iter().map(String::as_str).filter(|host| known.insert(*host)));
            open.extend(group.children.iter().map(String::as_str).filter(|child| seen.insert(*child)));
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const TEXT: &str = "
all:
  hosts: {loom-1: , loom-0: , db.example.com: }
  children:
    web: {hosts: {web1: , web2: }}
    more: {hosts: {web2: , x: }, children: {web: }}
    none:
";

    fn chosen(limit: &str) -> String {
        let (inventory, _) = crate::inventory::parse_yaml("i", TEXT).unwrap();
        match select(&inventory, limit) {
            Ok(names) => names.join(" "),
            Err(problem) => format!("error: {}", problem.message),
        }
    }

    #[test]
    fn patterns_in_inventory_order() {
        assert_eq!(chosen("all"), "loom-1 loom-0 db.example.com web1 web2 x");
        assert_eq!(chosen("loom-0,loom-1"), "loom-1 loom-0");
        assert_eq!(chosen("loom-0:web"), "loom-0 web1 web2");
        assert_eq!(chosen("loom-*"), "loom-1 loom-0");
        assert_eq!(chosen("loom-[1-3]"), "error: --limit: `loom-[1-3]` matches no host and no group");
        assert_eq!((chosen("web[0-1]"), chosen("more[1-]")), ("web1 web2".to_owned(), chosen("more[1:]")));
        assert_eq!(chosen("loom-[1:3]"), "error: --limit: `loom-[1:3]` matches no host and no group");
        assert_eq!(chosen("web[0]"), "web1");
        assert_eq!(chosen("more[-1]:web[0:1]"), "web1 web2");
        assert_eq!(chosen("~(web|db).*[m2]$"), "db.example.com web2");
        assert_eq!(chosen("loom-[!1]"), "loom-0");
        assert_eq!(chosen("more:!web"), "x");
        assert_eq!(chosen("more:&web:!web1"), "web2");
        assert_eq!(chosen("!web"), "loom-1 loom-0 db.example.com x");
        assert_eq!(chosen("w*"), "web1 web2");
        assert_eq!(chosen("web:!none"), "web1 web2");
        assert_eq!(chosen("ungrouped"), "loom-1 loom-0 db.example.com");
    }

    #[test]
    fn what_matches_nothing_is_an_error() {
        for limit in [
            "nobody",
            "web:nobody",
            "!nobody",
            "web:!web",
            "none",
            "",
            ",",
            "~(",
            "@f",
            "web[2]",
            "web[5:]",
            "!",
        ] {
            assert!(chosen(limit).starts_with("error: "), "{limit}: {}", chosen(limit));
        }
        let (inventory, _) = crate::inventory::parse_yaml("i", TEXT).unwrap();
        assert_eq!(select(&inventory, "lomo-0").unwrap_err().help.unwrap(), "did you mean `loom-0`?");
    }

    #[test]
    fn to_view_what_matches_nothing_is_ignored() {
        let (inventory, _) = crate::inventory::parse_yaml("i", TEXT).unwrap();
        for (limit, left, ignored) in [
            ("nobody", "", 1),
            ("web:nobody:!none", "web1 web2", 1),
            ("!all", "", 0),
            ("loom-0,&nope", "", 1),
        ] {
            let (names, warnings) = select_to_view(&inventory, limit).unwrap();
            assert_eq!((names.join(" ").as_str(), warnings.len()), (left, ignored), "{limit}");
            assert!(warnings.iter().all(|warning| !warning.is_error()), "{limit}");
        }
        assert!(select_to_view(&inventory, "web[7]").is_err() && select_to_view(&inventory, "~(").is_err());
    }

    #[test]
    fn globs_as_python_has_them() {
        let glob = |pattern: &str, text: &str| regex(pattern).unwrap().is_match(text);
        assert!(!glob(&"a*".repeat(50), &"a".repeat(40)));
        assert!(glob("*[]]", "x]"));
        assert!(glob("[a", "[a"));
        assert!(glob("[!a-c]x", "dx") && !glob("[!a-c]x", "bx"));
        assert!(!glob("[c-a]", "b") && glob("[!c-a]", "b"));
        assert!(glob("a.b+", "a.b+") && !glob("a.b", "axb") && !glob("web", "web1"));
        assert!(glob("[^a]", "^") && glob("[\\]", "\\"));
    }
}
