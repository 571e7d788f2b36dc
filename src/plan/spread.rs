//! One work for many nodes, on all processors.

use std::{
    panic::resume_unwind,
    thread::{self, available_parallelism},
};

/// Of fewer nodes than this a thread would cost more than it saves.
const SHARE: usize = 32;

/// What `work` makes of each, in their order.
pub fn each<'a, T: Sync, R: Send>(all: &'a [T], work: impl Fn(&'a T) -> R + Sync) -> Vec<R> {
    let processors = available_parallelism().map_or(1, usize::from);
    let share = all.len().div_ceil(processors).max(SHARE);
    let mut shares = all.chunks(share);
    let own = shares.next().unwrap_or_default();
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> =
            shares.map(|share| scope.spawn(move || share.iter().map(work).collect::<Vec<_>>())).collect();
        let own = own.iter().map(work).collect::<Vec<_>>();
        let others =
            others.into_iter().flat_map(|share| share.join().unwrap_or_else(|why| resume_unwind(why)));
        own.into_iter().chain(others).collect()
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
