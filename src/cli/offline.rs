//! `loomctl peers` and `loomctl render`: what `up` would do with facts that were written down.

use super::{
    args::{Offline, Peers, Render},
    files,
    start::desired,
    view::offline,
};
use crate::{
    chain::peers::PeerInfo,
    cluster::Cluster,
    facts::{Facts, saved},
    plan::{removed, whole},
    session::{
        binary,
        error::{self, Failure},
        joined,
    },
    types::{diagnostic::Diagnostic, ids::NodeName, nearest::nearest},
};

pub fn peers(args: &Peers) -> u8 {
    let done = known(&args.offline).and_then(|(cluster, facts)| {
        let dialled = dialled(&cluster, &facts, args.node.as_deref())?;
        offline::peers(&cluster.profile, &dialled, args.format, args.node.is_some());
        Ok(error::OK)
    });
    done.unwrap_or_else(|failure| offline::fail(&failure))
}

pub async fn render(args: &Render) -> u8 {
    let known = match known(&args.offline) {
        Ok((mut cluster, facts)) => {
            joined::note(&mut cluster, &facts).await;
            Ok((cluster, facts))
        }
        failed => failed,
    };
    let done = known.and_then(|(cluster, facts)| {
        let whole = whole::whole(&cluster, &facts).map_err(Failure::Refused)?;
        files::new_folder(&args.out).map_err(input)?;
        let mut written = 0;
        for (node, steps) in &whole {
            let root = args.out.join(node.as_str());
            for step in steps {
                written += usize::from(files::put(&root, step).map_err(input)?);
            }
        }
        offline::rendered(written, whole.len(), &args.out);
        Ok(error::OK)
    });
    done.unwrap_or_else(|failure| offline::fail(&failure))
}

fn input(problem: Diagnostic) -> Failure {
    Failure::Input(vec![problem])
}

/// The cluster that the inventory wants, with its local binaries hashed, and the facts of the file.
fn known(args: &Offline) -> Result<(Cluster, Facts), Failure> {
    let (mut cluster, warnings) = desired(&args.desired).map_err(Failure::Input)?;
    offline::warn(&warnings);
    let measured = binary::measure(binary::named(&cluster));
    let problems = binary::note(&mut cluster, measured, true);
    if !problems.is_empty() {
        return Err(Failure::Input(problems));
    }
    let text = files::read(&args.facts).map_err(input)?;
    let facts = saved::read(&text, &cluster).map_err(|(line, why)| {
        let message = format!("{} line {line}: these are no facts: {why}", args.facts.display());
        input(Diagnostic::error(message).help("facts are what `loomctl facts --json` prints"))
    })?;
    saved::scopes(&mut cluster, &facts);
    offline::warn(&removed::warnings(&cluster, &facts));
    Ok((removed::remaining(&cluster, &facts).into_owned(), facts))
}

/// Who each node dials, in inventory order; with `only` that node alone.
fn dialled(
    cluster: &Cluster,
    facts: &Facts,
    only: Option<&str>,
) -> Result<Vec<(NodeName, Vec<PeerInfo>)>, Failure> {
    if let Some(name) = only
        && cluster.nodes.iter().all(|node| node.name.as_str() != name)
    {
        let problem = Diagnostic::error(format!("there is no node {name:?} in the inventory"));
        let near = nearest(name, cluster.nodes.iter().map(|node| node.name.as_str()));
        return Err(input(match near {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        }));
    }
    let everybody = whole::everybody(cluster, facts).map_err(Failure::Refused)?;
    let network = cluster.peering(&everybody);
    let nodes = cluster.nodes.iter().filter(|node| only.is_none_or(|name| node.name.as_str() == name));
    nodes
        .map(|node| {
            let peers = network.peers_of(&node.name);
            let refused = |why: crate::chain::peers::PeersError| {
                vec![Diagnostic::refusal(why.code(), Some(&node.name), why.to_string())]
            };
            peers.map(|peers| (node.name.clone(), peers)).map_err(|why| Failure::Refused(refused(why)))
        })
        .collect()
}
