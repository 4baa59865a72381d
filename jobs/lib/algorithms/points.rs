//! Points of a loyalty account, spent first in, first out: which of those that came in are left.

use std::collections::BTreeMap;

/// The movements of an account: what came in by its day, and all that went out.
///
/// Whatever goes out takes the oldest points that are left, and where none are left, points that
/// come in later: the account is in debt so long. What is left is then what came in less all that
/// went out, taken from the oldest: it depends on the movements alone, not on their order. An
/// expiry that the ledger books is one of those that go out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Movements {
    came_in: BTreeMap<i64, i64>,
    went_out: i64,
    /// The last day on which something went out.
    last_out: Option<i64>,
}

/// Points that came in on a day and are left, or a debt: points below zero, on the day that made
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    /// Days since 1970.
    pub day: i64,
    /// Points, never 0; below 0 only in a lot that is the only one.
    pub points: i64,
}

fn too_many() -> String {
    "more points than an integer can hold".to_string()
}

impl Movements {
    /// Takes in `points` that came in on `day` (days since 1970), or went out where below zero.
    ///
    /// Errors: what is wrong, for sums that an integer cannot hold.
    pub fn add(&mut self, points: i64, day: i64) -> Result<(), String> {
        if points > 0 {
            let sum = self.came_in.entry(day).or_default();
            *sum = sum.checked_add(points).ok_or_else(too_many)?;
        } else if points < 0 {
            let out = points.checked_neg().ok_or_else(too_many)?;
            self.went_out = self.went_out.checked_add(out).ok_or_else(too_many)?;
            self.last_out = self.last_out.max(Some(day));
        }
        Ok(())
    }

    /// Takes in lots that were left, as [`lots_of`] reads them.
    ///
    /// Errors: as [`Movements::add`].
    pub fn open_with(&mut self, lots: &[Lot]) -> Result<(), String> {
        lots.iter().try_for_each(|lot| self.add(lot.points, lot.day))
    }

    /// Takes in all movements of `other`.
    ///
    /// Errors: as [`Movements::add`].
    pub fn merge(&mut self, other: &Movements) -> Result<(), String> {
        for (day, points) in &other.came_in {
            self.add(*points, *day)?;
        }
        self.went_out = self.went_out.checked_add(other.went_out).ok_or_else(too_many)?;
        self.last_out = self.last_out.max(other.last_out);
        Ok(())
    }

    /// All movements, for merging: what went out, its last day, then day and points of what came
    /// in.
    pub fn numbers(&self) -> Vec<i64> {
        let mut numbers = vec![self.went_out, self.last_out.unwrap_or_default()];
        numbers.extend(self.came_in.iter().flat_map(|(day, points)| [*day, *points]));
        numbers
    }

    /// The movements of [`Movements::numbers`].
    ///
    /// Errors: what is wrong with numbers that are none of those.
    pub fn from_numbers(numbers: &[i64]) -> Result<Movements, String> {
        let [went_out, last_out, came_in @ ..] = numbers else {
            return Err("these are no movements of fifo_lots()".to_string());
        };
        let (rows, _) = came_in.as_chunks::<2>();
        Ok(Movements {
            came_in: rows.iter().map(|[day, points]| (*day, *points)).collect(),
            went_out: *went_out,
            last_out: (*went_out > 0).then_some(*last_out),
        })
    }

    /// Days on which something came in.
    pub fn len(&self) -> usize {
        self.came_in.len()
    }

    /// Whether nothing moved.
    pub fn is_empty(&self) -> bool {
        self.came_in.is_empty() && self.went_out == 0
    }

    /// What is left, the oldest first; a debt where more went out than came in.
    pub fn lots(&self) -> Vec<Lot> {
        let mut out = self.went_out;
        let mut lots = vec![];
        for (day, came_in) in &self.came_in {
            let taken = out.min(*came_in);
            out -= taken;
            if *came_in > taken {
                lots.push(Lot { day: *day, points: came_in - taken });
            }
        }
        if out > 0 {
            lots.push(Lot { day: self.last_out.unwrap_or_default(), points: -out });
        }
        lots
    }
}

/// Lots as a table keeps them: day, points, and so on, the oldest first.
pub fn numbers_of(lots: &[Lot]) -> Vec<i64> {
    lots.iter().flat_map(|lot| [lot.day, lot.points]).collect()
}

/// The lots of [`numbers_of`].
///
/// Errors: what is wrong with numbers that are none of those.
pub fn lots_of(numbers: &[i64]) -> Result<Vec<Lot>, String> {
    let (rows, rest) = numbers.as_chunks::<2>();
    let lots: Vec<Lot> =
        rows.iter().map(|[day, points]| Lot { day: *day, points: *points }).collect();
    let is_ordered = lots.is_sorted_by(|earlier, later| earlier.day < later.day);
    let is_debt = lots.len() == 1 && lots.iter().all(|lot| lot.points < 0);
    let is_left = lots.iter().all(|lot| lot.points > 0);
    match rest.is_empty() && is_ordered && (is_left || is_debt) {
        true => Ok(lots),
        false => Err("these are no lots of fifo_lots()".to_string()),
    }
}

/// The sum of all lots: the account's balance.
pub fn balance(lots: &[Lot]) -> i64 {
    lots.iter().fold(0, |sum, lot| sum.saturating_add(lot.points))
}

/// Points that are left of what came in up to and on `day`. A debt is none.
pub fn points_until(lots: &[Lot], day: i64) -> i64 {
    let old = lots.iter().filter(|lot| lot.day <= day && lot.points > 0);
    old.fold(0, |sum, lot| sum.saturating_add(lot.points))
}

/// The lots once all that came in up to and on `day` has expired. A debt does not expire.
pub fn lots_after(lots: &[Lot], day: i64) -> Vec<Lot> {
    lots.iter().copied().filter(|lot| lot.day > day || lot.points < 0).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn movements(rows: &[(i64, i64)]) -> Movements {
        let mut movements = Movements::default();
        for (points, day) in rows {
            movements.add(*points, *day).unwrap();
        }
        movements
    }

    fn lots(rows: &[(i64, i64)]) -> Vec<(i64, i64)> {
        movements(rows).lots().into_iter().map(|lot| (lot.day, lot.points)).collect()
    }

    /// By hand.
    #[test]
    fn the_oldest_goes_first() {
        assert_eq!(lots(&[]), []);
        assert_eq!(lots(&[(100, 1), (50, 3), (-30, 5)]), [(1, 70), (3, 50)]);
        assert_eq!(lots(&[(100, 1), (50, 3), (-120, 5)]), [(3, 30)]);
        assert_eq!(lots(&[(100, 1), (50, 1), (-150, 5)]), []);
        // A debt, and points that repay it.
        assert_eq!(lots(&[(100, 1), (-150, 5)]), [(5, -50)]);
        assert_eq!(lots(&[(100, 1), (-150, 5), (80, 7)]), [(7, 30)]);
        assert_eq!(lots(&[(0, 1)]), []);
        let left = movements(&[(100, 1), (50, 3), (40, 9), (-120, 5)]).lots();
        assert_eq!((balance(&left), points_until(&left, 3), points_until(&left, 2)), (70, 30, 0));
        assert_eq!(lots_after(&left, 3), [Lot { day: 9, points: 40 }]);
        let debt = movements(&[(-5, 2)]).lots();
        assert_eq!((balance(&debt), points_until(&debt, 9)), (-5, 0));
        assert_eq!(lots_after(&debt, 9), debt);
        assert_eq!(lots_of(&numbers_of(&left)).unwrap(), left);
        for wrong in [&[1][..], &[2, 5, 1, 5], &[1, 0], &[1, 5, 2, -5]] {
            assert!(lots_of(wrong).is_err(), "{wrong:?}");
        }
        assert!(movements(&[(i64::MAX, 1)]).add(1, 1).is_err());
    }

    /// An account kept point by point: each knows its day, and the oldest leaves first.
    #[derive(Default)]
    struct Naive {
        points: VecDeque<i64>,
        debt: i64,
        debt_day: i64,
    }

    impl Naive {
        fn book(&mut self, points: i64, day: i64) {
            for _ in 0..points.max(0) {
                match self.debt {
                    0 => self.points.push_back(day),
                    _ => self.debt -= 1,
                }
            }
            self.points.make_contiguous().sort_unstable();
            for _ in points.min(0)..0 {
                if self.points.pop_front().is_none() {
                    self.debt += 1;
                    self.debt_day = self.debt_day.max(day);
                }
            }
        }

        fn lots(&self) -> Vec<(i64, i64)> {
            let mut counts = BTreeMap::new();
            self.points.iter().for_each(|day| *counts.entry(*day).or_default() += 1);
            if self.debt > 0 {
                counts.insert(self.debt_day, -self.debt);
            }
            counts.into_iter().collect()
        }
    }

    fn entries() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((-40i64..40, 0i64..30), 0..40)
    }

    proptest! {
        #[test]
        fn it_agrees_with_an_account_kept_point_by_point(mut rows in entries()) {
            let told = lots(&rows);
            rows.sort_by_key(|(points, day)| (*day, *points));
            let mut naive = Naive::default();
            rows.iter().for_each(|(points, day)| naive.book(*points, *day));
            prop_assert_eq!(&told, &naive.lots());
            let sum: i64 = rows.iter().map(|(points, _)| points).sum();
            prop_assert_eq!(told.iter().map(|(_, points)| points).sum::<i64>(), sum);
        }

        #[test]
        fn yesterdays_lots_and_todays_entries_are_the_whole_history(
            mut rows in entries(), order in any::<prop::sample::Index>(),
        ) {
            rows.sort_by_key(|(_, day)| *day);
            let mut left: Vec<Lot> = vec![];
            for day in 0..30 {
                let mut today = Movements::default();
                // In any order.
                let entries: Vec<_> = rows.iter().filter(|row| row.1 == day).collect();
                let start = if entries.is_empty() { 0 } else { order.index(entries.len()) };
                for (points, day) in entries[start..].iter().chain(&entries[..start]) {
                    today.add(*points, *day).unwrap();
                }
                today.open_with(&lots_of(&numbers_of(&left)).unwrap()).unwrap();
                left = today.lots();
                let so_far: Vec<_> = rows.iter().filter(|row| row.1 <= day).copied().collect();
                prop_assert_eq!(&left, &movements(&so_far).lots());
            }
        }

        #[test]
        fn parts_merge_to_the_whole(rows in entries(), cut in 0usize..40) {
            let (left, right) = rows.split_at(cut.min(rows.len()));
            let mut merged = Movements::from_numbers(&movements(right).numbers()).unwrap();
            merged.merge(&movements(left)).unwrap();
            prop_assert_eq!(merged, movements(&rows));
        }
    }
}
