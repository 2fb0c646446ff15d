//! Answers that surround or replace a result: balances, accepted tasks, errors.

use serde::{Deserialize, Serialize};

use super::lenient;

/// The answer of `get-credits`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Credits {
    /// Subscription credits left in this cycle.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub credits: Option<i64>,
    /// Purchased credits left; spent first.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub extra_credits: Option<i64>,
}

/// A task taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskAccepted {
    /// 200 in the schema; live Sonic answers leave it out.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub code: Option<i64>,
    /// `success`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub message: Option<String>,
    /// The task to poll.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub task_id: Option<String>,
    /// What the steps of `upload-cover` and `upload-extend` gave.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub steps: Option<Steps>,
}

/// The steps of a request that uploads first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Steps {
    /// The upload.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub upload: Option<UploadStep>,
}

/// The upload of a request that uploads first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadStep {
    /// The clip registered.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub clip_id: Option<String>,
    /// What went wrong, if anything.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub error: Option<String>,
    /// The provider's words.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub message: Option<String>,
}

/// A refusal, a fault, or "not ready".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorBody {
    /// Repeats or replaces the HTTP status.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub code: Option<i64>,
    /// The error's type, e.g. `validation_error`.
    #[serde(
        rename = "type",
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<String>,
    /// The text, in the newer shape.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub error: Option<String>,
    /// The text, in the older shape.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub message: Option<String>,
    /// The text, where a framework wrote it.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub detail: Option<String>,
    /// Whether asking again may help.
    #[serde(
        deserialize_with = "lenient::flag",
        skip_serializing_if = "Option::is_none"
    )]
    pub retriable: Option<bool>,
    /// Whether the credits were given back.
    #[serde(
        deserialize_with = "lenient::flag",
        skip_serializing_if = "Option::is_none"
    )]
    pub refund_processed: Option<bool>,
    /// A task named in spite of the error.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub task_id: Option<String>,
    /// What the steps gave.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub steps: Option<Steps>,
}

impl ErrorBody {
    /// Returns the provider's words: the clients met all of these fields, in this order of trust.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let upload = self.steps.as_ref().and_then(|steps| steps.upload.as_ref());
        [&self.detail, &self.error, &self.message]
            .into_iter()
            .find_map(|field| field.as_deref().filter(|text| !text.trim().is_empty()))
            .or_else(|| upload?.error.as_deref())
    }
}
