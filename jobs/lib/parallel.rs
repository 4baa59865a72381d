//! Work in pieces on several threads, the results in the pieces' order.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::errors::{Error, Kind, Result};

/// What `work` makes of the numbers below `count`, in their order, whatever the threads.
///
/// Errors: the one of the first piece that failed, by the pieces' order among those begun.
pub fn map<T: Send>(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let has_failed = AtomicBool::new(false);
    let run = || {
        let mut done = Vec::new();
        while !has_failed.load(Ordering::Relaxed) {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= count {
                break;
            }
            let result = work(piece);
            has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((piece, result));
        }
        done
    };
    let mut all = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(run)).collect();
        let mut all = run();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(_) => return Err(Error::new(Kind::Defect, "a thread panicked")),
            }
        }
        Ok(all)
    })?;
    all.sort_unstable_by_key(|(piece, _)| *piece);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        for threads in [1, 2, 8, 200] {
            let squares = map(threads, 100, |number| Ok(number * number)).unwrap();
            assert_eq!(squares, (0..100).map(|number| number * number).collect::<Vec<_>>());
        }
        assert!(map(4, 0, |_| Ok(())).unwrap().is_empty());
    }

    #[test]
    fn a_failure_ends_it() {
        let failed = map(2, 1000, |number| match number {
            7 => Err(Error::new(Kind::Storage, "seven")),
            _ => Ok(()),
        });
        assert_eq!(failed.unwrap_err().to_string(), "seven");
    }
}
