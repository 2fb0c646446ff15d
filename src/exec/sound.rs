//! Opens a downloaded file far enough to know that it is usable: that it decodes to its end, that something can be
//! heard, and that it lasts as long as the provider said.
//!
//! A file is read as a stream and nothing of it is kept. What this program has no decoder for is not judged: a defect
//! becomes a claim, and a claim must be true.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use symphonia::core::audio::{AudioBufferRef, SampleBuffer};
use symphonia::core::codecs::{CODEC_TYPE_NULL, DecoderOptions};
use symphonia::core::errors::{Error, unsupported_error};
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::formats::{AdtsReader, IsoMp4Reader, MpaReader, WavReader};

/// What a file must at least once be louder than: 60 dB below full scale.
const SILENCE: f32 = 0.001;
/// How far a length may always be off the provider's word: encoders add and cut a little at both ends.
const TOLERANCE: Duration = Duration::from_secs(2);
/// A longer file may be off by this part of its length, 5 %.
const TOLERANCE_PART: u32 = 20;
/// A longer time in a file's own head is no length: writers that stream put the largest number there.
const WRITTEN_MAX: Duration = Duration::from_secs(3600);
/// A larger MIDI file is not looked at: it would have to be read whole.
const SCORE_BYTES_MAX: u64 = 16 << 20;

/// What is wrong with a file that was downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// It is not what its kind says, or most of it can't be decoded.
    Garbled,
    /// Nothing can be heard.
    Silent,
    /// It lasts another time than the provider said.
    Length { lasts: Duration, said: Duration },
    /// It ends before its own head says.
    CutOff { lasts: Duration, written: Duration },
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbled => f.write_str("can't be decoded"),
            Self::Silent => f.write_str("is silent"),
            Self::Length { lasts, said } => write!(
                f,
                "has the wrong length: {:.1} s, and the provider said {:.1} s",
                lasts.as_secs_f64(),
                said.as_secs_f64()
            ),
            Self::CutOff { lasts, written } => write!(
                f,
                "is cut off after {:.1} s of {:.1} s",
                lasts.as_secs_f64(),
                written.as_secs_f64()
            ),
        }
    }
}

/// What a file is expected to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    /// How long it is, by the provider's word.
    pub(super) lasts: Option<Duration>,
    /// Whether it may be silent, as the stem of an instrument that does not play is.
    pub(super) may_be_silent: bool,
}

/// What was found in a file of audio.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Found {
    /// It decodes.
    Sound {
        lasts: Duration,
        /// How long it was to be, when it ends well before that.
        cut_from: Option<Duration>,
        is_silent: bool,
    },
    /// It does not.
    Garbled,
    /// Nothing here can decode it.
    Unknown,
}

/// How a file is written inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Wav,
    Mpeg,
    Adts,
    Mp4,
    /// Audio that nothing here decodes.
    Foreign,
}

/// Finds what makes a file unusable; files that are neither audio nor MIDI by their name are not opened.
///
/// # Errors
/// When the file can't be read.
pub(super) fn inspect(path: &Path, expected: Expected) -> io::Result<Option<Defect>> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    if !matches!(&*extension, "wav" | "mp3" | "m4a" | "aac" | "mid") {
        return Ok(None);
    }
    if extension == "mid" {
        return Ok(judge(notes(path)?, expected));
    }
    let mut file = File::open(path)?;
    let found = match container(&mut file, extension == "mp3")? {
        None => Found::Garbled,
        Some(container) => listen(file, container)?,
    };
    Ok(judge(found, expected))
}

fn judge(found: Found, expected: Expected) -> Option<Defect> {
    let (lasts, cut_from, is_silent) = match found {
        Found::Unknown => return None,
        Found::Garbled => return Some(Defect::Garbled),
        Found::Sound {
            lasts,
            cut_from,
            is_silent,
        } => (lasts, cut_from, is_silent),
    };
    // A provider that does not know a length writes a zero.
    let is_off = |said: &Duration| {
        !said.is_zero() && lasts.abs_diff(*said) > TOLERANCE.max(*said / TOLERANCE_PART)
    };
    if let Some(said) = expected.lasts.filter(is_off) {
        return Some(Defect::Length { lasts, said });
    }
    if let Some(written) = cut_from {
        return Some(Defect::CutOff { lasts, written });
    }
    (is_silent && !expected.may_be_silent).then_some(Defect::Silent)
}

/// Tells a file's kind from its beginning, and leaves it at the first byte that counts.
fn container(file: &mut File, is_named_mp3: bool) -> io::Result<Option<Container>> {
    let mut head = [0; 12];
    let read = read_up_to(file, &mut head)?;
    let mut start = 0;
    if let [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] = head {
        // Each byte of a tag's size holds seven bits (ID3v2.4, section 6.2).
        let size = [a, b, c, d]
            .iter()
            .fold(0, |sum, byte| (sum << 7) | u64::from(byte & 0x7f));
        start = 10 + size;
    }
    file.seek(SeekFrom::Start(start))?;
    Ok(match &head[..read] {
        [b'R', b'I', b'F', b'F', .., b'W', b'A', b'V', b'E'] => Some(Container::Wav),
        [b'f', b'L', b'a', b'C', ..] | [b'O', b'g', b'g', b'S', ..] => Some(Container::Foreign),
        [b'R', b'F', b'6', b'4', ..] | [b'F', b'O', b'R', b'M', ..] => Some(Container::Foreign),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Container::Mp4),
        // Eleven bits of sync, for ADTS one more, and the two bits of the layer are zero there.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Some(Container::Adts),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => Some(Container::Mpeg),
        [b'I', b'D', b'3', ..] => Some(Container::Mpeg),
        // Some encoders put other bytes before the first frame; the reader looks for it.
        _ if is_named_mp3 => Some(Container::Mpeg),
        _ => None,
    })
}

fn read_up_to(file: &mut File, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read(&mut into[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Reads a MIDI file; it lasts as long as it is played, so it is only asked whether it can be.
fn notes(path: &Path) -> io::Result<Found> {
    if std::fs::metadata(path)?.len() > SCORE_BYTES_MAX {
        return Ok(Found::Unknown);
    }
    let bytes = std::fs::read(path)?;
    Ok(match midly::Smf::parse(&bytes) {
        Ok(_) => Found::Unknown,
        Err(_) => Found::Garbled,
    })
}

/// Decodes a whole file.
fn listen(file: File, container: Container) -> io::Result<Found> {
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut reader = match open(stream, container) {
        Ok(reader) => reader,
        Err(error) => return unread(error),
    };
    let tracks = reader.tracks().iter();
    let is_known = |track: &&Track| track.codec_params.codec != CODEC_TYPE_NULL;
    let Some(track) = tracks.clone().find(is_known) else {
        return Ok(Found::Unknown);
    };
    let (id, params) = (track.id, track.codec_params.clone());
    let codecs = symphonia::default::get_codecs();
    let Ok(mut decoder) = codecs.make(&params, &DecoderOptions::default()) else {
        return Ok(Found::Unknown);
    };
    let mut heard = Heard::default();
    loop {
        let packet = match reader.next_packet() {
            Ok(packet) if packet.track_id() == id => packet,
            Ok(_) => continue,
            Err(error) if is_end(&error) => break,
            Err(error) => return unread(error),
        };
        match decoder.decode(&packet) {
            Ok(decoded) => heard.add(decoded),
            Err(Error::DecodeError(_)) => heard.bad += 1,
            Err(error) if is_end(&error) => heard.bad += 1,
            Err(error) => return unread(error),
        }
    }
    // The figure of other kinds is an estimate, or counts what is not played.
    let written = params.n_frames.filter(|_| container == Container::Wav);
    Ok(heard.found(params.sample_rate, written))
}

fn open(
    stream: MediaSourceStream,
    container: Container,
) -> symphonia::core::errors::Result<Box<dyn FormatReader>> {
    let options = FormatOptions::default();
    Ok(match container {
        Container::Wav => Box::new(WavReader::try_new(stream, &options)?),
        Container::Mpeg => Box::new(MpaReader::try_new(stream, &options)?),
        Container::Adts => Box::new(AdtsReader::try_new(stream, &options)?),
        Container::Mp4 => Box::new(IsoMp4Reader::try_new(stream, &options)?),
        Container::Foreign => return unsupported_error("no decoder"),
    })
}

fn is_end(error: &Error) -> bool {
    matches!(error, Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Tells what a failure to read says of the file: something about it, nothing, or that the disk is at fault.
fn unread(error: Error) -> io::Result<Found> {
    match error {
        // What the system did not say, the reader says of a place that the file does not have.
        Error::IoError(error) if error.raw_os_error().is_some() => Err(error),
        Error::IoError(_) | Error::DecodeError(_) => Ok(Found::Garbled),
        _ => Ok(Found::Unknown),
    }
}

/// What was heard of a file so far.
#[derive(Default)]
struct Heard {
    frames: u64,
    good: u64,
    bad: u64,
    rate: Option<u32>,
    is_loud: bool,
    samples: Option<SampleBuffer<f32>>,
}

impl Heard {
    fn add(&mut self, decoded: AudioBufferRef<'_>) {
        let spec = *decoded.spec();
        self.good += 1;
        self.rate = Some(spec.rate);
        self.frames = self.frames.saturating_add(wide(decoded.frames()));
        // Once something was heard, the rest is only counted.
        if self.is_loud {
            return;
        }
        let room = decoded.capacity();
        let needed = room * spec.channels.count();
        let kept = self.samples.take();
        let mut samples = kept
            .filter(|kept| kept.capacity() >= needed)
            .unwrap_or_else(|| SampleBuffer::new(wide(room), spec));
        samples.copy_interleaved_ref(decoded);
        self.is_loud = samples
            .samples()
            .iter()
            .any(|sample| sample.abs() > SILENCE);
        self.samples = Some(samples);
    }

    fn found(&self, rate: Option<u32>, written: Option<u64>) -> Found {
        let Some(rate) = self.rate.or(rate).filter(|rate| *rate > 0) else {
            return Found::Garbled;
        };
        if self.bad > self.good {
            return Found::Garbled;
        }
        let time =
            |frames: u64| Duration::from_millis(frames.saturating_mul(1000) / u64::from(rate));
        let lasts = time(self.frames);
        let written = written.map(time).filter(|written| *written <= WRITTEN_MAX);
        Found::Sound {
            lasts,
            cut_from: written.filter(|written| *written > lasts + TOLERANCE),
            is_silent: !self.is_loud,
        }
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
