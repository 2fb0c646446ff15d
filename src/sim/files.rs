//! Result files: made when they are read, of what the clip remembers. No key is asked for, as on the provider's CDN.

use super::audio::Recording;
use super::http::{SimBody, SimResponse};
use super::picture;
use super::refusal::Refusal;
use super::score;
use super::seed::Id;
use super::simulator::Simulator;
use super::task::Stage;

impl Simulator {
    /// Answers a read of `<clip id>.<extension>`, from a byte on.
    pub(super) fn file(&self, name: &str, from: Option<u64>) -> SimResponse {
        let gone = || Refusal::not_found("file not found.").into();
        let Some((id, extension)) = split(name) else {
            return gone();
        };
        let (recording, done) = {
            let (books, now) = self.books();
            let Some((clip, nth, task)) = books.state.clip(id) else {
                return gone();
            };
            (clip.recording(), task.clip_is_done(nth, now))
        };
        let (content_type, bytes) = match extension {
            // A cover is there before the song is.
            "svg" => ("image/svg+xml", picture::cover(recording.seed)),
            _ if !done => return gone(),
            "wav" => return wav(recording, from),
            "mid" => ("audio/midi", score::midi_file(recording)),
            "avi" => (
                "video/x-msvideo",
                picture::video(recording.seed, recording.millis),
            ),
            _ => return gone(),
        };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        ranged(content_type, length, from, |from| {
            let start = usize::try_from(from).unwrap_or(bytes.len());
            SimBody::Whole(bytes.slice(start.min(bytes.len())..))
        })
    }

    /// Answers a read of what can be heard of a clip before it is done: its first half.
    pub(super) fn stream(&self, name: &str, from: Option<u64>) -> SimResponse {
        let (books, now) = self.books();
        let running = split(name).and_then(|(id, _)| books.state.clip(id));
        match running {
            Some((clip, _, task)) if matches!(task.stage(now), Stage::Running(_)) => {
                let recording = clip.recording();
                wav(
                    Recording {
                        millis: recording.millis / 2,
                        ..recording
                    },
                    from,
                )
            }
            _ => Refusal::not_found("file not found.").into(),
        }
    }
}

fn split(name: &str) -> Option<(Id, &str)> {
    let (id, extension) = name.split_once('.')?;
    Some((id.parse().ok()?, extension))
}

fn wav(recording: Recording, from: Option<u64>) -> SimResponse {
    ranged("audio/wav", recording.file_bytes(), from, |from| {
        SimBody::Pieces(Box::new(recording.pieces(from)))
    })
}

fn ranged(
    content_type: &'static str,
    length: u64,
    from: Option<u64>,
    body: impl FnOnce(u64) -> SimBody,
) -> SimResponse {
    let start = from.unwrap_or(0);
    let empty = SimResponse::bytes(200, content_type, bytes::Bytes::new());
    if from.is_some() && start >= length {
        return SimResponse {
            status: 416,
            content_range: Some(format!("bytes */{length}")),
            ..empty
        };
    }
    SimResponse {
        status: if from.is_some() { 206 } else { 200 },
        content_range: from.map(|from| format!("bytes {from}-{}/{length}", length - 1)),
        content_length: Some(length - start),
        body: body(start),
        ..empty
    }
}
