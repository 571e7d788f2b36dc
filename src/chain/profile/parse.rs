//! Text → `Profile`: what serde cannot see is checked here, all problems at once.

use std::{collections::BTreeMap, sync::Arc};

use serde_yaml::Error as YamlError;

use super::{
    GenesisHow, HomePath, KeyPlace, NodeKeyReader, Profile, ValidatorKeyReader, builtin::BUILTIN, extends,
    tool, yaml_error,
};
use crate::{
    chain::{fill, placeholders, ports::P2P, render, unit},
    types::{
        diagnostic::{Diagnostic, Place},
        ids::{FileName, ServiceName, Url},
        nearest::nearest,
    },
};

impl Profile {
    /// A chain that is in the binary; its parts are tested, so it is there whenever its name is.
    pub fn builtin(name: &str) -> Option<Self> {
        let chain = BUILTIN.iter().find(|chain| chain.name == name)?;
        let templates = chain.templates.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        Self::parse(&format!("{name}/profile.yaml"), chain.profile, templates).ok()
    }

    /// `file` is the name that problems carry; `templates` the other files of the profile's folder.
    pub fn parse(
        file: &str,
        yaml: &str,
        templates: BTreeMap<String, String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut profile: Self = match extends::base_of(yaml) {
            None => serde_yaml::from_str(yaml).map_err(|error| vec![yaml_problem(file, yaml, &error)])?,
            Some(base) => extends::extended(yaml, &base)
                .map_err(|wrong| vec![at_word(file, yaml, &wrong.1, wrong.0)])?,
        };
        if let Err(why) = profile.settle_probes() {
            return Err(vec![at_word(file, yaml, "probes", Diagnostic::error(why))]);
        }
        profile.templates.extend(templates.into_iter().map(|(name, source)| (name, source.into())));
        let problems: Vec<_> = profile
            .problems()
            .into_iter()
            .map(|(word, problem)| at_word(file, yaml, &word, problem))
            .collect();
        if problems.is_empty() { Ok(profile) } else { Err(problems) }
    }

    /// What serde cannot see: the word of the text to point at, and the problem.
    fn problems(&self) -> Vec<(String, Diagnostic)> {
        let (missing, wrong) = (self.missing_names(), self.wrong_shapes());
        let plain =
            missing.into_iter().chain(wrong).map(|(word, message)| (word, Diagnostic::error(message)));
        plain.chain(self.template_problems()).collect()
    }

    /// Names of templates, files and ports that stand for nothing.
    fn missing_names(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut refer = |word: &str, what: &str, known: Vec<&str>| {
            if !known.contains(&word) {
                problems.push((word.to_owned(), with_nearest(format!("{what} `{word}`"), word, known)));
            }
        };
        let used = self.files.values().filter_map(|file| file.template.as_ref()).chain(self.unit_templates());
        let used = used.chain(&self.genesis.base);
        for template in used {
            let known = self.templates.keys().map(String::as_str).collect();
            refer(template, "the folder has no template", known);
        }
        for place in self.key_places() {
            refer(place.file.as_str(), "`files` has no", self.files.keys().map(HomePath::as_str).collect());
        }
        for port in self.port_names() {
            refer(port, "`ports` has no", self.ports.keys().map(String::as_str).collect());
        }
        for service in self.ports.values().filter_map(|port| port.service.as_ref()) {
            refer(
                service.as_str(),
                "`services` has no",
                self.services.keys().map(ServiceName::as_str).collect(),
            );
        }
        let words = self
            .services
            .values()
            .flat_map(|service| &service.argv)
            .flat_map(|argument| placeholders::names(argument));
        for port in words.filter_map(|word| word.strip_suffix("_port")) {
            refer(port, "`ports` has no", self.ports.keys().map(String::as_str).collect());
        }
        problems
    }

    fn wrong_shapes(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut report = |word: &str, message: String| problems.push((word.to_owned(), message));
        for (path, file) in &self.files {
            if file.base.is_some() == file.template.is_some() {
                report(path.as_str(), format!("`{path}` needs one of `base: init` and `template:`"));
            }
        }
        for path in &self.init.before {
            if self.files.get(path).is_none_or(|file| file.template.is_none()) {
                let message = format!("`{path}` must stand before init, so `files` needs a template for it");
                report(path.as_str(), message);
            }
        }
        let into = &self.peers.into;
        let ways = [into.flag.is_some(), into.file.is_some(), into.list.is_some()];
        if into.file.is_some() != into.key.is_some() || ways.iter().filter(|way| **way).count() != 1 {
            report("into", "`peers.into` needs `flag`, `file` and `key`, or `list`".into());
        }
        if into.list.as_ref().is_some_and(|list| self.files.contains_key(list)) {
            report("list", "`peers.into.list` is a file of its own, so `files` cannot have it".into());
        }
        if !["{id}", "{host}", "{port}"].iter().all(|part| self.peers.format.contains(part)) {
            report("format", "`peers.format` needs {id}, {host} and {port}".into());
        }
        if self.documents.is_empty() {
            report("documents", "a chain has at least one genesis document".into());
        }
        for name in self.ports.iter().filter(|(_, port)| port.from.is_empty()).map(|(name, _)| name) {
            report(name, format!("port `{name}` needs `from`: the keys that hold it"));
        }
        problems.extend(self.wrong_names());
        problems.extend(self.wrong_keys());
        problems.extend(self.wrong_probes());
        problems.extend(self.wrong_signs());
        problems.extend(self.wrong_networks());
        problems.extend(self.wrong_leaving());
        problems.extend(tool::wrong(self));
        problems
    }

    /// What becomes a part of a path or of a URL, beside what has a type of its own.
    fn wrong_names(&self) -> Vec<(String, String)> {
        let names = self.documents.keys().chain(self.genesis.steps.iter().map(|step| &step.name));
        let wrong =
            names.filter_map(|name| Some((name.clone(), FileName::new(name.as_str()).err()?.to_string())));
        let url = self.build_url("build").and_then(|url| Url::new(url).err());
        // It goes into a pattern on the host.
        let prefix = self.sign_state.as_ref().map(|signs| &signs.prefix);
        let prefix = prefix.filter(|prefix| !prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        let prefix = prefix
            .map(|prefix| format!("`prefix`: {prefix:?} has something else than letters, digits and _"));
        let dialled = (!self.ports.contains_key(P2P))
            .then(|| format!("`ports`: none is named {P2P}, which peers dial"));
        wrong
            .chain(url.map(|why| ("build_url".to_owned(), format!("`build_url`: {why}"))))
            .chain(prefix.map(|why| ("prefix".to_owned(), why)))
            .chain(dialled.map(|why| ("ports".to_owned(), why)))
            .collect()
    }

    /// Keys whose public half init prints, and genesis documents that no host has made.
    fn wrong_keys(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut report = |word: &str, message: &str| problems.push((word.to_owned(), message.to_owned()));
        let prints = self.init.prints.as_ref().map(|prints| &prints.of);
        let printed = [
            (self.node_key.read == NodeKeyReader::PrintedSecp256k1).then_some(&self.node_key.file),
            (self.validator_key.read == ValidatorKeyReader::PrintedSecp256k1Address)
                .then_some(&self.validator_key.file),
        ];
        if printed.into_iter().flatten().any(|file| prints != Some(file)) {
            report(
                "read",
                "what init prints of this key is not kept: `init.prints` says where, and of which file",
            );
        }
        if (self.genesis.how == GenesisHow::Encode) != self.genesis.base.is_some() {
            report("genesis", "`genesis.base` belongs to `how: encode`, and it needs one");
        }
        if self.genesis.how == GenesisHow::Encode && self.documents.len() != 1 {
            report(
                "documents",
                "with `how: encode` there is one genesis document: `genesis.base` with the validators",
            );
        }
        problems
    }

    fn template_problems(&self) -> Vec<(String, Diagnostic)> {
        let units = self.unit_templates().map(|template| (template.as_str(), unit::CONTEXT));
        let files = self.files.values().filter_map(|f| f.template.as_deref()).map(|t| (t, render::CONTEXT));
        let check = |(template, context): (&str, &[&str])| {
            let source = self.templates.get(template)?;
            let problem = fill::template_problem(template, source, context)?;
            Some((template.to_owned(), problem))
        };
        files.chain(units).filter_map(check).collect()
    }

    fn unit_templates(&self) -> impl Iterator<Item = &String> {
        let services = self.services.values().flat_map(|s| [&s.unit.template, &s.unit.user_template]);
        [&self.unit.template, &self.unit.user_template].into_iter().chain(services)
    }

    fn key_places(&self) -> Vec<KeyPlace> {
        let peers = self.peers.into.file.clone().zip(self.peers.into.key.clone());
        let conditions = self.ports.values().filter_map(|port| port.only_when_key.as_ref());
        let listed = self.ports.values().flat_map(|port| port.from.iter().chain(&port.bind_from).cloned());
        listed
            .chain(conditions.map(|c| KeyPlace { file: c.file.clone(), key: c.key.clone() }))
            .chain(peers.map(|(file, key)| KeyPlace { file, key }))
            .collect()
    }

    fn port_names(&self) -> Vec<&str> {
        let conditions = self.ports.values().filter_map(|port| port.only_when_port.as_ref());
        let probes = self.probes.iter().map(|probe| probe.port.as_str());
        conditions.map(|c| c.port.as_str()).chain(probes).collect()
    }
}

fn with_nearest<'a>(message: String, word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, known) {
        Some(near) => format!("{message}; is `{near}` meant?"),
        None => message,
    }
}

fn at_word(file: &str, text: &str, word: &str, problem: Diagnostic) -> Diagnostic {
    if word.is_empty() {
        return problem;
    }
    let found = text.lines().enumerate().find_map(|(nth, line)| {
        let uncommented = line.split('#').next().unwrap_or_default();
        uncommented.find(word).map(|column| (nth, line, column))
    });
    let Some((nth, line, column)) = found else { return problem };
    let column = line[..column].chars().count() + 1;
    problem.at(Some(&place(file, line, nth + 1, column, word.chars().count())))
}

fn place(file: &str, line: &str, number: usize, column: usize, width: usize) -> Place {
    Place { file: Arc::from(file), line: number, column, width, text: Arc::from(line) }
}

fn yaml_problem(file: &str, text: &str, error: &YamlError) -> Diagnostic {
    let (problem, word) = yaml_error::yaml_words(error);
    let Some(location) = error.location() else { return problem };
    let number = usize::try_from(location.line()).unwrap_or(0);
    let column = usize::try_from(location.column()).unwrap_or(1);
    let Some(line) = number.checked_sub(1).and_then(|n| text.lines().nth(n)) else { return problem };
    let stands_there = line.chars().skip(column.saturating_sub(1)).zip(word.chars()).all(|(a, b)| a == b);
    let width = if stands_there { word.chars().count().max(1) } else { 1 };
    problem.at(Some(&place(file, line, number, column, width)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn loom(change: impl Fn(&str) -> String) -> Vec<Diagnostic> {
        let chain = BUILTIN.iter().find(|chain| chain.name == "loom").unwrap();
        let templates = chain.templates.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        Profile::parse("profile.yaml", &change(chain.profile), templates).err().unwrap_or_default()
    }

    #[test]
    fn the_chains_in_the_binary_are_sound() {
        assert_eq!(
            crate::chain::profile::builtin_names(),
            ["cometbft", "cometbft-app", "cosmos", "kaia", "loom", "tendermint"]
        );
        for chain in BUILTIN {
            let templates = chain.templates.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
            let profile =
                Profile::parse("profile.yaml", chain.profile, templates).map_err(|p| format!("{p:#?}"));
            assert_eq!(profile.unwrap().name, chain.name);
            assert!(Profile::builtin(chain.name).is_some());
        }
        assert!(Profile::builtin("none").is_none());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_and_its_place() {
        let problems = loom(|text| text.replace("build_url:", "biuld_url:"));
        assert_eq!(problems[0].message, "unknown key `biuld_url`");
        assert_eq!(problems[0].help.as_deref(), Some("is `build_url` meant?"));
        let place = problems[0].place.as_ref().unwrap();
        assert!(place.text.contains("biuld_url") && place.column == 3, "{place:?}");
    }

    /// P8
    #[test]
    fn a_name_that_becomes_a_path_is_one_name() {
        for bad in ["../../x", "/etc/x", "..", ".x", "-x", "a/b", "a b", "a\\u0007", "", &"x".repeat(256)] {
            let problems = loom(|text| text.replacen("  name: loom\n", &format!("  name: \"{bad}\"\n"), 1));
            assert!(
                problems.iter().any(|p| p.message.contains("must be 1–255 bytes") && p.place.is_some()),
                "{bad:?}: {problems:?}"
            );
            let problems = loom(|text| text.replacen("\n  chain:\n", &format!("\n  \"{bad}\":\n"), 1));
            assert!(
                problems.iter().any(|p| p.message.contains("must be 1–255 bytes")),
                "{bad:?}: {problems:?}"
            );
        }
        for bad in ["https://h/{build}\\nurl = x", "{build}", "s3://h/{build}"] {
            let problems = loom(|text| {
                let old = text.lines().find(|line| line.contains("build_url:")).unwrap();
                text.replace(old, &format!("  build_url: \"{bad}\""))
            });
            assert!(problems.iter().any(|p| p.message.contains("`build_url`: URL")), "{bad}: {problems:?}");
        }
        let problems = loom(|text| text.replacen("  path: ", "  path: \"a\\u0007b\" # ", 1));
        assert!(problems.iter().any(|p| p.message.contains("control character")), "{problems:?}");
    }

    #[test]
    fn what_points_nowhere_is_refused() {
        let problems = loom(|text| {
            text.replace("template: loom.yml", "template: lom.yml").replace("port: rpc,", "port: rcp,")
        });
        let messages: Vec<_> = problems.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "the folder has no template `lom.yml`; is `loom.yml` meant?",
                "`ports` has no `rcp`; is `rpc` meant?"
            ]
        );
        assert!(problems.iter().all(|p| p.place.is_some()));
    }
}
