//! What the balance says about payments in doubt: pure arithmetic on two readings with nothing in flight between.
//!
//! A checkpoint is a reading of the balance taken while no request of the account was on its way and no task ran. From
//! one checkpoint to the next the balance falls by what was charged and rises by what was refunded. What is left
//! unexplained can only be the payments that came into doubt in between, or somebody else. Evidence settles a payment
//! only if no other reading of the figures is possible: each payment in doubt has one price, and exactly one choice
//! of them adds up to what is missing.

use jiff::{SignedDuration, Timestamp};

use crate::model::{CreditError, Credits, Drift, JobId, Ordinal, RunId};

use super::audit::Unexplained;
use super::handle::BalanceMark;
use super::limits::Reading;

/// Payments in doubt beyond which no choice among them is looked for.
const DOUBTS_MAX: usize = 12;
/// How long after its end the charge of a job that failed may still be given back, and for how long an account counts as
/// shared after credits went that are not ours; nobody states either, so it is a day.
const WATCHED: SignedDuration = SignedDuration::from_hours(24);

/// A reading of the balance while nothing was in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// When it was noted.
    pub at: Timestamp,
    /// What the provider answered.
    pub balance: Credits,
    /// The account's sum of charges then.
    pub charged: Credits,
    /// The account's sum of refunds then.
    pub refunded: Credits,
    /// Whether charges of a moment before may have been missing from it: then it was too high, and they seem to be those
    /// of a payment that came into doubt later.
    pub is_unsure: bool,
}

impl Checkpoint {
    /// Returns the time from which on what happened may still move the balance after this reading.
    pub(super) fn watched_since(&self) -> Timestamp {
        self.at.checked_sub(WATCHED).unwrap_or(Timestamp::MIN)
    }

    /// Tells whether nothing was charged or given back from this reading to a mark.
    pub(crate) fn has_sums(&self, mark: BalanceMark) -> bool {
        (self.charged, self.refunded) == (mark.charged, mark.refunded)
    }

    /// Returns what charges and refunds up to a later reading do not explain of the balance's move.
    ///
    /// # Errors
    /// When the sums are lower than they were, or too large.
    pub(super) fn unexplained(
        &self,
        mark: BalanceMark,
        balance: Credits,
    ) -> Result<Drift, CreditError> {
        let charged = mark.charged.minus(self.charged)?;
        let refunded = mark.refunded.minus(self.refunded)?;
        // Charges above the balance would leave the expectation below zero; they stand on the other side.
        Ok(Drift::between(
            self.balance.plus(refunded)?,
            balance.plus(charged)?,
        ))
    }
}

impl Checkpoint {
    /// Returns the stretch from this reading to a later one, if it leaves anything unexplained.
    ///
    /// # Errors
    /// As [`Checkpoint::unexplained`].
    pub(super) fn stretch(
        &self,
        mark: BalanceMark,
        balance: Credits,
        now: Timestamp,
    ) -> Result<Option<Unexplained>, CreditError> {
        let drift = self.unexplained(mark, balance)?;
        if drift.get() == 0 {
            return Ok(None);
        }
        Ok(Some(Unexplained {
            since: self.at,
            // A clock that was set back must not turn the stretch around.
            until: now.max(self.at),
            charged: mark.charged.minus(self.charged)?,
            refunded: mark.refunded.minus(self.refunded)?,
            drift,
        }))
    }
}

/// What a balance above what the books say means for a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rise {
    /// Credits were bought or given back, or a price is lower than the list's.
    IsReal,
    /// The balance may only lag behind charges of a moment ago: kept then, they would seem missing later.
    MayPass,
}

impl Rise {
    /// Tells whether a reading is no checkpoint yet, since it rose and not all of it is believed.
    pub(super) fn is_doubted(self, unexplained: Drift, known: Option<Reading>) -> bool {
        let is_unsure = known.is_some_and(|reading| reading.unsure.is_some());
        self == Self::MayPass && unexplained.get() > 0 && is_unsure
    }
}

/// A payment in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Its run.
    pub run: RunId,
    /// Its place in the run.
    pub ordinal: Ordinal,
    /// Its name.
    pub job: JobId,
    /// What it would have been charged.
    pub price: Credits,
    /// When its request left.
    pub sent_at: Timestamp,
}

/// A reading beside the last checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weighing {
    /// Whether nothing of the account was in flight while the balance was read, and no charge was recorded meanwhile.
    pub is_quiet: bool,
    /// The reading it is compared with.
    pub last: Option<Checkpoint>,
    /// What charges and refunds since then do not explain: negative when credits are missing. Nothing without quiet, as the
    /// reading may be older than the one it is compared with.
    pub unexplained: Option<Drift>,
    /// The payments that came into doubt since then.
    pub doubts: Vec<Doubt>,
    /// Whether a job failed or was lost since then, or up to a day before, whose charge was not given back, though the job
    /// may have been bought again: it may come late, and would look as if a payment in doubt had not been charged.
    pub awaits_refund: bool,
    /// The latest credits that went, up to a day before, and that nothing of ours explains: whoever took them may take more,
    /// or give them back, and either would pass for what became of a payment in doubt.
    pub leak: Option<Unexplained>,
}

/// What the evidence says of one payment in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It was charged.
    Charged,
    /// It was not.
    NotCharged,
}

impl Weighing {
    /// Finds out for each payment in doubt, in their order, whether it was charged.
    ///
    /// # Errors
    /// Why the figures do not tell, in words.
    pub fn judge(&self) -> Result<Vec<Finding>, String> {
        if !self.is_quiet {
            return Err("other requests of the account were under way".to_owned());
        }
        let Some(unexplained) = self.unexplained else {
            return Err("there is no earlier reading of the balance to compare with".to_owned());
        };
        if self.last.is_some_and(|last| last.is_unsure) {
            return Err(
                "the balance before them may have lacked charges of a moment earlier".to_owned(),
            );
        }
        if self.awaits_refund {
            return Err(
                "the charge of a job that failed or was lost may still be given back".to_owned(),
            );
        }
        if let Some(leak) = &self.leak {
            return Err(format!(
                "up to {} there went {} credits that are not ours: a price is wrong, or somebody else uses the account",
                leak.until,
                leak.drift.get().unsigned_abs()
            ));
        }
        if self.doubts.len() > DOUBTS_MAX {
            return Err(format!(
                "{} payments are in doubt at once",
                self.doubts.len()
            ));
        }
        let count = u32::try_from(self.doubts.len()).unwrap_or(u32::MAX);
        let fits = |choice: &u32| {
            let prices = self.doubts.iter().enumerate();
            let chosen = prices.filter(|(place, _)| choice & (1 << place) != 0);
            Credits::sum(chosen.map(|(_, doubt)| doubt.price))
                .is_ok_and(|sum| Drift::between(sum, Credits::ZERO) == unexplained)
        };
        let mut fitting = (0..1_u32 << count).filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(choice), None) => Ok((0..count)
                .map(|place| match choice & (1 << place) {
                    0 => Finding::NotCharged,
                    _ => Finding::Charged,
                })
                .collect()),
            (None, _) => Err(format!(
                "the balance moved by {unexplained} credits that neither charges nor these payments explain"
            )),
            (Some(_), Some(_)) => Err(format!(
                "{unexplained} credits can be explained by more than one choice of them"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weighing(prices: &[u64], unexplained: i64) -> Weighing {
        let doubt = |(place, price): (usize, &u64)| Doubt {
            run: RunId::new("r1"),
            ordinal: Ordinal(u32::try_from(place).unwrap()),
            job: JobId::new(format!("j{place}")),
            price: Credits::new(*price),
            sent_at: Timestamp::UNIX_EPOCH,
        };
        let (from, to) = match u64::try_from(unexplained) {
            Ok(more) => (0, more),
            Err(_) => (unexplained.unsigned_abs(), 0),
        };
        Weighing {
            is_quiet: true,
            last: None,
            unexplained: Some(Drift::between(Credits::new(from), Credits::new(to))),
            doubts: prices.iter().enumerate().map(doubt).collect(),
            awaits_refund: false,
            leak: None,
        }
    }

    #[test]
    fn only_figures_that_leave_one_explanation_settle() {
        use Finding::{Charged as C, NotCharged as N};
        for (prices, unexplained, want) in [
            (&[10][..], 0, Some(vec![N])),
            (&[10], -10, Some(vec![C])),
            (&[10, 15], -15, Some(vec![N, C])),
            (&[10, 10], -20, Some(vec![C, C])),
            (&[10, 10], 0, Some(vec![N, N])),
            // Which of the two?
            (&[10, 10], -10, None),
            (&[10, 5, 15], -15, None),
            // Somebody else, a wrong price, a top-up.
            (&[10], -7, None),
            (&[10], 990, None),
            // A free job says nothing either way.
            (&[10, 0], -10, None),
        ] {
            let told = weighing(prices, unexplained).judge();
            assert_eq!(
                told.clone().ok(),
                want,
                "{prices:?} {unexplained}: {told:?}"
            );
        }
    }

    #[test]
    fn without_quiet_or_an_earlier_reading_nothing_is_settled() {
        let loud = Weighing {
            is_quiet: false,
            ..weighing(&[10], 0)
        };
        assert!(loud.judge().is_err());
        let first = Weighing {
            unexplained: None,
            ..weighing(&[10], 0)
        };
        assert!(first.judge().is_err());
        assert!(weighing(&[1; 13], 0).judge().is_err());
        let awaiting = Weighing {
            awaits_refund: true,
            ..weighing(&[10], 0)
        };
        assert!(awaiting.judge().is_err());
        let shared = Weighing {
            leak: Some(Unexplained {
                since: Timestamp::UNIX_EPOCH,
                until: Timestamp::UNIX_EPOCH,
                charged: Credits::ZERO,
                refunded: Credits::ZERO,
                drift: Drift::between(Credits::new(3), Credits::ZERO),
            }),
            ..weighing(&[10], 0)
        };
        let told = shared.judge().unwrap_err();
        assert!(told.contains("there went 3 credits"), "{told}");
    }

    proptest! {
        #[test]
        fn what_is_settled_is_true_whatever_was_charged(
            prices in prop::collection::vec(0..40_u64, 0..8),
            charged in any::<u8>(),
        ) {
            let was_charged = |place: usize| charged & (1 << place) != 0;
            let missing: u64 = prices
                .iter()
                .enumerate()
                .filter(|(place, _)| was_charged(*place))
                .map(|(_, price)| price)
                .sum();
            let weighed = weighing(&prices, -i64::try_from(missing).unwrap());
            if let Ok(findings) = weighed.judge() {
                for (place, finding) in findings.into_iter().enumerate() {
                    prop_assert_eq!(finding == Finding::Charged, was_charged(place));
                }
            }
        }
    }
}
