//! Uploads at once: enough to fill this machine's uplink or its processors. More would only be in each other's way
//! (docs/performance.md).

use std::time::Duration;

use tokio::sync::Semaphore;

const SLOTS: usize = 8;
/// How long one keeps another from beginning: what takes longer is slow at its host's end, which is nobody else's matter.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct UploadSlots {
    free: Semaphore,
    patience: Duration,
}

impl Default for UploadSlots {
    fn default() -> Self {
        Self { free: Semaphore::new(SLOTS), patience: PATIENCE }
    }
}

impl UploadSlots {
    /// The work, begun as soon as there is a lane for it.
    pub async fn go<T>(&self, work: impl Future<Output = T>) -> T {
        // Never closed, so never refused.
        let lane = self.free.acquire().await;
        let gives_way = async {
            tokio::time::sleep(self.patience).await;
            drop(lane);
        };
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return done,
            () = gives_way => {}
        }
        work.await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicUsize, Ordering},
        time::Instant,
    };

    use super::*;

    fn lanes(count: usize, patience: Duration) -> UploadSlots {
        UploadSlots { free: Semaphore::new(count), patience }
    }

    #[tokio::test]
    async fn no_more_go_at_once_than_there_are_lanes() {
        let (lanes, now, most) =
            (lanes(3, Duration::from_secs(60)), AtomicUsize::new(0), AtomicUsize::new(0));
        let one = |_| {
            lanes.go(async {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                now.fetch_sub(1, Ordering::SeqCst);
            })
        };
        futures::future::join_all((0..10).map(one)).await;
        assert_eq!((most.into_inner(), now.into_inner()), (3, 0));
    }

    #[tokio::test]
    async fn who_is_slow_keeps_nobody_waiting_for_ever() {
        let (lanes, begun) = (lanes(1, Duration::from_millis(50)), Instant::now());
        tokio::select! {
            () = lanes.go(pending()) => {}
            done = lanes.go(async { 7 }) => assert_eq!(done, 7),
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
}
