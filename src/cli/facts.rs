//! `facts`: what was gathered from each host.

use super::{args::Facts, start};

pub async fn run(args: Facts) -> u8 {
    match start::read_session(&args.hosts, "facts").await {
        Ok((view, mut session)) => {
            session.gather().await;
            view.facts(&session);
            start::end(view, session).await
        }
        Err(exit) => exit,
    }
}
