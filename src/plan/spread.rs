//! One work for many nodes, on all processors.

use std::{
    iter,
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread::{self, available_parallelism},
};

/// So many nodes a thread takes at a time. For fewer another thread would cost more than it saves; with many more, one that
/// is held up would hold up all.
const SHARE: usize = 32;

/// What `work` makes of each, in their order.
pub fn each<'a, T: Sync, R: Send>(all: &'a [T], work: impl Fn(&'a T) -> R + Sync) -> Vec<R> {
    let (shares, taken) = (all.chunks(SHARE), AtomicUsize::new(0));
    let threads = available_parallelism().map_or(1, usize::from).min(shares.len());
    let take_part = || {
        let next = || {
            let number = taken.fetch_add(1, Relaxed);
            Some((number, shares.clone().nth(number)?))
        };
        let done = |(number, share): (usize, &'a [T])| (number, share.iter().map(&work).collect::<Vec<_>>());
        iter::from_fn(next).map(done).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take_part)).collect();
        let mut done = take_part();
        for other in others {
            done.extend(other.join().unwrap_or_else(|why| resume_unwind(why)));
        }
        done.sort_unstable_by_key(|(number, _)| *number);
        done.into_iter().flat_map(|(_, results)| results).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back_in_its_order() {
        for count in [0, 1, SHARE, SHARE + 1, 1000] {
            let all: Vec<usize> = (0..count).collect();
            assert_eq!(
                each(&all, |number| number * 2),
                all.iter().map(|number| number * 2).collect::<Vec<_>>()
            );
        }
    }
}
