//! What is wrong with something a person wrote, and where it stands.
//!
//! Pure data: the words around it (the caret, the colours) are made in `cli::view`.

use std::sync::Arc;

/// A place in a text file; `line` and `column` count from 1, `width` is in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: Arc<str>,
    pub line: usize,
    pub column: usize,
    pub width: usize,
    /// The whole line as it stands in the file, without its newline.
    pub text: Arc<str>,
}

impl Place {
    /// A place in a file that nobody may see.
    pub fn hidden(file: Arc<str>, line: usize) -> Self {
        Self { file, line, column: 1, width: 7, text: "<vault>".into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts(pub Vec<String>);

/// One problem of an input: what, where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    /// The hosts that it is about, where it is about hosts. Behind a pointer: a problem is what many functions fail with.
    pub hosts: Option<Box<Hosts>>,
    /// Without these.
    pub message: String,
    pub place: Option<Place>,
    /// What to do about it, in a sentence.
    pub help: Option<String>,
}

impl Problem {
    pub fn error(message: impl Into<String>) -> Self {
        let (hosts, place, help) = (None, None, None);
        Self { severity: Severity::Error, hosts, message: message.into(), place, help }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    #[must_use]
    pub fn at(mut self, place: Option<&Place>) -> Self {
        self.place = place.cloned();
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn of_host(mut self, host: &str) -> Self {
        self.hosts = Some(Box::new(Hosts(vec![host.to_owned()])));
        self
    }

    /// The message with its hosts in front.
    pub fn said(&self) -> String {
        match &self.hosts {
            None => self.message.clone(),
            Some(hosts) => format!("{}: {}", named(&hosts.0), self.message),
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// What is wrong for several hosts at one place is one problem: a variable of a group is written once.
pub fn alike(problems: Vec<Problem>) -> Vec<Problem> {
    let mut once: Vec<Problem> = Vec::new();
    for problem in problems {
        let same = |other: &&mut Problem| {
            let rest = (&other.severity, &other.message, &other.place, &other.help);
            problem.hosts.is_some()
                && other.hosts.is_some()
                && rest == (&problem.severity, &problem.message, &problem.place, &problem.help)
        };
        match once.iter_mut().find(same) {
            Some(other) => {
                let names = problem.hosts.map(|hosts| hosts.0).unwrap_or_default();
                other.hosts.iter_mut().for_each(|hosts| hosts.0.extend(names.clone()));
            }
            None => once.push(problem),
        }
    }
    once
}

/// So many names are written out.
const MOST_NAMES: usize = 10;

/// Names of hosts, ranges as an inventory has them: `node-[0:3], seed`.
pub fn named(names: &[String]) -> String {
    let mut parts: Vec<(String, usize)> = Vec::new();
    let mut rest = names;
    while let Some(first) = rest.first() {
        let run = range(rest);
        let part = if run > 2 { ranged(first, &rest[run - 1]) } else { first.clone() };
        let taken = if run > 2 { run } else { 1 };
        parts.push((part, taken));
        rest = &rest[taken..];
    }
    let more: usize = parts.iter().skip(MOST_NAMES).map(|(_, count)| count).sum();
    let shown: Vec<&str> = parts.iter().take(MOST_NAMES).map(|(part, _)| part.as_str()).collect();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

/// What stands before and behind the last number in a name, and that number's digits.
fn split(name: &str) -> Option<(&str, &str, &str)> {
    let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
    let begin = name[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
    Some((&name[..begin], &name[begin..end], &name[end..]))
}

/// How many of these, from the first on, count up by one.
fn range(names: &[String]) -> usize {
    let number = |name: &String| {
        let (before, digits, behind) = split(name)?;
        let fixed = digits.len() > 1 && digits.starts_with('0');
        Some((before.to_owned(), behind.to_owned(), digits.len(), fixed, digits.parse::<u64>().ok()?))
    };
    let follows = |pair: &&[String]| {
        let (Some(last), Some(next)) = (number(&pair[0]), number(&pair[1])) else { return false };
        let wide = next.2 == last.2 || (!next.3 && !last.3);
        (&next.0, &next.1) == (&last.0, &last.1) && wide && next.4.checked_sub(1) == Some(last.4)
    };
    1 + names.windows(2).take_while(follows).count()
}

fn ranged(first: &str, last: &str) -> String {
    match (split(first), split(last)) {
        (Some((before, from, behind)), Some((_, to, _))) => format!("{before}[{from}:{to}]{behind}"),
        _ => format!("{first}, {last}"),
    }
}

/// The candidate nearest to `word`, if it is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(far, _)| (1..=limit).contains(far))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// Edit distance where a swap of two neighbours counts once (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = ["private_ip", "power", "role"];
        assert_eq!(nearest("privat_ip", known), Some("private_ip"));
        assert_eq!(nearest("pwoer", known), Some("power"));
        assert_eq!(nearest("power", known), None);
        assert_eq!(nearest("colour", known), None);
    }

    fn names(text: &str) -> String {
        named(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_ranges_as_an_inventory_has_them() {
        assert_eq!(names("node-0"), "node-0");
        assert_eq!(names("node-0 node-1"), "node-0, node-1");
        assert_eq!(names("node-0 node-1 node-2 seed node-4"), "node-[0:2], seed, node-4");
        assert_eq!(names("n-8 n-9 n-10 n-11"), "n-[8:11]");
        assert_eq!(names("n08.eu n09.eu n10.eu"), "n[08:10].eu");
        assert_eq!(names("n8 n9 n010"), "n8, n9, n010");
        assert_eq!(names("é1 é2 é3"), "é[1:3]");
        let many: Vec<String> = (0..64).map(|n| format!("h{}", n * 2)).collect();
        assert!(named(&many).ends_with("h18 and 54 more"), "{}", named(&many));
        assert_eq!(named(&[format!("n{}", u64::MAX), "n0".into(), "n".into()]).split(", ").count(), 3);
    }

    #[test]
    fn what_is_alike_is_said_once() {
        let place = Place { file: "i".into(), line: 1, column: 1, width: 1, text: "x".into() };
        let of = |host: &str, why: &str| Problem::error(why).of_host(host).at(Some(&place));
        let own = Problem::error("no hosts");
        let all =
            vec![of("n-0", "bad"), own.clone(), of("n-1", "bad"), of("n-1", "worse"), of("n-2", "bad"), own];
        let said: Vec<String> = alike(all).iter().map(Problem::said).collect();
        assert_eq!(said, ["n-[0:2]: bad", "no hosts", "n-1: worse", "no hosts"]);
    }
}
