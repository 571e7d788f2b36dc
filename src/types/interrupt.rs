//! Ctrl-C: once, and every script ends between two steps; twice, and we are gone.

use tokio::sync::watch;

#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on.
    pub fn listen() -> Self {
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            if wait_for_signal().await {
                let _ = tell.send(true);
                wait_for_signal().await;
                std::process::exit(130);
            }
            tell.closed().await;
        });
        Self(told)
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

async fn wait_for_signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return false;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
    true
}
