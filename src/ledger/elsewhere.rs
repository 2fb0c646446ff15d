//! The same job in another run: what one content means for whoever wants it a second time.
//!
//! A plan finds what was paid for before it was made. What other runs buy after that is looked up when a job
//! is to be held, in the transaction of the hold: two runs that want the same thing at the same time buy it once. A run
//! that is to buy afresh looks nowhere. No time is compared: clocks go backwards.

use crate::model::{JobId, JobState, Ordinal, Reuse, RunId};

/// A job of another run of the account with the same fingerprint, in hand or bought.
#[derive(Clone, Debug)]
pub(super) struct Other {
    pub run: RunId,
    pub job: JobId,
    pub ordinal: Ordinal,
    pub state: JobState,
    /// Whether a process works on its run.
    pub is_alive: bool,
}

/// What becomes of a job that may start, in view of other runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody has it: it is bought.
    Buy,
    /// Another run has it: its result is used.
    Use(Reuse),
    /// Another run is about to have it: it waits.
    Wait,
    /// Another run may have paid for it, and nobody is finding out.
    Block(String),
}

/// Judges by all jobs of the same content; the one that says most counts.
pub(super) fn judge(others: &[Other]) -> Verdict {
    let mut verdict = Verdict::Buy;
    for other in others {
        let next = judge_one(other);
        if weight(&next) > weight(&verdict) {
            verdict = next;
        }
    }
    verdict
}

fn weight(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Buy => 0,
        Verdict::Wait => 1,
        Verdict::Block(_) => 2,
        Verdict::Use(_) => 3,
    }
}

fn judge_one(other: &Other) -> Verdict {
    let Other {
        run,
        job,
        ordinal,
        state,
        is_alive,
    } = other;
    match state {
        state if state.has_result() => Verdict::Use(Reuse::Run {
            run: run.clone(),
            job: job.clone(),
            ordinal: *ordinal,
        }),
        JobState::InDoubt => Verdict::Block(format!(
            "run {run} may have paid for the same, as `{job}`; see `setlist resolve {run}`"
        )),
        JobState::Held | JobState::Sent | JobState::Accepted if *is_alive => Verdict::Wait,
        JobState::Sent | JobState::Accepted => Verdict::Block(format!(
            "run {run} was cut off while it bought the same, as `{job}`; go on with `setlist resume {run}`"
        )),
        // Held by nobody who lives: never sent.
        _ => Verdict::Buy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(state: JobState, is_alive: bool) -> Other {
        Other {
            run: RunId::new("r1"),
            job: JobId::new("song"),
            ordinal: Ordinal(7),
            state,
            is_alive,
        }
    }

    #[test]
    fn a_result_is_used_a_purchase_under_way_is_awaited_and_a_doubt_blocks() {
        use JobState as S;
        let reuse = Reuse::Run {
            run: RunId::new("r1"),
            job: JobId::new("song"),
            ordinal: Ordinal(7),
        };
        let table = [
            (vec![], Verdict::Buy),
            (vec![other(S::Held, false)], Verdict::Buy),
            (vec![other(S::Held, true)], Verdict::Wait),
            (vec![other(S::Sent, true)], Verdict::Wait),
            (vec![other(S::Accepted, true)], Verdict::Wait),
            (vec![other(S::Saved, false)], Verdict::Use(reuse.clone())),
            (
                vec![other(S::InDoubt, true), other(S::Succeeded, true)],
                Verdict::Use(reuse),
            ),
        ];
        for (others, want) in table {
            assert_eq!(judge(&others), want, "{others:?}");
        }
        for (state, is_alive, words) in [
            (S::InDoubt, true, "setlist resolve r1"),
            (S::Sent, false, "setlist resume r1"),
            (S::Accepted, false, "setlist resume r1"),
        ] {
            let verdict = judge(&[other(S::Held, true), other(state, is_alive)]);
            let Verdict::Block(reason) = verdict else {
                panic!("{state}: {verdict:?}")
            };
            assert!(reason.contains(words), "{reason}");
        }
    }
}
