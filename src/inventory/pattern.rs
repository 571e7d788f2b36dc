//! Host patterns of `--limit`, as ansible/inventory/manager.py evaluates them: names, globs, groups, lists by
//! `,` or `:`, `!` without and `&` only. Regular expressions, subscripts and files are refused by name.

use std::collections::HashSet;

use super::{Inventory, names};
use crate::problem::{Problem, nearest};

/// The hosts that `limit` names, in inventory order. The error: a part that matches nothing, nothing left,
/// or a form that is not read.
pub fn select(inventory: &Inventory, limit: &str) -> Result<Vec<String>, Problem> {
    let parts = split(limit);
    if parts.is_empty() {
        return Err(Problem::error("--limit is empty").help("name hosts or groups: `--limit loom-0,loom-1`"));
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
        hosts.extend(matches(inventory, part)?);
    }
    for part in only {
        let keep = matches(inventory, part)?;
        hosts.retain(|host| keep.contains(host));
    }
    for part in without {
        let drop = matches(inventory, part)?;
        hosts.retain(|host| !drop.contains(host));
    }
    if hosts.is_empty() {
        return Err(Problem::error(format!("--limit `{limit}` leaves no host")));
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

fn by_colons(limit: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut inside = false;
    for c in limit.chars() {
        inside = match c {
            '[' => true,
            ']' => false,
            _ => inside,
        };
        match parts.last_mut() {
            Some(part) if inside || !(c == ':' || c.is_whitespace()) => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts
}

fn matches<'i>(inventory: &'i Inventory, part: &str) -> Result<HashSet<&'i str>, Problem> {
    refuse_unread(part)?;
    if let Some((name, _)) = inventory.hosts.get_key_value(part) {
        return Ok(HashSet::from([name.as_str()]));
    }
    let groups: Vec<&str> =
        inventory.groups.keys().filter(|name| glob(part, name)).map(String::as_str).collect();
    let mut hosts: HashSet<&str> = groups.iter().flat_map(|group| members(inventory, group)).collect();
    if groups.is_empty() || part.contains(['.', '?', '*', '[']) {
        hosts.extend(inventory.hosts.keys().filter(|name| glob(part, name)).map(String::as_str));
    }
    if hosts.is_empty() && part != "all" {
        return Err(unmatched(inventory, part, !groups.is_empty()));
    }
    Ok(hosts)
}

fn refuse_unread(part: &str) -> Result<(), Problem> {
    let form = match part.chars().next() {
        Some('~') => "a regular expression",
        Some('@') => "a file of hosts",
        None => return Err(Problem::error("--limit: a `!` or `&` stands alone")),
        _ if is_subscript(part) => "a group with a subscript",
        _ => return Ok(()),
    };
    Err(Problem::error(format!("--limit `{part}`: {form} is not read by this version"))
        .help("use names, groups and globs such as `loom-*`"))
}

/// `group[0]`, `group[-1]`, `group[1:]`, `group[0:2]`.
fn is_subscript(part: &str) -> bool {
    let Some((head, inner)) = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let some = |text: &str| !text.is_empty() && digits(text);
    let range = inner.split_once([':', '-']).is_some_and(|(begin, end)| some(begin) && digits(end));
    !head.is_empty() && (range || some(inner.strip_prefix('-').unwrap_or(inner)))
}

fn unmatched(inventory: &Inventory, part: &str, empty_group: bool) -> Problem {
    if empty_group {
        return Problem::error(format!("--limit: the group `{part}` has no hosts"));
    }
    let known = inventory.hosts.keys().chain(inventory.groups.keys()).map(String::as_str);
    let problem = Problem::error(format!("--limit: `{part}` matches no host and no group"));
    match nearest(part, known) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`ansible-inventory --graph` and `loomctl facts` show the names"),
    }
}

/// The hosts of a group and of all below it.
fn members<'i>(inventory: &'i Inventory, group: &str) -> Vec<&'i str> {
    let (mut hosts, mut seen, mut open) = (Vec::new(), HashSet::new(), vec![group]);
    while let Some(name) = open.pop() {
        if let (true, Some(group)) = (seen.insert(name), inventory.groups.get(name)) {
            hosts.extend(group.hosts.iter().map(String::as_str));
            open.extend(group.children.iter().map(String::as_str));
        }
    }
    hosts
}

/// Python's `fnmatch`: `*`, `?`, `[seq]`, `[!seq]`. Linear in the text for each star.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if let Some(width) = one(&pattern[p..], text[t]) {
            p += width;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How much of the pattern matches this one character.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => match set(pattern, c) {
            Some((true, width)) => Some(width),
            Some((false, _)) => None,
            None => (c == '[').then_some(1),
        },
        wanted => (*wanted == c).then_some(1),
    }
}

/// Whether a `[set]` holds the character, and its width; none where it is not closed.
fn set(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = pattern.get(1) == Some(&'!');
    let start = 1 + usize::from(negated);
    // A `]` right at the start belongs to the set.
    let end = (start + 1..pattern.len()).find(|at| pattern[*at] == ']')?;
    let body = &pattern[start..end];
    let (mut at, mut found) = (0, false);
    while at < body.len() {
        if at + 2 < body.len() && body[at + 1] == '-' {
            found |= (body[at]..=body[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= body[at] == c;
            at += 1;
        }
    }
    Some((found != negated, end + 1))
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
        assert_eq!(
            chosen("loom-[1-3]"),
            "error: --limit `loom-[1-3]`: a group with a subscript is not read by this version"
        );
        assert_eq!(chosen("loom-[!1]"), "loom-0");
        assert_eq!(chosen("more:!web"), "x");
        assert_eq!(chosen("more:&web:!web1"), "web2");
        assert_eq!(chosen("!web"), "loom-1 loom-0 db.example.com x");
        assert_eq!(chosen("w*"), "web1 web2");
        assert_eq!(chosen("ungrouped"), "loom-1 loom-0 db.example.com");
    }

    #[test]
    fn what_matches_nothing_is_an_error() {
        for limit in
            ["nobody", "web:nobody", "!nobody", "web:!web", "none", "", ",", "~w.*", "@f", "web[0]", "!"]
        {
            assert!(chosen(limit).starts_with("error: "), "{limit}: {}", chosen(limit));
        }
        let (inventory, _) = crate::inventory::parse_yaml("i", TEXT).unwrap();
        assert_eq!(select(&inventory, "lomo-0").unwrap_err().help.unwrap(), "did you mean `loom-0`?");
    }

    #[test]
    fn globs_do_not_explode() {
        assert!(!glob(&"a*".repeat(50), &"a".repeat(40)));
        assert!(glob("*[]]", "x]"));
        assert!(glob("[a", "[a"));
    }
}
