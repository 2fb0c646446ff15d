//! The word that was perhaps meant.

/// Finds the known word nearest to one that is not known; nothing when none is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the word may be wrong: more than that and the proposal puzzles instead of helping.
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Finds the known words nearest to one that is not known, the nearest first and at most so many.
pub fn nearest_few<T: AsRef<str>>(
    word: &str,
    known: impl IntoIterator<Item = T>,
    most: usize,
) -> Vec<T> {
    // Several proposals may be a little farther off than a single one.
    let allowed = (word.chars().count() / 3).clamp(2, 4);
    let mut near: Vec<(usize, T)> = Vec::new();
    for candidate in known {
        let distance = strsim::osa_distance(word, candidate.as_ref());
        let at = near.partition_point(|(other, _)| *other <= distance);
        if distance <= allowed && at < most {
            near.insert(at, (distance, candidate));
            near.truncate(most);
        }
    }
    near.into_iter().map(|(_, word)| word).collect()
}

/// Writes the hint that ends a message: `; did you mean …?`, or nothing.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known)
        .map(|meant| format!("; did you mean `{meant}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_proposed_and_far_ones_are_not() {
        let known = ["duration", "description", "model"];
        for (word, meant) in [
            ("durration", Some("duration")),
            ("desciption", Some("description")),
            ("modle", Some("model")),
            ("persona", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn the_nearest_words_come_first() {
        let known = ["cue[13]", "song", "cue[1]", "cue[3]", "cue[2]"];
        assert_eq!(nearest_few("cue/3", known, 2), ["cue[3]"]);
        assert_eq!(
            nearest_few("cue[4]", known, 3),
            ["cue[1]", "cue[3]", "cue[2]"]
        );
        assert!(nearest_few("tambourine", known, 3).is_empty());
    }
}
