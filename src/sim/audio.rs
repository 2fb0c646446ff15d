//! A recording of a tune as a WAV file: mono, 16 bits, 22 050 Hz, made piece by piece so that memory stays flat.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::tune::{PartSet, SAMPLE_RATE, Tune};

/// How much of a file is made at a time.
const PIECE_BYTES: usize = 32 * 1024;
const HEADER_BYTES: u64 = 44;

/// What is wrong with a recording's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flaw {
    /// All samples are zero.
    Silent,
    /// Every byte is turned over, the header's too.
    Garbled,
    /// It ends after an eighth.
    Short,
}

/// A recording: which tune, which of its parts, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recording {
    pub seed: u64,
    pub parts: PartSet,
    pub millis: u32,
    pub flaw: Option<Flaw>,
}

impl Recording {
    /// Returns how many samples there are.
    pub(crate) fn samples(self) -> u64 {
        let whole = u64::from(self.millis) * u64::from(SAMPLE_RATE) / 1_000;
        match self.flaw {
            Some(Flaw::Short) => whole / 8,
            _ => whole,
        }
    }

    /// Returns the length of the WAV file in bytes.
    pub(crate) fn file_bytes(self) -> u64 {
        HEADER_BYTES + 2 * self.samples()
    }

    /// Makes the WAV file from byte `from` on.
    pub(crate) fn pieces(self, from: u64) -> Pieces {
        Pieces {
            recording: self,
            place: from,
        }
    }

    /// The header of RIFF/WAVE with PCM data, after Microsoft's "Multimedia Programming Interface", 1991.
    fn header(self) -> Bytes {
        let data = u32::try_from(2 * self.samples()).unwrap_or(u32::MAX);
        let mut header = BytesMut::with_capacity(44);
        header.put_slice(b"RIFF");
        header.put_u32_le(data.saturating_add(36));
        header.put_slice(b"WAVEfmt ");
        header.put_u32_le(16);
        header.put_u16_le(1);
        header.put_u16_le(1);
        header.put_u32_le(SAMPLE_RATE);
        header.put_u32_le(2 * SAMPLE_RATE);
        header.put_u16_le(2);
        header.put_u16_le(16);
        header.put_slice(b"data");
        header.put_u32_le(data);
        header.freeze()
    }
}

/// The rest of a WAV file, made as it is read.
#[derive(Debug)]
pub(crate) struct Pieces {
    recording: Recording,
    place: u64,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let left = self.recording.file_bytes().checked_sub(self.place)?;
        if left == 0 {
            return None;
        }
        let piece = if let Some(before) = HEADER_BYTES.checked_sub(self.place).filter(|b| *b > 0) {
            let header = self.recording.header();
            let skipped = header.len() - usize::try_from(before).unwrap_or(0);
            header.slice(skipped..)
        } else {
            self.samples_at(self.place - HEADER_BYTES, left)
        };
        self.place += u64::try_from(piece.len()).unwrap_or(0);
        Some(match self.recording.flaw {
            Some(Flaw::Garbled) => piece.iter().map(|byte| !byte).collect(),
            _ => piece,
        })
    }
}

impl Pieces {
    fn samples_at(&self, data_place: u64, left: u64) -> Bytes {
        let odd = usize::from(data_place % 2 == 1);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut samples = vec![0_i16; (wanted + odd).div_ceil(2)];
        if self.recording.flaw != Some(Flaw::Silent) {
            let tune = Tune::new(self.recording.seed);
            tune.render(self.recording.parts, data_place / 2, &mut samples);
        }
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        Bytes::from(bytes).slice(odd..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(recording: Recording, from: u64) -> Vec<u8> {
        recording.pieces(from).flatten().collect()
    }

    const TUNE: Recording = Recording {
        seed: 5,
        parts: PartSet::ALL,
        millis: 1_234,
        flaw: None,
    };

    #[test]
    fn a_wav_reader_finds_what_was_promised() {
        let bytes = file(TUNE, 0);
        assert_eq!(u64::try_from(bytes.len()).unwrap(), TUNE.file_bytes());
        let mut reader = hound::WavReader::new(bytes.as_slice()).unwrap();
        let spec = reader.spec();
        assert_eq!(
            (spec.channels, spec.sample_rate, spec.bits_per_sample),
            (1, SAMPLE_RATE, 16)
        );
        assert_eq!(u64::from(reader.duration()), TUNE.samples());
        let loudest = reader.samples::<i16>().map(|s| s.unwrap().abs()).max();
        assert!(loudest.unwrap() > 1_000);
    }

    fn flawed(flaw: Flaw) -> Recording {
        Recording {
            flaw: Some(flaw),
            ..TUNE
        }
    }

    #[test]
    fn a_flaw_makes_a_file_silent_or_short_or_noise() {
        let (whole, silent) = (file(TUNE, 0), file(flawed(Flaw::Silent), 0));
        assert_eq!((silent.len(), &silent[..44]), (whole.len(), &whole[..44]));
        assert!(silent[44..].iter().all(|byte| *byte == 0));
        let short = file(flawed(Flaw::Short), 0);
        let reader = hound::WavReader::new(short.as_slice()).unwrap();
        assert_eq!(u64::from(reader.duration()), TUNE.samples() / 8);
        let garbled = file(flawed(Flaw::Garbled), 0);
        assert_eq!(garbled.len(), whole.len());
        assert!(hound::WavReader::new(garbled.as_slice()).is_err());
    }

    #[test]
    fn a_file_can_be_read_from_any_byte_on() {
        for recording in [TUNE, flawed(Flaw::Garbled), flawed(Flaw::Short)] {
            let whole = file(recording, 0);
            for from in [0, 1, 43, 44, 45, 46, 1_001, whole.len() - 1, whole.len()] {
                let rest = file(recording, u64::try_from(from).unwrap());
                assert!(rest == whole[from..], "{recording:?} from {from}");
            }
        }
        assert!(file(TUNE, TUNE.file_bytes() + 1).is_empty());
    }

    #[test]
    fn a_long_recording_comes_in_small_pieces() {
        let long = Recording {
            millis: 120_000,
            ..TUNE
        };
        assert!(
            long.pieces(0)
                .take(20)
                .all(|piece| piece.len() <= PIECE_BYTES)
        );
    }
}
