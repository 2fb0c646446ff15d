//! Jobs whose files would have the same name: none is lost, but which is which is hard to tell.

use std::hash::{DefaultHasher, Hasher};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// The paths of a plan's jobs, and which of them meet.
///
/// Paths are known by a hash of 64 bits, which two different ones of a million share once in many million plans.
#[derive(Debug, Default)]
pub(super) struct Saves {
    first_at: HashMap<u64, u32>,
    /// Jobs whose path an earlier one has.
    pub(super) clashes: u64,
    /// The first two that meet, by place, and where.
    pub(super) example: Option<(u32, u32, String)>,
}

impl Saves {
    /// Notes where the job at a place saves its files.
    pub(super) fn note(&mut self, place: u32, path: &str) {
        match self.first_at.entry(hash(path)) {
            Entry::Vacant(free) => {
                free.insert(place);
            }
            Entry::Occupied(taken) => {
                self.clashes += 1;
                self.example
                    .get_or_insert_with(|| (*taken.get(), place, path.to_owned()));
            }
        }
    }
}

/// Hashes a path as file systems compare it that ignore case.
fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for byte in path.bytes() {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_meet_whatever_their_case() {
        let mut saves = Saves::default();
        for (place, path) in [
            (0, "a/b.{ext}"),
            (1, "a/c.{ext}"),
            (2, "A/b.{ext}"),
            (3, "a/c.{ext}"),
        ] {
            saves.note(place, path);
        }
        assert_eq!(saves.clashes, 2);
        assert_eq!(saves.example, Some((0, 2, "A/b.{ext}".to_owned())));
    }
}
