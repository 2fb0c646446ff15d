//! What polls of Sonic tasks answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lenient;

/// A clip of a Sonic task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SonicClip {
    /// The clip's id.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub clip_id: Option<String>,
    /// `pending`, `running`, `succeeded` or `failed`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub state: Option<String>,
    /// The title, which description mode may rewrite.
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
    pub tags: Option<String>,
    /// The lyrics; a bracketed marker when instrumental.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub lyrics: Option<String>,
    /// The cover image.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub image_url: Option<String>,
    /// The audio; before `succeeded` perhaps a stream that is not final.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub audio_url: Option<String>,
    /// The video; null in live answers.
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
    /// The model, perhaps in the older `chirp` spelling.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub mv: Option<String>,
    /// The description asked for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub gpt_description_prompt: Option<String>,
    /// The length in seconds; a decimal string in live answers.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration: Option<Seconds>,
    /// What the style avoids.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub negative_tags: Option<String>,
    /// The weight of the style, 0 to 1.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub style_weight: Option<f64>,
    /// The weirdness, 0 to 1.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub weirdness_constraint: Option<f64>,
    /// Which stem it is; where it is missing, the title says so.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub stem_type: Option<String>,
    /// Why it failed.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub error_message: Option<String>,
}

/// A pair of clips: what an `auto_concat` request made, and the whole song.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SonicPairedClip {
    /// The part added.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub extended: Option<SonicClip>,
    /// The part made anew.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub replaced: Option<SonicClip>,
    /// The whole song; null until it is joined.
    #[serde(deserialize_with = "lenient::maybe")]
    pub full: Option<SonicClip>,
}

/// A voice made from a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SonicVoiceData {
    /// The persona to sing with.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub persona_id: Option<String>,
    /// Its name.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<String>,
}

/// The state of a Sonic task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SonicTaskResult {
    /// 200.
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
    /// What there is so far.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub data: Option<SonicData>,
}

/// The `data` of a Sonic task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, from = "Value")]
pub enum SonicData {
    /// Clips, or pairs of clips.
    Items(Vec<SonicItem>),
    /// A voice.
    Voice(SonicVoiceData),
}

impl From<Value> for SonicData {
    fn from(value: Value) -> Self {
        let items = match value {
            Value::Array(items) => items,
            // A single clip without its list is met nowhere, but would be paid for all the same.
            Value::Object(ref object) if object.contains_key("clip_id") => vec![value],
            other => return Self::Voice(serde_json::from_value(other).unwrap_or_default()),
        };
        Self::Items(items.into_iter().map(SonicItem::from).collect())
    }
}

/// One item of a Sonic task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, from = "Value")]
pub enum SonicItem {
    /// A clip.
    Clip(Box<SonicClip>),
    /// A pair, when `auto_concat` was asked for.
    Pair(Box<SonicPairedClip>),
}

impl From<Value> for SonicItem {
    fn from(value: Value) -> Self {
        let pair = ["extended", "replaced", "full"]
            .iter()
            .any(|name| value.get(name).is_some());
        if pair {
            Self::Pair(Box::new(serde_json::from_value(value).unwrap_or_default()))
        } else {
            Self::Clip(Box::new(serde_json::from_value(value).unwrap_or_default()))
        }
    }
}

/// A length in seconds that is written as the decimal string the API writes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Seconds(#[serde(deserialize_with = "lenient::required_number")] pub f64);

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(&self.0)
    }
}
