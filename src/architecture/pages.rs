//! The pages about the structure: short enough to be read, no path that leads nowhere, and blocks that are generated.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::files;

const LINES: usize = 200;
const CELL: usize = 160;
/// Of a line of prose, so that few lines are little text.
const LINE: usize = 130;

fn at(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(page)
}

pub fn read(page: &str) -> String {
    fs::read_to_string(at(page)).unwrap()
}

/// The block `<!-- generated: NAME -->` of a page holds exactly this text. `INSTA_UPDATE=always` writes it there.
pub fn holds(page: &str, name: &str, text: &str) {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- /generated -->");
    let old = read(page);
    let (before, rest) = old.split_once(&begin).expect("the page has no such block");
    let (block, after) = rest.split_once(end).expect("the block has no end");
    if block == text {
        return;
    }
    if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
        fs::write(at(page), [before, &begin, text, end, after].concat()).unwrap();
        return;
    }
    let line = block.lines().zip(text.lines()).find(|(old, new)| old != new);
    panic!("{page}, block {name}: run again with INSTA_UPDATE=always; the first line that differs: {line:?}");
}

/// The cells of a table's row.
pub fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

/// `a/{b,c}.rs` → `a/b.rs`, `a/c.rs`
fn spread(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((choices, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    choices.split(',').map(|choice| [before, choice, after].concat()).collect()
}

/// What a text has in backticks.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn architecture_is_short() {
    let text = read("ARCHITECTURE.md");
    let lines = text.lines().count();
    assert!(lines <= LINES, "ARCHITECTURE.md has {lines} lines: move what is long to docs/");
    for (number, line) in text.lines().enumerate() {
        let widest = match cells(line) {
            Some(cells) => cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0),
            None => line.chars().count(),
        };
        let limit = if cells(line).is_some() { CELL } else { LINE };
        assert!(widest <= limit, "ARCHITECTURE.md:{}: {widest} characters, {limit} allowed", number + 1);
    }
}

#[test]
fn every_file_that_a_page_names_is_there() {
    let mut wrong = Vec::new();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/promises.md", "docs/hosts.md", "docs/faults.md"]
    {
        for path in quoted(&read(page)).flat_map(spread) {
            // `NAME` is the reader's.
            let is_path = path.contains('/') && !path.contains("NAME") && !path.contains([' ', '*', '~']);
            let is_source = Path::new(&path).extension().is_some_and(|end| end == "rs" || end == "sh");
            if is_path && is_source && !at(&path).exists() && !at("src").join(&path).exists() {
                wrong.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A function that was renamed is not found by its old name.
#[test]
fn every_name_that_architecture_gives_is_in_the_sources() {
    let page = read("ARCHITECTURE.md");
    let names = quoted(&page).filter(|name| {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain && (name.contains('_') || name.starts_with(|c: char| c.is_ascii_uppercase()))
    });
    let code: String = ["rs", "sh"].iter().flat_map(|end| files("src", end).into_values()).collect();
    let wrong: Vec<&str> = names.filter(|name| !code.contains(name)).collect();
    assert!(wrong.is_empty(), "ARCHITECTURE.md names what is not in src: {wrong:?}");
}

#[test]
fn the_readers_of_pages_read_them() {
    assert_eq!(spread("a/{b,c}.rs"), ["a/b.rs", "a/c.rs"]);
    assert_eq!(cells("| a | `b` c |").unwrap(), ["a", "`b` c"]);
    assert_eq!(cells("a"), None);
    assert_eq!(quoted("a `b` c `d`").collect::<Vec<_>>(), ["b", "d"]);
}
