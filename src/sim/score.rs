//! A recording's notes: as numbers for an answer, and as a standard MIDI file that any player opens.

use bytes::Bytes;
use midly::num::{u4, u7, u15, u24, u28};
use midly::{Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};
use serde_json::{Value, json};

use super::audio::Recording;
use super::tune::{Note, PARTS, Tune};

const TICKS_PER_BEAT: u16 = 480;
const TICKS_PER_STEP: u32 = 240;

/// The notes of one part: (eighth, note).
type Line = Vec<(u64, Note)>;

fn lines(recording: Recording) -> Vec<(usize, Line)> {
    let tune = Tune::new(recording.seed);
    let steps = recording.samples().div_ceil(tune.samples_per_step());
    (0..PARTS.len())
        .filter(|part| recording.parts.holds(*part))
        .map(|part| {
            let line = (0..steps).filter_map(|step| Some((step, tune.note(part, step)?)));
            (part, line.collect())
        })
        .collect()
}

/// Returns the notes as `sonic/midi` lists them, in seconds.
pub(crate) fn instruments(recording: Recording) -> Value {
    let seconds_per_step = 30.0 / f64::from(Tune::new(recording.seed).bpm());
    let at = |step: u64| {
        let seconds = f64::from(u32::try_from(step).unwrap_or(u32::MAX)) * seconds_per_step;
        (seconds * 1000.0).round() / 1000.0
    };
    let instrument = |(part, line): (usize, Line)| {
        let notes: Vec<Value> = line
            .into_iter()
            .map(|(step, note)| {
                json!({
                    "pitch": note.pitch, "start": at(step), "end": at(step + 1),
                    "velocity": (f64::from(note.velocity) / 1.27).round() / 100.0,
                })
            })
            .collect();
        json!({"name": PARTS[part], "notes": notes})
    };
    lines(recording).into_iter().map(instrument).collect()
}

/// Makes the MIDI file: one track for the tempo and one for each part.
pub(crate) fn midi_file(recording: Recording) -> Bytes {
    let tempo = u24::new(60_000_000 / Tune::new(recording.seed).bpm());
    let meta = |message| TrackEvent {
        delta: u28::new(0),
        kind: TrackEventKind::Meta(message),
    };
    let mut tracks = vec![vec![
        meta(MetaMessage::Tempo(tempo)),
        meta(MetaMessage::EndOfTrack),
    ]];
    for (part, line) in lines(recording) {
        let mut track = vec![meta(MetaMessage::TrackName(PARTS[part].as_bytes()))];
        let mut last_end = 0;
        for (step, note) in line {
            push_note(&mut track, part, step - last_end, note);
            last_end = step + 1;
        }
        track.push(meta(MetaMessage::EndOfTrack));
        tracks.push(track);
    }
    let smf = Smf {
        header: Header::new(Format::Parallel, Timing::Metrical(u15::new(TICKS_PER_BEAT))),
        tracks,
    };
    let mut file = Vec::new();
    smf.write_std(&mut file)
        .expect("writing to memory does not fail");
    Bytes::from(file)
}

fn push_note(track: &mut Vec<TrackEvent<'static>>, part: usize, rest_steps: u64, note: Note) {
    let rest = u32::try_from(rest_steps).unwrap_or(0) * TICKS_PER_STEP;
    let channel = u4::new(u8::try_from(part).unwrap_or(0));
    let (key, vel) = (u7::new(note.pitch), u7::new(note.velocity));
    let event = |delta, message| TrackEvent {
        delta: u28::new(delta),
        kind: TrackEventKind::Midi { channel, message },
    };
    track.push(event(rest, MidiMessage::NoteOn { key, vel }));
    track.push(event(TICKS_PER_STEP, MidiMessage::NoteOff { key, vel }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::tune::PartSet;

    const SONG: Recording = Recording {
        seed: 11,
        parts: PartSet::ALL,
        millis: 8_000,
        flaw: None,
    };

    #[test]
    fn a_midi_reader_finds_every_note_of_the_answer() {
        let file = midi_file(SONG);
        let smf = Smf::parse(&file).unwrap();
        assert_eq!(smf.tracks.len(), 1 + PARTS.len());
        let played = smf.tracks.iter().flatten().filter(|event| {
            matches!(
                event.kind,
                TrackEventKind::Midi {
                    message: MidiMessage::NoteOn { .. },
                    ..
                }
            )
        });
        let listed: usize = instruments(SONG)
            .as_array()
            .unwrap()
            .iter()
            .map(|instrument| instrument["notes"].as_array().unwrap().len())
            .sum();
        assert!(listed > 50);
        assert_eq!(played.count(), listed);
    }

    #[test]
    fn a_stem_has_one_instrument_and_its_notes_lie_within_the_recording() {
        let bass = Recording {
            parts: PartSet::one(3),
            ..SONG
        };
        let value = instruments(bass);
        assert_eq!(value.as_array().unwrap().len(), 1);
        assert_eq!(value[0]["name"], "Bass");
        for note in value[0]["notes"].as_array().unwrap() {
            assert!(note["start"].as_f64().unwrap() < 8.0);
            assert!((0..=127).contains(&note["pitch"].as_i64().unwrap()));
            assert!((0.0..=1.0).contains(&note["velocity"].as_f64().unwrap()));
        }
    }
}
