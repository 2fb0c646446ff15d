//! `setlist credits`: what the account has, in the words of the guide.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::model::{Balance, CreditError, Credits};

use super::table::to_string;
use super::words::{count, percent, utc};

/// What is known of an account's credits. The provider tells the two pools; the plan's size and renewal are configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreditsView {
    /// The two pools.
    pub balance: Balance,
    /// What the subscription brings each month.
    pub monthly_credits: Option<Credits>,
    /// When it renews next.
    pub renewal: Option<Date>,
    /// Whether unused credits stay after that; `None` when it was not said.
    pub rollover: Option<bool>,
    /// Today, in the account's time zone.
    pub today: Date,
    /// When the pools were read, if that was not just now.
    pub read_at: Option<Timestamp>,
}

/// The guide's figures.
struct Figures {
    available: Credits,
    /// Subscription and purchased credits together; more than the month brings when some rolled over.
    total: Option<Credits>,
    used: Option<Credits>,
}

impl CreditsView {
    /// Writes the figures line by line.
    ///
    /// # Errors
    /// When the provider reports pools whose sum can't be kept.
    pub fn text(&self) -> Result<String, CreditError> {
        let figures = self.figures()?;
        let unknown = || "not known: set `monthly_credits` in the configuration".to_owned();
        let mut rows = vec![("Available", figures.available.to_string())];
        match (figures.total, figures.used) {
            (Some(total), Some(used)) => {
                rows.push(("Total", total.to_string()));
                rows.push(("Used", used.to_string()));
                rows.push(("Percentage used", percent(used, total)));
            }
            _ => rows.push(("Total", unknown())),
        }
        rows.push(("Extra credits", self.balance.extra_credits.to_string()));
        rows.push((
            "Renewal date",
            self.renewal.map_or_else(
                || "not known: set `renews_on` in the configuration".to_owned(),
                |renewal| self.renewal_in_words(renewal),
            ),
        ));
        Ok(to_string(|out| {
            for (name, value) in &rows {
                writeln!(out, "{:<17}{value}", format!("{name}:"))?;
            }
            if let Some(read_at) = self.read_at {
                writeln!(out, "as read at {read_at:.0}")?;
            }
            Ok(())
        }))
    }

    /// Gives the figures for programs, by the guide's names.
    ///
    /// # Errors
    /// As [`CreditsView::text`].
    pub fn json(&self) -> Result<Value, CreditError> {
        let figures = self.figures()?;
        let used_percent = figures.used.zip(figures.total).and_then(|(used, total)| {
            let text = percent(used, total);
            text.trim_end_matches('%').parse::<f64>().ok()
        });
        Ok(json!({
            "available": figures.available,
            "total": figures.total,
            "used": figures.used,
            "percentage_used": used_percent,
            "extra_credits": self.balance.extra_credits,
            "subscription_credits": self.balance.credits,
            "subscription_renewal_date": self.renewal.map(|date| date.to_string()),
            "rollover": self.rollover,
            "read_at": self.read_at.map(utc),
        }))
    }

    fn figures(&self) -> Result<Figures, CreditError> {
        let available = self.balance.available()?;
        let (mut total, mut used) = (None, None);
        if let Some(monthly) = self.monthly_credits {
            let size = monthly.max(self.balance.credits);
            total = Some(size.plus(self.balance.extra_credits)?);
            used = Some(self.balance.credits.short_of(size));
        }
        Ok(Figures {
            available,
            total,
            used,
        })
    }

    fn renewal_in_words(&self, renewal: Date) -> String {
        let days = renewal
            .since(self.today)
            .map_or(0, |span| span.get_days().unsigned_abs().into());
        let mut text = format!("{renewal} (in {}", count(days, "day"));
        if let Some(monthly) = self.monthly_credits {
            text.push_str(&format!(", {monthly} credits"));
        }
        match self.rollover {
            Some(true) => text.push_str(", unused credits stay"),
            Some(false) => text.push_str(", unused credits expire"),
            None => {}
        }
        text.push(')');
        text
    }
}
