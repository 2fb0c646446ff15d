//! What operations answer that register or render files.

use serde::{Deserialize, Serialize};

use super::lenient;

/// The answer of `sonic/upload` without a callback.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SonicUploadResult {
    /// 200.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub code: Option<i64>,
    /// The clip registered.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub clip_id: Option<String>,
    /// `success`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub message: Option<String>,
}

/// The answer of `sonic/wav`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WavResult {
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
    /// The address.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub data: Option<WavData>,
}

/// Where a WAV is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WavData {
    /// The address.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub wav_url: Option<String>,
}

/// The answer of `sonic/download`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DownloadResult {
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
    /// The addresses.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub data: Option<DownloadData>,
}

/// Where the files of a download are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DownloadData {
    /// The WAV, in the older shape.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub wav_url: Option<String>,
    /// One per format.
    #[serde(deserialize_with = "lenient::list")]
    pub files: Vec<DownloadFile>,
}

/// One file of a download.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DownloadFile {
    /// `mp3`, `m4a` or `wav`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub format: Option<String>,
    /// The address.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub url: Option<String>,
}

/// The answer of `sonic/midi`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MidiResult {
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
    /// The notes.
    #[serde(
        deserialize_with = "lenient::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub data: Option<MidiData>,
}

/// Notes, and where the MIDI file is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MidiData {
    /// The address.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub midi_url: Option<String>,
    /// One track each.
    #[serde(deserialize_with = "lenient::list")]
    pub instruments: Vec<MidiInstrument>,
}

/// The notes of one instrument.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MidiInstrument {
    /// Its name.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<String>,
    /// Its notes in order.
    #[serde(deserialize_with = "lenient::list")]
    pub notes: Vec<MidiNote>,
}

/// One note.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MidiNote {
    /// MIDI pitch, 0 to 127.
    #[serde(
        deserialize_with = "lenient::integer",
        skip_serializing_if = "Option::is_none"
    )]
    pub pitch: Option<i64>,
    /// When it begins, in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub start: Option<f64>,
    /// When it ends, in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub end: Option<f64>,
    /// How hard, 0 to 1.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub velocity: Option<f64>,
}
