//! `status`: the state of each node, once or again and again.

use std::time::Duration;

use super::{args::Status, start, watch};
use crate::commands;

pub async fn run(args: Status) -> u8 {
    match start::read_session(&args.hosts, "status").await {
        Ok((view, session)) if args.watch.is_some() => {
            watch::watch(view, session, Duration::from_secs(args.watch.unwrap_or_default())).await
        }
        Ok((view, mut session)) => {
            session.gather().await;
            let nodes = commands::status::status(&session).await;
            let standing = commands::standing::standing(&session, &nodes).await;
            view.status(&nodes, standing.as_ref());
            start::end(view, session).await
        }
        Err(exit) => exit,
    }
}
