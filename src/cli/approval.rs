//! Whether a plan may be bought: what can't be paid for is refused, and a person is asked where one is there.

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::json;

use crate::model::Credits;
use crate::plan::Limit;
use crate::report::plan_text;

use super::batch::{Batch, Judged};
use super::context::Context;
use super::error::{CommandError, ErrorKind};

/// What is approved without a question.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ApprovalArgs {
    /// Do not ask
    #[arg(short, long, env = "SETLIST_YES", hide_env = true, value_parser = BoolishValueParser::new())]
    yes: bool,

    /// Do not ask up to this price; above it ask, and refuse where nobody can be asked, or with --yes
    #[arg(long, value_name = "N", env = "SETLIST_YES_UNDER", hide_env = true)]
    yes_under: Option<Credits>,
}

/// Shows a person the plan, refuses what can't be paid for, and asks where that is wanted.
///
/// # Errors
/// `Short`, by how much a limit or the price that was approved is too low.
pub(crate) fn approve(
    args: &ApprovalArgs,
    batch: &Batch,
    judged: &Judged,
    context: &Context,
) -> Result<(), CommandError> {
    let ui = &context.ui;
    let total = judged.to_spend();
    if ui.is_watched() && !ui.json() {
        let mut text = Vec::new();
        // Memory takes all that is written.
        drop(plan_text(&batch.view(judged), &mut text));
        ui.tell(&String::from_utf8_lossy(&text));
    }
    let fits = judged.fit.as_ref().is_some_and(|fit| fit.buys() > 0);
    if !judged.verdict.affordable && !fits {
        return Err(short(judged));
    }
    match args.yes_under {
        _ if total.is_zero() => return Ok(()),
        Some(most) if total <= most => return Ok(()),
        // Nobody is to be asked, so the price that was set stands.
        Some(most) if args.yes => return Err(above(total, most)),
        None if args.yes => return Ok(()),
        _ => {}
    }
    // A rehearsal spends nothing, so nobody is asked; a price that was set is kept to all the same.
    let asks = ui.can_ask() && !batch.settings.is_in_process();
    match args.yes_under {
        _ if asks && ui.confirm(&format!("spend {total} credits?")) => Ok(()),
        _ if asks => Err(CommandError::message(
            ErrorKind::Short,
            "not approved: nothing was started",
        )),
        Some(most) => Err(above(total, most)),
        None => Ok(()),
    }
}

/// Says by how much a plan costs more than was approved.
fn above(total: Credits, most: Credits) -> CommandError {
    let more = most.short_of(total);
    CommandError::message(
        ErrorKind::Short,
        format!(
            "the plan costs {total} credits, {more} more than the {most} that --yes-under approves: nothing was started"
        ),
    )
    .detailed("above_by", json!(more))
}

/// Says by how much which limit is too low.
fn short(judged: &Judged) -> CommandError {
    let verdict = &judged.verdict;
    let needed = verdict.needed;
    let mut failure = CommandError::message(
        ErrorKind::Short,
        format!(
            "the plan costs {needed} credits, {} more than can be spent: nothing was started",
            verdict.shortfall
        ),
    );
    for room in verdict.limits.iter().filter(|room| !room.short.is_zero()) {
        let what = match room.limit {
            Limit::Run => format!("the run's cap of {}", room.of),
            Limit::Period => format!("the period's budget of {}", room.of),
            Limit::Balance => format!("the balance of {}", room.of),
        };
        failure = failure.hint(format!(
            "{what} leaves {}: raise it by {}",
            room.room, room.short
        ));
    }
    failure.detailed("short_by", json!(verdict.shortfall))
}
