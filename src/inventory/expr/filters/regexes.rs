//! Filters of regular expressions, with Python's rules for what is put in. Without look-around and back-references.

use std::cell::RefCell;
use std::time::Instant;

use minijinja::{Error, Value};
use regex::{Captures, Regex, RegexBuilder};

use super::super::{budget, text};
use super::arguments::{Arguments, Row, refused};

pub(super) const ROWS: &[Row] = &[
    (
        "regex_replace",
        &["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"],
        replace,
    ),
    // Ansible's takes any number of groups; five are enough for an inventory.
    ("regex_search", &["regex", "a", "b", "c", "d", "e", "ignorecase", "multiline"], search),
    ("regex_findall", &["regex", "multiline", "ignorecase"], find_all),
    ("regex_escape", &["re_type"], escape),
];

/// Bytes of a compiled expression times bytes of the text: a second of the slowest search.
const MAX_SEARCH: usize = 1 << 32;
type Pattern = (String, bool, bool, usize);

thread_local! {
    /// The last one: lists are looked through with the same.
    static LAST: RefCell<Option<(Pattern, Regex)>> = const { RefCell::new(None) };
}

/// What is done with an expression on a text; how long it takes only a clock can say.
fn with<T>(
    (pattern, ignore_case, lines): (&str, bool, bool),
    text: &str,
    search: impl FnOnce(&Regex) -> Result<T, Error>,
) -> Result<T, Error> {
    let begun = Instant::now();
    let size = (MAX_SEARCH / text.len().max(1)).clamp(1 << 12, 1 << 20).next_power_of_two();
    let key = (pattern.to_owned(), ignore_case, lines, size);
    let known = LAST.with_borrow(|last| last.as_ref().filter(|(of, _)| *of == key).map(|(_, it)| it.clone()));
    let regex = known.map_or_else(|| compiled(&key), Ok)?;
    let found = search(&regex);
    LAST.set(Some((key, regex)));
    budget::charge(usize::try_from(begun.elapsed().as_nanos() / budget::NANOSECONDS).unwrap_or(usize::MAX))?;
    found
}

fn compiled((pattern, ignore_case, lines, size): &Pattern) -> Result<Regex, Error> {
    budget::fits(pattern.len())?;
    // In Python `\Z` is the end, and the only one.
    let mut builder = RegexBuilder::new(&pattern.replace("\\Z", "\\z"));
    builder.case_insensitive(*ignore_case).multi_line(*lines).size_limit(*size);
    builder.build().map_err(|error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let shown: String = pattern.chars().take(200).collect();
        refused(format!("the regular expression `{shown}` is not read here: {last}"))
    })
}

/// For the tests `match` (at the beginning) and `search`.
pub(in super::super) fn found(
    text: &str,
    pattern: &str,
    start: bool,
    ignore_case: bool,
    lines: bool,
) -> Result<bool, Error> {
    let pattern = if start { format!("\\A(?:{pattern})") } else { pattern.to_owned() };
    with((&pattern, ignore_case, lines), text, |regex| Ok(regex.is_match(text)))
}

fn replace(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = text::of(value)?;
    let pattern = arguments.get(0).and_then(Value::as_str).unwrap_or_default();
    let replacement = arguments.get(1).map(text::of).transpose()?.unwrap_or_default();
    let most = arguments.whole(4)?.and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
    let (out, times) = with((pattern, arguments.flag(2), arguments.flag(3)), &text, |regex| {
        replaced(regex, &text, &replacement, most)
    })?;
    let wanted = arguments.whole(5)?.unwrap_or(0);
    if wanted != 0 && i64::try_from(times) != Ok(wanted) {
        return Err(refused(format!("`{pattern}` should match {wanted} times and matches {times} times")));
    }
    Ok(out.into())
}

/// The text, and how many times something was put in.
fn replaced(
    regex: &Regex,
    text: &str,
    replacement: &str,
    most: Option<usize>,
) -> Result<(String, usize), Error> {
    let (mut out, mut copied, mut from, mut times) = (String::new(), 0, 0, 0);
    while from <= text.len() && most.is_none_or(|most| times < most) {
        let Some(captures) = regex.captures_at(text, from) else { break };
        let Some(all) = captures.get(0) else { break };
        out.push_str(&text[copied..all.start()]);
        let put = expanded(replacement, &captures)?;
        budget::charge(16 + put.len())?;
        budget::fits(out.len() + put.len())?;
        out.push_str(&put);
        times += 1;
        copied = all.end();
        // Behind an empty match the next one begins a character further; behind another an empty one may follow.
        from = match text[all.end()..].chars().next() {
            Some(next) if all.is_empty() => all.end() + next.len_utf8(),
            None if all.is_empty() => text.len() + 1,
            _ => all.end(),
        };
    }
    out.push_str(&text[copied..]);
    Ok((out, times))
}

/// `\1`, `\g<name>` and Python's escapes.
fn expanded(replacement: &str, captures: &Captures<'_>) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let Some(c) = after.chars().next() else { return Err(refused("the replacement ends with a `\\`")) };
        rest = &after[c.len_utf8()..];
        match c {
            '\\' => out.push('\\'),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'g' => {
                let name = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
                let (name, after) = name.ok_or_else(|| refused("`\\g` wants a group in `<>`"))?;
                out.push_str(group(captures, name)?);
                rest = after;
            }
            '1'..='9' => {
                let more = rest.bytes().take(1).take_while(u8::is_ascii_digit).count();
                out.push_str(group(captures, &after[..=more])?);
                rest = &rest[more..];
            }
            c if c.is_ascii_alphanumeric() => {
                return Err(refused(format!("`\\{c}` has no meaning in a replacement")));
            }
            c => out.extend(['\\', c]),
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// A group by number or name; one that took no part is empty.
fn group<'t>(captures: &Captures<'t>, name: &str) -> Result<&'t str, Error> {
    let unknown = || refused(format!("the regular expression has no group `{name}`"));
    match name.parse::<usize>() {
        Ok(number) if number < captures.len() => Ok(captures.get(number).map_or("", |found| found.as_str())),
        Ok(_) => Err(unknown()),
        Err(_) => captures.name(name).map(|found| found.as_str()).ok_or_else(unknown),
    }
}

fn search(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = text::of(value)?;
    with((arguments.text(0)?, arguments.flag(6), arguments.flag(7)), &text, |regex| {
        regex.captures(&text).map_or_else(|| Ok(Value::from(())), |captures| groups(&captures, arguments))
    })
}

fn groups(captures: &Captures<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let wanted: Vec<&Value> = (1..6).filter_map(|at| arguments.get(at)).collect();
    if wanted.is_empty() {
        return Ok(captures[0].into());
    }
    let one = |name: &&Value| {
        let name = name.as_str().and_then(|name| name.strip_prefix('\\'));
        let name = name.ok_or_else(|| refused("a group is asked for as `\\\\1` or `\\\\g<name>`"))?;
        let name = name.strip_prefix("g<").and_then(|name| name.strip_suffix('>')).unwrap_or(name);
        let found = match name.parse::<usize>() {
            Ok(number) if number < captures.len() => captures.get(number),
            Ok(_) => return Err(refused(format!("the regular expression has no group `{name}`"))),
            Err(_) => captures.name(name),
        };
        Ok(found.map_or(Value::from(()), |found| found.as_str().into()))
    };
    wanted.iter().map(one).collect::<Result<Vec<_>, _>>().map(Value::from)
}

fn find_all(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = text::of(value)?;
    let of = |captures: &Captures<'_>, at| Value::from(captures.get(at).map_or("", |found| found.as_str()));
    let one = |captures: Captures<'_>| match captures.len() {
        1 => of(&captures, 0),
        2 => of(&captures, 1),
        several => (1..several).map(|at| of(&captures, at)).collect(),
    };
    with((arguments.text(0)?, arguments.flag(2), arguments.flag(1)), &text, |regex| {
        Ok(regex.captures_iter(&text).take(budget::MAX_ITEMS + 1).map(one).collect())
    })
}

/// As Python's `re.escape` does it.
fn escape(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if arguments.get(0).and_then(Value::as_str).is_some_and(|kind| kind != "python") {
        return Err(refused("`regex_escape` knows `python` alone"));
    }
    let mut out = String::new();
    for c in text::of(value)?.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(out.into())
}
