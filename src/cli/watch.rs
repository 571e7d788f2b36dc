//! `loomctl status --watch`: until Ctrl-C.

use std::time::Duration;

use super::{start::end, view::View};
use crate::{commands::watch::Watch, session::read::ReadSession};

pub async fn watch(view: View, mut session: ReadSession, pause: Duration) -> u8 {
    let mut watch = Watch::begin(&mut session, pause);
    let mut interrupt = session.fleet.interrupt.clone();
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let watching = async {
        loop {
            ticks.tick().await;
            let now = watch.look(&mut session).await;
            // What an interruption has ended is not shown as what was seen.
            if session.fleet.interrupt.is_set() || !view.watch(&now) {
                return;
            }
        }
    };
    tokio::select! {
        () = interrupt.wait() => {}
        () = watching => {}
    }
    end(view, session).await
}
