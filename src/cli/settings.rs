//! Settings of a run from every layer: flag or variable > manifest > user configuration > default.
//!
//! A layer is what one place says, with nothing where it is silent. Defaults stand here, once each.

use std::time::Duration;

use crate::manifest::{LimitSettings, Manifest, ProviderSettings};
use crate::model::{Credits, Rate};

use super::args::{PaceArgs, ProviderArgs, SpendArgs, WaitArgs};
use super::config::{AccountConfig, Config, KeySource};
use super::error::CommandError;
use super::prices;
use super::provider::{self, Provider, SIMULATOR};

/// The provider when nobody names one: nothing real is spent by accident.
pub(crate) const DEFAULT_PROVIDER: &str = SIMULATOR;
/// The price list when nobody names one.
pub(crate) const DEFAULT_PRICES: &str = "guide";
/// Paid requests per span: the provider's documented limit is one in three seconds (api facts, section 4).
pub(crate) const DEFAULT_RATE: Rate = Rate {
    count: 1,
    per: Duration::from_secs(3),
};
/// Tasks in flight.
pub(crate) const DEFAULT_CONCURRENCY: u32 = 10;
/// How long one request may take.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// What of the balance is kept.
pub(crate) const DEFAULT_KEEP: Credits = Credits::ZERO;
/// The day credits are renewed on, when the user's configuration does not say.
pub(crate) const DEFAULT_RENEWS_ON: i8 = 1;

/// What one place says on how a run is carried out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layer {
    /// The provider's name.
    pub(crate) provider: Option<String>,
    /// Another origin.
    pub(crate) base_url: Option<String>,
    /// Where the key is.
    pub(crate) key: Option<KeySource>,
    /// The price list.
    pub(crate) prices: Option<String>,
    /// Paid requests per span.
    pub(crate) rate: Option<Rate>,
    /// Tasks in flight.
    pub(crate) concurrency: Option<u32>,
    /// How often a task is asked for.
    pub(crate) poll: Option<Duration>,
    /// How long one request may take.
    pub(crate) timeout: Option<Duration>,
    /// What the run may spend.
    pub(crate) run_cap: Option<Credits>,
    /// What of the balance is kept.
    pub(crate) keep: Option<Credits>,
    /// What all runs of the account may spend per period.
    pub(crate) period: Option<Credits>,
}

impl Layer {
    /// Takes from a lower layer what this one is silent on.
    #[must_use]
    pub(crate) fn or(self, lower: Self) -> Self {
        Self {
            provider: self.provider.or(lower.provider),
            base_url: self.base_url.or(lower.base_url),
            key: self.key.or(lower.key),
            prices: self.prices.or(lower.prices),
            rate: self.rate.or(lower.rate),
            concurrency: self.concurrency.or(lower.concurrency),
            poll: self.poll.or(lower.poll),
            timeout: self.timeout.or(lower.timeout),
            run_cap: self.run_cap.or(lower.run_cap),
            keep: self.keep.or(lower.keep),
            period: self.period.or(lower.period),
        }
    }

    /// Takes what the flags and their variables say.
    pub(crate) fn of_flags(
        from: &ProviderArgs,
        spend: &SpendArgs,
        pace: &PaceArgs,
        wait: &WaitArgs,
    ) -> Self {
        Self {
            provider: from.provider.clone(),
            base_url: from.base_url.clone(),
            key: None,
            prices: from.prices.clone(),
            rate: pace.rate,
            concurrency: pace.concurrency,
            poll: wait.poll,
            timeout: wait.timeout,
            run_cap: spend.max_credits,
            keep: spend.keep,
            period: spend.period_budget,
        }
    }

    /// Takes what a manifest says.
    pub(crate) fn of_manifest(manifest: &Manifest) -> Self {
        let ProviderSettings {
            name,
            base_url,
            key_env,
            simulator: _,
        } = manifest.provider.clone();
        let LimitSettings {
            rate,
            concurrency,
            poll,
            timeout,
        } = manifest.limits.clone();
        Self {
            provider: name,
            base_url,
            key: key_env.map(KeySource::Variable),
            prices: manifest
                .prices
                .clone()
                .map(|name| prices::beside(name, &manifest.folder)),
            rate,
            concurrency,
            poll,
            timeout,
            run_cap: manifest.budget.run,
            keep: manifest.budget.keep,
            period: manifest.budget.period,
        }
    }

    /// Takes what the user's configuration says of its account.
    fn of_account(account: &AccountConfig) -> Self {
        Self {
            base_url: account.base_url.clone(),
            key: account.key_source(),
            rate: account.rate,
            concurrency: account.concurrency,
            period: account.budget,
            ..Self::default()
        }
    }
}

/// Settings with every layer put together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    merged: Layer,
    /// The provider.
    pub(crate) provider: Provider,
    /// The origin, without trailing slash; empty for the simulator in this process.
    pub(crate) base_url: String,
    /// What the user's configuration says of the account, if it speaks of this provider.
    pub(crate) account: AccountConfig,
}

impl Settings {
    /// Puts the layers together.
    ///
    /// The period's budget is the exception to their order: between manifest and user configuration the tighter
    /// holds, so that a manifest can't lift its reader's own.
    ///
    /// # Errors
    /// A usage error for an unknown provider, or an origin that the key may not go to.
    pub(crate) fn resolve(
        flags: Layer,
        written: Layer,
        config: &Config,
    ) -> Result<Self, CommandError> {
        let (asked, by_manifest) = (flags.period, written.period);
        let by_manifest_alone = flags.base_url.is_none() && written.base_url.is_some();
        let named = Layer {
            provider: config.account.provider.clone(),
            prices: config.prices.clone(),
            ..Layer::default()
        };
        let upper = flags.or(written).or(named);
        let provider = Provider::find(upper.provider.as_deref().unwrap_or(DEFAULT_PROVIDER))?;
        let account = applicable(&config.account, &provider);
        let mut merged = upper.or(Layer::of_account(&account));
        merged.period = asked.or([by_manifest, account.budget].into_iter().flatten().min());

        let base_url = match &merged.base_url {
            Some(address) => provider::check_origin(address).map_err(CommandError::usage)?,
            None => provider.origin.unwrap_or_default().to_owned(),
        };
        if by_manifest_alone {
            refuse_foreign_origin(&base_url, &provider, &account)?;
        }
        Ok(Self {
            merged,
            provider,
            base_url,
            account,
        })
    }

    /// Tells whether the provider is simulated in this process.
    pub(crate) fn is_in_process(&self) -> bool {
        self.base_url.is_empty()
    }

    /// Returns where the key is.
    pub(crate) fn key(&self) -> KeySource {
        self.merged
            .key
            .clone()
            .unwrap_or_else(|| KeySource::Variable(self.provider.key_env.to_owned()))
    }

    /// Returns the price list's name or file.
    pub(crate) fn prices(&self) -> &str {
        self.merged.prices.as_deref().unwrap_or(DEFAULT_PRICES)
    }

    /// Returns paid requests per span.
    pub(crate) fn rate(&self) -> Rate {
        self.merged.rate.unwrap_or(DEFAULT_RATE)
    }

    /// Returns how many tasks may be in flight.
    pub(crate) fn concurrency(&self) -> u32 {
        self.merged.concurrency.unwrap_or(DEFAULT_CONCURRENCY)
    }

    /// Returns how often a task is asked for, when someone says so.
    pub(crate) fn poll(&self) -> Option<Duration> {
        self.merged.poll
    }

    /// Returns how long one request may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.merged.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    /// Returns what the run may spend.
    pub(crate) fn run_cap(&self) -> Option<Credits> {
        self.merged.run_cap
    }

    /// Returns what all runs of the account may spend per period.
    pub(crate) fn period_budget(&self) -> Option<Credits> {
        self.merged.period
    }

    /// Returns what of the balance is kept.
    pub(crate) fn keep(&self) -> Credits {
        self.merged.keep.unwrap_or(DEFAULT_KEEP)
    }
}

/// Returns the user's account table, if it speaks of this provider; an account that names none is a real one.
fn applicable(account: &AccountConfig, provider: &Provider) -> AccountConfig {
    let applies = match &account.provider {
        Some(name) => name == provider.name,
        None => provider.name != SIMULATOR,
    };
    if applies {
        account.clone()
    } else {
        AccountConfig::default()
    }
}

/// Refuses an origin that only the manifest asks for: whoever wrote it would get the key.
fn refuse_foreign_origin(
    base_url: &str,
    provider: &Provider,
    account: &AccountConfig,
) -> Result<(), CommandError> {
    if provider.origin == Some(base_url)
        || provider::is_local(base_url)
        || account.base_url.as_deref() == Some(base_url)
    {
        return Ok(());
    }
    Err(CommandError::usage(format!(
        "the manifest wants the key of `{}` sent to `{base_url}`, which is not its origin",
        provider.name
    ))
    .hint(format!(
        "if you trust it: --base-url {base_url}, or `base_url` in [account] of your configuration"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(change: impl FnOnce(&mut Layer)) -> Layer {
        let mut layer = Layer::default();
        change(&mut layer);
        layer
    }

    fn resolve(flags: Layer, written: Layer, config: &str) -> Result<Settings, CommandError> {
        let config = Config::parse(config, std::path::Path::new("config.toml")).unwrap();
        Settings::resolve(flags, written, &config)
    }

    fn rate(count: u32) -> Rate {
        Rate {
            count,
            per: Duration::from_secs(1),
        }
    }

    #[test]
    fn each_layer_wins_over_those_below_it() {
        let flags = || {
            layer(|it| {
                it.provider = Some("musicapi".to_owned());
                it.prices = Some("flag".to_owned());
                it.rate = Some(rate(1));
                it.concurrency = Some(1);
                it.base_url = Some("https://flag.example".to_owned());
            })
        };
        let written = || {
            layer(|it| {
                it.provider = Some("aimusicapi".to_owned());
                it.prices = Some("manifest".to_owned());
                it.rate = Some(rate(2));
                it.concurrency = Some(2);
                it.key = Some(KeySource::Variable("MANIFEST".to_owned()));
                it.base_url = Some("http://localhost:2".to_owned());
            })
        };
        let config = "prices = 'config'
            [account]
            provider = 'musicapi'
            rate = '3/1s'
            concurrency = 3
            key_env = 'CONFIG'
            base_url = 'https://config.example'";
        let silent = Layer::default;
        let variable = |name: &str| KeySource::Variable(name.to_owned());

        for (flags, written, config, expected) in [
            (
                flags(),
                written(),
                config,
                (
                    "musicapi",
                    "flag",
                    rate(1),
                    1,
                    "https://flag.example",
                    variable("MANIFEST"),
                ),
            ),
            (
                silent(),
                written(),
                config,
                (
                    "aimusicapi",
                    "manifest",
                    rate(2),
                    2,
                    "http://localhost:2",
                    variable("MANIFEST"),
                ),
            ),
            (
                silent(),
                silent(),
                config,
                (
                    "musicapi",
                    "config",
                    rate(3),
                    3,
                    "https://config.example",
                    variable("CONFIG"),
                ),
            ),
            (
                silent(),
                silent(),
                "",
                (
                    DEFAULT_PROVIDER,
                    DEFAULT_PRICES,
                    DEFAULT_RATE,
                    DEFAULT_CONCURRENCY,
                    "",
                    variable("SETLIST_SIMULATOR_KEY"),
                ),
            ),
        ] {
            let settings = resolve(flags, written, config).unwrap();
            let found = (
                settings.provider.name,
                settings.prices(),
                settings.rate(),
                settings.concurrency(),
                settings.base_url.as_str(),
                settings.key(),
            );
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_account_speaks_of_its_own_provider_only() {
        let at = |provider: &str| layer(|it| it.provider = Some(provider.to_owned()));
        let config = "[account]\nprovider = 'aimusicapi'\nkey_env = 'MINE'\nbudget = 5";
        let own = resolve(at("aimusicapi"), Layer::default(), config).unwrap();
        assert_eq!(own.key(), KeySource::Variable("MINE".to_owned()));
        assert_eq!(own.period_budget(), Some(Credits::new(5)));
        let other = resolve(at("musicapi"), Layer::default(), config).unwrap();
        assert_eq!(
            other.key(),
            KeySource::Variable("MUSICAPI_API_KEY".to_owned())
        );
        assert_eq!(other.period_budget(), None);
        let rehearsal =
            resolve(at("simulator"), Layer::default(), "[account]\nbudget = 5").unwrap();
        assert_eq!(rehearsal.period_budget(), None);
    }

    #[test]
    fn the_tighter_budget_of_the_period_holds() {
        for (written, config, expected) in [(100, 50, 50), (50, 100, 50)] {
            let written = layer(|it| {
                it.provider = Some("aimusicapi".to_owned());
                it.period = Some(Credits::new(written));
            });
            let config = format!("[account]\nbudget = {config}");
            let settings = resolve(Layer::default(), written.clone(), &config).unwrap();
            assert_eq!(settings.period_budget(), Some(Credits::new(expected)));
            let flags = layer(|it| it.period = Some(Credits::new(70)));
            let settings = resolve(flags, written, &config).unwrap();
            assert_eq!(
                settings.period_budget(),
                Some(Credits::new(70)),
                "a flag wins"
            );
        }
    }

    #[test]
    fn a_manifest_alone_can_not_send_the_key_elsewhere() {
        let written = |url: &str| {
            layer(|it| {
                it.provider = Some("aimusicapi".to_owned());
                it.base_url = Some(url.to_owned());
            })
        };
        let silent = Layer::default;
        let foreign = "https://evil.example";
        assert!(resolve(silent(), written(foreign), "").is_err());
        assert!(resolve(silent(), written("http://evil.example"), "").is_err());
        assert!(resolve(silent(), written("https://api.aimusicapi.ai/"), "").is_ok());
        assert!(resolve(silent(), written("http://127.0.0.1:8788"), "").is_ok());
        let config = format!("[account]\nbase_url = '{foreign}'");
        assert!(resolve(silent(), written(foreign), &config).is_ok());
        let flag = layer(|it| it.base_url = Some(foreign.to_owned()));
        assert!(resolve(flag, written(foreign), "").is_ok());
    }
}
