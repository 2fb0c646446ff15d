//! The first job of each fingerprint, found again.
//!
//! At a million jobs a hash table is larger than a processor's cache, and waiting for memory at each job takes longer
//! than all other work on it. So a small filter tells of most jobs that they are new; these are gathered and entered
//! many at once, which lets the processor wait for several at the same time. A part of each fingerprint stands in the
//! table, so that it grows without reading the jobs.

use hashbrown::HashTable;

use crate::model::Fingerprint;

/// Jobs that are entered at once.
const BATCH: usize = 256;
/// Bits of the filter for each job: one in eight new jobs is looked for in vain, at the most.
const BITS_PER_JOB: usize = 8;
/// How much wider the filter becomes when it is full.
const WIDER: usize = 4;
const WORD_BITS: u32 = u64::BITS;

/// A part of a job's fingerprint, and its ordinal.
#[derive(Clone, Copy)]
struct First {
    part: u32,
    ordinal: u32,
}

/// The jobs that are the first of their fingerprint.
pub(super) struct Firsts {
    /// The filter: a job whose bit is not set is new. As many words as a power of two.
    seen: Vec<u64>,
    /// Jobs that are not in the table yet.
    recent: Vec<First>,
    table: HashTable<First>,
}

impl Firsts {
    pub(super) fn new() -> Self {
        Self {
            seen: empty_filter(BATCH),
            recent: Vec::with_capacity(BATCH),
            table: HashTable::new(),
        }
    }

    /// Returns the first job with this fingerprint; enters `ordinal` as the first if there is none.
    ///
    /// `is_same` tells whether an earlier job has the very same fingerprint.
    pub(super) fn find_or_enter(
        &mut self,
        print: Fingerprint,
        ordinal: u32,
        is_same: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let [a, b, c, d, ..] = print.0;
        let part = u32::from_le_bytes([a, b, c, d]);
        let is_new = !is_marked(&self.seen, part);
        if !is_new || self.recent.len() == BATCH {
            self.settle();
        }
        if !is_new {
            let is_it = |first: &First| first.part == part && is_same(first.ordinal);
            if let Some(first) = self.table.find(spread(part), is_it) {
                return Some(first.ordinal);
            }
        }
        // Not earlier: the filter may have been made anew, with what is in the table.
        mark(&mut self.seen, part);
        self.recent.push(First { part, ordinal });
        None
    }

    /// Enters the recent jobs into the table, and widens the filter when they become too many for it.
    fn settle(&mut self) {
        for first in self.recent.drain(..) {
            self.table
                .insert_unique(spread(first.part), first, |other| spread(other.part));
        }
        let jobs = self.table.len() + BATCH;
        if jobs * BITS_PER_JOB > self.seen.len() * WORD_BITS as usize {
            self.seen = empty_filter(jobs * WIDER);
            for first in &self.table {
                mark(&mut self.seen, first.part);
            }
        }
    }
}

/// Makes a filter that is wide enough for that many jobs.
fn empty_filter(jobs: usize) -> Vec<u64> {
    let words = jobs * BITS_PER_JOB / WORD_BITS as usize;
    vec![0; words.next_power_of_two()]
}

fn mark(seen: &mut [u64], part: u32) {
    let (word, bit) = place(seen, part);
    seen[word] |= bit;
}

fn is_marked(seen: &[u64], part: u32) -> bool {
    let (word, bit) = place(seen, part);
    seen[word] & bit != 0
}

/// Returns the word of a filter that a part's bit is in, and the bit.
fn place(seen: &[u64], part: u32) -> (usize, u64) {
    let word = (part / WORD_BITS) as usize & (seen.len() - 1);
    (word, 1 << (part % WORD_BITS))
}

/// A fingerprint is a hash already; the table takes some of its bits from the lower end and some from the upper.
fn spread(part: u32) -> u64 {
    u64::from(part) << 32 | u64::from(part)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Fingerprints with little difference: many share their part, and many are the same.
    fn any_print() -> impl Strategy<Value = Fingerprint> {
        (0..400u16, 0..3u8).prop_map(|(part, rest)| {
            let mut print = [0; 16];
            print[..2].copy_from_slice(&part.to_le_bytes());
            print[15] = rest;
            Fingerprint(print)
        })
    }

    proptest! {
        #[test]
        fn the_first_of_each_fingerprint_is_found(
            prints in prop::collection::vec(any_print(), 0..3 * BATCH),
        ) {
            let mut firsts = Firsts::new();
            let mut known = HashMap::new();
            for (ordinal, print) in (0u32..).zip(&prints) {
                let same = |earlier: u32| prints[earlier as usize] == *print;
                let found = firsts.find_or_enter(*print, ordinal, same);
                prop_assert_eq!(found, known.get(print).copied());
                known.entry(*print).or_insert(ordinal);
            }
        }
    }

    #[test]
    fn the_filter_widens_as_jobs_come() {
        let mut firsts = Firsts::new();
        let narrow = firsts.seen.len();
        let print = |ordinal: u32| {
            let mut print = [0; 16];
            print[..4].copy_from_slice(&ordinal.wrapping_mul(0x9E37_79B9).to_le_bytes());
            Fingerprint(print)
        };
        for ordinal in 0..10_000 {
            assert_eq!(
                firsts.find_or_enter(print(ordinal), ordinal, |_| true),
                None
            );
        }
        assert!(firsts.seen.len() > narrow);
        for ordinal in 0..10_000 {
            let found = firsts.find_or_enter(print(ordinal), 10_000, |_| true);
            assert_eq!(found, Some(ordinal));
        }
    }
}
