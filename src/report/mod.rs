//! Finished records and plans, as tables, CSV and JSON.
//!
//! Every report is a function of what it is given: this room reads no ledger, no clock and no terminal, and
//! writes only to the writer it is handed.

mod budget_drift;
mod budget_figures;
mod budget_view;
mod causes;
mod claim;
mod claims_csv;
mod costs_diff;
mod costs_view;
mod credits_view;
mod csv_cell;
mod diff_view;
mod explanation;
mod explanation_text;
mod job_row;
mod json_object;
mod late_refund;
mod lessons;
mod origin_words;
mod plan_data;
mod plan_view;
mod run_json;
mod runs_view;
mod spend_csv;
mod status_view;
mod summary;
mod table;
mod terminal;
mod words;
mod wrong_price;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use budget_view::BudgetView;
pub use causes::{Basis, Cause, CauseKind, Explanation, Known, Renewals};
pub use claims_csv::{CLAIM_COLUMNS, ClaimsCsv};
pub use costs_diff::{costs_diff_csv, costs_diff_json, costs_diff_text};
pub use costs_view::{costs_json, costs_text};
pub use credits_view::CreditsView;
pub use diff_view::{diff_csv, diff_json, diff_text};
pub use explanation::{
    ExplainedChoice, ExplainedJob, ExplainedParam, ExplainedPrice, ExplainedPurchase,
    ExplainedReference, ExplainedRow, ExplainedSave, JobExplanation,
};
pub use explanation_text::explanation_text;
pub use lessons::{Lesson, learned, lessons, lessons_json, lessons_text};
pub use origin_words::{Filling, Origin, Spot};
pub use plan_data::{plan_csv, plan_json};
pub use plan_view::{PlanView, plan_text};
pub use run_json::{RunJson, run_of_json};
pub use runs_view::{runs_json, runs_text};
pub use spend_csv::{SPEND_COLUMNS, SpendCsv};
pub use status_view::{status_json, status_text};
pub use summary::{OperationFigures, Skip, Summary, SummaryError, Trouble};
pub use table::{Column, Table};
pub use terminal::{next_command, summary_quiet, summary_text};
