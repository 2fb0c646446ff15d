//! The user's configuration file: what belongs to a person or a machine, not to a batch.
//!
//! Text to checked values, each problem with its place; this file looks up no key and opens no ledger.

use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::api::Hook;
use crate::model::{Credits, Rate, Share};

use super::error::{CommandError, Illustration};
use super::provider;

/// How a problem with an address begins: its excerpt is not shown, since an address to be told at is a secret.
const BAD_HOOK: &str = "an address in [alerts] can't be used";

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the ledger is: a path, or `sqlite:` and a path.
    pub(crate) ledger: Option<String>,
    /// The price list's name, or a file.
    pub(crate) prices: Option<String>,
    /// The file that adds to the catalog.
    pub(crate) catalog: Option<PathBuf>,
    /// The account whose credits are spent.
    #[serde(default)]
    pub(crate) account: AccountConfig,
    /// What is to be told of.
    #[serde(default)]
    pub(crate) alerts: AlertConfig,
    /// How the provider reaches this machine.
    #[serde(default)]
    pub(crate) public: PublicConfig,
}

/// `[public]`: how the provider reaches local files.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublicConfig {
    /// The address at which `listen` is reached from outside.
    #[serde(default, deserialize_with = "checked::address")]
    pub(crate) url: Option<String>,
    /// Where files are served, while a run needs them.
    pub(crate) listen: Option<String>,
    /// A program and its arguments, which is given a file's path and prints its address.
    #[serde(default, deserialize_with = "checked::command")]
    pub(crate) command: Option<Vec<String>>,
}

/// Tells whether a text is an `http` or `https` address.
pub(crate) fn is_address(text: &str) -> bool {
    reqwest::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// `[alerts]`: what is to be told of, and how.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertConfig {
    /// Shares of the period's budget, such as `[0.8, 1.0]`.
    #[serde(default)]
    pub(crate) budget_used: Vec<Share>,
    /// Balances, such as `[100]`.
    #[serde(default)]
    pub(crate) balance_below: Vec<Credits>,
    /// Whether a run is to be told of that did not end well.
    #[serde(default)]
    pub(crate) on_failure: bool,
    /// A program and its arguments, which is told.
    #[serde(default, deserialize_with = "checked::command")]
    pub(crate) command: Option<Vec<String>>,
    /// An address that is told.
    #[serde(default, deserialize_with = "checked::hook")]
    pub(crate) webhook: Option<Hook>,
    /// An address that is told of every run's beginning and end, so that somebody notices when none comes.
    #[serde(default, deserialize_with = "checked::hook")]
    pub(crate) heartbeat: Option<Hook>,
}

/// `[account]`: one API key and its credits.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountConfig {
    /// The provider it is at; all the rest of the table is of no use at another.
    #[serde(default, deserialize_with = "checked::provider")]
    pub(crate) provider: Option<String>,
    /// A label, for whoever has several accounts at one provider.
    pub(crate) name: Option<String>,
    /// The environment variable that holds the key.
    pub(crate) key_env: Option<String>,
    /// The file that holds the key, readable by its owner only.
    pub(crate) key_file: Option<PathBuf>,
    /// A command that prints the key, run by the shell.
    pub(crate) key_command: Option<String>,
    /// Another origin than the provider's own.
    #[serde(default, deserialize_with = "checked::origin")]
    pub(crate) base_url: Option<String>,
    /// The plan's credits per period; the provider does not tell.
    pub(crate) monthly_credits: Option<Credits>,
    /// The day of the month on which credits are renewed.
    #[serde(default, deserialize_with = "checked::day")]
    pub(crate) renews_on: Option<i8>,
    /// The zone in which that day begins.
    #[serde(default, deserialize_with = "checked::zone")]
    pub(crate) time_zone: Option<TimeZone>,
    /// Whether unused credits are kept at renewal.
    pub(crate) rollover: Option<bool>,
    /// What all runs together may spend per period.
    pub(crate) budget: Option<Credits>,
    /// The account's own rate limit.
    #[serde(default, deserialize_with = "checked::rate")]
    pub(crate) rate: Option<Rate>,
    /// How many tasks the account may have in flight.
    #[serde(default, deserialize_with = "checked::count")]
    pub(crate) concurrency: Option<u32>,
}

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// An environment variable.
    Variable(String),
    /// A file.
    File(PathBuf),
    /// The output of a command.
    Command(String),
}

impl Config {
    /// Reads a file's text; `path` is for messages.
    ///
    /// # Errors
    /// A usage error with the place.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, CommandError> {
        let config: Self = toml::from_str(text)
            .map_err(|error| place(text, path, error.message(), error.span()))?;
        let account = &config.account;
        let sources = [
            account.key_env.is_some(),
            account.key_file.is_some(),
            account.key_command.is_some(),
        ];
        if sources.into_iter().filter(|given| *given).count() > 1 {
            return Err(CommandError::usage(format!(
                "`{}` gives more than one of `key_env`, `key_file` and `key_command`",
                path.display()
            )));
        }
        Ok(config)
    }
}

impl AccountConfig {
    /// Returns the zone in which the day of renewal begins: UTC, when the file does not say.
    pub(crate) fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or(TimeZone::UTC)
    }

    /// Returns where the key comes from, when the file says so.
    pub(crate) fn key_source(&self) -> Option<KeySource> {
        let variable = self.key_env.clone().map(KeySource::Variable);
        let file = || self.key_file.clone().map(KeySource::File);
        let command = || self.key_command.clone().map(KeySource::Command);
        variable.or_else(file).or_else(command)
    }
}

/// Checks of single values; an error here is given its place by the caller.
mod checked {
    use serde::de::{Deserialize, Deserializer, Error};

    use super::{BAD_HOOK, Hook, Rate, TimeZone, provider};
    use crate::manifest::parse_rate;

    type Text = String;

    fn text<'de, D, T>(
        deserializer: D,
        check: impl Fn(&str) -> Result<T, Text>,
    ) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        check(&text).map(Some).map_err(D::Error::custom)
    }

    pub(super) fn provider<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
        text(from, |name| {
            provider::Provider::find(name)
                .map(|provider| provider.name.to_owned())
                .map_err(|failure| failure.error.to_string())
        })
    }

    pub(super) fn origin<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
        text(from, provider::check_origin)
    }

    pub(super) fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
        text(from, |address| match super::is_address(address) {
            true => Ok(address.to_owned()),
            false => Err(format!("`{address}` is no `http` or `https` address")),
        })
    }

    pub(super) fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Rate>, D::Error> {
        text(from, parse_rate)
    }

    pub(super) fn zone<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TimeZone>, D::Error> {
        text(from, |name| {
            TimeZone::get(name).map_err(|_| format!("no time zone is called `{name}`"))
        })
    }

    pub(super) fn hook<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Hook>, D::Error> {
        text(from, |address| {
            Hook::parse(address).map_err(|error| format!("{BAD_HOOK}: {error}"))
        })
    }

    pub(super) fn command<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Vec<Text>>, D::Error> {
        match Vec::<Text>::deserialize(from)? {
            words if words.first().is_some_and(|program| !program.is_empty()) => Ok(Some(words)),
            _ => Err(D::Error::custom("a command begins with a program")),
        }
    }

    pub(super) fn day<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i8>, D::Error> {
        match i8::deserialize(from) {
            Ok(day @ 1..=31) => Ok(Some(day)),
            _ => Err(D::Error::custom("a day of the month is from 1 to 31")),
        }
    }

    pub(super) fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
        match u32::deserialize(from) {
            Ok(count @ 1..) => Ok(Some(count)),
            _ => Err(D::Error::custom("at least 1 task must be allowed")),
        }
    }
}

fn place(text: &str, path: &Path, message: &str, span: Option<Range<usize>>) -> CommandError {
    let label = path.display().to_string();
    let message = match message.lines().next().unwrap_or_default() {
        // Said without an excerpt, which would show the key.
        line if line.starts_with("unknown field `key`") => {
            return CommandError::usage(format!("`{label}`: a key does not belong in it"))
                .hint("say where the key is, by one of `key_env`, `key_file` and `key_command`");
        }
        line if line.starts_with(BAD_HOOK) => {
            return CommandError::usage(format!("`{label}`: {line}"));
        }
        line if line.starts_with("unknown field `email`") => {
            return place(text, path, "setlist sends no e-mail itself", span).hint(
                r#"in [alerts]: command = ["sh", "-c", 'mail -s "$0" you@example.com'], or the like with sendmail"#,
            );
        }
        line => line.replacen("unknown field", "unknown key", 1),
    };
    let message = message.as_str();
    let failure = CommandError::usage(format!("`{label}`: {message}"));
    match span {
        Some(span) if span.end <= text.len() => {
            failure.illustrated(Illustration::new(|renderer: &Renderer| {
                let snippet = Snippet::source(text)
                    .path(label.as_str())
                    .annotation(AnnotationKind::Primary.span(span.clone()));
                renderer.render(&[Level::ERROR.primary_title(message).element(snippet)])
            }))
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(text: &str) -> Result<Config, CommandError> {
        Config::parse(text, Path::new("config.toml"))
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            r#"
            ledger = "sqlite:/var/lib/setlist.db"
            prices = "aimusicapi-2026-09"
            [account]
            provider = "aimusicapi"
            name = "studio"
            key_file = "/run/secrets/key"
            base_url = "https://proxy.example/"
            monthly_credits = 1000
            renews_on = 31
            time_zone = "UTC"
            rollover = false
            budget = 800
            rate = "20/1m"
            concurrency = 4
            [alerts]
            budget_used = [0.8, 1]
            balance_below = [100]
            on_failure = true
            command = ["notify-send", "setlist"]
            webhook = "https://hooks.example/a"
            heartbeat = "http://localhost:1/b"
            [public]
            url = "https://box.example"
            listen = "127.0.0.1:8787"
            command = ["publish"]
            "#,
        )
        .unwrap();
        let shares: Vec<_> = config
            .alerts
            .budget_used
            .iter()
            .map(Share::to_string)
            .collect();
        assert_eq!(shares, ["80%", "100%"]);
        assert_eq!(config.alerts.balance_below, [Credits::new(100)]);
        assert!(config.alerts.on_failure);
        let command = config.alerts.command.unwrap();
        assert_eq!(command, ["notify-send", "setlist"]);
        let hooks = [config.alerts.webhook, config.alerts.heartbeat];
        let expected = ["https://hooks.example/a", "http://localhost:1/b"];
        assert_eq!(hooks, expected.map(|address| Hook::parse(address).ok()));
        let public = PublicConfig {
            url: Some("https://box.example".to_owned()),
            listen: Some("127.0.0.1:8787".to_owned()),
            command: Some(vec!["publish".to_owned()]),
        };
        assert_eq!(config.public, public);
        let account = config.account;
        assert_eq!(account.base_url.as_deref(), Some("https://proxy.example"));
        assert_eq!(account.budget, Some(Credits::new(800)));
        assert_eq!(
            account.rate,
            Some(Rate {
                count: 20,
                per: Duration::from_secs(60)
            })
        );
        assert_eq!(
            account.key_source(),
            Some(KeySource::File("/run/secrets/key".into()))
        );
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn every_problem_has_its_place() {
        for (text, place, part) in [
            ("ledgr = 'x'", "config.toml:1:1", "unknown key `ledgr`"),
            (
                "[account]\nrenews_on = 32",
                "config.toml:2:13",
                "from 1 to 31",
            ),
            (
                "[account]\nrenews_on = 'x'",
                "config.toml:2:13",
                "from 1 to 31",
            ),
            (
                "[account]\nconcurrency = 0",
                "config.toml:2:15",
                "at least 1",
            ),
            ("[account]\nrate = '0/1m'", "config.toml:2:8", "no request"),
            (
                "[account]\ntime_zone = 'Mars'",
                "config.toml:2:13",
                "`Mars`",
            ),
            ("[account]\nprovider = 'suno'", "config.toml:2:12", "`suno`"),
            (
                "[account]\nbase_url = 'http://a.example'",
                "config.toml:2:12",
                "only `https`",
            ),
            (
                "[alerts]\nbudget_used = [80]",
                "config.toml:2:15",
                "at most 10",
            ),
            (
                "[alerts]\ncommnd = 'x'",
                "config.toml:2:1",
                "unknown key `commnd`",
            ),
            ("[alerts]\ncommand = []", "config.toml:2:11", "a program"),
            (
                "[alerts]\nemail = 'me@a.example'",
                "config.toml:2:1",
                "no e-mail",
            ),
            (
                "[public]\nurl = 'box.example'",
                "config.toml:2:7",
                "no `http`",
            ),
            ("[account]\nbudget = -1", "config.toml:2:10", "-1"),
            ("[account]\nbudget = 1.5", "config.toml:2:10", "1.5"),
            ("[account", "config.toml:1:9", ""),
            (
                "ledger = 'a'\nledger = 'b'",
                "config.toml:2:1",
                "duplicate key",
            ),
        ] {
            let failure = parse(text).unwrap_err();
            let shown = failure.illustration.as_ref().unwrap().plain.clone();
            assert!(shown.contains(place), "{text}: {shown}");
            assert!(shown.contains(part), "{text}: {shown}");
        }
    }

    #[test]
    fn a_key_in_the_file_is_refused_and_not_shown() {
        let failure = parse("[account]\nkey = \"sk_live_1234\"").unwrap_err();
        assert!(failure.error.to_string().contains("does not belong"));
        assert!(!format!("{failure:?}").contains("sk_live_1234"));
    }

    #[test]
    fn an_address_to_be_told_at_is_not_shown() {
        let failure = parse("[alerts]\nwebhook = 'http://a.example/T0/secret'").unwrap_err();
        let words = failure.error.to_string();
        assert!(words.contains("only `https` is used"), "{words}");
        assert!(!format!("{failure:?}").contains("T0/secret"));
    }

    #[test]
    fn one_source_of_the_key_is_enough() {
        let failure = parse("[account]\nkey_env = 'A'\nkey_file = 'b'").unwrap_err();
        assert!(failure.error.to_string().contains("more than one"));
    }
}
