//! A clip's cover as SVG, and its video as an AVI of uncompressed frames: small code, and every player opens them.
//!
//! The provider sends JPEG and MP4; an encoder for those would be larger than the rest of the simulator.

use bytes::{BufMut, Bytes, BytesMut};

use super::seed::mix;

const WIDTH: u32 = 64;
const HEIGHT: u32 = 36;
const FRAME_BYTES: u32 = WIDTH * HEIGHT * 3;
/// The bytes of `hdrl` and `movi` lists before their content counts; see [`video`].
const AVI_HEADER: u32 = 56;
const STREAM_HEADER: u32 = 56;
const BITMAP_HEADER: u32 = 40;

/// Draws the cover: a colour and rings by the seed.
pub(crate) fn cover(seed: u64) -> Bytes {
    let hue = mix(seed) % 360;
    let rings = 2 + mix(seed ^ 2) % 5;
    let circles: String = (1..=rings)
        .map(|ring| {
            let radius = 28 * ring;
            format!(
                r#"<circle cx="160" cy="160" r="{radius}" fill="none" stroke="white" stroke-width="4"/>"#
            )
        })
        .collect();
    Bytes::from(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320"><rect width="320" height="320" fill="hsl({hue} 60% 45%)"/>{circles}</svg>"#
    ))
}

/// Makes a silent video of one frame a second; at most a minute of it, so that it fits in memory.
pub(crate) fn video(seed: u64, millis: u32) -> Bytes {
    let frames = millis.div_ceil(1_000).clamp(1, 60);
    let chunk = 8 + FRAME_BYTES;
    let movi = 4 + frames * chunk;
    let strl = 4 + (8 + STREAM_HEADER) + (8 + BITMAP_HEADER);
    let hdrl = 4 + (8 + AVI_HEADER) + (8 + strl);
    let index = 16 * frames;
    let riff = 4 + (8 + hdrl) + (8 + movi) + (8 + index);
    let mut file = BytesMut::with_capacity(usize::try_from(riff + 8).unwrap_or(0));
    list(&mut file, b"RIFF", riff, b"AVI ");
    list(&mut file, b"LIST", hdrl, b"hdrl");
    avi_header(&mut file, frames);
    list(&mut file, b"LIST", strl, b"strl");
    stream_header(&mut file, frames);
    bitmap_header(&mut file);
    list(&mut file, b"LIST", movi, b"movi");
    for frame in 0..frames {
        head(&mut file, b"00db", FRAME_BYTES);
        frame_into(&mut file, seed, frame);
    }
    head(&mut file, b"idx1", index);
    for frame in 0..frames {
        file.put_slice(b"00db");
        // 0x10: a key frame; every uncompressed frame is.
        words(&mut file, &[0x10, 4 + frame * chunk, FRAME_BYTES]);
    }
    file.freeze()
}

fn head(file: &mut BytesMut, name: &[u8; 4], length: u32) {
    file.put_slice(name);
    file.put_u32_le(length);
}

fn list(file: &mut BytesMut, kind: &[u8; 4], length: u32, name: &[u8; 4]) {
    head(file, kind, length);
    file.put_slice(name);
}

fn words(file: &mut BytesMut, words: &[u32]) {
    for word in words {
        file.put_u32_le(*word);
    }
}

/// `avih`: microseconds per frame, data rate, padding, flags (has an index), frames, …, streams, buffer, size.
fn avi_header(file: &mut BytesMut, frames: u32) {
    head(file, b"avih", AVI_HEADER);
    words(
        file,
        &[1_000_000, FRAME_BYTES, 0, 0x10, frames, 0, 1, FRAME_BYTES],
    );
    words(file, &[WIDTH, HEIGHT, 0, 0, 0, 0]);
}

/// `strh` of a video stream: codec `DIB `, one frame a second.
fn stream_header(file: &mut BytesMut, frames: u32) {
    head(file, b"strh", STREAM_HEADER);
    file.put_slice(b"vidsDIB ");
    words(file, &[0, 0, 0, 1, 1, 0, frames, FRAME_BYTES, u32::MAX, 0]);
    for side in [0, 0, WIDTH, HEIGHT] {
        file.put_u16_le(u16::try_from(side).unwrap_or(0));
    }
}

/// `strf`: 24 bits a pixel, rows from the bottom up.
fn bitmap_header(file: &mut BytesMut) {
    head(file, b"strf", BITMAP_HEADER);
    words(file, &[BITMAP_HEADER, WIDTH, HEIGHT]);
    file.put_u16_le(1);
    file.put_u16_le(24);
    words(file, &[0, FRAME_BYTES, 0, 0, 0, 0]);
}

/// Fills a frame: a field of the seed's colour with a bar that moves on by one place a second.
fn frame_into(file: &mut BytesMut, seed: u64, frame: u32) {
    let colour = mix(seed).to_le_bytes();
    let bar = frame * 4 % WIDTH;
    for _ in 0..HEIGHT {
        for x in 0..WIDTH {
            if (bar..bar + 4).contains(&x) {
                file.put_bytes(0xff, 3);
            } else {
                file.put_slice(&colour[..3]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(file: &[u8], at: usize) -> usize {
        let bytes: [u8; 4] = file[at..at + 4].try_into().unwrap();
        usize::try_from(u32::from_le_bytes(bytes)).unwrap()
    }

    /// Walks the chunks of one list and returns (name, start of content, length).
    fn chunks(file: &[u8], mut at: usize, end: usize) -> Vec<([u8; 4], usize, usize)> {
        let mut found = Vec::new();
        while at < end {
            let length = word(file, at + 4);
            found.push((file[at..at + 4].try_into().unwrap(), at + 8, length));
            at += 8 + length;
        }
        assert_eq!(at, end, "chunks fill their list exactly");
        found
    }

    #[test]
    fn every_chunk_of_the_video_has_the_length_it_says() {
        let file = video(9, 7_500);
        assert_eq!(&file[..4], b"RIFF");
        assert_eq!(word(&file, 4) + 8, file.len());
        let top = chunks(&file, 12, file.len());
        let names: Vec<&[u8]> = top.iter().map(|(_, at, _)| &file[*at..*at + 4]).collect();
        assert_eq!(names[..2], [b"hdrl", b"movi"]);
        let (_, hdrl, length) = top[0];
        let header = chunks(&file, hdrl + 4, hdrl + length);
        assert_eq!(&header[0].0, b"avih");
        chunks(&file, header[1].1 + 4, header[1].1 + header[1].2);
        let (_, movi, length) = top[1];
        let frames = chunks(&file, movi + 4, movi + length);
        assert_eq!(frames.len(), 8);
        assert!(frames.iter().all(|(name, _, _)| name == b"00db"));
        let (name, index, length) = top[2];
        assert_eq!((&name, length), (b"idx1", 8 * 16));
        // Each entry of the index points at its frame, counted from the name of the list.
        for (entry, frame) in frames.iter().enumerate() {
            assert_eq!(movi + word(&file, index + entry * 16 + 8), frame.1 - 8);
        }
    }

    #[test]
    fn covers_differ_and_are_svg() {
        assert!(cover(1).starts_with(b"<svg "));
        assert_ne!(cover(1), cover(2));
    }
}
