//! Words for songs nobody wrote: titles, lyrics, longer tags. The same draw writes the same words.

use super::seed::mix;

const OPENINGS: [&str; 8] = [
    "Under the light of",
    "I keep a map of",
    "We left the road for",
    "Nobody told me about",
    "Morning comes with",
    "Hold on to",
    "I heard you sing of",
    "The river carries",
];
const PLACES: [&str; 8] = [
    "a window left open",
    "the last train home",
    "a city made of rain",
    "the far side of summer",
    "a radio on low",
    "the colour of the tide",
    "an empty avenue",
    "the slow arithmetic of stars",
];
const EXTRA_TAGS: [&str; 8] = [
    "warm analog pads",
    "tight live drums",
    "wide stereo guitars",
    "close intimate vocals",
    "rounded bass",
    "tape saturation",
    "gentle dynamics",
    "airy reverb",
];

fn pick<'a>(words: &'a [&'a str; 8], seed: u64, nth: u64) -> &'a str {
    words[usize::try_from(mix(seed ^ mix(nth)) % 8).unwrap_or(0)]
}

/// Makes a title of a description's first words, or of nothing.
pub(crate) fn title(seed: u64, description: &str) -> String {
    let words: Vec<String> = description
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .take(3)
        .map(capitalized)
        .collect();
    if words.is_empty() {
        capitalized(pick(&PLACES, seed, 0))
    } else {
        words.join(" ")
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Writes a verse and a chorus.
pub(crate) fn lyrics(seed: u64) -> String {
    let line = |nth| {
        format!(
            "{} {}",
            pick(&OPENINGS, seed, nth),
            pick(&PLACES, seed, nth + 100)
        )
    };
    let lines = |from: u64| (from..from + 4).map(line).collect::<Vec<_>>().join("\n");
    format!("[Verse]\n{}\n\n[Chorus]\n{}", lines(0), lines(4))
}

/// Makes a list of tags longer.
pub(crate) fn longer_tags(seed: u64, tags: &str) -> String {
    let first = mix(seed) % 8;
    let extra: Vec<&str> = (0..3)
        .map(|nth| EXTRA_TAGS[usize::try_from((first + nth) % 8).unwrap_or(0)])
        .collect();
    format!("{tags}, {}", extra.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_from_the_description_and_the_seed() {
        assert_eq!(title(1, "slow piano, for rain"), "Slow Piano For");
        assert!(!title(1, " !? ").is_empty());
        assert_eq!(lyrics(1), lyrics(1));
        assert_ne!(lyrics(1), lyrics(2));
        assert!(longer_tags(3, "indie").starts_with("indie, "));
    }
}
