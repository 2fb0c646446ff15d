//! Ways to spend less that show only when jobs are seen together: each with its figure, or it is not said.

mod exports;
mod lengths;
mod retired;
mod stems;

#[cfg(test)]
mod tests;

use crate::catalog::{Catalog, PriceList};
use crate::manifest::Draft;
use crate::model::{CreditError, Credits, Ordinal};

use super::advice::Advice;
use super::job::{PlannedJob, Tag};
use exports::Exports;
use lengths::Lengths;
use retired::Retired;
use stems::StemsUse;

/// Looks at every job that is to be bought, and remembers what there is to say.
pub(super) struct Hints<'a> {
    catalog: &'a Catalog,
    prices: &'a PriceList,
    stems: StemsUse,
    lengths: Lengths,
    exports: Exports,
    retired: Retired,
}

/// The jobs before the one at hand.
pub(super) struct Earlier<'a>(pub(super) &'a [PlannedJob]);

impl Earlier<'_> {
    /// Returns a job.
    fn job(&self, need: Ordinal) -> Option<&PlannedJob> {
        self.0.get(need.index())
    }

    /// Returns the job that buys what a job gives: itself, or the one it is a twin of; none if it is not bought.
    fn bought(&self, need: Ordinal) -> Option<(Ordinal, &PlannedJob)> {
        let job = self.job(need)?;
        let buyer = match job.tag {
            Tag::Twin => Ordinal(job.link),
            _ => need,
        };
        let job = self.job(buyer)?;
        (job.tag == Tag::New).then_some((buyer, job))
    }
}

impl<'a> Hints<'a> {
    pub(super) fn new(catalog: &'a Catalog, prices: &'a PriceList, provider: &str) -> Self {
        Self {
            stems: StemsUse::new(catalog),
            lengths: Lengths::new(catalog, prices),
            exports: Exports::new(catalog, prices),
            retired: Retired::new(catalog, provider),
            catalog,
            prices,
        }
    }

    /// Notes the next job, to be bought at this price.
    pub(super) fn note(
        &mut self,
        draft: &Draft<'_>,
        price: Credits,
        earlier: &Earlier<'_>,
    ) -> Result<(), CreditError> {
        self.note_stems(draft, earlier);
        self.lengths.note(draft, price, earlier)?;
        self.exports.note(draft, price, earlier)?;
        self.retired.note(draft.operation, price)
    }

    /// Returns all advice there is to give.
    pub(super) fn finish(self) -> Result<Vec<Advice>, CreditError> {
        let mut advice: Vec<_> = self.stems.finish(self.catalog)?.into_iter().collect();
        advice.extend(self.lengths.finish(self.catalog)?);
        advice.extend(self.exports.finish()?);
        advice.extend(self.retired.finish(self.catalog));
        Ok(advice)
    }

    fn note_stems(&mut self, draft: &Draft<'_>, earlier: &Earlier<'_>) {
        for need in draft.needs {
            let Some((stems, job)) = earlier.bought(*need) else {
                continue;
            };
            if !self.stems.is_full(job.operation) {
                continue;
            }
            let price = Credits::new(job.price_credits.into());
            if let Some(saving) = self.stems.saving(self.prices, price) {
                self.stems.note(draft, stems, job.fingerprint, saving);
            }
        }
    }
}
