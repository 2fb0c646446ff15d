//! What polls of Producer and Nuro tasks answer.

use serde::{Deserialize, Serialize};

use super::lenient;

/// An item of a Producer task: a clip, or what the other task types give (field names inferred for those).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProducerClip {
    /// The clip's id.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub clip_id: Option<String>,
    /// The title.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub title: Option<String>,
    /// The style.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sound: Option<String>,
    /// The lyrics.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub lyrics: Option<String>,
    /// The audio, m4a.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub audio_url: Option<String>,
    /// The audio, WAV.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub wav_url: Option<String>,
    /// The cover image.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub image_url: Option<String>,
    /// The video.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub video_url: Option<String>,
    /// When it was made, ISO 8601.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_at: Option<String>,
    /// The model.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub mv: Option<String>,
    /// The seed.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub seed: Option<String>,
    /// The length in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration: Option<f64>,
    /// `pending`, `running`, `succeeded` or `failed`; the only state in 2025.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub state: Option<String>,
    /// The format of `url`, for a download.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub format: Option<String>,
    /// The file, for a download.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub url: Option<String>,
    /// Why it failed.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub error_message: Option<String>,
}

/// The state of a Producer task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProducerTaskResult {
    /// 200.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub code: Option<i64>,
    /// `PENDING`, `RUNNING`, `SUCCESS` or `FAILED`; missing in 2025.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub status: Option<String>,
    /// Beside `FAILED`: `timeout` or `failed`.
    #[serde(
        rename = "type",
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<String>,
    /// The provider's words; beside `FAILED` they tell of the refund.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub message: Option<String>,
    /// The items; empty until `SUCCESS`.
    #[serde(deserialize_with = "lenient::list")]
    pub data: Vec<ProducerClip>,
}

/// The state of a Nuro task, one flat object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NuroTaskResult {
    /// 200, in some answers.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub code: Option<i64>,
    /// The task.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub task_id: Option<String>,
    /// `pending`, `running`, `succeeded` or `failed`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub status: Option<String>,
    /// 0 to 100.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub progress: Option<i64>,
    /// The provider's words.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub message: Option<String>,
    /// Whether the credits were given back.
    #[serde(
        deserialize_with = "lenient::flag",
        skip_serializing_if = "Option::is_none"
    )]
    pub refund_processed: Option<bool>,
    /// The audio, WAV.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub audio_url: Option<String>,
    /// The title, if there is one.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub title: Option<String>,
    /// The lyrics.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub lyrics: Option<String>,
    /// The length in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration: Option<f64>,
    /// The genre.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub genre: Option<String>,
    /// The mood.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub mood: Option<String>,
    /// The voice.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub gender: Option<String>,
    /// The timbre.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub timbre: Option<String>,
}
