//! The genesis document of a joined network: from a host that holds it, else from where the inventory says. Whoever it comes
//! from, its bytes have the checksum that the inventory names.

use std::time::Duration;

use crate::{
    chain::genesis::standalone,
    cluster::{Cluster, Source, network::Joined},
    facts::{Facts, LARGEST_TEXT},
    remote::download::Downloads,
    types::{diagnostic::Diagnostic, ids::Sha256, limited, text::Text},
};

/// For a document of at most 4 MiB, from wherever it is.
const PATIENCE: Duration = Duration::from_secs(120);

/// Writes it into the cluster, or why it is not known. Nothing is asked of anybody where the network is made here, or where
/// a host has the document.
pub async fn note(cluster: &mut Cluster, facts: &Facts) {
    note_what_hosts_hold(cluster, facts);
    let Some(joined) = cluster.joined.as_ref().filter(|joined| joined.document.is_err()) else { return };
    let limit = format!("it did not arrive within {} s", PATIENCE.as_secs());
    let late = |_| Err(Diagnostic::error(format!("network.joined.genesis: {limit}")));
    let read = tokio::time::timeout(PATIENCE, read(joined)).await.unwrap_or_else(late);
    let document = read.and_then(|text| is_of_chain(cluster, &text).map(|()| text));
    if let Some(joined) = &mut cluster.joined {
        joined.document = document;
    }
}

/// The same without asking anybody.
pub fn note_what_hosts_hold(cluster: &mut Cluster, facts: &Facts) {
    let Some(joined) = &cluster.joined else { return };
    let Some(text) = on_a_host(facts, &joined.sha256) else { return };
    let document = is_of_chain(cluster, &text).map(|()| text);
    if let Some(joined) = &mut cluster.joined {
        joined.document = document;
    }
}

fn on_a_host(facts: &Facts, sha256: &Sha256) -> Option<Text> {
    let mut files = facts.nodes.values().flat_map(|seen| seen.files.values());
    files.find_map(|file| file.content.as_ref().filter(|text| text.sha256() == sha256)).cloned()
}

async fn read(joined: &Joined) -> Result<Text, Diagnostic> {
    let wrong = |name: &str, why: String| Diagnostic::error(format!("network.joined.genesis {name}: {why}"));
    let (name, path, _kept) = match &joined.genesis {
        Source::File(path) => (path.display().to_string(), path.clone(), None),
        Source::Url(url) => {
            let name = url.name();
            let help = "is the address right, and the server up? A file on this machine can be named instead";
            let download = Downloads::of_at_most(LARGEST_TEXT).get(url.as_str()).await;
            let download = download.map_err(|why| wrong(&name, why.to_string()).help(help))?;
            (name, download.path(), Some(download))
        }
    };
    let bytes = limited::read(&path, LARGEST_TEXT).map_err(|why| wrong(&name, why.to_string()))?;
    let sum = Sha256::of(&bytes);
    if sum != joined.sha256 {
        let why = format!("its sha256 is {sum}, expected {}", joined.sha256);
        return Err(wrong(&name, why).help("is it the right document, and as it was published?"));
    }
    String::from_utf8(bytes).map(Text::from).map_err(|_| wrong(&name, "it is no text (UTF-8)".to_owned()))
}

fn is_of_chain(cluster: &Cluster, text: &Text) -> Result<(), Diagnostic> {
    let (profile, wanted) = (&cluster.profile, &cluster.chain_id);
    match profile.documents.keys().next().map(|name| standalone::chain_id(profile, name, text)) {
        Some(Some(id)) if id == *wanted => Ok(()),
        Some(Some(id)) => {
            let message =
                format!("the genesis of the joined network is of chain {id}, and chain_id is {wanted}");
            Err(Diagnostic::error(message).help(format!("set `chain_id: {id}`, or name the other genesis")))
        }
        _ => Err(Diagnostic::error(format!(
            "the genesis of the joined network names no chain of {}",
            profile.name
        ))),
    }
}
