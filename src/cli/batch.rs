//! From a manifest to a plan that is set against the account: what `plan` shows and `run` carries out.
//!
//! Nothing here sends a paid request; the balance is read, and that is free.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use crate::catalog::{Catalog, PriceList, PriceLists};
use crate::ledger::Ledger;
use crate::manifest::{Format, Manifest, WhenShort};
use crate::model::{AccountId, Balance, Credits, PaidJobs, SpendLimits};
use crate::plan::{self, Fit, PeriodStanding, Plan, PlanOptions, Sources, Standing, Verdict};
use crate::report::PlanView;

use super::args::{ManifestArgs, ManifestFormat};
use super::context::Context;
use super::counter::Counter;
use super::error::CommandError;
use super::period::Period;
use super::settings::{DEFAULT_RENEWS_ON, Layer, Settings};
use super::ui::Ui;
use super::{prices, provider, repeatable};

/// A checked manifest with its settings and prices.
pub(crate) struct Batch {
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// Settings of every layer, put together.
    pub(crate) settings: Settings,
    /// The price list.
    pub(crate) prices: Cow<'static, PriceList>,
    /// The catalog.
    pub(crate) catalog: Arc<Catalog>,
    /// Whose credits it spends.
    pub(crate) account: AccountId,
}

/// A plan and what it is set against.
pub(crate) struct Judged {
    /// The plan.
    pub(crate) plan: Plan,
    /// What may be spent.
    pub(crate) standing: Standing,
    /// The plan's price judged by that.
    pub(crate) verdict: Verdict,
    /// What fits, when that was asked for.
    pub(crate) fit: Option<Fit>,
}

impl Judged {
    /// Returns what is to be spent: what the plan costs, or what of it fits.
    pub(crate) fn to_spend(&self) -> Credits {
        let fits = self.fit.as_ref().map(|fit| fit.fits().credits);
        fits.unwrap_or(self.plan.total())
    }
}

impl Batch {
    /// Reads the manifest and puts the settings together; `seed` replaces the manifest's.
    ///
    /// # Errors
    /// A usage error with every problem of the manifest.
    pub(crate) fn read(
        args: &ManifestArgs,
        flags: Layer,
        seed: Option<u64>,
        context: &Context,
    ) -> Result<Self, CommandError> {
        Self::read_as(args, flags, seed, None, None, context)
    }

    /// Reads the manifest as if it asked for this origin, and for no larger budget of the period than this.
    ///
    /// # Errors
    /// As [`Batch::read`].
    pub(crate) fn read_as(
        args: &ManifestArgs,
        flags: Layer,
        seed: Option<u64>,
        origin: Option<String>,
        period: Option<Credits>,
        context: &Context,
    ) -> Result<Self, CommandError> {
        let mut manifest = read_manifest(args, context.catalog()?)?;
        if let Some(seed) = seed {
            let simulator = &mut manifest.provider.simulator;
            simulator.insert("seed".to_owned(), json!(seed));
        }
        let mut written = Layer::of_manifest(&manifest);
        written.base_url = origin.or(written.base_url);
        written.period = [written.period, period].into_iter().flatten().min();
        let settings = Settings::resolve(flags, written, context.config()?)?;
        let catalog = Arc::clone(context.catalog()?);
        let prices = prices::find(settings.prices(), &catalog)?;
        let label = settings.account.name.as_deref();
        let account = provider::account(&settings.provider, label, &settings.base_url);
        let mut batch = Self {
            manifest,
            settings,
            prices,
            catalog,
            account,
        };
        let today = batch.date(context)?;
        batch.manifest.set_run_date(today);
        Ok(batch)
    }

    /// Returns the date on which the run starts.
    ///
    /// # Errors
    /// When the configuration is wrong.
    pub(crate) fn date(&self, context: &Context) -> Result<Date, CommandError> {
        // The person's own zone, in a rehearsal too: it is to show what the real run will do.
        let zone = context.config()?.account.zone();
        Ok(zone.to_datetime(self.start(context)).date())
    }

    /// Tells whether the run is a rehearsal that is to come out the same to the byte.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.settings.is_in_process() && repeatable::is_asked_for(&self.manifest.provider.simulator)
    }

    /// Returns when a run that is made by this process begins.
    pub(crate) fn start(&self, context: &Context) -> Timestamp {
        if self.is_repeatable() {
            context.repeatable_start()
        } else {
            context.now()
        }
    }

    /// Expands and prices the jobs.
    ///
    /// # Errors
    /// A usage error with every job that can't be bought.
    pub(crate) fn plan(
        &self,
        paid: &dyn PaidJobs,
        fresh: bool,
        ui: &Ui,
    ) -> Result<Plan, CommandError> {
        let sources = Sources {
            provider: self.settings.provider.name,
            catalog: &self.catalog,
            prices: &self.prices,
            known: PriceLists::builtin(),
            paid,
        };
        let list_is_certain = self.settings.is_in_process();
        let mut counter = Counter::new(ui, "planning");
        Ok(plan::build_watched(
            &self.manifest,
            sources,
            PlanOptions {
                fresh,
                list_is_certain,
            },
            &mut |jobs| counter.show(jobs),
        )?)
    }

    /// Returns the limits of a run that starts now.
    pub(crate) fn limits(&self, now: Timestamp) -> SpendLimits {
        limits(&self.settings, now)
    }

    /// Sets a plan against the account.
    ///
    /// # Errors
    /// When the ledger fails, or the provider reports absurd pools.
    pub(crate) fn judge(
        &self,
        plan: Plan,
        balance: Option<Balance>,
        ledger: Option<&Ledger>,
        now: Timestamp,
    ) -> Result<Judged, CommandError> {
        let limits = self.limits(now);
        let used = |since| match ledger {
            Some(ledger) => ledger.used_since(&self.account, since),
            None => Ok(Credits::ZERO),
        };
        let period = match limits.period {
            Some(budget) => Some(PeriodStanding {
                budget,
                used: used(limits.period_start)?,
            }),
            None => None,
        };
        let standing = Standing {
            balance,
            // Nothing was submitted after the end of time, so what is used since then is what is held now.
            held: used(Some(Timestamp::MAX))?,
            keep: limits.keep,
            run_cap: limits.run,
            period,
            monthly_credits: self.settings.account.monthly_credits,
            days_to_renewal: days_to_renewal(&self.settings, now),
            rollover: self.settings.account.rollover,
        };
        let verdict = standing.judge(plan.total())?;
        let mut judged = Judged {
            plan,
            standing,
            verdict,
            fit: None,
        };
        let is_wanted = self.manifest.budget.when_short == WhenShort::Fit;
        if let (true, false, Some(room)) = (
            is_wanted,
            judged.verdict.affordable,
            judged.verdict.room_of_all(),
        ) {
            self.fit(&mut judged, room)?;
        }
        Ok(judged)
    }

    /// Chooses what of a plan fits into so many credits.
    ///
    /// # Errors
    /// A usage error when a row file changed meanwhile.
    pub(crate) fn fit(&self, judged: &mut Judged, room: Credits) -> Result<(), CommandError> {
        let fit = judged.plan.fit(&self.manifest, &self.catalog, room)?;
        judged.fit = Some(fit);
        Ok(())
    }

    /// Lays a judged plan out for a report.
    pub(crate) fn view<'a>(&self, judged: &'a Judged) -> PlanView<'a> {
        PlanView {
            plan: &judged.plan,
            standing: &judged.standing,
            verdict: &judged.verdict,
            fit: judged.fit.as_ref(),
            monthly: None,
            spend_down: None,
            rate: self.settings.rate(),
            concurrency: self.settings.concurrency(),
        }
    }
}

/// Reads a manifest from its file, or from standard input.
///
/// # Errors
/// A usage error with every problem, each with its place.
pub(crate) fn read_manifest(
    args: &ManifestArgs,
    catalog: &Catalog,
) -> Result<Manifest, CommandError> {
    let options = args.options.to_options();
    if args.manifest.as_os_str() != "-" {
        return Ok(Manifest::read_with(&args.manifest, &options, catalog)?);
    }
    let format = match args.format_in {
        Some(ManifestFormat::Toml) => Format::Toml,
        Some(ManifestFormat::Yaml) => Format::Yaml,
        None => {
            return Err(
                CommandError::usage("a manifest on standard input needs its syntax named")
                    .hint("--format-in toml, or --format-in yaml"),
            );
        }
    };
    let stdin = std::io::stdin().lock();
    Ok(Manifest::read_from(
        stdin,
        format,
        "-",
        Path::new(""),
        &options,
        catalog,
    )?)
}

/// Returns the limits that settings set for a run that starts or goes on now.
pub(crate) fn limits(settings: &Settings, now: Timestamp) -> SpendLimits {
    SpendLimits {
        run: settings.run_cap(),
        period: settings.period_budget(),
        period_start: period(settings, now).map(|period| period.start),
        month: settings.account.monthly_credits,
        keep: settings.keep(),
    }
}

/// Returns the billing period of the settings' account.
pub(crate) fn period(settings: &Settings, now: Timestamp) -> Option<Period> {
    let renews_on = settings.account.renews_on.unwrap_or(DEFAULT_RENEWS_ON);
    Period::around(now, renews_on, &settings.account.zone())
}

/// Counts the days until credits are renewed, when the user's configuration says on which day that is.
fn days_to_renewal(settings: &Settings, now: Timestamp) -> Option<u32> {
    settings.account.renews_on?;
    let until = period(settings, now)?.renewal.duration_since(now);
    let days = until.as_secs().div_euclid(86_400) + i64::from(until.as_secs() % 86_400 > 0);
    u32::try_from(days.max(1)).ok()
}
