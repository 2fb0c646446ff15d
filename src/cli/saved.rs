//! Holds a run to a saved plan: what it is made of must be as it was, and it is carried out once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::ledger::Ledger;
use crate::manifest::WhenShort;
use crate::model::{Credits, RunRecord, RunState};
use crate::plan::{Limit, LimitRoom, Standing, moved};

use super::args::{ManifestArgs, OptionArgs, PaceArgs, ProviderArgs, SpendArgs};
use super::batch::{Batch, Judged};
use super::context::Context;
use super::error::{CommandError, ErrorKind};
use super::plan_file::{self, PinnedFile, PlanHead, SavedPlan};
use super::settings::Layer;
use super::{catalogs, provider};

/// How old a plan may be, when nobody says.
pub(crate) const DEFAULT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The flags that make a plan what it is.
pub(crate) struct Making<'a> {
    /// Which provider, at what prices.
    pub(crate) provider: &'a ProviderArgs,
    /// What may be spent.
    pub(crate) spend: &'a SpendArgs,
    /// How fast.
    pub(crate) pace: &'a PaceArgs,
    /// Buy again.
    pub(crate) fresh: bool,
    /// How the manifest is read.
    pub(crate) options: &'a OptionArgs,
}

/// Writes down what a batch was planned to do.
///
/// # Errors
/// A usage error when it could not be held to later, a storage error when it can't be written.
pub(crate) fn save(
    path: &Path,
    batch: &Batch,
    judged: &Judged,
    files: Vec<PinnedFile>,
    fresh: bool,
    context: &Context,
) -> Result<(), CommandError> {
    let settings = &batch.settings;
    let prices = Path::new(settings.prices());
    let mut head = PlanHead::new(&judged.plan, context.now(), judged.standing.clone());
    head.manifest_path =
        super::commands::run::manifest_path(Path::new(&batch.manifest.path), context)?;
    head.files = files;
    head.account = batch.account.clone();
    head.base_url = settings.base_url.clone();
    head.prices = match prices.is_file() {
        true => context.absolute(prices)?.to_string_lossy().into_owned(),
        false => settings.prices().to_owned(),
    };
    if let (Some(file), Some(_)) = (context.catalog_file()?, &batch.catalog.added) {
        head.catalog = Some(context.absolute(&file)?.to_string_lossy().into_owned());
    }
    head.rate = settings.rate();
    head.concurrency = settings.concurrency();
    head.run_cap = settings.run_cap();
    head.period = settings.period_budget();
    head.keep = settings.keep();
    head.fresh = fresh;
    head.options = batch.manifest.options.clone();
    plan_file::write(path, &head, &judged.plan)
}

/// Digests the files that a manifest reads.
///
/// # Errors
/// A usage error for one that can't be read.
pub(crate) fn pin_files(batch: &Batch) -> Result<Vec<PinnedFile>, CommandError> {
    let files = batch.manifest.files().into_iter();
    let pinned = files.map(|(name, path)| {
        plan_file::pin(name, path).map_err(|error| {
            CommandError::new(ErrorKind::Usage, error).context(format!("`{name}` can't be read"))
        })
    });
    pinned.collect()
}

impl SavedPlan {
    /// Refuses flags that would make it another plan.
    ///
    /// # Errors
    /// A usage error that names each of them.
    pub(crate) fn refuse_changes(&self, flags: &Making<'_>) -> Result<(), CommandError> {
        let head = &self.head;
        let differs =
            |given: Option<Credits>, planned: Option<Credits>| given.is_some() && given != planned;
        let text = |given: &Option<String>, planned: &str| {
            given.as_deref().is_some_and(|given| given != planned)
        };
        let origin = flags.provider.base_url.as_deref();
        let origin = origin.map(|url| provider::check_origin(url).unwrap_or_default());
        let pace = flags.pace;
        let (given, planned) = (flags.options, &head.options);
        let changed: Vec<_> = [
            ("--provider", text(&flags.provider.provider, &head.provider)),
            ("--base-url", text(&origin, &head.base_url)),
            ("--prices", text(&flags.provider.prices, &head.prices)),
            (
                "--max-credits",
                differs(flags.spend.max_credits, head.run_cap),
            ),
            (
                "--period-budget",
                differs(flags.spend.period_budget, head.period),
            ),
            ("--keep", differs(flags.spend.keep, Some(head.keep))),
            ("--rate", pace.rate.is_some_and(|rate| rate != head.rate)),
            (
                "--concurrency",
                pace.concurrency
                    .is_some_and(|most| most != head.concurrency),
            ),
            ("--fresh", flags.fresh && !head.fresh),
            (
                "--profile",
                given.profile.is_some() && given.profile != planned.profile,
            ),
            (
                "--var",
                !given.vars.is_empty() && given.vars != planned.vars,
            ),
            (
                "--only",
                !given.only.is_empty() && given.only != planned.only,
            ),
            (
                "--tag",
                !given.tags.is_empty() && given.tags != planned.tags,
            ),
            (
                "--sample",
                given.sample.is_some() && given.sample != planned.sample,
            ),
        ]
        .into_iter()
        .filter(|(_, is_changed)| *is_changed)
        .map(|(flag, _)| format!("`{flag}`"))
        .collect();
        if changed.is_empty() {
            return Ok(());
        }
        Err(CommandError::usage(format!(
            "a saved plan is carried out as it is: {} would change it",
            changed.join(", ")
        ))
        .hint("leave it out, also as a variable SETLIST_…, or plan again with it"))
    }

    /// Reads the manifest again, with the settings that the plan was made with.
    ///
    /// An origin of another server counts as the manifest's own wish, so that no plan sends the key where its reader
    /// would not; and of two budgets of the period the tighter holds.
    ///
    /// # Errors
    /// As [`Batch::read`].
    pub(crate) fn batch(
        &self,
        flags: Layer,
        seed: Option<u64>,
        context: &Context,
    ) -> Result<Batch, CommandError> {
        let head = &self.head;
        catalogs::of_plan(head.catalog.as_deref(), context)
            .map_err(|failure| failure.hint(self.made_of()))?;
        let args = ManifestArgs {
            manifest: PathBuf::from(&head.manifest_path),
            format_in: None,
            options: head.options.clone().into(),
        };
        let planned = Layer {
            provider: Some(head.provider.clone()),
            prices: Some(head.prices.clone()),
            rate: Some(head.rate),
            concurrency: Some(head.concurrency),
            run_cap: head.run_cap,
            keep: Some(head.keep),
            ..Layer::default()
        };
        let origin = Some(head.base_url.clone()).filter(|url| !url.is_empty());
        Batch::read_as(&args, flags.or(planned), seed, origin, head.period, context)
            .map_err(|failure| failure.hint(self.made_of()))
    }

    fn made_of(&self) -> String {
        let head = &self.head;
        format!(
            "the plan was made of `{}` at {:.0}",
            head.manifest_path, head.made_at
        )
    }

    /// Refuses a plan that was carried out before.
    ///
    /// # Errors
    /// A usage error that names the run and what to type.
    pub(crate) fn refuse_second(&self, ledger: &Ledger) -> Result<(), CommandError> {
        let Some(run) = ledger.run_of_plan(&self.digest)? else {
            return Ok(());
        };
        let RunRecord { id, state, .. } = &run;
        let failure = CommandError::usage(format!(
            "this plan was carried out by run {id}, which is {state}"
        ))
        .detailed("run", json!(id));
        Err(match state {
            RunState::Finished => failure.hint("a plan is carried out once: plan again"),
            _ => failure.hint(format!("go on with it: setlist resume {id}")),
        })
    }

    /// Lists what moved since the plan was made, apart from the jobs: its age, the manifest, its files, the account.
    fn sources_moved(
        &self,
        batch: &Batch,
        now: Timestamp,
        max_age: Option<Duration>,
    ) -> Result<Vec<String>, CommandError> {
        let head = &self.head;
        let mut moved = Vec::new();
        moved.extend(aged(head.made_at, now, max_age.unwrap_or(DEFAULT_MAX_AGE)));
        if self.plan.header().manifest_digest != batch.manifest.digest {
            moved.push(format!(
                "manifest `{}`: its text changed, or one that it includes",
                head.manifest_path
            ));
        }
        let files = pin_files(batch)?;
        for file in &files {
            match head.files.iter().find(|known| known.name == file.name) {
                Some(known) if known == file => {}
                Some(known) => moved.push(format!(
                    "file `{}`: its text changed, {} → {} bytes",
                    file.name, known.bytes, file.bytes
                )),
                None => moved.push(format!("file `{}`: the plan does not know it", file.name)),
            }
        }
        if head.account != batch.account {
            moved.push(format!("account: {} → {}", head.account, batch.account));
        }
        if head.base_url != batch.settings.base_url {
            let (was, is) = (&head.base_url, &batch.settings.base_url);
            moved.push(format!("origin: `{was}` → `{is}`"));
        }
        Ok(moved)
    }

    /// Plans the batch again, and refuses when that is not what was saved.
    ///
    /// # Errors
    /// As [`SavedPlan::hold_to`]; what moved is said too when it can't be planned any more.
    pub(crate) fn plan_again(
        &self,
        batch: &Batch,
        max_age: Option<Duration>,
        context: &Context,
        planned: impl FnOnce(bool) -> Result<Judged, CommandError>,
    ) -> Result<Judged, CommandError> {
        let sources = self.sources_moved(batch, context.now(), max_age)?;
        let judged = match planned(self.head.fresh) {
            Ok(judged) => judged,
            Err(failure) => {
                let moved = sources.into_iter().map(|source| format!("moved: {source}"));
                return Err(moved.fold(failure, CommandError::hint));
            }
        };
        self.hold_to(batch, &judged, sources)?;
        Ok(judged)
    }

    /// Refuses when anything moved that the plan is pinned to, all of it in one pass.
    ///
    /// # Errors
    /// A usage error that lists what moved; `Short` when the balance alone did, and no longer affords the plan.
    fn hold_to(
        &self,
        batch: &Batch,
        judged: &Judged,
        sources: Vec<String>,
    ) -> Result<(), CommandError> {
        let mut problems = sources;
        problems.extend(
            moved(&self.plan, &judged.plan)
                .iter()
                .map(ToString::to_string),
        );
        let kind = match problems.is_empty() {
            true => ErrorKind::Short,
            false => ErrorKind::Usage,
        };
        if batch.manifest.budget.when_short != WhenShort::Fit {
            problems.extend(self.short(judged));
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(CommandError::message(
            kind,
            format!(
                "what this plan was made of has moved: nothing was started\n  {}",
                problems.join("\n  ")
            ),
        )
        .hint(format!(
            "plan again: setlist plan {} -o FILE.plan",
            self.head.manifest_path
        ))
        .detailed("moved", json!(problems)))
    }

    /// Says which limits no longer have room, and what they were.
    fn short(&self, judged: &Judged) -> Vec<String> {
        let (was, is) = (&self.head.standing, &judged.standing);
        let verdict = &judged.verdict;
        let is_short = |room: &&LimitRoom| !room.short.is_zero();
        let say = |room: &LimitRoom| {
            let what = match room.limit {
                Limit::Run => format!("run cap: {}", room.of),
                Limit::Period => {
                    let used =
                        |standing: &Standing| standing.period.map_or(Credits::ZERO, |it| it.used);
                    format!(
                        "budget of the period: {} → {} used of {}",
                        used(was),
                        used(is),
                        room.of
                    )
                }
                Limit::Balance => format!("balance: {} → {}", available(was), available(is)),
            };
            let (needed, short) = (verdict.needed, room.short);
            format!("{what}, the plan costs {needed}: {short} short")
        };
        verdict.limits.iter().filter(is_short).map(say).collect()
    }
}

fn available(standing: &Standing) -> String {
    let credits = standing
        .balance
        .and_then(|balance| balance.available().ok());
    credits.map_or_else(|| "not asked for".to_owned(), |credits| credits.to_string())
}

/// Says that a plan is too old, or from a time to come.
fn aged(made_at: Timestamp, now: Timestamp, most: Duration) -> Option<String> {
    /// Clocks of two machines may differ by so much.
    const SLACK: SignedDuration = SignedDuration::from_mins(5);
    let age = now.duration_since(made_at);
    if age < -SLACK {
        return Some(format!(
            "age: it was made at {made_at:.0}, which is yet to come"
        ));
    }
    let is_old = age > SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX);
    let minutes = |span: SignedDuration| span.as_mins();
    is_old.then(|| {
        let most = SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX);
        format!(
            "age: made {} min ago, at most {} min are allowed (--max-plan-age)",
            minutes(age),
            minutes(most)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_too_old_after_its_time_and_never_from_the_future() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let made = at("2026-11-22T10:00:00Z");
        for (now, is_wrong) in [
            ("2026-11-22T10:00:00Z", false),
            ("2026-11-23T10:00:00Z", false),
            ("2026-11-23T10:00:01Z", true),
            ("2026-11-22T09:56:00Z", false),
            ("2026-11-22T09:54:00Z", true),
        ] {
            let found = aged(made, at(now), DEFAULT_MAX_AGE);
            assert_eq!(found.is_some(), is_wrong, "{now}: {found:?}");
        }
    }
}
