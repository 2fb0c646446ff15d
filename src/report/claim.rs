//! Which jobs are worth a word with the provider: charged, and nothing usable to show for it.

use crate::model::{Credits, JobRecord, JobState};

/// A charge to ask back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// What was charged and not given back.
    pub(super) credits: Credits,
    /// What is wrong.
    pub(super) reason: &'static str,
}

impl Claim {
    /// Finds the claim a job gives rise to.
    ///
    /// A result that is only not saved yet is none: a resume fetches it.
    pub(super) fn of(record: &JobRecord) -> Option<Self> {
        let reason = match record.state {
            JobState::Failed => "failed, not refunded",
            JobState::Lost => "lost",
            // What was bought before a restart.
            state if state.ended_badly() => "charged before, not refunded",
            // The error of a saved job is what is wrong with its files.
            JobState::Saved if record.error.is_some() => "unusable file",
            _ => return None,
        };
        // A refund above the charge would be the provider's gift, not a claim.
        let credits = record.refunded.short_of(record.charged);
        (!credits.is_zero()).then_some(Self { credits, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{credits, job};
    use super::*;

    fn claimed(state: JobState, charged: u64, refunded: u64, error: Option<&str>) -> Option<Claim> {
        let mut record = job(0, "song", state);
        (record.charged, record.refunded) = (credits(charged), credits(refunded));
        record.error = error.map(str::to_owned);
        Claim::of(&record)
    }

    #[test]
    fn a_claim_is_what_was_charged_for_nothing_usable() {
        use JobState as S;
        let claim = |number, reason| {
            let credits = credits(number);
            Some(Claim { credits, reason })
        };
        let lost = claim(10, "failed, not refunded");
        assert_eq!(claimed(S::Failed, 10, 0, Some("no")), lost);
        assert_eq!(claimed(S::Failed, 10, 10, Some("no")), None);
        assert_eq!(claimed(S::Failed, 10, 12, Some("no")), None);
        assert_eq!(claimed(S::Lost, 10, 0, None), claim(10, "lost"));
        let before = claim(10, "charged before, not refunded");
        assert_eq!(claimed(S::Refused, 20, 10, Some("no")), before);
        let defect = Some("`a.wav`: is silent");
        assert_eq!(claimed(S::Saved, 10, 0, defect), claim(10, "unusable file"));
        assert_eq!(claimed(S::Saved, 0, 0, defect), None, "reused, not bought");
        assert_eq!(claimed(S::Saved, 10, 0, None), None);
        assert_eq!(claimed(S::Succeeded, 10, 0, Some("not saved")), None);
        assert_eq!(claimed(S::InDoubt, 0, 0, Some("no answer")), None);
    }
}
