//! Which jobs are worth a word with the provider: charged, and nothing usable to show for it.

use crate::model::{Credits, JobRecord, JobState, PastLoss};

/// A charge to ask back: one purchase of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    /// What was charged.
    pub(super) charged: Credits,
    /// What of it was given back.
    pub(super) refunded: Credits,
    /// What is wrong.
    pub(super) reason: &'static str,
    /// The purchase, if the job was bought again since.
    pub(super) past: Option<&'a PastLoss>,
}

impl<'a> Claim<'a> {
    /// Finds the claims a job gives rise to: for what was bought before a restart, and for what was bought last.
    ///
    /// A result that is only not saved yet is none: a resume fetches it.
    pub(super) fn all_of(record: &'a JobRecord) -> impl Iterator<Item = Self> {
        let past = record.past_losses.iter().map(|loss| Self {
            charged: loss.credits,
            refunded: Credits::ZERO,
            reason: "failed, bought again, not refunded",
            past: Some(loss),
        });
        past.chain(Self::of_last(record))
    }

    fn of_last(record: &JobRecord) -> Option<Self> {
        let reason = match record.state {
            JobState::Failed => "failed, not refunded",
            JobState::Lost => "lost",
            // The error of a saved job is what is wrong with its files.
            JobState::Saved if record.error.is_some() => "unusable file",
            _ => return None,
        };
        let claim = Self {
            charged: record.past_charged.short_of(record.charged),
            refunded: record.past_refunded.short_of(record.refunded),
            reason,
            past: None,
        };
        (!claim.credits().is_zero()).then_some(claim)
    }

    /// Returns what was charged and not given back; a refund above the charge would be the provider's gift, not a claim.
    pub(super) fn credits(&self) -> Credits {
        self.refunded.short_of(self.charged)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{credits, job};
    use super::*;

    type Told = Vec<(u64, &'static str)>;

    fn claims(record: &JobRecord) -> Told {
        Claim::all_of(record)
            .map(|claim| (claim.credits().get(), claim.reason))
            .collect()
    }

    fn claimed(state: JobState, charged: u64, refunded: u64, error: Option<&str>) -> Told {
        let mut record = job(0, "song", state);
        (record.charged, record.refunded) = (credits(charged), credits(refunded));
        record.error = error.map(str::to_owned);
        claims(&record)
    }

    #[test]
    fn a_claim_is_what_was_charged_for_nothing_usable() {
        use JobState as S;
        let lost = [(10, "failed, not refunded")];
        assert_eq!(claimed(S::Failed, 10, 0, Some("no")), lost);
        assert_eq!(claimed(S::Failed, 10, 10, Some("no")), []);
        assert_eq!(claimed(S::Failed, 10, 12, Some("no")), []);
        assert_eq!(claimed(S::Lost, 10, 0, None), [(10, "lost")]);
        let defect = Some("`a.wav`: is silent");
        let unusable = [(10, "unusable file")];
        assert_eq!(claimed(S::Saved, 10, 0, defect), unusable);
        assert_eq!(claimed(S::Saved, 0, 0, defect), [], "reused, not bought");
        assert_eq!(claimed(S::Saved, 10, 0, None), []);
        assert_eq!(claimed(S::Succeeded, 10, 0, Some("not saved")), []);
        assert_eq!(claimed(S::InDoubt, 0, 0, Some("no answer")), []);
    }

    #[test]
    fn what_was_lost_before_a_job_was_bought_again_stays_a_claim_of_its_own() {
        use JobState as S;
        let before = (10, "failed, bought again, not refunded");
        for (state, charged, refunded, all) in [
            (S::Planned, 10, 0, vec![before]),
            (S::Refused, 10, 0, vec![before]),
            (S::Saved, 20, 0, vec![before]),
            (S::Failed, 20, 10, vec![before]),
            (S::Failed, 20, 0, vec![before, (10, "failed, not refunded")]),
        ] {
            let mut record = job(0, "song", state);
            (record.charged, record.refunded) = (credits(charged), credits(refunded));
            record.past_charged = credits(10);
            record.past_losses.push(PastLoss {
                task_id: None,
                credits: credits(10),
                sent_at: None,
                error: None,
            });
            assert_eq!(claims(&record), all, "{state}");
        }
    }

    #[test]
    fn what_was_refunded_before_a_job_was_bought_again_is_no_part_of_its_last_claim() {
        let mut record = job(0, "song", JobState::Lost);
        (record.charged, record.refunded) = (credits(20), credits(10));
        (record.past_charged, record.past_refunded) = (credits(10), credits(10));
        let all: Vec<_> = Claim::all_of(&record).collect();
        let [claim] = &all[..] else {
            panic!("{all:?}");
        };
        assert_eq!(
            (claim.charged, claim.refunded),
            (credits(10), Credits::ZERO)
        );
    }
}
