//! Host names of an inventory: `name`, `name:port`, `[v6]:port`, and ranges `node[01:10:2]`.
//!
//! After `parse_address` (ansible/parsing/utils/addresses.py) and `expand_hostname_range`
//! (ansible/plugins/inventory/__init__.py) of ansible-core 2.19.

use std::net::Ipv6Addr;

use crate::types::code::Code;

/// More hosts than this from one name are refused before any is made.
pub(super) const MAX_RANGE: usize = 100_000;

/// A name with ranges in it, in characters: a hundred thousand longer ones would be gigabytes.
const LONGEST_PATTERN: usize = 1000;
/// Digits of a range's end: as many as a number has that is counted with.
const MOST_DIGITS: usize = 19;

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Why a name is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub message: String,
    /// It has an empty range, and so stands for nobody: Ansible passes over it.
    is_nobody: bool,
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self { message, is_nobody: false }
    }
}

impl Refused {
    pub fn code(&self) -> Code {
        if self.is_nobody { Code::Skipped } else { Code::Input }
    }

    pub fn help(&self) -> Option<String> {
        self.is_nobody.then(|| "the smaller end of a range comes first: `[1:3]`".to_owned())
    }
}

/// The names that a host key stands for, and the port that it gives them.
pub(super) fn expand(key: &str) -> Result<(Vec<String>, Option<u64>), Refused> {
    let (pattern, port) = match address(key) {
        Some((host, port)) => (host, port),
        None => (key, None),
    };
    if pattern.contains('[') && pattern.len() > LONGEST_PATTERN {
        return Err(format!("a name with a range has {LONGEST_PATTERN} characters at the most").into());
    }
    let mut names = Vec::new();
    ranges(pattern, &mut names)?;
    Ok((names, port))
}

/// Host and port, if `text` is a host at all; ranges are allowed. Port 0 counts as none.
pub(super) fn address(text: &str) -> Option<(&str, Option<u64>)> {
    let (mut host, mut port) = (text, None);
    if let Some((inner, number)) = text.strip_prefix('[').and_then(|rest| rest.rsplit_once("]:"))
        && let (false, Some(number)) = (inner.is_empty(), digits(number))
    {
        (host, port) = (inner, Some(number));
    }
    if let Some((name, number)) = host.rsplit_once(':')
        && let (Some(number), true) = (digits(number), no_colon_outside_brackets(name))
    {
        (host, port) = (name, Some(number));
    }
    (is_hostname(host) || is_ipv6(host)).then_some((host, port.filter(|port| *port > 0)))
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Every `[` has its `]`, and there is no other `:`, `[` or `]`.
fn no_colon_outside_brackets(text: &str) -> bool {
    let mut inside = false;
    for c in text.chars() {
        match (inside, c) {
            (false, '[') => inside = true,
            (true, ']') => inside = false,
            (false, ':' | ']') => return false,
            _ => {}
        }
    }
    !inside
}

/// A name of labels, in which a range may stand for any part.
fn is_hostname(text: &str) -> bool {
    without_ranges(text).is_some_and(|name| name.split('.').all(is_label))
}

fn is_label(label: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    label.starts_with(word) && !label.ends_with(['_', '-']) && label.chars().all(|c| word(c) || c == '-')
}

fn is_ipv6(text: &str) -> bool {
    without_ranges(text).is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// The text with a `0` for each range; none where a bracket holds something else.
fn without_ranges(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('[') {
        let (range, after) = tail.split_once(']')?;
        if !is_range(range) {
            return None;
        }
        plain.push_str(head);
        plain.push('0');
        rest = after;
    }
    plain.push_str(rest);
    (!plain.contains(']')).then_some(plain)
}

fn is_range(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let hex = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_hexdigit());
    let letter = |part: &str| part.len() == 1 && part.bytes().all(|c| c.is_ascii_alphabetic());
    let step = |part: &&str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    matches!(parts.len(), 2 | 3)
        && (parts[..2].iter().all(|part| hex(part)) || parts[..2].iter().all(|part| letter(part)))
        && parts[2..].iter().all(step)
}

/// Expands the first range of `pattern`, then the others in each result, as Ansible does.
fn ranges(pattern: &str, names: &mut Vec<String>) -> Result<(), Refused> {
    let Some(open) = pattern.find('[') else {
        if names.len() >= MAX_RANGE {
            return Err(format!("this names more than {MAX_RANGE} hosts").into());
        }
        names.push(pattern.to_owned());
        return Ok(());
    };
    let shape = || "a range is written [begin:end] or [begin:end:step]".to_owned();
    let close = pattern.find(']').filter(|close| *close > open).ok_or_else(shape)?;
    let (head, inner, tail) = (&pattern[..open], &pattern[open + 1..close], &pattern[close + 1..]);
    if pattern.contains('|') {
        return Err("`|` cannot stand in a name with a range".to_owned().into());
    }
    let members = members(inner)?;
    if members.is_empty() {
        let message = format!("the range [{inner}] is empty: its end lies before its beginning");
        return Err(Refused { message, is_nobody: true });
    }
    for member in members {
        ranges(&format!("{head}{member}{tail}"), names)?;
    }
    Ok(())
}

fn members(inner: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = inner.split(':').collect();
    let (begin, end, step) = match parts[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err("a range is written [begin:end] or [begin:end:step]".to_owned()),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err("a range needs an end".to_owned());
    }
    for digits in [begin, end].map(|text| text.strip_prefix('-').unwrap_or(text).len()) {
        if digits > MOST_DIGITS {
            return Err(format!("an end of this range has {digits} digits: {MOST_DIGITS} are the most"));
        }
    }
    let padded = begin.len() > 1 && begin.starts_with('0');
    if padded && begin.chars().count() != end.chars().count() {
        return Err(format!("begin and end of the range [{inner}] differ in length: `{begin}` and `{end}`"));
    }
    let stride = step
        .parse::<usize>()
        .ok()
        .filter(|step| *step > 0)
        .ok_or(format!("`{step}` is no step of a range"))?;
    if let (Some(first), Some(last)) = (LETTERS.find(begin), LETTERS.find(end)) {
        let letters =
            LETTERS.get(first..=last).ok_or_else(|| format!("the range [{inner}] ends before it begins"))?;
        return Ok(letters.chars().step_by(stride).map(String::from).collect());
    }
    let number =
        |text: &str| text.parse::<i64>().map_err(|_| format!("`{text}` is neither a number nor a letter"));
    numbers(number(begin)?, number(end)?, stride, if padded { begin.len() } else { 0 })
}

fn numbers(begin: i64, end: i64, stride: usize, width: usize) -> Result<Vec<String>, String> {
    let span = usize::try_from(i128::from(end) - i128::from(begin)).map(|span| span / stride);
    if span.is_ok_and(|span| span >= MAX_RANGE) {
        return Err(format!("this names more than {MAX_RANGE} hosts"));
    }
    Ok((begin..=end).step_by(stride).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn names(key: &str) -> Vec<String> {
        expand(key).unwrap().0
    }

    #[test]
    fn ranges_as_ansible_expands_them() {
        assert_eq!(names("node[1:3]"), ["node1", "node2", "node3"]);
        assert_eq!(names("node[01:10:4]"), ["node01", "node05", "node09"]);
        assert_eq!(names("[:2]x"), ["0x", "1x", "2x"]);
        assert_eq!(names("[a:e:2]"), ["a", "c", "e"]);
        assert_eq!(names("[y:B]"), ["y", "z", "A", "B"]);
        assert_eq!(names("r[1:2]-[a:b]"), ["r1-a", "r1-b", "r2-a", "r2-b"]);
    }

    #[test]
    fn ports() {
        assert_eq!(expand("a.example.com:22").unwrap(), (vec!["a.example.com".to_owned()], Some(22)));
        assert_eq!(expand("[2001:db8::1]:2222").unwrap(), (vec!["2001:db8::1".to_owned()], Some(2222)));
        assert_eq!(expand("2001:db8::1").unwrap(), (vec!["2001:db8::1".to_owned()], None));
        assert_eq!(expand("n[1:2]:23").unwrap(), (vec!["n1".to_owned(), "n2".to_owned()], Some(23)));
        assert_eq!(expand("under_:22").unwrap(), (vec!["under_:22".to_owned()], None));
        assert_eq!(expand("two words:22").unwrap().0, ["two words:22"]);
    }

    #[test]
    fn p7_a_range_is_as_wide_as_a_number() {
        for digits in [20, 900, 70_000] {
            let zeros = "0".repeat(digits - 1);
            let error = expand(&format!("n[{zeros}1:{zeros}2]")).unwrap_err().message;
            assert!(error.contains("at the most") || error.contains("19 are the most"), "{error}");
            assert!(error.len() < 100, "{error}");
        }
        assert_eq!(names("n[0000000000000000001:0000000000000000002]").len(), 2);
        assert!(expand(&format!("{}[1:100000]", "x".repeat(1 << 20))).unwrap_err().message.contains("1000"));
        assert!(expand(&"[1:1]".repeat(200_000)).is_err());
        assert_eq!(names(&"x".repeat(2000)).len(), 1, "no range, no pattern");
    }

    #[test]
    fn what_is_refused() {
        for key in
            ["n[", "n[1]", "n[1:]", "n[3:1]", "n[b:a]", "n[01:100]", "n[1:5:0]", "n[a:5]", "[::1]", "x]y["]
        {
            assert!(expand(key).is_err(), "{key}");
        }
        assert!(expand("n[1:1000000000]").unwrap_err().message.contains("100000"));
        assert!(expand("n[1:1000][1:1000]").unwrap_err().message.contains("100000"));
        assert!(expand("n[-9223372036854775808:9223372036854775807]").is_err());
        assert_eq!(names("n[1:100000]").len(), MAX_RANGE);
    }
}
