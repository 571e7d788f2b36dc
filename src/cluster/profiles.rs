//! A chain by what a person calls it: a name that is in the program, or a custom folder.

use std::path::{Path, PathBuf};

use crate::{
    chain::profile::{Profile, builtin_names},
    inventory,
    types::{diagnostic::Diagnostic, nearest::nearest},
};

/// The file that makes a folder a profile.
const FILE: &str = "profile.yaml";

/// `word` with a slash is a folder; a relative one starts at `base`.
pub fn profile(word: &str, base: &Path) -> Result<Profile, Vec<Diagnostic>> {
    if word.contains('/') || word == "." {
        return own(&controller_path(base, word));
    }
    Profile::builtin(word).ok_or_else(|| vec![unknown(word)])
}

/// The profile in a folder: `profile.yaml`, and its templates beside it.
pub fn own(folder: &Path) -> Result<Profile, Vec<Diagnostic>> {
    let mut texts = inventory::texts_of(folder).map_err(|problem| vec![*problem])?;
    let file = folder.join(FILE).display().to_string();
    let Some(yaml) = texts.remove(FILE) else {
        let problem = Diagnostic::error(format!("{}: there is no {FILE} in this folder", folder.display()));
        return Err(vec![problem.help("begin with one that works: `loomctl chain show cometbft`")]);
    };
    Profile::parse(&file, &yaml, texts)
}

/// The problem of a name that no chain in the program has.
pub fn unknown(word: &str) -> Diagnostic {
    let known = builtin_names();
    let problem = Diagnostic::error(format!("unknown chain {word:?}"));
    let near = nearest(word, known.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
    let all = || format!("known are: {}; a profile of your own is a folder: ./{word}", known.join(", "));
    problem.help(near.unwrap_or_else(all))
}

/// A path on this machine: `~` is the user's home, a relative one starts at the inventory file.
pub fn controller_path(base: &Path, text: &str) -> PathBuf {
    if let Some(rest) = text.strip_prefix("~/")
        && let Some(home) = std::env::home_dir()
    {
        return home.join(rest);
    }
    base.join(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_a_chain_and_its_problems_point_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("mine");
        let at = |name: &str| own.join(name);
        assert!(profile("./mine", folder.path()).unwrap_err()[0].message.contains("cannot be read"));
        fs::create_dir(&own).unwrap();
        assert!(profile("./mine", folder.path()).unwrap_err()[0].message.contains("no profile.yaml"));
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/cometbft");
        for unit in ["unit.service", "unit.user.service"] {
            fs::copy(templates.join(unit), at(unit)).unwrap();
        }
        let text = fs::read_to_string(templates.join("profile.yaml")).unwrap();
        fs::write(at("profile.yaml"), text.replace("name: cometbft\nabout", "name: mine\nabout")).unwrap();
        assert_eq!(profile("./mine", folder.path()).unwrap().name, "mine");
        fs::write(at("profile.yaml"), text.replace("chain_data:", "chain_dota:")).unwrap();
        let problem = profile("./mine", folder.path()).unwrap_err().remove(0);
        assert!(problem.place.unwrap().file.ends_with("mine/profile.yaml"));
        assert!(profile("comet", folder.path()).unwrap_err()[0].help.as_ref().unwrap().contains("./comet"));
    }
}
