//! A short tune made of a seed: twelve parts of eighth notes, so that stems add up to their song.
//!
//! Every sample is a function of its place alone: any range of any length is made without making what is before it,
//! and integers keep it the same on every machine.

use super::seed::mix;

/// Samples per second of all audio the simulator makes.
pub(crate) const SAMPLE_RATE: u32 = 22_050;

/// The parts of a song, in the order of the stems of `sonic/stems/full`.
pub(crate) const PARTS: [&str; 12] = [
    "Vocals",
    "Backing Vocals",
    "Drums",
    "Bass",
    "Guitar",
    "Keyboard",
    "Percussion",
    "Strings",
    "Synth",
    "FX",
    "Brass",
    "Woodwinds",
];

/// A set of parts, one bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct PartSet(u16);

impl PartSet {
    /// The whole song.
    pub(crate) const ALL: Self = Self(0x0fff);
    /// The voices.
    pub(crate) const VOCALS: Self = Self(0x0003);
    /// Everything but the voices.
    pub(crate) const INSTRUMENTAL: Self = Self(0x0ffc);

    /// One part; parts beyond the twelfth start over.
    pub(crate) fn one(part: usize) -> Self {
        Self(1 << (part % PARTS.len()))
    }

    pub(crate) fn holds(self, part: usize) -> bool {
        self.0 & (1 << part) != 0
    }
}

/// A note of the tune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Pitch as MIDI counts it.
    pub pitch: u8,
    /// Loudness, 1 to 127.
    pub velocity: u8,
}

/// How a part sounds and when it plays.
struct Voice {
    wave: Wave,
    octave: u8,
    /// The eighths of a bar of eight on which it plays, first eighth in the lowest bit.
    rhythm: u8,
}

#[derive(Clone, Copy)]
enum Wave {
    Sine,
    Triangle,
    Square,
    Noise,
}

const fn voice(wave: Wave, octave: u8, rhythm: u8) -> Voice {
    Voice {
        wave,
        octave,
        rhythm,
    }
}

const VOICES: [Voice; 12] = [
    voice(Wave::Triangle, 5, 0b0101_1011),
    voice(Wave::Sine, 5, 0b1000_1000),
    voice(Wave::Noise, 3, 0b0101_0101),
    voice(Wave::Triangle, 2, 0b0001_0001),
    voice(Wave::Square, 4, 0b0100_0100),
    voice(Wave::Sine, 4, 0b0001_0001),
    voice(Wave::Noise, 6, 0b1010_1010),
    voice(Wave::Sine, 5, 0b0000_0001),
    voice(Wave::Square, 5, 0b0010_0000),
    voice(Wave::Noise, 5, 0b1000_0000),
    voice(Wave::Square, 3, 0b0000_1000),
    voice(Wave::Triangle, 6, 0b0010_0010),
];

/// The loudest a single part gets: twelve of them together stay within sixteen bits.
const PEAK: i32 = 2_700;

/// Major pentatonic: any two of its notes sound well together.
const SCALE: [u8; 5] = [0, 2, 4, 7, 9];

/// Eighths after which the tune starts over.
const PHRASE: u64 = 32;

/// A tune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tune {
    seed: u64,
}

impl Tune {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Returns the tempo, from 84 to 147 beats a minute.
    pub(crate) fn bpm(self) -> u32 {
        84 + u32::try_from(mix(self.seed) % 64).unwrap_or(0)
    }

    /// Returns how many samples an eighth note lasts.
    pub(crate) fn samples_per_step(self) -> u64 {
        u64::from(SAMPLE_RATE * 30 / self.bpm())
    }

    /// Returns the note that a part plays on an eighth, if it plays one.
    pub(crate) fn note(self, part: usize, step: u64) -> Option<Note> {
        let voice = &VOICES[part];
        if voice.rhythm & (1 << (step % 8)) == 0 {
            return None;
        }
        let part_number = u64::try_from(part).unwrap_or(0);
        let draw = mix(self.seed ^ mix((part_number << 32) | (step % PHRASE)));
        let degree = usize::try_from(draw % 5).unwrap_or(0);
        let key = u8::try_from(mix(self.seed ^ 1) % 12).unwrap_or(0);
        Some(Note {
            pitch: voice.octave * 12 + key + SCALE[degree],
            velocity: 80 + u8::try_from(draw >> 60).unwrap_or(0),
        })
    }

    /// Makes the samples from place `from` on, as many as `out` holds.
    pub(crate) fn render(self, parts: PartSet, from: u64, out: &mut [i16]) {
        let per_step = self.samples_per_step();
        let mut place = from;
        let mut rest = out;
        while !rest.is_empty() {
            let (step, within) = (place / per_step, place % per_step);
            let left_in_step = usize::try_from(per_step - within).unwrap_or(usize::MAX);
            let count = left_in_step.min(rest.len());
            let (now, later) = std::mem::take(&mut rest).split_at_mut(count);
            self.render_step(parts, step, within, now);
            place += u64::try_from(count).unwrap_or(0);
            rest = later;
        }
    }

    fn render_step(self, parts: PartSet, step: u64, within: u64, out: &mut [i16]) {
        out.fill(0);
        let length = i32::try_from(self.samples_per_step()).unwrap_or(i32::MAX);
        let first = i32::try_from(within).unwrap_or(0);
        for part in (0..PARTS.len()).filter(|part| parts.holds(*part)) {
            let Some(note) = self.note(part, step) else {
                continue;
            };
            let advance = phase_per_sample(note.pitch);
            let mut phase = advance.wrapping_mul(first.unsigned_abs());
            for (sample, place) in out.iter_mut().zip(first..) {
                let wave = VOICES[part].wave.at(phase);
                // A linear decay over the note ends it without a click.
                let loudness = (length - place).max(0) * PEAK / length;
                let value = (wave * loudness) >> 15;
                *sample = sample.saturating_add(i16::try_from(value).unwrap_or(0));
                phase = phase.wrapping_add(advance);
            }
        }
    }
}

impl Wave {
    /// Returns the wave's height at a phase, where 2³² is one turn, between ±32767.
    fn at(self, phase: u32) -> i32 {
        let ramp = phase.cast_signed() >> 16;
        match self {
            // A parabola through each half turn is a sine to within 6 %.
            Self::Sine => ((ramp * (32_768 - ramp.abs())) >> 13).clamp(-32_767, 32_767),
            Self::Triangle => (2 * ramp.abs() - 32_768).clamp(-32_767, 32_767),
            Self::Square => {
                if ramp < 0 {
                    -16_384
                } else {
                    16_384
                }
            }
            Self::Noise => {
                let scattered = mix(u64::from(phase)) >> 48;
                i32::try_from(scattered).unwrap_or(0) - 32_768
            }
        }
    }
}

/// Millihertz of the twelve notes of the octave that begins at MIDI pitch 108.
const TOP_OCTAVE: [u64; 12] = [
    4_186_009, 4_434_922, 4_698_636, 4_978_032, 5_274_041, 5_587_652, 5_919_911, 6_271_927,
    6_644_875, 7_040_000, 7_458_620, 7_902_133,
];

fn phase_per_sample(pitch: u8) -> u32 {
    let millihertz = TOP_OCTAVE[usize::from(pitch % 12)] >> (9 - (pitch / 12).min(9));
    let phase = (millihertz << 32) / (1_000 * u64::from(SAMPLE_RATE));
    u32::try_from(phase).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(seed: u64, parts: PartSet, from: u64, count: usize) -> Vec<i16> {
        let mut out = vec![0; count];
        Tune::new(seed).render(parts, from, &mut out);
        out
    }

    #[test]
    fn any_range_is_the_same_as_a_part_of_the_whole() {
        let whole = render(7, PartSet::ALL, 0, 60_000);
        for (from, count) in [(0, 1), (1, 999), (5_000, 20_000), (59_999, 1)] {
            let start = usize::try_from(from).unwrap();
            assert_eq!(
                render(7, PartSet::ALL, from, count),
                whole[start..start + count]
            );
        }
    }

    #[test]
    fn stems_add_up_to_the_song_and_none_is_silent() {
        let song = render(3, PartSet::ALL, 0, 50_000);
        let mut sum = vec![0_i16; song.len()];
        for (part, name) in PARTS.iter().enumerate() {
            let stem = render(3, PartSet::one(part), 0, song.len());
            assert!(stem.iter().any(|s| s.abs() > 100), "{name}");
            for (total, sample) in sum.iter_mut().zip(stem) {
                *total += sample;
            }
        }
        assert_eq!(sum, song);
        assert!(song.iter().all(|sample| sample.abs() < 32_500));
    }

    #[test]
    fn other_seeds_play_other_tunes() {
        assert_ne!(
            render(1, PartSet::ALL, 0, 10_000),
            render(2, PartSet::ALL, 0, 10_000)
        );
    }

    #[test]
    fn concert_pitch_is_right() {
        let turns_per_second = (u64::from(phase_per_sample(69)) * u64::from(SAMPLE_RATE)) >> 32;
        assert!(
            (439..=440).contains(&turns_per_second),
            "{turns_per_second}"
        );
    }
}
