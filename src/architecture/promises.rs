//! Which tests fail when a promise is broken, by what the tests themselves say: docs/promises.md shows it.
//!
//! A test belongs to a promise if its name begins with the number (`s4_…`, `slow_s13_…`, `s1_s8_…`), or if the number is in
//! its doc comment; one of the suite that has neither, if it is in the `//!` of its file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

use super::{files, pages};

const CHAPTERS: &[(char, &str)] = &[('S', "Safety"), ('P', "Who may do what"), ('V', "Verification")];

/// By chapter and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Promise(usize, u8);

impl Promise {
    /// Of `S13`.
    fn of(word: &str) -> Option<Self> {
        let letter = word.chars().next()?;
        let chapter = CHAPTERS.iter().position(|(chapter, _)| *chapter == letter)?;
        let number = &word[letter.len_utf8()..];
        let plain = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| number.parse().ok()).flatten().map(|number| Self(chapter, number))
    }

    /// All that a comment names.
    fn within(text: &str) -> BTreeSet<Self> {
        text.split(|c: char| !c.is_alphanumeric()).filter_map(Self::of).collect()
    }

    /// Those that a name begins with.
    fn before(name: &str) -> BTreeSet<Self> {
        let parts = name.strip_prefix("slow_").unwrap_or(name).split('_');
        parts.map_while(|part| Self::of(&part.to_ascii_uppercase())).collect()
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", CHAPTERS[self.0].0, self.1)
    }
}

struct Test {
    /// As it is printed in front of the names.
    module: String,
    name: String,
    promises: BTreeSet<Promise>,
}

/// The functions of a text with the comments above them; `is_test` says which, by name and attributes.
fn read(module: &str, text: &str, is_test: impl Fn(&str, &str) -> bool) -> Vec<Test> {
    let (mut docs, mut attributes, mut found) = (String::new(), String::new(), Vec::new());
    for line in text.lines().map(str::trim_start) {
        if let Some(doc) = line.strip_prefix("///") {
            docs += doc;
            docs.push(' ');
        } else if line.starts_with("#[") {
            attributes += line;
        } else {
            let code = line.strip_prefix("pub ").unwrap_or(line);
            let code = code.strip_prefix("async ").unwrap_or(code);
            let word =
                |code: &str| code.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
            if let Some(name) =
                code.strip_prefix("fn ").and_then(word).filter(|name| is_test(name, &attributes))
            {
                let mut promises = Promise::before(&name);
                promises.extend(Promise::within(&docs));
                found.push(Test { module: module.to_owned(), name, promises });
            }
            docs.clear();
            attributes.clear();
        }
    }
    found
}

/// `plan/tests/roll.rs` → `plan::tests::roll`. An inner module of tests is left out, as it says nothing.
fn module_of(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.strip_suffix("/tests").unwrap_or(path).replace('/', "::")
}

/// Those of src.
fn unit_tests() -> Vec<Test> {
    let is_test = |_: &str, attributes: &str| attributes.contains("test]") || attributes.contains("::test(");
    let mut found = Vec::new();
    for (file, text) in files("src", "rs") {
        found.extend(read(&format!("`{}`", module_of(&file)), &text, is_test));
    }
    found
}

/// Those of the suite: what a `register` lists. Of the attacks those that `make test` runs have a mark.
fn suite_tests() -> Vec<Test> {
    let mut found = Vec::new();
    for (file, text) in files("tests", "rs") {
        let listed = |before: &str| -> BTreeSet<String> {
            let lists = text.split(before).skip(1).filter_map(|rest| rest.split(']').next());
            lists.flat_map(|list| list.split(',')).map(|name| name.trim().to_owned()).collect()
        };
        let (all, quick) = (listed("tests!["), listed("suite.on_lab(tests!["));
        let module = format!("suite `{}`", module_of(&file));
        let mut tests = read(&module, &text, |name, _| all.contains(name));
        let above: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//!")).collect();
        let above = Promise::within(&above.join(" "));
        let silent = tests.iter_mut().filter(|test| test.promises.is_empty());
        silent.for_each(|test| test.promises.clone_from(&above));
        if file.contains("/attacks/") {
            tests.iter_mut().filter(|test| quick.contains(&test.name)).for_each(|test| test.name += "•");
        }
        found.extend(tests);
    }
    found
}

/// What ARCHITECTURE.md promises, in short.
fn promised() -> BTreeMap<Promise, String> {
    let text = pages::read("ARCHITECTURE.md");
    let row = |line| -> Option<(Promise, String)> {
        let cells = pages::cells(line)?;
        Some((Promise::of(cells.first()?)?, (*cells.get(1)?).to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// A bullet, broken between words.
fn bullet(text: &mut String, module: &str, names: &BTreeSet<&str>) {
    let mut line = format!("- {module}:");
    let last = names.len() - 1;
    for (number, name) in names.iter().enumerate() {
        let mark = if name.ends_with('•') { " •" } else { "" };
        let comma = if number == last { "" } else { "," };
        let word = format!(" `{}`{mark}{comma}", name.trim_end_matches('•'));
        if line.chars().count() + word.chars().count() > 120 {
            let _ = writeln!(text, "{line}");
            line = " ".to_owned();
        }
        line += &word;
    }
    let _ = writeln!(text, "{line}");
}

#[test]
fn the_page_of_promises_lists_their_tests() {
    let promised = promised();
    let mut tests: BTreeMap<Promise, Vec<Test>> = BTreeMap::new();
    for test in unit_tests().into_iter().chain(suite_tests()) {
        for promise in &test.promises {
            assert!(promised.contains_key(promise), "{} of {}: no such promise", test.name, test.module);
            let (module, name) = (test.module.clone(), test.name.clone());
            let of_it = Test { module, name, promises: BTreeSet::new() };
            tests.entry(*promise).or_default().push(of_it);
        }
    }
    let mut text = String::new();
    let mut chapter = None;
    for (promise, what) in &promised {
        if chapter != Some(promise.0) {
            chapter = Some(promise.0);
            let _ = writeln!(text, "\n## {}", CHAPTERS[promise.0].1);
        }
        let _ = writeln!(text, "\n**{promise}** {what}.\n");
        let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for test in tests.get(promise).expect("a promise without a test") {
            modules.entry(&test.module).or_default().insert(&test.name);
        }
        for (module, names) in &modules {
            bullet(&mut text, module, names);
        }
    }
    text.push('\n');
    pages::holds("docs/promises.md", "promises", &text);
}

#[test]
fn the_reader_of_tests_reads_them() {
    let text = "/// S2: no.\nfn helper() {}\n/// S2 (inodes), V10\n#[test]\nfn slow_s1_s8_it() {}\n\
                #[test]\nfn s_nothing() {}\n";
    let found = read("m", text, |_, attributes| attributes.contains("#[test]"));
    let said: Vec<String> = found
        .iter()
        .map(|test| {
            let promises: Vec<String> = test.promises.iter().map(Promise::to_string).collect();
            format!("{} {}", test.name, promises.join(" "))
        })
        .collect();
    assert_eq!(said, ["slow_s1_s8_it S1 S2 S8 V10", "s_nothing "]);
    assert_eq!(module_of("types/redact/tests.rs"), "types::redact");
    assert_eq!(module_of("plan/tests/mod.rs"), "plan");
    assert!(suite_tests().len() > 50 && unit_tests().len() > 200);
}
