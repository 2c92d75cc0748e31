//! The same work for many things, side by side: most of the time goes by
//! waiting for others.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Does something for each with this many workers at most; what came out is in
/// the order of the things.
///
/// # Errors
///
/// Fails with the first failure in that order. Nothing new is begun once
/// something failed.
pub fn map<I: Sync, O: Send, E: Send>(
    workers: usize,
    items: &[I],
    act: impl Fn(&I) -> Result<O, E> + Sync,
) -> Result<Vec<O>, E> {
    let workers = workers.min(items.len());
    if workers <= 1 {
        return items.iter().map(act).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            let outcome = act(item);
            if outcome.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            done.push((at, outcome));
        }
        done
    };
    let mut done: Vec<(usize, Result<O, E>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined
            .flat_map(|outcome| outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Does two things side by side.
///
/// # Errors
///
/// Fails with the first failure in their order.
pub fn both<A: Send, B, E: Send>(
    first: impl FnOnce() -> Result<A, E> + Send,
    second: impl FnOnce() -> Result<B, E>,
) -> Result<(A, B), E> {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        let first = first.join();
        let first = first.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((first, second?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_and_comes_back_in_order() {
        let items: Vec<u32> = (0..100).collect();
        let doubled: Result<Vec<u32>, ()> = map(8, &items, |item| Ok(item * 2));
        assert_eq!(
            doubled.unwrap(),
            (0..100).map(|item| item * 2).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_failure_ends_it_and_the_first_in_order_is_told() {
        let items: Vec<u32> = (0..1_000).collect();
        let begun = AtomicUsize::new(0);
        let failed: Result<Vec<()>, u32> = map(4, &items, |item| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item < 3 { Err(*item) } else { Ok(()) }
        });
        assert_eq!(failed.unwrap_err(), 0);
        assert!(begun.load(Ordering::Relaxed) < 1_000);
    }

    #[test]
    fn two_things_are_done_and_the_first_failure_counts() {
        assert_eq!(both(|| Ok::<_, ()>(1), || Ok("a")), Ok((1, "a")));
        let none: Result<((), ()), _> = both(|| Err("first"), || Err("second"));
        assert_eq!(none, Err("first"));
    }
}
