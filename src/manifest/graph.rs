//! The order of entries: what is needed comes first, and otherwise the manifest's order stays.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// Orders entries; `needs[i]` are those that entry `i` needs.
///
/// # Errors
/// The members of one cycle, each needing the next, the last the first.
pub(super) fn order(needs: &[BTreeSet<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut waiting: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut wanted_by = vec![Vec::new(); needs.len()];
    for (entry, needed) in needs.iter().enumerate() {
        for other in needed {
            wanted_by[*other].push(entry);
        }
    }
    let free = (0..needs.len()).filter(|entry| waiting[*entry] == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = free.map(Reverse).collect();
    let mut ordered = Vec::with_capacity(needs.len());
    while let Some(Reverse(entry)) = ready.pop() {
        ordered.push(entry);
        for other in &wanted_by[entry] {
            waiting[*other] -= 1;
            if waiting[*other] == 0 {
                ready.push(Reverse(*other));
            }
        }
    }
    if ordered.len() == needs.len() {
        Ok(ordered)
    } else {
        Err(cycle(needs, &waiting))
    }
}

/// Walks from need to need among those that never became free, until a member comes up again.
fn cycle(needs: &[BTreeSet<usize>], waiting: &[usize]) -> Vec<usize> {
    let stuck = |entry: &usize| waiting[*entry] > 0;
    let mut at = (0..needs.len()).find(stuck).unwrap_or(0);
    let mut seen_at = vec![None; needs.len()];
    let mut path = Vec::new();
    while seen_at[at].is_none() {
        seen_at[at] = Some(path.len());
        path.push(at);
        match needs[at].iter().copied().find(|entry| stuck(entry)) {
            Some(next) => at = next,
            None => break,
        }
    }
    let mut members = path.split_off(seen_at[at].unwrap_or(0));
    // The same cycle is told the same way wherever the walk came into it.
    let first = members
        .iter()
        .enumerate()
        .min_by_key(|(_, entry)| **entry)
        .map_or(0, |(at, _)| at);
    members.rotate_left(first);
    members
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(edges: &[(usize, usize)], count: usize) -> Vec<BTreeSet<usize>> {
        let mut needs = vec![BTreeSet::new(); count];
        for (entry, needed) in edges {
            needs[*entry].insert(*needed);
        }
        needs
    }

    #[test]
    fn independent_entries_keep_their_order() {
        assert_eq!(order(&graph(&[], 3)), Ok(vec![0, 1, 2]));
        assert_eq!(order(&graph(&[(0, 2)], 4)), Ok(vec![1, 2, 0, 3]));
    }

    #[test]
    fn cycles_name_their_members_in_order() {
        assert_eq!(order(&graph(&[(1, 1)], 3)), Err(vec![1]));
        assert_eq!(
            order(&graph(&[(3, 2), (2, 1), (1, 3), (0, 3)], 5)),
            Err(vec![1, 3, 2])
        );
    }

    proptest! {
        #[test]
        fn every_edge_is_respected(edges in prop::collection::vec((0usize..30, 0usize..30), 0..80)) {
            let downward: Vec<_> = edges.into_iter().filter(|(a, b)| a > b).collect();
            let needs = graph(&downward, 30);
            let ordered = order(&needs).unwrap();
            let place = |entry| ordered.iter().position(|other| *other == entry).unwrap();
            for (entry, needed) in downward {
                prop_assert!(place(needed) < place(entry));
            }
        }
    }
}
