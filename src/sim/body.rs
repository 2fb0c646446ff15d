//! A request's JSON body, read field by field; a field of the wrong shape is refused in the provider's words.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::webhook::check_url;

/// A body: `null` counts as not given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'a>(pub &'a Map<String, Value>);

impl<'a> Body<'a> {
    pub(crate) fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Reads text; empty text counts as not given.
    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(Refusal::invalid(format!(
                "The '{name}' field should be a string."
            ))),
        }
    }

    pub(crate) fn required(self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name)?
            .ok_or_else(|| Refusal::invalid(format!("The '{name}' field is required.")))
    }

    pub(crate) fn flag(self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Self::not_boolean(name)),
        }
    }

    /// Reads a flag that must be given; the refusal is the same as for a flag that is no boolean.
    pub(crate) fn required_flag(self, name: &str) -> Result<bool, Refusal> {
        self.flag(name)?.ok_or_else(|| Self::not_boolean(name))
    }

    fn not_boolean(name: &str) -> Refusal {
        Refusal::invalid(format!("The '{name}' field should be boolean."))
    }

    /// Reads a number within bounds.
    pub(crate) fn number(self, name: &str, min: f64, max: f64) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let number = value
            .as_f64()
            .ok_or_else(|| Refusal::invalid(format!("The '{name}' field should be a number.")))?;
        if (min..=max).contains(&number) {
            Ok(Some(number))
        } else if max.is_finite() {
            Err(Refusal::invalid(format!(
                "The '{name}' field should be between {min} and {max}."
            )))
        } else {
            Err(Refusal::invalid(format!(
                "The '{name}' field should be at least {min}."
            )))
        }
    }

    /// Reads a whole number within bounds.
    pub(crate) fn integer(self, name: &str, min: u32, max: u32) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        value
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (min..=max).contains(number))
            .map(Some)
            .ok_or_else(|| {
                Refusal::invalid(format!(
                    "The '{name}' field should be an integer between {min} and {max}."
                ))
            })
    }

    /// Reads a range of seconds whose end must lie after its start.
    pub(crate) fn range(self, start: &str, end: &str) -> Result<Option<(f64, f64)>, Refusal> {
        let from = self.number(start, 0.0, f64::INFINITY)?;
        let to = self.number(end, 0.0, f64::INFINITY)?;
        match (from, to) {
            (Some(from), Some(to)) if to > from => Ok(Some((from, to))),
            (None, None) => Ok(None),
            (None, Some(to)) if to > 0.0 => Ok(Some((0.0, to))),
            (Some(_), None) => Ok(None),
            _ => Err(Refusal::invalid(format!(
                "The '{end}' field should be greater than '{start}'."
            ))),
        }
    }

    /// Reads one of a few words.
    pub(crate) fn word(
        self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        allowed
            .iter()
            .find(|word| **word == text)
            .map(|word| Some(*word))
            .ok_or_else(|| {
                Refusal::invalid(format!(
                    "The '{name}' field is invalid. It should be one of {}.",
                    allowed.join(", ")
                ))
            })
    }

    /// Refuses text of more than `limit` characters; `label` is what the provider's literal calls the field.
    pub(crate) fn at_most(self, name: &str, label: &str, limit: usize) -> Result<(), Refusal> {
        match self.text(name)? {
            Some(text) if text.chars().count() > limit => Err(Refusal::invalid(format!(
                "The {label} character length should be less than {limit}."
            ))),
            _ => Ok(()),
        }
    }

    /// Reads an address of audio. The simulator fetches nothing: names in the address stand for what can go wrong.
    pub(crate) fn audio_url(self, name: &str) -> Result<&'a str, Refusal> {
        let url = self.required(name)?;
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"))
            .unwrap_or_default();
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let file = rest.split(['?', '#']).next().unwrap_or_default();
        let not_audio = [".txt", ".html", ".pdf", ".zip", ".json"];
        if host.is_empty() || host.ends_with(".invalid") || url.contains("simulate-unreachable") {
            Err(Refusal::invalid(
                "Audio URL is not accessible. Please provide a public direct audio file URL.",
            ))
        } else if not_audio.iter().any(|end| file.ends_with(end)) {
            Err(Refusal::invalid("Invalid audio file."))
        } else if url.contains("simulate-recording") {
            Err(Refusal::invalid("The audio matches an existing recording."))
        } else {
            Ok(url)
        }
    }

    /// Checks where a webhook would go, and its secret.
    pub(crate) fn webhook(self, name: &str) -> Result<(), Refusal> {
        if let Some(url) = self.text(name)? {
            check_url(name, url)?;
        }
        self.text("webhook_secret").map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.unwrap_err().error.into_owned()
    }

    #[test]
    fn fields_are_refused_in_the_providers_words() {
        let value = json!({
            "flag": "yes", "text": 5, "long": "abcdef", "weight": 1.5, "count": 0, "word": "c",
            "start": 5, "end": 4, "gone": null, "hook": "http://x",
        });
        let body = Body(value.as_object().unwrap());
        for (found, said) in [
            (
                error(body.flag("flag")),
                "The 'flag' field should be boolean.",
            ),
            (
                error(body.required_flag("none")),
                "The 'none' field should be boolean.",
            ),
            (
                error(body.text("text")),
                "The 'text' field should be a string.",
            ),
            (
                error(body.required("gone")),
                "The 'gone' field is required.",
            ),
            (
                error(body.at_most("long", "prompt", 5)),
                "The prompt character length should be less than 5.",
            ),
            (
                error(body.number("weight", 0.0, 1.0)),
                "The 'weight' field should be between 0 and 1.",
            ),
            (
                error(body.integer("count", 1, 9)),
                "The 'count' field should be an integer between 1 and 9.",
            ),
            (
                error(body.word("word", &["a", "b"])),
                "The 'word' field is invalid. It should be one of a, b.",
            ),
            (
                error(body.range("start", "end")),
                "The 'end' field should be greater than 'start'.",
            ),
            (
                error(body.webhook("hook")),
                "The 'hook' field should be an https URL of at most 1024 characters.",
            ),
        ] {
            assert_eq!(found, said);
        }
        assert_eq!(body.text("gone"), Ok(None));
        assert_eq!(body.at_most("long", "prompt", 6), Ok(()));
    }

    #[test]
    fn addresses_stand_for_what_can_go_wrong() {
        for (url, fault) in [
            ("https://box.example/a.mp3", ""),
            ("http://127.0.0.1:8787/f/track.wav?x=1", ""),
            ("ftp://box.example/a.mp3", "not accessible"),
            ("a.mp3", "not accessible"),
            ("https:///a.mp3", "not accessible"),
            ("https://nowhere.invalid/a.mp3", "not accessible"),
            ("https://box.example/notes.txt?a.mp3", "Invalid audio file"),
            (
                "https://box.example/simulate-recording.mp3",
                "matches an existing recording",
            ),
        ] {
            let value = json!({"url": url});
            match Body(value.as_object().unwrap()).audio_url("url") {
                Ok(_) => assert_eq!(fault, "", "{url}"),
                Err(refusal) => {
                    assert!(!fault.is_empty() && refusal.error.contains(fault), "{url}");
                }
            }
        }
    }
}
