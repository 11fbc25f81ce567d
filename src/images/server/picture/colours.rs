//! What colours the numbers of a picture mean. What is kept has no profile, so it is sRGB, as everybody takes it to be then.

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Steps of a channel among the colours that two profiles are compared by.
const PROBES: [u8; 5] = [0, 64, 128, 192, 255];
/// Differences that rounding makes.
const ROUNDING: u8 = 2;

/// The same picture in sRGB. Where its profile cannot be read, or is not of three colours, its numbers stay as they are.
pub(super) fn to_srgb(picture: DynamicImage, profile: &[u8]) -> DynamicImage {
    let layout = if picture.color().has_alpha() { Layout::Rgba } else { Layout::Rgb };
    let Some(convert) = converter(profile, layout) else { return picture };
    if layout == Layout::Rgba {
        let mut picture = picture.into_rgba8();
        let row = usize::try_from(picture.width()).unwrap_or(0) * 4;
        convert(&mut picture, row);
        DynamicImage::ImageRgba8(picture)
    } else {
        let mut picture = picture.into_rgb8();
        let row = usize::try_from(picture.width()).unwrap_or(0) * 3;
        convert(&mut picture, row);
        DynamicImage::ImageRgb8(picture)
    }
}

/// Changes pixels, row by row; `None` where there is nothing to change.
fn converter(profile: &[u8], layout: Layout) -> Option<impl Fn(&mut [u8], usize)> {
    let profile = ColorProfile::new_from_slice(profile).ok().filter(|read| read.color_space == DataColorSpace::Rgb)?;
    let srgb = ColorProfile::new_srgb();
    let transform = |layout| profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default()).ok();
    let probes: Vec<u8> = PROBES
        .iter()
        .flat_map(|&r| PROBES.iter().flat_map(move |&g| PROBES.iter().flat_map(move |&b| [r, g, b])))
        .collect();
    let mut seen = probes.clone();
    transform(Layout::Rgb)?.transform(&probes, &mut seen).ok()?;
    if probes.iter().zip(&seen).all(|(probe, seen)| probe.abs_diff(*seen) <= ROUNDING) {
        return None;
    }
    let transform = transform(layout)?;
    Some(move |pixels: &mut [u8], row: usize| {
        let mut before = vec![0; row];
        for pixels in pixels.chunks_exact_mut(row.max(1)) {
            before.copy_from_slice(pixels);
            if transform.transform(&before, pixels).is_err() {
                pixels.copy_from_slice(&before);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder, Rgba, RgbaImage};

    use super::super::clean;
    use super::super::tests::read;
    use super::*;

    const MOST: usize = 4 * 1024 * 1024;

    /// A red that sRGB has, as Display P3 writes it down.
    const RED_OF_P3: [u8; 3] = [234, 51, 35];

    fn png(profile: Option<Vec<u8>>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = PngEncoder::new(&mut bytes);
        if let Some(profile) = profile {
            encoder.set_icc_profile(profile).unwrap();
        }
        encoder.write_image(&RED_OF_P3.repeat(64), 8, 8, ExtendedColorType::Rgb8).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_picture_of_another_profile_looks_the_same_in_srgb() {
        let colour = |bytes: &[u8]| read(&clean(bytes, MOST).unwrap().1).get_pixel(4, 4).0;
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        assert_eq!(colour(&png(None)), RED_OF_P3);
        let [red, green, blue] = colour(&png(Some(p3.clone())));
        assert!(red >= 254 && green <= 12 && blue <= 12, "{red} {green} {blue}");
        assert_eq!(
            colour(&png(ColorProfile::new_srgb().encode().ok())),
            RED_OF_P3,
            "no rounding where nothing changes"
        );
        for broken in [Vec::new(), b"ICC".to_vec(), p3[..p3.len() / 2].to_vec(), vec![0xFF; 4096]] {
            assert_eq!(colour(&png(Some(broken))), RED_OF_P3);
        }
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 100);
        encoder.set_icc_profile(p3).unwrap();
        encoder.write_image(&RED_OF_P3.repeat(64), 8, 8, ExtendedColorType::Rgb8).unwrap();
        let [red, green, blue] = colour(&jpeg);
        assert!(red >= 250 && green <= 16 && blue <= 16, "{red} {green} {blue}");
    }

    #[test]
    fn what_is_transparent_stays_so() {
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        let [red, green, blue] = RED_OF_P3;
        let glass = DynamicImage::ImageRgba8(RgbaImage::from_pixel(3, 2, Rgba([red, green, blue, 77])));
        let changed = to_srgb(glass, &p3).into_rgba8();
        assert!(changed.pixels().all(|pixel| pixel.0[0] >= 254 && pixel.0[3] == 77), "{changed:?}");
    }
}
