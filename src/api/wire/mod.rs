//! The JSON shapes of the provider's answers; the simulator builds its answers from the same types.
//!
//! Read loosely, written exactly: unknown fields are ignored, every field may be missing, null or of another
//! type, and what the API leaves out is not written. What a shape means is decided elsewhere.

mod envelope;
mod figure;
mod file;
mod flat;
mod lenient;
mod sonic;

pub use envelope::{Credits, ErrorBody, Steps, TaskAccepted, UploadStep};
pub use figure::{
    AlignedLyricsData, AlignedLyricsResult, AlignedWord, BpmData, BpmResult, LyricsResult,
    LyricsVersion, PersonaResult, UpsampleTagsData, UpsampleTagsResult, VoxData, VoxResult,
};
pub use file::{
    DownloadData, DownloadFile, DownloadResult, MidiData, MidiInstrument, MidiNote, MidiResult,
    SonicUploadResult, WavData, WavResult,
};
pub use flat::{NuroTaskResult, ProducerClip, ProducerTaskResult};
pub use sonic::{
    Seconds, SonicClip, SonicData, SonicItem, SonicPairedClip, SonicTaskResult, SonicVoiceData,
};

#[cfg(test)]
mod tests;
