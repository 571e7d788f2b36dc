//! `loomctl status --watch`: until Ctrl-C.

use std::time::Duration;

use super::{look::end, view::View};
use crate::{commands::watch::Watch, session::read::Look};

pub async fn watch(view: View, mut look: Look, pause: Duration) -> u8 {
    let mut watch = Watch::begin(&mut look, pause);
    let mut interrupt = look.fleet.interrupt.clone();
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let watching = async {
        loop {
            ticks.tick().await;
            let now = watch.look(&mut look).await;
            // What an interruption has ended is not shown as what was seen.
            if look.fleet.interrupt.is_set() || !view.watch(&now) {
                return;
            }
        }
    };
    tokio::select! {
        () = interrupt.wait() => {}
        () = watching => {}
    }
    end(view, look).await
}
