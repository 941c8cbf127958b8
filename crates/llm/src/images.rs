//! How many tokens an image counts as, by the providers' published formulas.
//!
//! OpenAI: developers.openai.com, images and vision, calculating costs (read 2026-11).
//! Anthropic: platform.claude.com, vision (read 2026-11): larger images are scaled down, so
//! that one never counts more than a maximum.
//! Google: ai.google.dev, image understanding, token calculation (by excerpts, 2026-11).

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::envelope::Detail;
use crate::prices::ImageRule;

/// Pixels across and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u64,
    /// Pixels down.
    pub height: u64,
}

/// The most tokens an image counts as; the largest of its kind if the size is not known, and none
/// where there is no largest.
pub fn tokens(rule: ImageRule, detail: Detail, size: Option<Size>) -> Option<u64> {
    Some(match rule {
        ImageRule::Tiles { base, .. } if detail == Detail::Low => base,
        ImageRule::Tiles { base, tile } => {
            base.saturating_add(tile.saturating_mul(size.map_or(MOST_TILES, tiles)))
        }
        ImageRule::Patches {
            most,
            original,
            permille,
        } => {
            let most = if detail == Detail::Original {
                original
            } else {
                most
            };
            let patches = size.map_or(most, |size| patches(size).min(most));
            patches.saturating_mul(permille).div_ceil(1000)
        }
        ImageRule::Most(most) => most,
        ImageRule::Crops { tile } => tile.saturating_mul(crops(size?)),
    })
}

/// The largest side of a tile of Google's.
const CROP_MOST: u64 = 768;

/// A small image is one tile; a larger one is cropped into squares of two thirds of its shorter
/// side, and of no more than a tile.
fn crops(size: Size) -> u64 {
    let (width, height) = (size.width.max(1), size.height.max(1));
    if width <= 384 && height <= 384 {
        return 1;
    }
    let unit = (width.min(height).saturating_mul(2) / 3).clamp(1, CROP_MOST);
    width.div_ceil(unit).saturating_mul(height.div_ceil(unit))
}

/// After scaling into 2048 × 2048 and to a shortest side of 768: four by two.
const MOST_TILES: u64 = 8;

fn tiles(size: Size) -> u64 {
    let (long, short) = (
        size.width.max(size.height).max(1),
        size.width.min(size.height).max(1),
    );
    // Into the square; rounded up, so that no tile is missed.
    let (long, short) = match long > 2048 {
        true => (2048, short.saturating_mul(2048).div_ceil(long)),
        false => (long, short),
    };
    let (long, short) = match short > 768 {
        true => (long.saturating_mul(768).div_ceil(short), 768),
        false => (long, short),
    };
    long.div_ceil(512)
        .saturating_mul(short.div_ceil(512))
        .min(MOST_TILES)
}

fn patches(size: Size) -> u64 {
    size.width
        .max(1)
        .div_ceil(32)
        .saturating_mul(size.height.max(1).div_ceil(32))
}

/// How much of an image is looked at to find its size.
const HEADER_BYTES: usize = 64 * 1024;

/// The size of an image in base64, as its header states it: PNG, GIF, JPEG, WebP.
///
/// None if the header is not understood; then the largest size counts.
pub fn size(base64_text: Option<&[u8]>) -> Option<Size> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
    let text = base64_text?;
    let length = text.len().min(HEADER_BYTES / 3 * 4) / 4 * 4;
    let header = engine.decode(text.get(..length)?).ok()?;
    png(&header)
        .or_else(|| gif(&header))
        .or_else(|| webp(&header))
        .or_else(|| jpeg(&header))
}

fn big(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    Some(
        field
            .iter()
            .fold(0, |value, &byte| (value << 8) | u64::from(byte)),
    )
}

fn little(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    Some(
        field
            .iter()
            .rev()
            .fold(0, |value, &byte| (value << 8) | u64::from(byte)),
    )
}

fn png(bytes: &[u8]) -> Option<Size> {
    bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    (bytes.get(12..16)? == b"IHDR").then_some(())?;
    Some(Size {
        width: big(bytes, 16, 4)?,
        height: big(bytes, 20, 4)?,
    })
}

fn gif(bytes: &[u8]) -> Option<Size> {
    bytes.strip_prefix(b"GIF8")?;
    Some(Size {
        width: little(bytes, 6, 2)?,
        height: little(bytes, 8, 2)?,
    })
}

fn webp(bytes: &[u8]) -> Option<Size> {
    bytes.strip_prefix(b"RIFF")?;
    (bytes.get(8..12)? == b"WEBP").then_some(())?;
    match bytes.get(12..16)? {
        b"VP8X" => Some(Size {
            width: little(bytes, 24, 3)?.saturating_add(1),
            height: little(bytes, 27, 3)?.saturating_add(1),
        }),
        b"VP8 " => Some(Size {
            width: little(bytes, 26, 2)? & 0x3FFF,
            height: little(bytes, 28, 2)? & 0x3FFF,
        }),
        b"VP8L" => {
            let bits = little(bytes, 21, 4)?;
            Some(Size {
                width: (bits & 0x3FFF) + 1,
                height: ((bits >> 14) & 0x3FFF) + 1,
            })
        }
        _ => None,
    }
}

/// Walks over the segments to the first frame header.
fn jpeg(bytes: &[u8]) -> Option<Size> {
    bytes.strip_prefix(b"\xff\xd8")?;
    let mut at = 2_usize;
    loop {
        (bytes.get(at)? == &0xFF).then_some(())?;
        let marker = *bytes.get(at.checked_add(1)?)?;
        let body = at.checked_add(2)?;
        match marker {
            0xFF => at = at.checked_add(1)?,
            0x01 | 0xD0..=0xD8 => at = body,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                return Some(Size {
                    height: big(bytes, body.checked_add(3)?, 2)?,
                    width: big(bytes, body.checked_add(5)?, 2)?,
                });
            }
            _ => at = body.checked_add(usize::try_from(big(bytes, body, 2)?).ok()?)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    const GPT_4O: ImageRule = ImageRule::Tiles {
        base: 85,
        tile: 170,
    };
    const GPT_4_1_MINI: ImageRule = ImageRule::Patches {
        most: 1536,
        original: 1536,
        permille: 1620,
    };

    fn of(width: u64, height: u64) -> Option<Size> {
        Some(Size { width, height })
    }

    /// The worked examples of OpenAI's guide (images and vision, calculating costs).
    #[test]
    fn the_published_examples_come_out() {
        assert_eq!(tokens(GPT_4O, Detail::High, of(1024, 1024)), Some(765));
        assert_eq!(tokens(GPT_4O, Detail::High, of(2048, 4096)), Some(1105));
        assert_eq!(tokens(GPT_4O, Detail::Low, of(4096, 8192)), Some(85));
        assert_eq!(
            tokens(
                ImageRule::Patches {
                    most: 1536,
                    original: 1536,
                    permille: 1000
                },
                Detail::High,
                of(1024, 1024)
            ),
            Some(1024)
        );
    }

    /// The worked example of Google's guide (image understanding, token calculation).
    #[test]
    fn long_images_are_cropped_into_more_tiles() {
        let rule = ImageRule::Crops { tile: 258 };
        assert_eq!(tokens(rule, Detail::High, of(384, 384)), Some(258));
        assert_eq!(tokens(rule, Detail::High, of(960, 540)), Some(6 * 258));
        assert_eq!(tokens(rule, Detail::High, of(6000, 10)), Some(2000 * 258));
        assert_eq!(tokens(rule, Detail::High, of(1152, 1152)), Some(4 * 258));
        assert_eq!(tokens(rule, Detail::High, of(5000, 5000)), Some(49 * 258));
        assert_eq!(tokens(rule, Detail::High, None), None);
    }

    #[test]
    fn an_image_of_unknown_size_counts_as_the_largest() {
        assert_eq!(tokens(GPT_4O, Detail::High, None), Some(85 + 8 * 170));
        assert_eq!(tokens(GPT_4_1_MINI, Detail::High, None), Some(2489));
        assert_eq!(tokens(ImageRule::Most(4784), Detail::Low, None), Some(4784));
    }

    #[test]
    fn sizes_are_read_from_headers() {
        let read = |bytes: &[u8]| size(Some(STANDARD.encode(bytes).as_bytes()));
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 0, 2, 0x80, 0, 0, 1, 0xE0, 8, 6, 0, 0, 0]);
        assert_eq!(read(&png), of(640, 480));
        assert_eq!(read(b"GIF89a\x80\x02\xe0\x01\0\0\0\0"), of(640, 480));
        let jpeg =
            b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\x01\xe0\x02\x80\x03\0\0\0\0\0\0\0\0\0";
        assert_eq!(read(jpeg), of(640, 480));
        assert_eq!(
            read(b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0"),
            of(640, 480)
        );
        for broken in [
            &b"\x89PNG\r\n\x1a\n"[..],
            b"\xff\xd8\xff\xe0\xff\xff",
            b"",
            b"%PDF-1.7",
            &[0xFF; 900],
        ] {
            assert_eq!(read(broken), None);
        }
        assert_eq!(size(Some(b"not base64!!")), None);
    }

    proptest! {
        #[test]
        fn no_size_counts_more_than_an_unknown_one(width in any::<u32>(), height in any::<u32>()) {
            let size = of(width.into(), height.into());
            for rule in [GPT_4O, GPT_4_1_MINI, ImageRule::Most(4784)] {
                for detail in [Detail::Low, Detail::High, Detail::Original] {
                    prop_assert!(tokens(rule, detail, size) <= tokens(rule, detail, None));
                }
            }
        }

        #[test]
        fn any_bytes_have_a_size_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = size(Some(STANDARD.encode(&bytes).as_bytes()));
            let _ = size(Some(&bytes));
        }
    }
}
