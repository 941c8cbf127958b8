//! How long a recording is at the most, where that can be read.
//!
//! A WAV of uncompressed samples says how many bytes a second has, and all bytes behind its format
//! count. An MP3 is walked frame by frame, from its tag in front to the one at its end. A file that a
//! decoder might read otherwise, such as one with bytes between its frames or with samples that are
//! narrower than they are wide, is not read at all, and of other containers nothing is told: silence
//! takes next to no bytes there.

/// Bit rates of layer III in kbit/s by their index: MPEG-1, and MPEG-2 and 2.5.
const RATES_1: [u64; 14] = [
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
];
const RATES_2: [u64; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// The most seconds that a file lasts, rounded up; none if that cannot be read.
pub(crate) fn most_seconds(file: &[u8]) -> Option<u64> {
    wav(file).or_else(|| mp3(file))
}

fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(width)?)?;
    let low_first = part.iter().rev();
    Some(low_first.fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn wav(file: &[u8]) -> Option<u64> {
    const EXTENSIBLE: u64 = 0xFFFE;
    /// What follows the tag in the name of a format of Microsoft's.
    const MICROSOFT: &[u8] = b"\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71";
    if file.get(..4)? != b"RIFF" || file.get(8..16)? != b"WAVEfmt " {
        return None;
    }
    let size = usize::try_from(number(file, 16, 4)?).ok()?;
    let format = file.get(20..20_usize.checked_add(size)?)?;
    let (channels, rate) = (number(format, 2, 2)?, number(format, 4, 4)?);
    let (block, bits) = (number(format, 12, 2)?, number(format, 14, 2)?);
    let tag = match number(format, 0, 2)? {
        EXTENSIBLE if number(format, 18, 2)? != bits => return None,
        EXTENSIBLE if format.get(26..40)? != MICROSOFT => return None,
        EXTENSIBLE => number(format, 24, 2)?,
        tag => tag,
    };
    // Whole numbers and fractions, not compressed; and no second format that could be meant.
    let behind = file.get(20_usize.checked_add(size)?..)?;
    let header = behind.get(..behind.len().min(4_096))?;
    let is_plain = matches!((tag, bits), (1, 8 | 16 | 24 | 32) | (3, 32 | 64));
    let is_whole = block == channels.checked_mul(bits / 8)?;
    if !is_plain || !is_whole || header.windows(4).any(|word| word == b"fmt ") {
        return None;
    }
    let second = block.checked_mul(rate)?;
    (second > 0).then(|| (behind.len() as u64).div_ceil(second))
}

fn mp3(file: &[u8]) -> Option<u64> {
    let frames = file.get(tag_bytes(file)?..)?;
    frame(frames)?;
    walked(frames)
}

/// The bytes of an ID3v2 tag in front; none of one that not everybody takes for a tag.
fn tag_bytes(file: &[u8]) -> Option<usize> {
    const FOOTER: u8 = 0x10;
    if file.get(..3) != Some(b"ID3".as_slice()) {
        return Some(0);
    }
    let head = file.get(3..10)?;
    let (version, sizes) = (head.get(..2)?, head.get(3..)?);
    let strange = version.contains(&0xFF) || sizes.iter().any(|byte| byte & 0x80 != 0);
    if strange || head.get(2)? & FOOTER != 0 {
        return None;
    }
    let size = sizes.iter();
    let size = size.fold(0_usize, |size, byte| size << 7 | usize::from(*byte));
    size.checked_add(10)
}

/// The seconds of frames that follow each other to the end, which may be an ID3v1 tag.
fn walked(mut frames: &[u8]) -> Option<u64> {
    const END_TAG_BYTES: usize = 128;
    let mut micros = 0_u64;
    while !frames.is_empty() {
        if frames.len() == END_TAG_BYTES && frames.starts_with(b"TAG") {
            break;
        }
        let (bytes, lasts) = frame(frames)?;
        micros = micros.checked_add(lasts)?;
        frames = frames.get(bytes..).unwrap_or_default();
    }
    // A decoder may add silence at both ends.
    Some(micros.div_ceil(1_000_000).saturating_add(1))
}

/// The size of the frame that begins here and how many microseconds it lasts, rounded up.
fn frame(bytes: &[u8]) -> Option<(usize, u64)> {
    let [first, second, third] = *bytes.first_chunk::<3>()?;
    let layer_3 = second & 0b110 == 0b010;
    if first != 0xFF || second & 0xE0 != 0xE0 || !layer_3 {
        return None;
    }
    let (rates, frequency, samples) = match second >> 3 & 0b11 {
        0b11 => (RATES_1, [44_100, 48_000, 32_000], 1_152),
        0b10 => (RATES_2, [22_050, 24_000, 16_000], 576),
        0b00 => (RATES_2, [11_025, 12_000, 8_000], 576),
        _ => return None,
    };
    let rate = usize::from(third >> 4).checked_sub(1)?;
    let kilobits: u64 = *rates.get(rate)?;
    let frequency: u64 = *frequency.get(usize::from(third >> 2 & 0b11))?;
    let padding = u64::from(third >> 1 & 1);
    let size = (samples / 8 * kilobits * 1_000 / frequency).saturating_add(padding);
    let micros = (samples * 1_000_000_u64).div_ceil(frequency);
    Some((usize::try_from(size).ok()?, micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav_of(tag: u8, channels: u8, rate: u32, bits: u8, data: usize) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        file.extend([tag, 0, channels, 0]);
        file.extend(rate.to_le_bytes());
        // What the header says of bytes in a second is not believed.
        file.extend([1, 0, 0, 0, channels * (bits / 8), 0, bits, 0]);
        file.extend(b"data\xFF\xFF\xFF\xFF");
        file.resize(file.len() + data, 0);
        file
    }

    fn mp3_of(frames: usize) -> Vec<u8> {
        // MPEG-1, layer III, 128 kbit/s, 44.1 kHz: 417 bytes.
        let mut one = vec![0xFF, 0xFB, 0x90, 0x00];
        one.resize(417, 0);
        one.repeat(frames)
    }

    #[test]
    fn a_wav_lasts_as_long_as_its_samples() {
        for (file, seconds) in [
            (wav_of(1, 1, 16_000, 16, 320_000), Some(11)),
            (wav_of(3, 2, 48_000, 32, 384_000), Some(2)),
            (wav_of(1, 1, 16_000, 16, 0), Some(1)),
            // Compressed, or without a rate.
            (wav_of(0x11, 1, 16_000, 4, 9_999), None),
            (wav_of(1, 1, 0, 16, 9_999), None),
            // Of a width that samples do not have.
            (wav_of(1, 1, 16_000, 12, 9_999), None),
            (wav_of(1, 1, 16_000, 248, 9_999), None),
        ] {
            assert_eq!(most_seconds(&file), seconds);
        }
        let mut narrow = wav_of(1, 2, 16_000, 16, 9_999);
        narrow[32] = 2;
        assert_eq!(most_seconds(&narrow), None);
        let mut twice = wav_of(1, 1, 192_000, 32, 10);
        twice.extend(b"fmt \x10\0\0\0");
        assert_eq!(most_seconds(&twice), None);
    }

    #[test]
    fn a_wav_that_says_more_of_its_format_must_say_one_thing() {
        let extensible = |valid: u8, name: &[u8]| {
            let mut file = b"RIFF\0\0\0\0WAVEfmt \x28\0\0\0\xFE\xFF\x01\0".to_vec();
            file.extend(16_000_u32.to_le_bytes());
            file.extend([0, 0, 0, 0, 2, 0, 16, 0, 22, 0, valid, 0, 0, 0, 0, 0]);
            file.extend(name);
            file.extend(b"data\xFF\xFF\xFF\xFF");
            file.resize(file.len() + 320_000, 0);
            most_seconds(&file)
        };
        let plain = b"\x01\0\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x71";
        assert_eq!(extensible(16, plain), Some(11));
        assert_eq!(extensible(8, plain), None);
        assert_eq!(
            extensible(16, b"\x01\0\0\0\0\0\x10\0\x80\0\0\xAA\0\x38\x9B\x72"),
            None
        );
    }

    #[test]
    fn an_mp3_lasts_as_long_as_its_frames() {
        // A hundred frames of 26.1 ms.
        assert_eq!(most_seconds(&mp3_of(100)), Some(4));
        let mut title = b"TAG".to_vec();
        title.resize(128, b' ');
        let tagged = [
            b"ID3\x04\0\0\0\0\0\x04abcd".as_slice(),
            &mp3_of(100),
            &title,
        ];
        assert_eq!(most_seconds(&tagged.concat()), Some(4));
    }

    #[test]
    fn of_an_mp3_that_a_decoder_may_read_otherwise_nothing_is_told() {
        let one = mp3_of(1);
        let more = mp3_of(1_000);
        for file in [
            [&one, b"bytes that are no frame".as_slice(), &more].concat(),
            [&one, b"TAG".as_slice(), &more].concat(),
            [&one, b"APETAGEX".as_slice(), &more].concat(),
            // Sizes of tags that some take for none, a version that is none, a footer.
            [b"ID3\x04\0\0\x80\x80\0\x04abcd".as_slice(), &one].concat(),
            [b"ID3\xFF\0\0\0\0\0\x04abcd".as_slice(), &one].concat(),
            [b"ID3\x04\0\x10\0\0\0\x04abcd".as_slice(), &one].concat(),
        ] {
            assert_eq!(most_seconds(&file), None);
        }
    }

    #[test]
    fn of_other_files_nothing_is_told() {
        for file in [
            b"OggS".as_slice(),
            b"fLaC",
            b"\0\0\0\x20ftypM4A ",
            b"",
            b"RIFF",
            b"\xFF\xFB",
        ] {
            assert_eq!(most_seconds(file), None);
        }
    }
}
