//! Names with `*` and `?` in them. Everything else, brackets too, means itself: they belong to the names of jobs.

/// Tells whether a name is one that the pattern means: `*` is any characters, `?` is one.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut here) = (0, 0);
    // Where the last `*` stands, and how far the name goes that it means.
    let mut star = None;
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[here] => {
                at += 1;
                here += 1;
            }
            _ => {
                let Some((from, until)) = star else {
                    return false;
                };
                star = Some((from, until + 1));
                (at, here) = (from + 1, until + 1);
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_others() {
        for (pattern, name) in [
            ("song", "song"),
            ("*", ""),
            ("s*g", "song"),
            ("s*g", "sg"),
            ("*ong*", "song"),
            ("so?g", "song"),
            ("cue[1?]#*", "cue[17]#2"),
            ("*a*b", "xaxbxab"),
            ("ü*", "über"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("song", "songs"),
            ("son", "song"),
            ("", "a"),
            ("?", ""),
            ("s*gs", "song"),
            ("cue[12]", "cue1"),
            ("*a*b", "xab "),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
