//! Which alerts are due while a run goes on and once it has ended, and what they say. Pure.

use serde_json::{Value, json};

use crate::cli::config::AlertConfig;
use crate::cli::exit;
use crate::model::{Credits, Share};

/// Of how a run ended no more is said: the words may be the provider's.
const ENDING_CHARS_MAX: usize = 300;

/// A run, and how its account stands.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The account.
    pub(crate) account: String,
    /// The run.
    pub(crate) run: String,
    /// The manifest's name.
    pub(crate) manifest: String,
    /// How it ended; nothing while it goes on.
    pub(crate) end: Option<End>,
    /// What the period's runs used and hold.
    pub(crate) used: Credits,
    /// What they may use.
    pub(crate) budget: Option<Credits>,
    /// The balance, less what is held; nothing when no balance was ever read.
    pub(crate) left: Option<Credits>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// In words.
    pub(crate) words: String,
    /// For programs.
    pub(crate) exit_code: u8,
}

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Alert {
    /// The run did not end well.
    Failure,
    /// The balance is below this.
    BalanceBelow(Credits),
    /// This share of the period's budget is used.
    BudgetUsed(Share),
}

impl Alert {
    /// Returns the name by which the ledger knows that it was told; a run's end is told each time.
    pub(crate) fn name(self) -> Option<String> {
        match self {
            Self::Failure => None,
            Self::BalanceBelow(least) => Some(format!("balance_below {least}")),
            Self::BudgetUsed(share) => Some(format!("budget_used {share}")),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Failure => json!({ "kind": "failure" }),
            Self::BalanceBelow(least) => json!({ "kind": "balance_below", "threshold": least }),
            Self::BudgetUsed(share) => json!({ "kind": "budget_used", "threshold": share }),
        }
    }
}

/// Returns what is due: a threshold that nothing is known of is not.
pub(crate) fn due(config: &AlertConfig, facts: &Facts) -> Vec<Alert> {
    let is_bad = |end: &End| end.exit_code != exit::DONE;
    let failure = config.on_failure && facts.end.as_ref().is_some_and(is_bad);
    let is_below = |least: &&Credits| facts.left.is_some_and(|left| left < **least);
    let below = config.balance_below.iter().filter(is_below);
    let is_used = |share: &&Share| {
        let budget = facts.budget;
        budget.is_some_and(|budget| share.is_reached(facts.used, budget))
    };
    let used = config.budget_used.iter().filter(is_used);
    failure
        .then_some(Alert::Failure)
        .into_iter()
        .chain(below.copied().map(Alert::BalanceBelow))
        .chain(used.copied().map(Alert::BudgetUsed))
        .collect()
}

/// Says it in one line; of several thresholds of one kind only the one that matters most.
pub(crate) fn message(facts: &Facts, alerts: &[Alert]) -> String {
    let mut parts = Vec::new();
    if alerts.contains(&Alert::Failure) {
        parts.push(format!(
            "run {} of `{}` did not end well: {}",
            facts.run,
            facts.manifest,
            ending(facts).unwrap_or_default()
        ));
    }
    let balances = alerts.iter().filter_map(|alert| match alert {
        Alert::BalanceBelow(least) => Some(*least),
        _ => None,
    });
    if let (Some(least), Some(left)) = (balances.min(), facts.left) {
        parts.push(format!(
            "the balance of `{}` is below {least}: {left} credits left",
            facts.account
        ));
    }
    let shares = alerts.iter().filter_map(|alert| match alert {
        Alert::BudgetUsed(share) => Some(*share),
        _ => None,
    });
    let most =
        shares.max_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    if let (Some(share), Some(budget)) = (most, facts.budget) {
        parts.push(format!(
            "{share} of the period's budget of `{}` is used: {} of {budget} credits",
            facts.account, facts.used
        ));
    }
    format!("setlist: {}", parts.join("; "))
}

/// Says the same for programs; `text` is what chat services show.
pub(crate) fn details(facts: &Facts, alerts: &[Alert]) -> Value {
    json!({
        "text": message(facts, alerts),
        "alerts": alerts.iter().map(|alert| alert.json()).collect::<Vec<_>>(),
        "account": facts.account,
        "run": facts.run,
        "manifest": facts.manifest,
        "ending": ending(facts),
        "exit_code": facts.end.as_ref().map(|end| end.exit_code),
        "balance_left": facts.left,
        "period_used": facts.used,
        "period_budget": facts.budget,
    })
}

/// Returns how it ended on one line, and not too long.
fn ending(facts: &Facts) -> Option<String> {
    let words = facts.end.as_ref()?.words.chars();
    let plain = words.map(|c| if c.is_control() { ' ' } else { c });
    Some(plain.take(ENDING_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(words: &str, exit_code: u8) -> Option<End> {
        let words = words.to_owned();
        Some(End { words, exit_code })
    }

    fn facts() -> Facts {
        Facts {
            account: "musicapi".to_owned(),
            run: "0192".to_owned(),
            manifest: "album".to_owned(),
            end: ended("everything done", 0),
            used: Credits::new(400),
            budget: Some(Credits::new(500)),
            left: Some(Credits::new(60)),
        }
    }

    fn config(text: &str) -> AlertConfig {
        toml::from_str(text).unwrap()
    }

    fn told(text: &str, facts: &Facts) -> Vec<String> {
        let due = due(&config(text), facts);
        let names = due.iter().map(|alert| alert.name());
        names
            .map(|name| name.unwrap_or("failure".to_owned()))
            .collect()
    }

    #[test]
    fn what_is_crossed_is_due() {
        let all =
            "balance_below = [100, 61, 60]\nbudget_used = [0.5, 0.8, 0.81]\non_failure = true";
        let crossed = [
            "balance_below 100",
            "balance_below 61",
            "budget_used 50%",
            "budget_used 80%",
        ];
        assert_eq!(told(all, &facts()), crossed);
        assert_eq!(told("", &facts()), [""; 0]);
        let unknown = Facts {
            budget: None,
            left: None,
            ..facts()
        };
        assert_eq!(told(all, &unknown), [""; 0]);
        let failed = Facts {
            end: ended("some jobs failed", 1),
            ..unknown
        };
        assert_eq!(told(all, &failed), ["failure"]);
        assert_eq!(told("balance_below = [100]", &failed), [""; 0]);
        let going_on = Facts {
            end: None,
            ..facts()
        };
        assert_eq!(told(all, &going_on), crossed);
        let details = details(&going_on, &due(&config(all), &going_on));
        assert_eq!(
            (&details["ending"], &details["exit_code"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn the_message_is_one_line_of_what_matters_most() {
        let failed = Facts {
            end: ended("access was refused: no\nmoney", 3),
            ..facts()
        };
        let all = config("balance_below = [100, 80]\nbudget_used = [0.5, 0.8]\non_failure = true");
        let alerts = due(&all, &failed);
        assert_eq!(
            message(&failed, &alerts),
            "setlist: run 0192 of `album` did not end well: access was refused: no money; the balance of `musicapi` is \
             below 80: 60 credits left; 80% of the period's budget of `musicapi` is used: 400 of 500 credits"
        );
        let details = details(&failed, &alerts);
        assert_eq!(details["text"], message(&failed, &alerts));
        assert_eq!(details["alerts"].as_array().map(Vec::len), Some(5));
        assert_eq!(
            details["alerts"][2],
            json!({ "kind": "balance_below", "threshold": 80 })
        );
        assert_eq!(
            (&details["balance_left"], &details["period_used"]),
            (&json!(60), &json!(400))
        );
        let endless = Facts {
            end: ended(&"x".repeat(10_000), 3),
            ..failed
        };
        assert!(message(&endless, &[Alert::Failure]).len() < 500);
    }
}
