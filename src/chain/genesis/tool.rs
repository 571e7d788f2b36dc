//! Genesis by the chain's own tool: what one step is given and what it runs, for one validator; and what its last result
//! has to be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Compose, GenesisProblem,
    check::check_values,
    claims::unlike,
    merge::{overridden_paths, set_overrides},
    partial::Partial,
    text::Sound,
    validators::validators_of,
};
use crate::{
    chain::{
        basics::Basics,
        placeholders::filled,
        profile::{Profile, ToolRun, ToolStep},
    },
    types::ids::{HostAddr, Power, RemotePath},
};

/// What a validator gets whose power nobody has named, as `init` of other chains gives it.
const POWER: i64 = 10;

/// A validator as the tool is told of it.
#[derive(Debug)]
pub struct Maker {
    pub basics: Basics,
    pub address: HostAddr,
    pub power: Option<Power>,
    /// The documents of its init with the inventory's values set, and the results of its steps so far, by name.
    pub has: BTreeMap<String, String>,
}

/// All of one step but the binary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Below the node's folder, and there below the step's own.
    pub links: Vec<String>,
    /// Path below the step's folder, and text.
    pub puts: Vec<(String, String)>,
    pub commands: Vec<Command>,
    pub gives: String,
    pub leaves: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub argv: Vec<String>,
    pub out: Option<String>,
    pub secret: bool,
}

/// What the step does for one of the validators, in this folder; `None`: it works with results that are not there yet.
pub fn work(
    profile: &Profile,
    step: &ToolStep,
    own: &Maker,
    all: &[Maker],
    folder: &RemotePath,
) -> Option<Work> {
    let mut puts = Vec::new();
    for (path, text) in &step.puts {
        let numbered = path.as_str().contains("{number}");
        for (number, maker) in (if numbered { all } else { std::slice::from_ref(own) }).iter().enumerate() {
            // As many digits as make their order that of the names.
            let path = path.as_str().replace("{number}", &format!("{number:05}"));
            puts.push((path, maker.has.get(text)?.clone()));
        }
    }
    let mut commands = Vec::new();
    for run in &step.run {
        for maker in if run.for_each_validator { all } else { std::slice::from_ref(own) } {
            commands.push(command(profile, run, maker, folder)?);
        }
    }
    let texts = |paths: &[_]| paths.iter().map(ToString::to_string).collect();
    let (links, leaves) = (texts(&step.links), texts(&step.leaves));
    Some(Work { links, puts, commands, gives: step.gives.to_string(), leaves })
}

fn command(profile: &Profile, run: &ToolRun, maker: &Maker, folder: &RemotePath) -> Option<Command> {
    let word = |word: &str| match word {
        "home" => Some(folder.to_string()),
        "address" => Some(maker.address.to_string()),
        "stake" => Some(stake(profile, maker.power)),
        _ => maker.basics.word(word).or_else(|| maker.has.get(word).map(|text| text.trim().to_owned())),
    };
    let argv = run.argv.iter().map(|argument| filled(argument, word)).collect::<Option<_>>()?;
    Some(Command { argv, out: run.out.as_ref().map(ToString::to_string), secret: run.secret })
}

fn stake(profile: &Profile, power: Option<Power>) -> String {
    let unit = profile.documents.values().find_map(|document| document.validators.power_unit).unwrap_or(1);
    (i128::from(power.map_or(POWER, Power::get)) * i128::from(unit)).to_string()
}

/// The tool's document as every host writes it, if it is what was asked for.
pub fn finished(ask: Compose<'_>, text: &str) -> Result<BTreeMap<String, String>, Vec<GenesisProblem>> {
    let Some((name, rule)) = ask.profile.documents.first_key_value() else { return Ok(BTreeMap::new()) };
    let sound = Sound::read(name, text).map_err(|problem| vec![problem])?;
    let outline = Partial::of(sound, rule, &overridden_paths(name, rule, ask.overrides));
    let mut made = BTreeMap::from([(name.clone(), outline)]);
    let mut problems = set_overrides(ask.profile, &mut made, ask.overrides);
    problems.extend(check_values(ask.profile, &made, ask.chain_id, ask.now));
    let made: BTreeMap<_, _> =
        made.iter().map(|(name, outline)| (name.clone(), outline.to_string())).collect();
    if problems.is_empty() {
        problems.extend(others(ask, name, &made[name]));
        problems.extend(unasked(ask, name, &made[name]));
    }
    if problems.is_empty() { Ok(made) } else { Err(problems) }
}

/// Each host has signed its own part: the power and the name in it are the inventory's.
fn unasked(ask: Compose<'_>, name: &str, text: &str) -> Vec<GenesisProblem> {
    let members = validators_of(ask.profile, name, text).unwrap_or_default();
    let power = |node: &super::NodeDocs| node.power.map_or(POWER, Power::get);
    unlike(name, ask.nodes.iter().map(|node| (node.whose.as_str(), &node.key, power(node))), &members)
}

/// The validators are those of the inventory, in its order.
pub(super) fn others(ask: Compose<'_>, name: &str, text: &str) -> Vec<GenesisProblem> {
    let members = match validators_of(ask.profile, name, text) {
        Ok(members) => members,
        Err(problems) => return problems,
    };
    let wanted = ask.nodes.iter().map(|node| &node.key.value);
    if members.iter().map(|member| &member.key.value).eq(wanted) {
        return Vec::new();
    }
    let names: Vec<&str> = ask.nodes.iter().map(|node| node.whose.as_str()).collect();
    let message = format!(
        "names {} validators that are not those of the inventory in its order: {}",
        members.len(),
        names.join(", ")
    );
    vec![GenesisProblem::new(name, message)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        chain::genesis::{NodeDocs, Overrides, check, compare},
        types::ids::{ChainId, ValidatorKey},
    };

    /// What simd 0.50 itself has collected from two validators.
    const COLLECTED: &str = include_str!("../../../tests/fixtures/simd-0.50/collected.json");
    const KEYS: [&str; 2] =
        ["ewwR/b8L583GsaRjNG6cZjbQewK4YJXGHbCkjwBPbr0=", "OG3/tQCj8oPTqmQUxFrJKGV8nIVrIYkFtsThfR/5fGE="];

    fn sound(text: &str) -> Sound<'_> {
        Sound::read("chain", text).unwrap()
    }

    fn finish(keys: &[&str], overrides: &Overrides) -> Result<String, String> {
        finish_with(keys, overrides, COLLECTED)
    }

    fn finish_text(keys: &[&str], text: &str) -> Result<String, String> {
        finish_with(keys, &Overrides::new(), text)
    }

    fn finish_with(keys: &[&str], overrides: &Overrides, text: &str) -> Result<String, String> {
        let profile = Profile::builtin("cosmos").unwrap();
        let node = |(number, key): (usize, &&str)| NodeDocs {
            whose: format!("node-{number}"),
            key: ValidatorKey { kind: "tendermint/PubKeyEd25519".into(), value: (*key).to_owned() },
            power: None,
            documents: BTreeMap::new(),
        };
        let nodes: Vec<NodeDocs> = keys.iter().enumerate().map(node).collect();
        let chain_id = ChainId::new("cosmos-local").unwrap();
        let ask =
            Compose { profile: &profile, nodes: &nodes, chain_id: &chain_id, overrides, now: 1_900_000_000 };
        let lines =
            |problems: Vec<GenesisProblem>| problems.iter().map(ToString::to_string).collect::<String>();
        finished(ask, text).map(|mut made| made.remove("chain").unwrap()).map_err(lines)
    }

    #[test]
    fn s5_what_the_tool_has_collected_is_read_by_the_same_rules() {
        let profile = Profile::builtin("cosmos").unwrap();
        let members = validators_of(&profile, "chain", COLLECTED).unwrap();
        let said: Vec<_> = members.iter().map(|m| (m.name.clone().unwrap(), m.power.get())).collect();
        assert_eq!(said, [("node-0".to_owned(), 10), ("node-1".to_owned(), 10)]);
        assert_eq!(
            (members[0].key.kind.as_str(), members[0].key.value.as_str()),
            ("tendermint/PubKeyEd25519", KEYS[0])
        );

        // The same content in the one layout, whatever was made of it before.
        let made = finish(&KEYS, &Overrides::new()).unwrap();
        let (collected, finished) = (sound(COLLECTED), sound(&made));
        let changes = compare::changes(&profile, "chain", &collected, &finished).unwrap();
        assert_eq!(changes, [compare::Change::Layout]);
        let documents = BTreeMap::from([("chain".to_owned(), made.clone())]);
        assert!(
            check(&profile, &documents, &ChainId::new("cosmos-local").unwrap(), 1_900_000_000).is_empty()
        );
        assert!(finish(&[KEYS[1], KEYS[0]], &Overrides::new()).unwrap_err().contains("in its order"));
        assert!(finish(&KEYS[..1], &Overrides::new()).unwrap_err().contains("names 2 validators"));

        // What its host has signed with another stake, or under another's name.
        let forged = |from: &str, to: &str| finish_text(&KEYS, &COLLECTED.replacen(from, to, 1)).unwrap_err();
        let rich = forged("\"10000000\"", "\"1000000000000\"");
        assert!(
            rich.contains("node-0: ") && rich.contains("power 1000000, and by the inventory 10"),
            "{rich}"
        );
        let named = forged("\"moniker\": \"node-1\"", "\"moniker\": \"node-0\"");
        assert!(named.contains("node-1: ") && named.contains("the name \"node-0\""), "{named}");

        // Another stake is another power, by what the chain counts.
        let more = made.replacen("\"amount\": \"10000000\"", "\"amount\": \"25999999\"", 1);
        let other = sound(&more);
        let changes = compare::changes(&profile, "chain", &finished, &other).unwrap();
        assert!(matches!(&changes[0], compare::Change::Power { to, .. } if to.get() == 25), "{changes:?}");
        let none = made.replacen("\"amount\": \"10000000\"", "\"amount\": \"999999\"", 1);
        let why = validators_of(&profile, "chain", &none).unwrap_err();
        assert!(
            why[0].to_string().contains("gen_txs[0].body.messages[0].value.amount: 0 is not above zero"),
            "{why:?}"
        );
    }
}
