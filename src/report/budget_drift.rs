//! What of the period's credits moved without an explanation, placed in time.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::ledger::Unexplained;

use super::budget_view::{BudgetView, line};
use super::causes::{Cause, Renewals, place};
use super::words::{count, utc};

/// Stretches that are shown, the latest first; the rest is in the JSON form.
const SHOWN: usize = 5;

impl BudgetView {
    fn renewals(&self) -> Renewals {
        let known = self.period.filter(|_| self.is_renewal_known);
        Renewals {
            due: known.map_or_else(Vec::new, |(start, end)| vec![start, end]),
            credits: self.monthly_credits,
        }
    }

    /// Finds the cause of a stretch in which nothing of ours was charged; refunds of single runs are not known here.
    fn drift_cause(&self, stretch: &Unexplained) -> Option<Cause> {
        stretch
            .is_idle()
            .then(|| place(stretch, &mut [], &self.renewals()))
    }

    pub(super) fn drift_lines(&self, out: &mut dyn Write) -> io::Result<()> {
        for stretch in self.unexplained.iter().rev().take(SHOWN) {
            let words = match self.drift_cause(stretch) {
                Some(cause) => cause.words(),
                None => format!(
                    "between {:.0} and {:.0}, in which {} were charged: a price that is wrong, or another client",
                    stretch.since, stretch.until, stretch.charged
                ),
            };
            line(out, "drift", &format!("{}: {words}", stretch.drift))?;
        }
        let hidden = self.unexplained.len().saturating_sub(SHOWN);
        if hidden > 0 {
            let more = count(u64::try_from(hidden).unwrap_or(u64::MAX), "time");
            line(out, "drift", &format!("and {more} more: --json"))?;
        }
        Ok(())
    }

    pub(super) fn drift_json(&self, stretch: &Unexplained) -> Value {
        json!({
            "since": utc(stretch.since),
            "until": utc(stretch.until),
            "charged": stretch.charged,
            "refunded": stretch.refunded,
            "drift": stretch.drift,
            "cause": self.drift_cause(stretch).map(|cause| cause.json()),
        })
    }
}
