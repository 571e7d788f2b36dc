//! `loomctl genesis merge|check|diff`: documents in files, without hosts.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    args::{DocumentOf, Genesis},
    files,
    view::{offline, out},
};
use crate::{
    chain::{
        genesis::{GenesisProblem, compare, standalone, text::Sound},
        profile::{GenesisHow, Profile, builtin_names},
    },
    cluster::profiles,
    session::error,
    types::{code::Code, diagnostic::Diagnostic, ids::ChainId, nearest::nearest},
};

pub fn genesis(command: Genesis) -> u8 {
    let done = match command {
        Genesis::Merge { of, chain_id, files } => merge(&of, chain_id.as_deref(), &files),
        Genesis::Check { of, file } => check(&of, &file),
        Genesis::Diff { chain, document, exit_code, json, left, right } => {
            diff(chain.as_deref(), document.as_deref(), [&left, &right], json)
                .map(|differ| if differ && exit_code { error::PENDING } else { error::OK })
        }
    };
    done.unwrap_or_else(|problems| offline::refuse(&problems))
}

fn merge(of: &DocumentOf, chain_id: Option<&str>, paths: &[PathBuf]) -> Result<u8, Vec<Diagnostic>> {
    let profile = profiles::profile(&of.chain, Path::new("."))?;
    let document = document_of(&profile, of.document.as_deref())?;
    let not_merged = match profile.genesis.how {
        GenesisHow::Merge => None,
        GenesisHow::Tool => Some((
            "makes its genesis itself: merged, its books would not add up",
            "`loomctl up` has it signed on every validator's host and collected on the first",
        )),
        GenesisHow::Encode => Some((
            "has one genesis document, with its validators encoded in it: no host makes a part of it",
            "`loomctl up` makes it of the validators' keys; `loomctl render --facts FILE -o DIR` shows it",
        )),
    };
    if let Some((why, help)) = not_merged {
        return Err(vec![Diagnostic::error(format!("{} {why}", profile.name)).help(help)]);
    }
    let wanted = chain_id.map(ChainId::new).transpose();
    let wanted = wanted.map_err(|why| vec![Diagnostic::error(why.to_string())])?;
    let mut unread = Vec::new();
    let Some(mut documents) = standalone::Files::new(&profile, &document, wanted) else {
        return Ok(error::OK);
    };
    for path in paths {
        match files::read(path) {
            Ok(text) => documents.add(&path.display().to_string(), text),
            Err(problem) => unread.push(problem),
        }
    }
    match documents.merged(now()) {
        Ok(merged) if unread.is_empty() => {
            out::document(&merged);
            Ok(error::OK)
        }
        Ok(_) => Err(unread),
        Err(found) => Err(unread.into_iter().chain(all_words(found)).collect()),
    }
}

fn check(of: &DocumentOf, file: &Path) -> Result<u8, Vec<Diagnostic>> {
    let profile = profiles::profile(&of.chain, Path::new("."))?;
    let document = document_of(&profile, of.document.as_deref())?;
    let text = files::read(file).map_err(|problem| vec![problem])?;
    let problems = standalone::check_one(&profile, &document, &text, now());
    if !problems.is_empty() {
        return Err(all_words(problems));
    }
    offline::sound(&profile, &document, &text);
    Ok(error::OK)
}

/// Whether they differ.
fn diff(
    chain: Option<&str>,
    document: Option<&str>,
    paths: [&PathBuf; 2],
    json: bool,
) -> Result<bool, Vec<Diagnostic>> {
    let read = |path: &PathBuf| files::read(path).map_err(|problem| vec![problem]);
    let (left, right) = (read(paths[0])?, read(paths[1])?);
    let sound = |path: &PathBuf, text| {
        let problem = |why: GenesisProblem| Diagnostic::error(format!("{}: {}", path.display(), why.message));
        Sound::read("", text).map_err(|why| vec![problem(why)])
    };
    let (left, right) = (sound(paths[0], left)?, sound(paths[1], right)?);
    let (profile, document) = match chain {
        Some(word) => {
            let profile = profiles::profile(word, Path::new("."))?;
            let document = document_of(&profile, document)?;
            (profile, document)
        }
        None => guessed(&left, &right)?,
    };
    let changes = compare::changes(&profile, &document, &left, &right).map_err(all_words)?;
    offline::changes(&changes, json);
    Ok(!changes.is_empty())
}

fn guessed(left: &Sound<'_>, right: &Sound<'_>) -> Result<(Profile, String), Vec<Diagnostic>> {
    let known: Vec<Profile> = builtin_names().into_iter().filter_map(Profile::builtin).collect();
    let found =
        compare::guess(&known, left, right).map(|(profile, document)| (profile.clone(), document.to_owned()));
    found.ok_or_else(|| {
        let problem = Diagnostic::error("the documents do not show which chain's they are");
        vec![problem.help("say it: --chain NAME, and --document NAME where it has several")]
    })
}

fn document_of(profile: &Profile, wanted: Option<&str>) -> Result<String, Vec<Diagnostic>> {
    let names: Vec<&str> = profile.documents.keys().map(String::as_str).collect();
    let wrong = |message: String, help: String| Err(vec![Diagnostic::error(message).help(help)]);
    match (wanted, names.as_slice()) {
        (Some(name), _) if names.contains(&name) => Ok(name.to_owned()),
        (Some(name), _) => {
            let help = nearest(name, names.iter().copied()).map_or_else(
                || format!("it has: {}", names.join(", ")),
                |near| format!("is `{near}` meant?"),
            );
            wrong(format!("{} has no document {name:?}", profile.name), help)
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => {
            let which = |(name, rule): (&String, &crate::chain::profile::Document)| {
                format!("--document {name} ({})", rule.path)
            };
            let help = profile.documents.iter().map(which).collect::<Vec<_>>().join(" or ");
            wrong(format!("{} has {} genesis documents", profile.name, names.len()), help)
        }
    }
}

fn words(problem: GenesisProblem) -> Diagnostic {
    problem.diagnostic(Code::Input)
}

fn all_words(problems: Vec<GenesisProblem>) -> Vec<Diagnostic> {
    problems.into_iter().map(words).collect()
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
