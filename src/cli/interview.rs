//! The questions of `setlist init`, each with a default that Enter takes.
//!
//! Whoever calls says how a line is read, so that nothing here needs a terminal.

use crate::model::Credits;

use super::provider::{PROVIDERS, Provider};
use super::starter::{Make, Quality};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    /// What is to be made.
    pub(crate) make: Make,
    /// With whom.
    pub(crate) provider: Provider,
    /// How well.
    pub(crate) quality: Quality,
    /// What a run may spend.
    pub(crate) max_credits: Credits,
}

/// One thing that can be chosen: the word for it, and what it is.
type Choice<T> = (&'static str, &'static str, T);

const MAKES: [Choice<Make>; 3] = [
    ("song", "a song", Make::Song),
    ("stems", "a song with stems", Make::Stems),
    ("batch", "a batch from a CSV", Make::Batch),
];

const QUALITIES: [Choice<Quality>; 3] = [
    ("highest", "Suno, some minutes", Quality::Highest),
    ("medium", "Producer, faster", Quality::Medium),
    ("fast", "Producer, a sketch in seconds", Quality::Fast),
];

/// Asks all of them; `line` shows a question and returns what was typed, or none once nothing more can come.
///
/// The answers that are given are the defaults. Returns none when the person went away.
pub(crate) fn interview(
    defaults: Answers,
    line: &mut dyn FnMut(&str) -> Option<String>,
) -> Option<Answers> {
    let providers = PROVIDERS.map(|provider| (provider.name, about(provider), provider));
    Some(Answers {
        make: choose("what to make", &MAKES, defaults.make, line)?,
        provider: choose("which provider", &providers, defaults.provider, line)?,
        quality: choose("which quality", &QUALITIES, defaults.quality, line)?,
        max_credits: credits(defaults.max_credits, line)?,
    })
}

fn about(provider: Provider) -> &'static str {
    match provider.origin {
        None => "built in, no key, costs nothing",
        Some(_) => "a real account",
    }
}

/// Asks until one of the choices is named, by its word, the start of it, or its number.
fn choose<T: Copy + PartialEq>(
    question: &str,
    choices: &[Choice<T>],
    default: T,
    line: &mut dyn FnMut(&str) -> Option<String>,
) -> Option<T> {
    let mut prompt = format!("{question}?\n");
    for (number, (word, what, _)) in (1..).zip(choices) {
        prompt.push_str(&format!("  {number}  {word:<11} {what}\n"));
    }
    let usual = choices.iter().find(|(.., value)| *value == default);
    prompt.push_str(&format!("[{}] ", usual.map_or("", |(word, ..)| word)));
    loop {
        let typed = line(&prompt)?.trim().to_ascii_lowercase();
        if typed.is_empty() {
            return Some(default);
        }
        if let Some(value) = find(&typed, choices) {
            return Some(value);
        }
        let words: Vec<_> = choices.iter().map(|(word, ..)| *word).collect();
        prompt = format!("`{typed}` is none of {}: ", words.join(", "));
    }
}

fn find<T: Copy>(typed: &str, choices: &[Choice<T>]) -> Option<T> {
    let by_number = typed.parse::<usize>().ok();
    let number = by_number.and_then(|number| choices.get(number.checked_sub(1)?));
    let mut starting = choices.iter().filter(|(word, ..)| word.starts_with(typed));
    let by_word = starting.next().filter(|_| starting.next().is_none());
    number.or(by_word).map(|(.., value)| *value)
}

/// Asks until a number of credits is given.
fn credits(default: Credits, line: &mut dyn FnMut(&str) -> Option<String>) -> Option<Credits> {
    let mut prompt = format!("at most how many credits may a run spend?\n[{default}] ");
    loop {
        let typed = line(&prompt)?;
        match typed.trim() {
            "" => return Some(default),
            typed => match typed.parse() {
                Ok(credits) => return Some(credits),
                Err(_) => prompt = format!("`{typed}` is not a whole number: "),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Answers {
        Answers {
            make: Make::Song,
            provider: PROVIDERS[0],
            quality: Quality::Medium,
            max_credits: Credits::new(50),
        }
    }

    /// Types these lines, then goes away; returns the answers and all that was asked.
    fn typed(lines: &[&str]) -> (Option<Answers>, Vec<String>) {
        let mut asked = Vec::new();
        let mut rest = lines.iter();
        let answers = interview(defaults(), &mut |prompt| {
            asked.push(prompt.to_owned());
            rest.next().map(|line| format!("{line}\n"))
        });
        assert_eq!(rest.next(), None, "a line was not read");
        (answers, asked)
    }

    #[test]
    fn enter_takes_the_defaults() {
        let (answers, asked) = typed(&["", " ", "", ""]);
        assert_eq!(answers, Some(defaults()));
        let defaults = ["[song] ", "[simulator] ", "[medium] ", "[50] "];
        for (prompt, default) in asked.iter().zip(defaults) {
            assert!(prompt.ends_with(default), "{prompt}");
        }
    }

    #[test]
    fn a_word_its_start_or_its_number_chooses() {
        for lines in [
            ["stems", "musicapi", "highest", "70"],
            ["2", "3", "1", " 70 "],
            ["st", "M", "HIGH", "70"],
        ] {
            let expected = Answers {
                make: Make::Stems,
                provider: PROVIDERS[2],
                quality: Quality::Highest,
                max_credits: Credits::new(70),
            };
            assert_eq!(typed(&lines).0, Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_asked_again() {
        // Two makes begin with `s`.
        let (answers, asked) = typed(&["s", "0", "4", "batch", "", "", "-1", "many", "0"]);
        let answers = answers.unwrap();
        assert_eq!(
            (answers.make, answers.max_credits),
            (Make::Batch, Credits::new(0))
        );
        assert_eq!(asked[1], "`s` is none of song, stems, batch: ");
        assert_eq!(asked[8], "`many` is not a whole number: ");
    }

    #[test]
    fn whoever_goes_away_gets_nothing() {
        for lines in [&[][..], &["1"], &["1", "1", "1"], &["1", "1", "1", "x"]] {
            assert_eq!(typed(lines).0, None, "{lines:?}");
        }
    }
}
