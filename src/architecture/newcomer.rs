//! What a newcomer touches for a step and for a check: no more files than CONTRIBUTING.md lists.

use std::collections::BTreeSet;

use super::{files, pages, sources};

/// Files of a new step, outside of tests. May only become fewer; three is the aim.
const STEP: usize = 4;
/// Files of a new check.
const CHECK: usize = 3;

/// The files in the table of a section of CONTRIBUTING.md.
fn listed(section: &str) -> BTreeSet<String> {
    let text = pages::read("CONTRIBUTING.md");
    let (_, rest) =
        text.split_once(&format!("\n## {section}\n")).expect("CONTRIBUTING.md has no such section");
    let rows = rest.split("\n## ").next().unwrap().lines().filter_map(pages::cells);
    rows.filter_map(|cells| pages::quoted(cells[0]).next().map(str::to_owned)).collect()
}

/// Whether a word is in the code as a whole: `Step::File` is not in `Step::FileKind`.
fn has(code: &str, word: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(at, _)| !goes_on(&code[at + word.len()..]))
}

/// Kinds of steps, from the sources.
fn kinds() -> Vec<String> {
    let code = &sources()["steps/mod.rs"];
    let (_, rest) = code.split_once("pub enum Step {\n").expect("no enum of steps");
    let lines = rest.split("\n}").next().unwrap().lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    names.map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned()).collect()
}

/// A file that names every kind has to name the next one as well. All others name those alone that they need.
#[test]
fn a_step_is_added_in_the_files_that_contributing_lists() {
    let kinds = kinds();
    assert!(kinds.len() > 10 && kinds.iter().any(|kind| kind == "Reload"), "{kinds:?}");
    let names_all = |file: &str, code: &str| {
        let own = if file.starts_with("steps/") { "Self::" } else { "Step::" };
        kinds.iter().all(|kind| has(code, &format!("{own}{kind}")) || has(code, &format!("Step::{kind}")))
    };
    let tests = |file: &str| file.contains("tests") || file.contains("recording/");
    let mut touched = BTreeSet::new();
    for (file, code) in files("src", "rs") {
        if names_all(&file, &code) {
            touched.insert(format!("src/{file}"));
        }
    }
    // The functions that `render` calls.
    for (file, text) in files("src", "sh") {
        if text.lines().any(|line| line.starts_with("step_") && line.contains("() {")) {
            touched.insert(format!("src/{file}"));
        }
    }
    assert_eq!(touched, listed("Add a step"), "the table in CONTRIBUTING.md");
    let outside = touched.iter().filter(|file| !tests(file)).count();
    assert_eq!(outside, STEP, "files of a new step; where it is less, lower the constant: {touched:?}");
}

/// Its name stands in no code but in the list of profiles; its folder needs no more than the profile.
#[test]
fn a_chain_of_two_services_is_added_in_the_files_that_contributing_lists() {
    let expected = ["templates/NAME/profile.yaml", "src/chain/profile/parse.rs"];
    assert_eq!(
        listed("Add a chain of two services"),
        expected.map(str::to_owned).into(),
        "the table in CONTRIBUTING.md"
    );
    let named = sources().into_iter().filter(|(_, code)| code.contains("\"cometbft-app\""));
    assert_eq!(named.map(|(file, _)| file).collect::<Vec<_>>(), ["chain/profile/parse.rs"]);
    assert_eq!(files("templates/cometbft-app", "yaml").len(), 1);
    assert!(files("templates/cometbft-app", "service").is_empty());
}

#[test]
fn a_check_is_added_in_the_files_that_contributing_lists() {
    let (sources, hints, all) = (sources(), "verify/cause/facts.rs", "verify/mod.rs");
    let listed = listed("Add a check");
    let expected = ["src/verify/NAME.rs", "src/verify/mod.rs", "src/verify/cause/facts.rs"];
    assert_eq!(listed, expected.map(str::to_owned).into(), "the table in CONTRIBUTING.md");
    assert_eq!(listed.len(), CHECK);
    let (_, prove) = sources[all].split_once("pub fn prove(").expect("no function that makes all checks");
    let prove = prove.split("\n}").next().unwrap();
    let mut ids = BTreeSet::new();
    for (own, code) in &sources {
        for (at, new) in code.match_indices("Row::new(CheckId::") {
            let id = code[at + new.len()..].split(',').next().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is made twice");
            let named = sources.iter().filter(|(file, code)| {
                // The list of all is where its name is.
                has(code, &format!("CheckId::{id}")) || *file != all && code.contains(&format!("\"{id}\""))
            });
            let others: Vec<&String> = named.map(|(file, _)| file).filter(|file| *file != own).collect();
            assert!(others.iter().all(|file| *file == hints), "{id} of {own} is named in {others:?}");
            let module =
                own.strip_prefix("verify/").and_then(|file| file.strip_suffix(".rs")).expect("a room's file");
            assert!(prove.contains(&format!("{module}::")), "{id} of {own} is not called in {all}");
        }
    }
    assert!(ids.len() >= 10, "{ids:?}");
    let text = pages::read("ARCHITECTURE.md");
    let rows = text.lines().filter_map(pages::cells).map(|cells| cells[0].to_owned());
    let rows: BTreeSet<String> = rows.filter(|id| id.starts_with('V') && id.len() < 4).collect();
    assert_eq!(ids, rows, "the table in ARCHITECTURE.md");
}
