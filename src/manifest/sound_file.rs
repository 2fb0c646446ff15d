//! What a file is by its first bytes: only sound is ever handed out, whatever a file is called.

/// How many bytes tell.
pub(super) const FIRST_BYTES: u64 = 12;

/// Tells whether a file that begins like this is sound of one of the kinds that are taken.
pub(super) fn is_sound(first: &[u8]) -> bool {
    let at = |place: usize, mark: &[u8]| first.get(place..).is_some_and(|it| it.starts_with(mark));
    let is_wave = (at(0, b"RIFF") || at(0, b"RF64")) && at(8, b"WAVE");
    let is_aiff = at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC"));
    let is_tagged = [&b"ID3"[..], b"fLaC", b"OggS", b"ADIF"]
        .iter()
        .any(|mark| at(0, mark));
    is_wave || is_aiff || is_tagged || at(4, b"ftyp") || is_frame(first)
}

/// Tells whether these bytes begin a frame of MP3 or of AAC; the mark of a text in UTF-16 looks much like one.
fn is_frame(first: &[u8]) -> bool {
    let [0xff, kind, rate, ..] = first else {
        return false;
    };
    let is_mp3 = kind & 0xe6 == 0xe2 && kind & 0x18 != 0x08 && rate & 0xf0 != 0xf0;
    let is_aac = kind & 0xf6 == 0xf0;
    (is_mp3 && rate & 0x0c != 0x0c) || is_aac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_known_by_its_first_bytes() {
        let sounds: [&[u8]; 12] = [
            b"RIFF\x24\x7d\0\0WAVE",
            b"RF64\xff\xff\xff\xffWAVE",
            b"FORM\0\0\0\x2eAIFF",
            b"FORM\0\0\0\x2eAIFC",
            b"ID3\x04\0\0\0\0\0\0\0\0",
            b"fLaC\0\0\0\x22",
            b"OggS\0\x02",
            b"ADIF",
            b"\0\0\0\x20ftypM4A ",
            b"\xff\xfb\x90\x64",
            b"\xff\xf3\x40\xc4",
            b"\xff\xf1\x50\x80",
        ];
        for sound in sounds {
            assert!(is_sound(sound), "{sound:?}");
        }
    }

    #[test]
    fn what_is_no_sound_is_known_too() {
        let others: [&[u8]; 10] = [
            b"",
            b"\xff",
            b"sk_live_0123456789",
            b"\x7fELF\x02\x01\x01",
            b"PK\x03\x04",
            b"RIFF\x24\x7d\0\0AVI ",
            b"FORM\0\0\0\x2eILBM",
            b"\xff\xfek\0e\0y\0",
            b"\xff\xd8\xff\xe0\0\x10JFIF",
            b"\xff\xff\xff\xff",
        ];
        for other in others {
            assert!(!is_sound(other), "{other:?}");
        }
    }
}
