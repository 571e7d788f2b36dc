//! What a host in memory says of a node when it is asked.

use serde_json::Value;

use super::{Host, path};
use crate::{
    chain::identity,
    facts::{
        Account, FileFact, LARGEST_TEXT, NodeFacts, ServiceFacts,
        ask::{KeyPlace, NodeQuestion, ServiceQuestion},
        manifest::Manifest,
        removed,
    },
    types::ids::{RemotePath, Sha256, ValidatorKey},
};

/// gather.sh's `observe_node`.
pub(super) fn answer(host: &Host, question: &NodeQuestion) -> NodeFacts {
    let user_home = path(&format!("/home/{}", question.user));
    let known = !host.strangers.contains(&question.user);
    let home = question.folder.clone().or_else(|| known.then(|| user_home.clone()));
    let account = Account { uid: 1000, group: question.user.to_string(), home: user_home };
    let below = |folder: &RemotePath, name: &str| folder.join(name).unwrap();
    let mut seen =
        NodeFacts { account: known.then_some(account), home: home.clone(), ..NodeFacts::default() };
    let home = home.unwrap_or_else(|| path("/"));
    let unit_path = host.scope.unit_path(&question.unit);
    let mut paths = vec![home.clone(), question.state.clone(), unit_path.clone()];
    for name in [".loomctl-init", ".loomctl-init/.complete", &question.binary_name] {
        paths.push(below(&home, name));
    }
    let started = host.scope.path_of(&format!("bin/{}.service/{}", question.unit, question.binary_name));
    paths.extend([started.parent().unwrap(), started.clone()]);
    for name in ["started", "initialised", "restored", "manifest.json"] {
        paths.push(below(&question.state, name));
    }
    paths.extend(question.paths.iter().map(|name| below(&home, name)));
    let mut texts: Vec<RemotePath> = question.texts.iter().map(|name| below(&home, name)).collect();
    texts.push(unit_path);
    for at in paths {
        if let Some(file) = host.files.get(&at) {
            let content = file.content.clone().filter(|_| texts.contains(&at) && file.size <= LARGEST_TEXT);
            seen.files.insert(at, FileFact { content, ..file.clone() }.into());
        }
    }
    let text = |at: &RemotePath| host.files.get(at)?.content.as_ref().map(ToString::to_string);
    for name in &question.pristine {
        if let Some(text) = text(&below(&question.state, &format!("pristine/{name}"))) {
            seen.pristine.insert(name.clone(), text.into());
        }
    }
    let record = text(&below(&question.state, "started"));
    seen.started = record.and_then(|line| {
        let (id, sum) = line.split_once(' ')?;
        Some((id.to_owned(), Sha256::new(sum.trim()).ok()?))
    });
    match text(&below(&question.state, "manifest.json")).map(|text| Manifest::parse(&text)) {
        Some(Ok(manifest)) => seen.manifest = Some(manifest.into()),
        Some(Err(why)) => seen.manifest_error = Some(why),
        None => {}
    }
    identity_of(&mut seen, question, &home, text);
    let linked = host.files.get(&started).and_then(|file| file.target.clone());
    let binaries =
        linked.map(|target| path(&target)).into_iter().chain(question.binary.clone().map(|(at, _)| at));
    for at in binaries {
        if let Some(sum) = host.files.get(&at).and_then(|file| file.sha256.clone()) {
            seen.binaries.insert(at, sum);
        }
    }
    seen.unit = host.units.get(&question.unit).cloned().unwrap_or_default();
    let stones = host.files.iter().filter(|(at, _)| at.as_str().contains("/.removed/"));
    let stones: String = stones.filter_map(|(_, file)| file.content.as_deref()).collect();
    match removed::read(stones.as_bytes()) {
        Ok(stones) => seen.removed = stones.into_iter().map(Into::into).collect(),
        Err(why) => seen.removed_error = Some(why),
    }
    for service in &question.services {
        answer_of(host, question, service, &mut seen);
    }
    seen
}

/// gather.sh's `observe_service`.
fn answer_of(host: &Host, question: &NodeQuestion, service: &ServiceQuestion, seen: &mut NodeFacts) {
    let unit_path = host.scope.unit_path(&service.unit);
    let started = host.scope.path_of(&format!("bin/{}.service/{}", service.unit, service.binary_name));
    let record = question.state.join(&format!("started.{}", service.unit)).unwrap();
    for at in [&record, &started.parent().unwrap(), &started, &unit_path] {
        if let Some(file) = host.files.get(at) {
            let content = file.content.clone().filter(|_| *at == unit_path);
            seen.files.insert(at.clone(), FileFact { content, ..file.clone() }.into());
        }
    }
    let linked = host.files.get(&started).and_then(|file| file.target.clone());
    let planned = service.binary.clone().map(|(at, _)| at);
    for at in linked.map(|target| path(&target)).into_iter().chain(planned) {
        if let Some(sum) = host.files.get(&at).and_then(|file| file.sha256.clone()) {
            seen.binaries.insert(at, sum);
        }
    }
    let line = host.files.get(&record).and_then(|file| file.content.clone());
    let started = line.and_then(|line| {
        line.split_once(' ').map(|(id, sum)| (id.to_owned(), Sha256::new(sum.trim()).unwrap()))
    });
    let unit = host.units.get(&service.unit).cloned().unwrap_or_default();
    seen.services.insert(service.unit.clone(), ServiceFacts { unit, started });
}

/// The public parts of the key files, as gather.sh reads them.
fn identity_of(
    seen: &mut NodeFacts,
    question: &NodeQuestion,
    home: &RemotePath,
    text: impl Fn(&RemotePath) -> Option<String>,
) {
    let json = |name: &str| -> Option<Value> { serde_json::from_str(&text(&home.join(name).unwrap())?).ok() };
    if let KeyPlace::Printed { key, to } = &question.node_key {
        let (key, to) = (text(&home.join(key).unwrap()), text(&home.join(to).unwrap()));
        let of = |(key, to): (String, String)| {
            let (sum, public) = to.split_once('\n')?;
            (Sha256::of(key).as_str() == sum).then(|| public.trim().to_owned())
        };
        let Some(public) = key.zip(to).and_then(of) else { return };
        seen.node_id = identity::evm_node_id(&public).ok();
        seen.validator_key = identity::evm_address(&public).ok();
        return;
    }
    let named = |place: &KeyPlace| match place {
        KeyPlace::File(name) => json(name),
        KeyPlace::Printed { .. } => None,
    };
    if let Some(key) = named(&question.node_key) {
        // The recording keeps the public half beside the private one.
        seen.node_id = identity::node_id_of_pubkey(key["pub"].as_str().unwrap()).ok();
    }
    if let Some(key) = named(&question.validator_key) {
        let part = |name: &str| key["pub_key"][name].as_str().unwrap().to_owned();
        seen.validator_key = Some(ValidatorKey { kind: part("type"), value: part("value") });
    }
    if let Some((file, key, _)) = &question.sign_state
        && let Some(state) = json(file)
    {
        seen.signed_height = state[key].as_str().and_then(|text| text.parse().ok());
    }
}
