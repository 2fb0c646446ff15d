//! The simulator's settings, as a manifest or the command line gives them. It checks them and does nothing else.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{Credits, Rate};

use super::fault::Fault;
use super::span::{RateLimit, Span};
use super::webhook::{WebhookSignature, Webhooks};

/// Which years' API is simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Era {
    /// As the guide found it: every one of its 25 operations works.
    #[default]
    #[serde(rename = "2025")]
    Y2025,
    /// Nuro and six Producer task types answer 410, personas can't be made from clips.
    #[serde(rename = "2026")]
    Y2026,
}

/// How too few credits are refused (api facts, section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CreditRefusal {
    /// 402 on Producer, 403 elsewhere.
    #[default]
    Family,
    /// 402 with type `insufficient_credits` everywhere.
    #[serde(rename = "402")]
    Payment,
    /// 403 with the literal everywhere.
    #[serde(rename = "403")]
    Forbidden,
}

/// Settings of a simulator; every key may be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimOptions {
    /// Subscription credits at the start; 1000 when not given.
    pub credits: Option<Credits>,
    /// Purchased credits at the start; spent first. None when not given.
    pub extra_credits: Option<Credits>,
    /// The price list that is charged.
    pub charge: String,
    /// Which years' API is simulated.
    pub era: Era,
    /// How long a task takes, give or take a fifth; by family when not given: Sonic 150 s, Producer 30 s, Nuro 45 s.
    pub task_time: Option<Span>,
    /// Submits let through in any span of time; the next gets 429.
    pub rate: RateLimit,
    /// Whether a 429 says how long to wait; the provider's does not.
    pub retry_after: bool,
    /// Tasks in flight that are let through; the next gets 429. No limit when not given.
    pub concurrency: Option<u32>,
    /// The share of tasks that fail, from 0 to 1.
    pub failure_rate: f64,
    /// Whether failed tasks are refunded.
    pub refunds: bool,
    /// Decides ids, failures and audio: the same seed gives the same.
    pub seed: u64,
    /// How many times as fast as the machine's clock a rehearsal runs.
    pub speed: f64,
    /// The longest audio made, in seconds; audio is 8 s long unless a request asks for more.
    pub audio_seconds: u32,
    /// The only key accepted; any key is when not given.
    pub key: Option<String>,
    /// How too few credits are refused.
    pub credit_refusal: CreditRefusal,
    /// Whether answers name models in the older spelling, `chirp-…`.
    pub chirp_names: bool,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// Where webhooks are sent to.
    pub webhooks: Webhooks,
    /// How webhooks are signed.
    pub webhook_signature: WebhookSignature,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            credits: None,
            extra_credits: None,
            charge: "guide".to_owned(),
            era: Era::default(),
            task_time: None,
            rate: RateLimit(Some(Rate {
                count: 20,
                per: Duration::from_secs(60),
            })),
            retry_after: false,
            concurrency: None,
            failure_rate: 0.0,
            refunds: true,
            seed: 0,
            speed: 1.0,
            audio_seconds: 30,
            key: None,
            credit_refusal: CreditRefusal::default(),
            chirp_names: false,
            faults: Vec::new(),
            webhooks: Webhooks::default(),
            webhook_signature: WebhookSignature::default(),
        }
    }
}

impl SimOptions {
    /// What an account holds when the settings don't say.
    pub const DEFAULT_CREDITS: Credits = Credits::new(1000);

    /// The names of all settings.
    pub const KEYS: [&'static str; 19] = [
        "credits",
        "extra_credits",
        "charge",
        "era",
        "task_time",
        "rate",
        "retry_after",
        "concurrency",
        "failure_rate",
        "refunds",
        "seed",
        "speed",
        "audio_seconds",
        "key",
        "credit_refusal",
        "chirp_names",
        "faults",
        "webhooks",
        "webhook_signature",
    ];

    /// Reads settings out of a manifest's `[provider.simulator]` or a run's record.
    ///
    /// # Errors
    /// One sentence that names the setting, what is wrong with it, and all settings there are.
    pub fn from_settings(settings: &Map<String, Value>) -> Result<Self, String> {
        let explain =
            |message: String| format!("{message}; settings are {}", Self::KEYS.join(", "));
        for (key, value) in settings {
            if !Self::KEYS.contains(&key.as_str()) {
                return Err(explain(format!("the simulator has no setting `{key}`")));
            }
            // One key at a time, because serde names an unknown key but not the key of a wrong value.
            let alone = Map::from_iter([(key.clone(), value.clone())]);
            serde_json::from_value::<Self>(Value::Object(alone))
                .map_err(|error| explain(format!("simulator setting `{key}`: {error}")))?;
        }
        let options: Self = serde_json::from_value(Value::Object(settings.clone()))
            .map_err(|error| explain(error.to_string()))?;
        options.check().map_err(explain)?;
        Ok(options)
    }

    /// Checks what the types alone can't.
    ///
    /// # Errors
    /// One sentence about the first setting that is out of range.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.failure_rate) {
            return Err(format!(
                "simulator setting `failure_rate`: `{}` is not between 0 and 1",
                self.failure_rate
            ));
        }
        if !(self.speed > 0.0 && self.speed <= 1_000_000.0) {
            return Err(format!(
                "simulator setting `speed`: `{}` is not above 0 and at most 1000000",
                self.speed
            ));
        }
        if !(1..=3600).contains(&self.audio_seconds) {
            return Err(format!(
                "simulator setting `audio_seconds`: `{}` is not between 1 and 3600",
                self.audio_seconds
            ));
        }
        if self.concurrency == Some(0) {
            return Err("simulator setting `concurrency`: `0` would refuse every task".to_owned());
        }
        if self.key.as_ref().is_some_and(String::is_empty) {
            return Err("simulator setting `key`: it is empty".to_owned());
        }
        for (name, value) in [
            ("credits", self.credits),
            ("extra_credits", self.extra_credits),
        ] {
            // Half the range, so that both pools and every refund together still fit.
            if value.is_some_and(|credits| credits.get() > Credits::MAX.get() / 4) {
                return Err(format!("simulator setting `{name}`: it is too large"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<SimOptions, String> {
        SimOptions::from_settings(value.as_object().unwrap())
    }

    #[test]
    fn the_list_of_keys_is_complete() {
        let written = serde_json::to_value(SimOptions::default()).unwrap();
        let names: Vec<&str> = written
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(names, SimOptions::KEYS);
    }

    #[test]
    fn nothing_given_means_defaults_and_defaults_survive_being_written() {
        assert_eq!(read(json!({})), Ok(SimOptions::default()));
        let written = serde_json::to_value(SimOptions::default()).unwrap();
        assert_eq!(read(written), Ok(SimOptions::default()));
    }

    #[test]
    fn settings_are_read() {
        let options = read(json!({
            "credits": 300, "era": "2026", "task_time": 0, "rate": "off", "retry_after": true,
            "failure_rate": 0.25, "faults": ["429@3-6", "slow@2:90s"], "credit_refusal": "402",
        }))
        .unwrap();
        assert_eq!(options.credits, Some(Credits::new(300)));
        assert_eq!(options.era, Era::Y2026);
        assert_eq!(options.task_time, Some(Span(Duration::ZERO)));
        assert_eq!(options.rate, RateLimit::OFF);
        assert_eq!(options.faults.len(), 2);
        assert_eq!(options.credit_refusal, CreditRefusal::Payment);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key() {
        for (bad, named) in [
            (json!({"creditz": 1}), "no setting `creditz`"),
            (json!({"credits": "many"}), "`credits`"),
            (json!({"credits": -1}), "`credits`"),
            (json!({"era": "2024"}), "`era`"),
            (json!({"task_time": "soon"}), "`task_time`"),
            (json!({"rate": "fast"}), "`rate`"),
            (json!({"failure_rate": 1.5}), "`failure_rate`"),
            (json!({"speed": 0}), "`speed`"),
            (json!({"audio_seconds": 0}), "`audio_seconds`"),
            (json!({"concurrency": 0}), "`concurrency`"),
            (json!({"key": ""}), "`key`"),
            (json!({"faults": ["429"]}), "`faults`"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(named), "{error}");
            assert!(
                error.contains("settings are credits, extra_credits"),
                "{error}"
            );
        }
    }
}
