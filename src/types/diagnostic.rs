//! What is wrong, with which hosts, where it is written, and what to do: problems of the input, refusals of a plan, and
//! what errors of hosts become for the reader.
//!
//! Pure data: the words around it (the caret, the colours) are made in `cli::view`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    code::{Class, Code},
    ids::NodeName,
    ranges::all_named,
};

/// A place in a text file; `line` and `column` count from 1, `width` is in characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub Vec<String>);

/// Boxes and one byte for the code: it is what many functions fail with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// The hosts that it is about, where it is about hosts.
    pub hosts: Option<Box<Hosts>>,
    /// Without these.
    pub message: String,
    pub place: Option<Place>,
    /// What to do about it, in a sentence.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Self {
        let (severity, hosts, place, help) = (Severity::Error, None, None, None);
        Self { code: Code::Input, severity, hosts, message: message.into(), place, help }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Why a plan may not go on, as a whole or for one node.
    pub fn refusal(code: Code, node: Option<&NodeName>, message: impl Into<String>) -> Self {
        let refusal = Self::error(message).coded(code);
        match node {
            None => refusal,
            Some(node) => refusal.of_host(node.as_str()),
        }
    }

    #[must_use]
    pub fn coded(mut self, code: Code) -> Self {
        self.code = code;
        self
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
    pub fn of_host(self, host: &str) -> Self {
        self.of_hosts([host])
    }

    #[must_use]
    pub fn of_hosts<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.hosts = Some(Box::new(Hosts(hosts.into_iter().map(str::to_owned).collect())));
        self
    }

    /// The message with its hosts in front.
    pub fn said(&self) -> String {
        match &self.hosts {
            None => self.message.clone(),
            Some(hosts) => format!("{}: {}", all_named(&hosts.0), self.message),
        }
    }

    pub fn class(&self) -> Class {
        self.code.class()
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// So many problems of one file are told, and so many of a run.
const MAX_OF_FILE: usize = 20;
const MAX_OF_RUN: usize = 200;

/// Each problem once; of a flood the first ones, errors before warnings, and how many more there are.
pub fn limited(problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut once = each_once(problems);
    if once.len() <= MAX_OF_FILE {
        return once;
    }
    let mut shown: Vec<Diagnostic> = Vec::new();
    let mut of_file: IndexMap<Arc<str>, (usize, usize)> = IndexMap::new();
    once.sort_by_key(|problem| !problem.is_error());
    for problem in once {
        let file = problem.place.as_ref().map(|place| place.file.clone()).unwrap_or_default();
        let (told, left_out) = of_file.entry(file.clone()).or_default();
        if shown.len() < MAX_OF_RUN && (*told < MAX_OF_FILE || file.is_empty()) {
            *told += 1;
            shown.push(problem);
        } else {
            *left_out += 1;
        }
    }
    let (mut others, mut counts) = (0, Vec::new());
    for (file, (told, left_out)) in of_file {
        match (told, left_out) {
            (_, 0) => {}
            (1.., _) if !file.is_empty() => counts.push(more(left_out, &format!(" of {file}"))),
            _ => others += left_out,
        }
    }
    counts.extend((others > 0).then(|| more(others, "")));
    shown.extend(counts);
    shown
}

fn more(left_out: usize, of: &str) -> Diagnostic {
    let (problems, are) = if left_out == 1 { ("problem", "is") } else { ("problems", "are") };
    Diagnostic::warning(format!("{left_out} more {problems}{of} {are} not shown"))
}

/// A folder that is asked twice complains twice.
fn each_once(problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut seen = HashSet::new();
    let mut is_new = |problem: &Diagnostic| {
        let place = problem.place.as_ref().map(|place| (place.file.clone(), place.line, place.column));
        let hosts = problem.hosts.as_ref().map(|hosts| hosts.0.clone());
        seen.insert((problem.message.clone(), problem.help.clone(), place, hosts))
    };
    problems.into_iter().filter(|problem| is_new(problem)).collect()
}

/// What is wrong for several hosts at one place is one problem: a variable of a group is written once.
pub fn alike(problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut once: Vec<Diagnostic> = Vec::new();
    let mut known: HashMap<_, usize> = HashMap::new();
    for mut problem in problems {
        let Some(hosts) = problem.hosts.take() else {
            once.push(problem);
            continue;
        };
        let rest = (
            problem.code,
            problem.severity,
            problem.message.clone(),
            problem.place.clone(),
            problem.help.clone(),
        );
        let number = *known.entry(rest).or_insert_with(|| {
            once.push(Diagnostic { hosts: Some(Box::default()), ..problem });
            once.len() - 1
        });
        once[number].hosts.iter_mut().for_each(|all| all.0.extend(hosts.0.iter().cloned()));
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_of_a_flood_twenty_a_file_and_two_hundred_in_all_are_told_with_a_count() {
        let of = |file: usize, line: usize| {
            let place =
                Place { file: format!("f{file}").into(), line, column: 1, width: 1, text: "x".into() };
            let problem = if line == 500 { Diagnostic::error("bad") } else { Diagnostic::warning("odd") };
            problem.at(Some(&place))
        };
        let one_file: Vec<Diagnostic> = (1..=501).map(|line| of(0, line)).collect();
        let said = limited(one_file.iter().chain(&one_file).cloned().collect());
        assert_eq!((said.len(), said[0].is_error()), (21, true));
        assert_eq!(said[20].message, "481 more problems of f0 are not shown");
        let many: Vec<Diagnostic> =
            (0..30).flat_map(|file| (1..=21).map(move |line| of(file, line))).collect();
        let said = limited(many);
        assert_eq!(said.len(), 200 + 10 + 1);
        assert_eq!(said[200].message, "1 more problem of f0 is not shown");
        assert_eq!(said[210].message, "420 more problems are not shown");
        let hosts = (0..1000).map(|n| Diagnostic::error("no user").of_host(&format!("n{n}")));
        assert_eq!(limited(hosts.collect()).len(), 201);
        assert_eq!(limited(one_file[..20].to_vec()), one_file[..20]);
    }

    #[test]
    fn what_is_alike_is_said_once() {
        let place = Place { file: "i".into(), line: 1, column: 1, width: 1, text: "x".into() };
        let of = |host: &str, why: &str| Diagnostic::error(why).of_host(host).at(Some(&place));
        let own = Diagnostic::error("no hosts");
        let all =
            vec![of("n-0", "bad"), own.clone(), of("n-1", "bad"), of("n-1", "worse"), of("n-2", "bad"), own];
        let said: Vec<String> = alike(all).iter().map(Diagnostic::said).collect();
        assert_eq!(said, ["n-[0:2]: bad", "no hosts", "n-1: worse", "no hosts"]);
    }
}
