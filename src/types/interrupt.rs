//! Ctrl-C: once, and every script ends between two steps; twice, and we are gone.

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on.
    pub fn listen() -> Self {
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            if let Ok(mut signals) = Signals::of(SignalKind::interrupt(), SignalKind::terminate()) {
                signals.next().await;
                let _ = tell.send(true);
                signals.next().await;
                std::process::exit(130);
            }
            tell.closed().await;
        });
        Self(told)
    }

    /// One that a test sets.
    #[cfg(test)]
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (tell, told) = watch::channel(false);
        (tell, Self(told))
    }

    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the first signal has come.
    pub async fn wait(&mut self) {
        if self.0.wait_for(|set| *set).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Both from the beginning to the end: a receiver that is made after the first signal has missed a second one that came
/// right behind it.
struct Signals(Signal, Signal);

impl Signals {
    fn of(one: SignalKind, other: SignalKind) -> io::Result<Self> {
        Ok(Self(signal(one)?, signal(other)?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{process::Command, time::Duration};

    use tokio::time::{sleep, timeout};

    use super::*;

    /// By signals that mean nothing to the other tests of this process.
    #[tokio::test]
    async fn a_second_signal_right_behind_the_first_is_not_lost() {
        let mut signals = Signals::of(SignalKind::user_defined1(), SignalKind::user_defined2()).unwrap();
        let send = |name: &str| {
            let pid = std::process::id().to_string();
            assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
        };
        for (first, second) in [("USR1", "USR1"), ("USR1", "USR2"), ("USR2", "USR1")] {
            for name in [first, second] {
                send(name);
                if name == second {
                    // The runtime has taken it in before anybody waits for it.
                    sleep(Duration::from_millis(50)).await;
                }
                let taken = timeout(Duration::from_secs(60), signals.next()).await;
                assert!(taken.is_ok(), "{first}, {second}");
            }
        }
    }
}
