//! `loomctl upgrade` and `loomctl rollback`: another binary under the files that the hosts have.

use std::path::PathBuf;

use super::{
    args,
    nodes::{self, Asked},
};
use crate::{
    cluster::{
        Binary, Cluster, Source,
        decided::{DecidedBy, Decides},
    },
    plan::{Goal, Options},
    session::{binary, error::Failure},
    types::{
        diagnostic::Diagnostic,
        ids::{Sha256, Url},
    },
};

pub async fn upgrade(args: args::Upgrade) -> u8 {
    let goal = if args.prepare { Goal::Prepare } else { Goal::Upgrade };
    let asked = Asked::of("upgrade", args.nodes, goal).paced(&args.pace);
    let mut asked = if args.prepare { asked } else { asked.proven(args.proof) };
    let mut started = match nodes::begin(&mut asked) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let given = args.binary.as_deref().map(|given| given_binary(given, args.sha256.as_deref())).transpose();
    match given {
        Ok(Some(given)) => give(&mut started.cluster, &started.options, &given),
        Ok(None) => {}
        Err(problem) => return started.view.end_with(&Failure::Input(vec![problem])),
    }
    started.sends();
    nodes::go_on(asked, started).await
}

pub async fn rollback(args: args::Rollback) -> u8 {
    let mut asked = Asked::of("rollback", args.nodes, Goal::Rollback).paced(&args.pace).proven(args.proof);
    match nodes::begin(&mut asked) {
        Ok(started) => nodes::go_on(asked, started).await,
        Err(exit) => exit,
    }
}

/// What `--binary` and `--sha256` name. What comes from somewhere else is compared with something that does not.
fn given_binary(given: &str, sha256: Option<&str>) -> Result<Binary, Diagnostic> {
    let pinned = sha256.map(Sha256::new).transpose();
    let pinned =
        pinned.map_err(|why| Diagnostic::error(format!("--sha256 {}: {why}", sha256.unwrap_or_default())))?;
    let source = if given.contains("://") {
        let url = Url::new(given).map_err(|why| Diagnostic::error(format!("--binary: {why}")))?;
        if pinned.is_none() {
            let problem = Diagnostic::error("--binary: a URL needs its checksum");
            return Err(problem.help("add --sha256 HEX, as the makers of the release publish it"));
        }
        Source::Url(url)
    } else {
        let path = std::path::absolute(PathBuf::from(given));
        Source::File(path.map_err(|why| Diagnostic::error(format!("--binary {given}: {why}")))?)
    };
    Ok(Binary { source, pinned, local: None })
}

/// To the nodes that the command is about; what the inventory has for them is remembered.
fn give(cluster: &mut Cluster, options: &Options, given: &Binary) {
    let measured = binary::measure(binary::named(cluster));
    for node in cluster.nodes.iter_mut().filter(|node| options.touches(&node.name)) {
        let of_file = match &node.binary.source {
            Source::File(path) => measured.get(path).and_then(|measured| measured.as_ref().ok()),
            Source::Url(_) => None,
        };
        let instead_of =
            node.binary.pinned.clone().or_else(|| of_file.map(|(local, _)| local.sha256.clone()));
        node.binary = given.clone();
        node.decides = Some(Decides { by: DecidedBy::Upgrade, instead_of });
    }
}
