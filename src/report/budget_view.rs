//! `setlist budget`: the billing period, what is used, held and left of it, at what pace, and by which runs.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::ledger::{AccountBooks, RunShare, Unexplained};
use crate::model::{AccountId, Balance, Credits, RunState, Share};

use super::budget_figures::{Pot, Tempo, Tenths};
use super::table::{Column, Table, to_string};
use super::words::{count, percent, utc};

/// Runs that hold nothing are shown up to this many; the rest is in the JSON form.
const RUNS_SHOWN: usize = 10;

/// What is known of an account's credits and their use.
#[derive(Clone, Debug)]
pub struct BudgetView {
    /// Whose credits.
    pub account: AccountId,
    /// Now.
    pub now: Timestamp,
    /// The zone in which the day of renewal begins.
    pub zone: TimeZone,
    /// When the billing period began and when the next begins.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Whether the configuration says on which day credits are renewed.
    pub is_renewal_known: bool,
    /// Whether unused credits stay after renewal; `None` when it was not said.
    pub rollover: Option<bool>,
    /// What all runs together may spend per period.
    pub budget: Option<Credits>,
    /// What the subscription brings per period.
    pub monthly_credits: Option<Credits>,
    /// The balance, when it was read just now.
    pub balance: Option<Balance>,
    /// What the ledger has.
    pub books: AccountBooks,
    /// Where in this period credits moved without an explanation.
    pub unexplained: Vec<Unexplained>,
    /// Shares of the budget that are to be told of.
    pub budget_used: Vec<Share>,
    /// Balances that are to be told of.
    pub balance_below: Vec<Credits>,
}

/// A threshold of `[alerts]`, and whether it is crossed; `None` when that can't be told.
struct Alert {
    kind: &'static str,
    threshold: Value,
    words: String,
    is_crossed: Option<bool>,
}

impl BudgetView {
    fn pot(&self, of: Option<Credits>) -> Option<Pot> {
        of.map(|of| Pot::new(of, self.books.used, self.books.held))
    }

    fn tempo(&self) -> Option<Tempo> {
        let (start, end) = self.period?;
        Some(Tempo::new(self.books.used, start, self.now, end))
    }

    /// Returns what the balance is for certain once all that is held is charged.
    fn spendable(&self) -> Option<Credits> {
        let held = self.books.held;
        if let Some(balance) = self.balance {
            return Some(held.short_of(balance.available().ok()?));
        }
        let reading = self.books.reading?;
        let gone = held.plus(reading.charged_since).unwrap_or(Credits::MAX);
        Some(gone.short_of(reading.balance))
    }

    /// Returns what can be spent until renewal, by the tightest of what is known, and what that is.
    fn left(&self) -> Option<(Credits, &'static str)> {
        let budget = self.pot(self.budget).map(|pot| (pot.left, "budget"));
        let balance = self.spendable().map(|left| (left, "balance"));
        let month = || {
            self.pot(self.monthly_credits)
                .map(|pot| (pot.left, "month"))
        };
        let known = budget.into_iter().chain(balance);
        known.min_by_key(|(left, _)| *left).or_else(month)
    }

    fn is_at_work(&self, share: &RunShare) -> bool {
        share.run.state == RunState::Running
            && share.lease_until.is_some_and(|until| self.now < until)
    }

    /// Returns the commands that free what a run holds though nobody works on it.
    fn freeing(&self, share: &RunShare) -> Vec<(Credits, String)> {
        if self.is_at_work(share) {
            return Vec::new();
        }
        let (held, doubt) = (share.run.totals.held, share.held_in_doubt);
        let id = &share.run.id;
        let commands = [
            (doubt.short_of(held), format!("setlist resume {id}")),
            (doubt, format!("setlist resolve {id}")),
        ];
        let needed = commands.into_iter().filter(|(held, _)| !held.is_zero());
        needed.collect()
    }

    fn alerts(&self) -> Vec<Alert> {
        let spoken_for = self.books.used.plus(self.books.held);
        let spoken_for = spoken_for.unwrap_or(Credits::MAX);
        let used = self.budget_used.iter().map(|share| Alert {
            kind: "budget_used",
            threshold: json!(share),
            words: format!("{share} of the budget used"),
            is_crossed: self.budget.map(|of| share.is_reached(spoken_for, of)),
        });
        let below = self.balance_below.iter().map(|least| Alert {
            kind: "balance_below",
            threshold: json!(least),
            words: format!("balance below {least}"),
            is_crossed: self.spendable().map(|left| left < *least),
        });
        used.chain(below).collect()
    }

    /// Writes it for people.
    #[must_use]
    pub fn text(&self) -> String {
        to_string(|out| {
            line(out, "account", self.account.as_str())?;
            line(out, "period", &self.period_in_words())?;
            line(out, "budget", &self.pot_in_words(self.budget, "`budget`"))?;
            let monthly = self.pot_in_words(self.monthly_credits, "`monthly_credits`");
            line(out, "month", &monthly)?;
            line(out, "balance", &self.balance_in_words())?;
            self.pace_lines(out)?;
            self.drift_lines(out)?;
            for (at, alert) in self.alerts().iter().enumerate() {
                let verdict = match alert.is_crossed {
                    Some(true) => "crossed",
                    Some(false) => "not crossed",
                    None => "not known",
                };
                let name = if at == 0 { "alerts" } else { "" };
                line(out, name, &format!("{}: {verdict}", alert.words))?;
            }
            self.runs(out)
        })
    }

    fn period_in_words(&self) -> String {
        let Some((start, end)) = self.period else {
            return "not known".to_owned();
        };
        let day = |time: Timestamp| self.zone.to_datetime(time).date();
        let zone = self.zone.iana_name().unwrap_or("the zone given");
        let mut text = format!("{} to {} ({zone})", day(start), day(end));
        if let Some(tempo) = self.tempo() {
            text.push_str(&format!(", {} to renewal", count(tempo.days_left(), "day")));
        }
        if !self.is_renewal_known {
            text.push_str("; assumed: set `renews_on` in the configuration");
        }
        text.push_str(match self.rollover {
            Some(true) => ", unused credits stay",
            Some(false) => ", unused credits expire",
            None => "; `rollover` is not set",
        });
        text
    }

    fn pot_in_words(&self, of: Option<Credits>, key: &str) -> String {
        let AccountBooks { used, held, .. } = &self.books;
        match self.pot(of) {
            Some(pot) => {
                let (of, left, share) = (pot.of, pot.left, percent(*used, pot.of));
                format!("{of}: {used} used ({share}), {held} held, {left} left")
            }
            None => format!("{used} used, {held} held; {key} is not set"),
        }
    }

    fn balance_in_words(&self) -> String {
        let (Some(spendable), held) = (self.spendable(), self.books.held) else {
            return "not known: it was never read".to_owned();
        };
        if let Some(balance) = self.balance {
            let now = balance.available().unwrap_or(Credits::MAX);
            let extra = balance.extra_credits;
            return format!("{now} now ({extra} extra), {held} held, {spendable} can be spent");
        }
        let read = self.books.reading.map_or_else(String::new, |reading| {
            let (was, since) = (reading.balance, reading.charged_since);
            let at = reading.read_at;
            format!(" ({was} as read at {at:.0}, {since} charged since, {held} held)")
        });
        format!("at least {spendable}{read}")
    }

    fn pace_lines(&self, out: &mut dyn Write) -> io::Result<()> {
        let (Some(tempo), Some((left, by))) = (self.tempo(), self.left()) else {
            return Ok(());
        };
        let (used, may) = (tempo.used_per_day(), tempo.left_per_day(left));
        let pace = format!("{used} a day used; {may} a day left until renewal, by the {by}");
        line(out, "pace", &pace)?;
        line(out, "runs out", &self.runs_out_in_words(tempo, left))
    }

    fn runs_out_in_words(&self, tempo: Tempo, left: Credits) -> String {
        if self.books.used.is_zero() {
            return "never at this pace: nothing was used".to_owned();
        }
        let at = tempo.runs_out(left, self.now);
        let end = self.period.map_or(Timestamp::MAX, |(_, end)| end);
        match at {
            Some(at) if at < end => {
                let day = self.zone.to_datetime(at).date();
                format!("{day} at this pace, before renewal")
            }
            Some(at) => {
                let day = self.zone.to_datetime(at).date();
                format!("{day} at this pace, not before renewal")
            }
            None => "not in a lifetime at this pace".to_owned(),
        }
    }

    fn runs(&self, out: &mut dyn Write) -> io::Result<()> {
        let (holding, others): (Vec<_>, Vec<_>) = self
            .books
            .runs
            .iter()
            .partition(|share| !share.run.totals.held.is_zero());
        let mut table = Table::new([
            Column::Words("run"),
            Column::Words("manifest"),
            Column::Words("state"),
            Column::Numbers("used"),
            Column::Numbers("held"),
        ]);
        for share in holding.iter().chain(others.iter().take(RUNS_SHOWN)) {
            table.row([
                share.run.id.to_string(),
                share.run.manifest.clone(),
                self.state(share).to_owned(),
                share.used.to_string(),
                share.run.totals.held.to_string(),
            ]);
        }
        if !table.is_empty() {
            writeln!(out)?;
            table.write(out, 2)?;
        }
        let hidden = others.get(RUNS_SHOWN..).unwrap_or_default();
        if !hidden.is_empty() {
            let used = total(hidden.iter().map(|share| share.used));
            let more = count(u64::try_from(hidden.len()).unwrap_or(u64::MAX), "run");
            writeln!(out, "  and {more} more that used {used}")?;
        }
        let known = total(self.books.runs.iter().map(|share| share.used));
        let earlier = known.short_of(self.books.used);
        if !earlier.is_zero() {
            writeln!(
                out,
                "  and {earlier} used by attempts of jobs that were tried again"
            )?;
        }
        self.freeing_lines(out, &holding)
    }

    fn freeing_lines(&self, out: &mut dyn Write, holding: &[&RunShare]) -> io::Result<()> {
        let commands: Vec<_> = holding
            .iter()
            .flat_map(|share| self.freeing(share))
            .collect();
        if commands.is_empty() {
            return Ok(());
        }
        let held = total(commands.iter().map(|(held, _)| *held));
        writeln!(
            out,
            "\n{held} held by runs that nobody works on; to free them:"
        )?;
        for (held, command) in commands {
            writeln!(out, "  {command}  ({held})")?;
        }
        Ok(())
    }

    fn state(&self, share: &RunShare) -> &'static str {
        match share.run.state {
            RunState::Running if self.is_at_work(share) => "at work",
            RunState::Running => "died",
            state => state.as_str(),
        }
    }

    /// Gives it for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let AccountBooks { used, held, .. } = &self.books;
        let pot = |pot: Pot| {
            let share = number(percent(*used, pot.of).trim_end_matches('%'));
            json!({ "of": pot.of, "used": used, "held": held, "left": pot.left, "used_percent": share })
        };
        let alert = |alert: Alert| json!({ "kind": alert.kind, "threshold": alert.threshold, "crossed": alert.is_crossed });
        json!({
            "account": self.account,
            "period": self.period.map(|(start, end)| json!({
                "start": utc(start),
                "end": utc(end),
                "time_zone": self.zone.iana_name(),
                "is_assumed": !self.is_renewal_known,
                "days_left": self.tempo().map(Tempo::days_left),
                "rollover": self.rollover,
            })),
            "used": used,
            "held": held,
            "budget": self.pot(self.budget).map(pot),
            "month": self.pot(self.monthly_credits).map(pot),
            "balance": self.balance_json(),
            "pace": self.pace_json(),
            "alerts": self.alerts().into_iter().map(alert).collect::<Vec<_>>(),
            "unexplained": self.unexplained.iter().map(|stretch| self.drift_json(stretch)).collect::<Vec<_>>(),
            "runs": self.books.runs.iter().map(|share| self.run_json(share)).collect::<Vec<_>>(),
        })
    }

    fn balance_json(&self) -> Value {
        let reading = self.books.reading;
        json!({
            "available": self.balance.and_then(|balance| balance.available().ok()),
            "extra_credits": self.balance.map(|balance| balance.extra_credits),
            "spendable": self.spendable(),
            "last_read": reading.map(|reading| json!({
                "balance": reading.balance,
                "read_at": utc(reading.read_at),
                "charged_since": reading.charged_since,
            })),
        })
    }

    fn pace_json(&self) -> Value {
        let (Some(tempo), Some((left, by))) = (self.tempo(), self.left()) else {
            return Value::Null;
        };
        let per_day = |tenths: Tenths| number(&tenths.to_string());
        json!({
            "left": left,
            "by": by,
            "used_per_day": per_day(tempo.used_per_day()),
            "left_per_day": per_day(tempo.left_per_day(left)),
            "runs_out": tempo.runs_out(left, self.now).map(utc),
        })
    }

    fn run_json(&self, share: &RunShare) -> Value {
        let commands = self.freeing(share).into_iter();
        json!({
            "run": share.run.id,
            "manifest": share.run.manifest,
            "state": share.run.state,
            "at_work": self.is_at_work(share),
            "used": share.used,
            "held": share.run.totals.held,
            "held_in_doubt": share.held_in_doubt,
            "to_free": commands
                .map(|(held, command)| json!({ "held": held, "command": command }))
                .collect::<Vec<_>>(),
        })
    }
}

pub(super) fn line(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{name:<10} {value}")
}

fn total(all: impl IntoIterator<Item = Credits>) -> Credits {
    Credits::sum(all).unwrap_or(Credits::MAX)
}

/// Gives a written figure as a number.
fn number(text: &str) -> Value {
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests;
