use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A folder with one file in it.
struct Case {
    _folder: TempDir,
    path: PathBuf,
}

impl Case {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    #[track_caller]
    fn told(&self, said_s: Option<u64>) -> Option<String> {
        let expected = Expected {
            lasts: said_s.map(Duration::from_secs),
            may_be_silent: false,
        };
        let found = inspect(&self.path, expected).unwrap();
        found.map(|defect| defect.to_string())
    }
}

/// A WAV of a tone with this peak, 8 000 samples a second.
fn wav(seconds: u16, peak: i16) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for n in 0..u32::from(seconds) * 8_000 {
        let sample = if n / 10 % 2 == 0 { peak } else { -peak };
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// An MP3 of empty frames: 128 kbit/s, 44.1 kHz, so 417 bytes and 1152 samples each.
fn mp3(frames: usize) -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
    frame.repeat(frames)
}

/// A frame of AAC-LC, 44.1 kHz, stereo, in which nothing can be heard: 1024 samples.
const AAC_FRAME: [u8; 9] = [0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80];

/// Such frames one after another, each with its head.
fn adts(frames: usize) -> Vec<u8> {
    let head = [0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc];
    [&head[..], &AAC_FRAME].concat().repeat(frames)
}

/// A box of an MP4 file: its length, its name, what is in it.
fn mp4_box(name: &[u8; 4], inside: &[&[u8]]) -> Vec<u8> {
    let inside = inside.concat();
    let length = u32::try_from(inside.len() + 8).unwrap();
    [&length.to_be_bytes()[..], name, &inside].concat()
}

fn numbers(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Such frames in an M4A file.
fn m4a(frames: u32) -> Vec<u8> {
    let ftyp = mp4_box(b"ftyp", &[b"M4A \0\0\0\0"]);
    let samples = 1024 * frames;
    let config = [
        &[0x03, 25, 0, 1, 0, 0x04, 17, 0x40, 0x15, 0, 0, 0][..],
        &[0; 8],
        &[0x05, 2, 0x12, 0x10, 0x06, 1, 2],
    ];
    let esds = mp4_box(b"esds", &[&[0; 4], &config.concat()]);
    let rate = numbers(&[44_100 << 16]);
    let sound = [
        0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 16, 0, 0, 0, 0,
    ];
    let mp4a = mp4_box(b"mp4a", &[&sound, &rate, &esds]);
    let table = |first_frame: u32| {
        [
            mp4_box(b"stsd", &[&numbers(&[0, 1]), &mp4a]),
            mp4_box(b"stts", &[&numbers(&[0, 1, frames, 1024])]),
            mp4_box(b"stsc", &[&numbers(&[0, 1, 1, frames, 1])]),
            mp4_box(b"stsz", &[&numbers(&[0, 9, frames])]),
            mp4_box(b"stco", &[&numbers(&[0, 1, first_frame])]),
        ]
        .concat()
    };
    let moov = |first_frame: u32| {
        let times = numbers(&[0, 0, 0, 44_100, samples]);
        let minf = mp4_box(b"minf", &[&mp4_box(b"stbl", &[&table(first_frame)])]);
        let mdhd = mp4_box(b"mdhd", &[&times, &[0x55, 0xc4, 0, 0]]);
        let hdlr = mp4_box(b"hdlr", &[&[0; 8], b"soun", &[0; 13]]);
        let mdia = mp4_box(b"mdia", &[&mdhd, &hdlr, &minf]);
        let tkhd = mp4_box(b"tkhd", &[&numbers(&[7, 0, 0, 1, 0, samples]), &[0; 60]]);
        let mvhd = mp4_box(b"mvhd", &[&times, &[0; 80]]);
        mp4_box(b"moov", &[&mvhd, &mp4_box(b"trak", &[&tkhd, &mdia])])
    };
    // Where the frames begin is known once the head has its size.
    let begin = u32::try_from(ftyp.len() + moov(0).len() + 8).unwrap();
    let sound = AAC_FRAME.repeat(usize::try_from(frames).unwrap());
    [ftyp, moov(begin), mp4_box(b"mdat", &[&sound])].concat()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_recording_of_the_right_length_is_sound() {
    let case = Case::new("a.wav", &wav(10, 9_000));
    assert_eq!(case.told(Some(10)), None);
    assert_eq!(case.told(None), None);
    assert_eq!(case.told(Some(0)), None, "a length that is not known");
}

#[test]
fn a_length_may_be_off_by_two_seconds_or_a_twentieth() {
    let case = Case::new("a.wav", &wav(60, 9_000));
    for (said, is_right) in [(58, true), (57, false), (63, true), (64, false)] {
        assert_eq!(case.told(Some(said)).is_none(), is_right, "{said} s");
    }
    let short = Case::new("a.wav", &wav(3, 9_000));
    assert_eq!(short.told(Some(5)), None);
    assert_eq!(
        short.told(Some(6)),
        text("has the wrong length: 3.0 s, and the provider said 6.0 s")
    );
}

#[test]
fn silence_is_a_peak_below_60_db() {
    // A thousandth of full scale is 32.8.
    for (peak, is_silent) in [(0, true), (32, true), (34, false)] {
        let case = Case::new("a.wav", &wav(4, peak));
        assert_eq!(case.told(Some(4)).is_some(), is_silent, "{peak}");
    }
    let case = Case::new("a.wav", &wav(4, 0));
    assert_eq!(case.told(None), text("is silent"));
    let stem = Expected {
        may_be_silent: true,
        ..Expected::default()
    };
    assert_eq!(inspect(&case.path, stem).unwrap(), None);
}

#[test]
fn one_loud_moment_at_the_end_is_heard() {
    let mut bytes = wav(8, 0);
    let end = bytes.len();
    bytes[end - 2..].copy_from_slice(&20_000_i16.to_le_bytes());
    assert_eq!(Case::new("a.wav", &bytes).told(Some(8)), None);
}

#[test]
fn a_file_that_ends_too_early_is_cut_off() {
    let whole = wav(8, 9_000);
    let half = &whole[..whole.len() / 2];
    let case = Case::new("a.wav", half);
    assert_eq!(case.told(None), text("is cut off after 4.0 s of 8.0 s"));
    assert!(case.told(Some(8)).unwrap().contains("wrong length"));
}

#[test]
fn a_stream_whose_head_knows_no_length_is_not_cut_off() {
    let mut bytes = wav(4, 9_000);
    bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Case::new("a.wav", &bytes).told(Some(4)), None);
}

#[test]
fn what_is_no_audio_is_told_whatever_its_name() {
    let page = b"<!doctype html><title>Just a moment...</title>".repeat(40);
    let noise: Vec<u8> = wav(4, 9_000).iter().map(|byte| !byte).collect();
    for name in ["a.wav", "a.mp3", "a.m4a", "a.aac", "a.mid"] {
        for bytes in [&page, &noise] {
            let case = Case::new(name, bytes);
            assert_eq!(case.told(Some(4)), text("can't be decoded"), "{name}");
        }
    }
}

#[test]
fn what_is_neither_audio_nor_midi_by_its_name_is_not_judged() {
    for name in ["a.zip", "a.mp4", "a.avi", "a.json", "a"] {
        assert_eq!(Case::new(name, b"anything").told(Some(4)), None, "{name}");
    }
}

#[test]
fn an_mp3_is_decoded_with_a_tag_or_without() {
    // 200 frames of 26.12 ms.
    let plain = mp3(200);
    let mut tagged = b"ID3\x04\x00\x00\x00\x00\x02\x00".to_vec();
    tagged.resize(10 + 256, 0);
    tagged.extend_from_slice(&plain);
    for bytes in [&plain, &tagged] {
        let case = Case::new("a.mp3", bytes);
        assert_eq!(case.told(Some(5)), text("is silent"));
        let told = case.told(Some(50)).unwrap();
        assert!(told.starts_with("has the wrong length: 5.2 s"), "{told}");
    }
}

#[test]
fn aac_is_decoded_bare_and_in_an_m4a() {
    // 300 frames of 23.22 ms.
    for (name, bytes) in [("a.aac", adts(300)), ("a.m4a", m4a(300))] {
        let case = Case::new(name, &bytes);
        assert_eq!(case.told(Some(7)), text("is silent"), "{name}");
        let told = case.told(Some(70)).unwrap();
        assert!(told.starts_with("has the wrong length: 7.0 s"), "{told}");
    }
    let whole = m4a(300);
    let half = Case::new("a.m4a", &whole[..whole.len() - 9 * 200]);
    assert_eq!(half.told(Some(7)), text("can't be decoded"));
}

#[test]
fn a_wav_under_another_name_is_still_a_wav() {
    assert_eq!(Case::new("a.mp3", &wav(4, 9_000)).told(Some(4)), None);
}

#[test]
fn a_kind_of_wav_that_nothing_here_decodes_is_not_judged() {
    let mut bytes = wav(4, 9_000);
    // Format 0x0161 is Windows Media Audio.
    bytes[20..22].copy_from_slice(&0x0161_u16.to_le_bytes());
    assert_eq!(Case::new("a.wav", &bytes).told(Some(40)), None);
}

#[test]
fn audio_of_a_kind_that_nothing_here_decodes_is_not_judged() {
    for head in ["fLaC", "OggS", "RF64", "FORM"] {
        let bytes = [head.as_bytes(), &[0; 40]].concat();
        assert_eq!(Case::new("a.wav", &bytes).told(Some(40)), None, "{head}");
    }
}

#[test]
fn a_score_must_be_readable() {
    let score = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk\x00\x00\x00\x04\x00\xff\x2f\x00";
    assert_eq!(Case::new("a.mid", score).told(None), None);
    let garbled = text("can't be decoded");
    assert_eq!(Case::new("a.mid", b"MTxx").told(None), garbled);
}
