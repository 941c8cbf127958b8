//! How long a recording is at the most, where that can be read.
//!
//! A WAV of uncompressed samples says how many bytes a second has, and all bytes behind its format
//! count. An MP3 is walked frame by frame; where that fails, its lowest bit rate of 8 kbit/s
//! counts, which is the lowest that the standard knows (ISO/IEC 13818-3). Of other containers
//! nothing is told: silence takes next to no bytes there.

/// A second of an MP3 has no fewer bytes.
const LEAST_MP3_BYTES: u64 = 1_000;
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
    if file.get(..4)? != b"RIFF" || file.get(8..16)? != b"WAVEfmt " {
        return None;
    }
    let size = usize::try_from(number(file, 16, 4)?).ok()?;
    let format = file.get(20..20_usize.checked_add(size)?)?;
    let tag = match number(format, 0, 2)? {
        EXTENSIBLE => number(format, 24, 2)?,
        tag => tag,
    };
    // Whole numbers and fractions, not compressed; and no second format that could be meant.
    let behind = file.get(20_usize.checked_add(size)?..)?;
    let header = behind.get(..behind.len().min(4_096))?;
    if !matches!(tag, 1 | 3) || header.windows(4).any(|word| word == b"fmt ") {
        return None;
    }
    let (channels, rate, bits) = (
        number(format, 2, 2)?,
        number(format, 4, 4)?,
        number(format, 14, 2)?,
    );
    let second = channels.checked_mul(rate)?.checked_mul(bits.div_ceil(8))?;
    (second > 0).then(|| (behind.len() as u64).div_ceil(second))
}

fn mp3(file: &[u8]) -> Option<u64> {
    let tag = tag_bytes(file);
    let frames = file.get(tag..)?;
    frame(frames)?;
    let coarse = (file.len() as u64).div_ceil(LEAST_MP3_BYTES);
    Some(walked(frames).map_or(coarse, |exact| exact.min(coarse)))
}

/// The bytes of an ID3v2 tag in front.
fn tag_bytes(file: &[u8]) -> usize {
    if file.get(..3) != Some(b"ID3".as_slice()) {
        return 0;
    }
    let sizes = file.get(6..10).unwrap_or_default().iter();
    let size = sizes.fold(0_usize, |size, byte| size << 7 | usize::from(byte & 0x7F));
    size.saturating_add(10)
}

/// The seconds of frames that follow each other to the end, which may be a tag.
fn walked(mut frames: &[u8]) -> Option<u64> {
    let mut micros = 0_u64;
    while frames.len() >= 4 {
        if frames.starts_with(b"TAG") || frames.starts_with(b"APETAGEX") {
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
        file.extend([1, 0, 0, 0, 1, 0, bits, 0]);
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
        ] {
            assert_eq!(most_seconds(&file), seconds);
        }
        let mut twice = wav_of(1, 1, 192_000, 32, 10);
        twice.extend(b"fmt \x10\0\0\0");
        assert_eq!(most_seconds(&twice), None);
    }

    #[test]
    fn an_mp3_lasts_as_long_as_its_frames_or_as_its_lowest_rate() {
        // A hundred frames of 26.1 ms.
        assert_eq!(most_seconds(&mp3_of(100)), Some(4));
        let mut tagged = b"ID3\x04\0\0\0\0\0\x04abcd".to_vec();
        tagged.extend(mp3_of(100));
        tagged.extend(b"TAG and a title");
        assert_eq!(most_seconds(&tagged), Some(4));
        let mut strange = mp3_of(100);
        strange.extend(b"bytes that are no frame, at the end");
        let coarse = (strange.len() as u64).div_ceil(1_000);
        assert_eq!(most_seconds(&strange), Some(coarse));
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
