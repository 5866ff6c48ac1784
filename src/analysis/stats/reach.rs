//! The bytes that were touched so far, as ranges that neither overlap nor meet.

use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Covered {
    /// Ends by beginning.
    ranges: BTreeMap<u64, u64>,
}

impl Covered {
    /// Adds the bytes from `start` up to `end`; gives how many of them are new.
    pub fn add(&mut self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        let (mut from, mut to) = (start, end);
        let mut known = 0;
        // The last range that begins before the end, as long as one reaches into the new one.
        while let Some((&first, &last)) = self.ranges.range(..=end).next_back().filter(|(_, last)| **last >= start) {
            known += last.min(end).saturating_sub(first.max(start));
            from = from.min(first);
            to = to.max(last);
            self.ranges.remove(&first);
        }
        self.ranges.insert(from, to);
        end - start - known
    }
}

#[cfg(test)]
mod tests {
    use super::Covered;

    #[test]
    fn only_what_is_new_counts() {
        let mut covered = Covered::default();
        let steps = [(10, 20, 10), (30, 40, 10), (15, 35, 10), (5, 5, 0), (0, 50, 20), (50, 60, 10), (1, 59, 0)];
        for (start, end, new) in steps {
            assert_eq!(covered.add(start, end), new, "{start}..{end}");
        }
        assert_eq!(covered.ranges.into_iter().collect::<Vec<_>>(), [(0, 60)]);
        let mut covered = Covered::default();
        assert_eq!(covered.add(1, u64::MAX), u64::MAX - 1);
        assert_eq!(covered.add(0, u64::MAX), 1);
    }
}
