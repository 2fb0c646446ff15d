//! Faults by schedule: which request goes wrong, and how. It decides; `simulator` and `server` carry it out.
//!
//! A fault is written `EFFECT@N`, `EFFECT@N-M` or `EFFECT@N:SPAN`, with `N` counted from 1. Without a prefix it
//! counts submits (POST requests with a key); with `poll-`, `file-` or `balance-` it counts requests of that kind.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::span::{parse_span, span_text};

/// Which requests a fault counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// POST requests to the API.
    Submit,
    /// Reads of a task or a batch.
    Poll,
    /// Reads of a result file.
    File,
    /// Reads of the balance.
    Balance,
}

impl Target {
    const ALL: [(&'static str, Self); 4] = [
        ("poll-", Self::Poll),
        ("file-", Self::File),
        ("balance-", Self::Balance),
        ("", Self::Submit),
    ];

    fn prefix(self) -> &'static str {
        match self {
            Self::Submit => "",
            Self::Poll => "poll-",
            Self::File => "file-",
            Self::Balance => "balance-",
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// This status is answered instead of acting on the request.
    Status(u16),
    /// 403 with the literal for too few credits.
    NoCredits403,
    /// 403 with the literal for a missing subscription.
    NoSubscription,
    /// 403 with a literal of moderation.
    Moderation,
    /// The connection is dropped before the request is acted on.
    ResetBefore,
    /// The request is acted on and charged, then this status is answered.
    StatusAfter(u16),
    /// The request is acted on and charged, then the connection is dropped.
    ResetAfter,
    /// Acted on and charged; half of the answer arrives.
    Truncate,
    /// Acted on and charged; a page of HTML arrives with status 200.
    Html,
    /// Acted on and charged; an empty answer arrives with status 200.
    Empty,
    /// Acted on and charged; 50 MB of JSON arrive.
    Huge,
    /// Acted on and charged at once; the answer comes after the fault's span.
    Slow,
    /// The task fails: the poll answers 500 with type `failed`.
    FailedPoll,
    /// The task fails: its clips end as `failed`.
    FailedClips,
    /// The task fails: the poll answers 504 with the literal of a timeout.
    Timeout,
    /// The task never becomes ready.
    Forever,
    /// The task's clips are silent.
    Silent,
    /// The files of the task's clips are noise that nothing decodes.
    Garbled,
    /// The files of the task's clips hold an eighth of what their length promises.
    Short,
    /// The charge stays invisible in the balance for the fault's span, or until the next charge.
    Lag,
    /// The webhooks of the task come later by the fault's span.
    WebhookLate,
    /// Each webhook of the task comes twice.
    WebhookTwice,
    /// The webhooks of the task never come.
    WebhookLost,
}

const FIXED: [(&str, Effect); 21] = [
    ("403-credits", Effect::NoCredits403),
    ("403-subscription", Effect::NoSubscription),
    ("moderation", Effect::Moderation),
    ("reset-before", Effect::ResetBefore),
    ("reset-after", Effect::ResetAfter),
    ("truncate", Effect::Truncate),
    ("html", Effect::Html),
    ("empty", Effect::Empty),
    ("huge", Effect::Huge),
    ("slow", Effect::Slow),
    ("failed-poll", Effect::FailedPoll),
    ("failed-clips", Effect::FailedClips),
    ("timeout", Effect::Timeout),
    ("202-forever", Effect::Forever),
    ("silent", Effect::Silent),
    ("garbled", Effect::Garbled),
    ("short", Effect::Short),
    ("lag", Effect::Lag),
    ("webhook-late", Effect::WebhookLate),
    ("webhook-twice", Effect::WebhookTwice),
    ("webhook-lost", Effect::WebhookLost),
];

const STATUSES: [u16; 8] = [401, 402, 404, 429, 500, 502, 503, 504];

impl Effect {
    fn parse(name: &str) -> Option<Self> {
        if let Some((_, effect)) = FIXED.iter().find(|(fixed, _)| *fixed == name) {
            return Some(*effect);
        }
        let (number, after) = match name.strip_suffix("-after") {
            Some(number) => (number, true),
            None => (name, false),
        };
        let status = number.parse().ok().filter(|n| STATUSES.contains(n))?;
        match after {
            // A refusal after the charge is only credible for a fault of the server.
            true if status < 500 => None,
            true => Some(Self::StatusAfter(status)),
            false => Some(Self::Status(status)),
        }
    }

    /// Tells whether the request is acted on before things go wrong.
    #[must_use]
    pub fn acts(self) -> bool {
        !matches!(
            self,
            Self::Status(_)
                | Self::NoCredits403
                | Self::NoSubscription
                | Self::Moderation
                | Self::ResetBefore
        )
    }

    fn allowed_for(self, target: Target) -> bool {
        target == Target::Submit
            || matches!(
                self,
                Self::Status(_)
                    | Self::ResetBefore
                    | Self::Truncate
                    | Self::Html
                    | Self::Empty
                    | Self::Huge
                    | Self::Slow
            )
    }

    /// How long it lasts when the schedule does not say.
    fn default_span(self) -> Duration {
        match self {
            Self::Slow => Duration::from_secs(90),
            Self::Lag | Self::WebhookLate => Duration::from_secs(60),
            _ => Duration::ZERO,
        }
    }

    fn takes_span(self) -> bool {
        matches!(
            self,
            Self::Slow | Self::Lag | Self::WebhookLate | Self::Status(429 | 503)
        )
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::StatusAfter(status) => write!(f, "{status}-after"),
            fixed => {
                let named = FIXED.iter().find(|(_, effect)| effect == fixed);
                f.write_str(named.map_or("", |(name, _)| name))
            }
        }
    }
}

/// One fault of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fault {
    /// Which requests it counts.
    pub target: Target,
    /// What goes wrong.
    pub effect: Effect,
    /// The first request it strikes, from 1.
    pub first: u64,
    /// The last request it strikes.
    pub last: u64,
    /// How long it lasts; for `429` and `503` the answer's Retry-After.
    pub span: Duration,
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| {
            let names: Vec<&str> = FIXED.iter().map(|(name, _)| *name).collect();
            format!(
                "`{text}` is not a fault: {why}; write `EFFECT@N`, `EFFECT@N-M` or `EFFECT@N:SPAN`, \
                 effects are 401, 402, 404, 429, 500, 502, 503, 504, 500-after (or 502, 503, 504), {}; \
                 `poll-`, `file-` or `balance-` before it counts those requests",
                names.join(", ")
            )
        };
        let (name, schedule) = text.split_once('@').ok_or_else(|| wrong("it has no `@`"))?;
        let (target, effect) = Target::ALL
            .into_iter()
            .find_map(|(prefix, target)| {
                let effect = Effect::parse(name.strip_prefix(prefix)?)?;
                effect.allowed_for(target).then_some((target, effect))
            })
            .ok_or_else(|| wrong("there is no such effect"))?;
        let (numbers, span) = match schedule.split_once(':') {
            Some((numbers, span)) if effect.takes_span() => (numbers, Some(parse_span(span)?)),
            Some(_) => return Err(wrong("this effect takes no span")),
            None => (schedule, None),
        };
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let number = |digits: &str| digits.parse::<u64>().ok().filter(|n| *n > 0);
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self {
                target,
                effect,
                first,
                last,
                span: span.unwrap_or(effect.default_span()),
            }),
            _ => Err(wrong(
                "the numbers after `@` count from 1 and do not go down",
            )),
        }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        let mut text = format!("{}{}@{}", fault.target.prefix(), fault.effect, fault.first);
        if fault.last != fault.first {
            text.push_str(&format!("-{}", fault.last));
        }
        if fault.effect.takes_span() && fault.span != fault.effect.default_span() {
            text.push_str(&format!(":{}", span_text(fault.span)));
        }
        text
    }
}

/// Finds the fault that strikes the `number`-th request of a kind, if one does; the first listed wins.
#[must_use]
pub(crate) fn strikes(faults: &[Fault], target: Target, number: u64) -> Option<&Fault> {
    faults
        .iter()
        .find(|fault| fault.target == target && (fault.first..=fault.last).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Result<Fault, String> {
        Fault::try_from(text.to_owned())
    }

    #[test]
    fn faults_are_read_and_written_alike() {
        for text in [
            "429@3",
            "429@3-6",
            "429@3:5s",
            "402@5",
            "403-credits@5",
            "500@2",
            "500-after@2",
            "503@2",
            "reset-before@4",
            "reset-after@4",
            "truncate@2",
            "html@2",
            "empty@2",
            "huge@2",
            "slow@3:20s",
            "failed-poll@2",
            "202-forever@1",
            "silent@1",
            "garbled@2-3",
            "short@4",
            "lag@2",
            "webhook-late@1:5s",
            "webhook-twice@2-3",
            "poll-500@3",
            "file-truncate@1-2",
            "balance-503@1",
        ] {
            assert_eq!(String::from(fault(text).unwrap()), text);
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_the_list_of_effects() {
        for bad in [
            "429",
            "@3",
            "418@1",
            "429@0",
            "429@5-3",
            "429@",
            "429@x",
            "500@2:5s",
            "429-after@2",
            "poll-failed-poll@1",
            "file-lag@1",
            "file-silent@1",
            "slow@3:soon",
        ] {
            assert!(fault(bad).is_err(), "{bad}");
        }
        assert!(fault("oops@1").unwrap_err().contains("reset-after"));
    }

    #[test]
    fn a_range_strikes_from_its_first_to_its_last() {
        let faults = [fault("429@3-5").unwrap(), fault("poll-500@1").unwrap()];
        let struck: Vec<u64> = (1..8)
            .filter(|n| strikes(&faults, Target::Submit, *n).is_some())
            .collect();
        assert_eq!(struck, [3, 4, 5]);
        assert!(strikes(&faults, Target::Poll, 1).is_some());
        assert!(strikes(&faults, Target::File, 1).is_none());
    }
}
