#!/usr/bin/env bash
# Pillow: `exif_transpose` turns a picture that has no Exif at all, if its XMP names an orientation. sharp and the image crate do not.
#
# Guess:  `ImageOps.exif_transpose` turns by the orientation in Exif, as its name says, and as browsers do; what has no Exif stays.
# Is so:  where Exif has no orientation, Pillow takes `tiff:Orientation` of the XMP packet. sharp and the image crate read Exif alone. A
#         picture whose editor turned the pixels, removed Exif and left XMP lies on its side after Pillow, but nowhere else, and a
#         mask made by one no longer fits the picture made by the other.
# Ours:   pictures are turned by Exif alone, once, when they come in, and are stored without either.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0
npm install --silent --no-audit --no-fund --prefix "$work" sharp@0.35.5
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[dependencies]
image = { version = "=0.25.10", default-features = false, features = ["jpeg", "png", "webp"] }
TOML
cat >src/main.rs <<'RUST'
use image::{DynamicImage, GenericImageView, ImageDecoder, ImageReader};

fn main() {
    for path in std::env::args().skip(1) {
        let mut decoder = ImageReader::open(path).unwrap().into_decoder().unwrap();
        let orientation = decoder.orientation().unwrap();
        let mut picture = DynamicImage::from_decoder(decoder).unwrap();
        picture.apply_orientation(orientation);
        let (width, height) = picture.dimensions();
        println!("{width} {height}");
    }
}
RUST
cargo build --quiet

cat >try.py <<'PY'
import subprocess
import sys

from PIL import Image, ImageOps, PngImagePlugin, __version__

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
SHARP = (
    "require('sharp')(process.argv[1]).autoOrient().toBuffer({ resolveWithObject: true })"
    ".then(({ info }) => console.log(info.width, info.height))"
)


def sizes(path):
    turned = ImageOps.exif_transpose(Image.open(path)).size
    by_sharp = subprocess.run(["node", "-e", SHARP, path], check=True, capture_output=True, text=True).stdout
    by_crate = subprocess.run(["target/debug/try", path], check=True, capture_output=True, text=True).stdout
    return turned, tuple(map(int, by_sharp.split())), tuple(map(int, by_crate.split()))


picture = Image.new("RGB", (40, 20), "teal")
packet = PngImagePlugin.PngInfo()
packet.add_itxt("XML:com.adobe.xmp", XMP)
exif = Image.Exif()
exif[0x0112] = 6
upright = Image.Exif()
upright[0x0112] = 1
picture.save("xmp.jpg", xmp=XMP.encode())
picture.save("xmp.webp", xmp=XMP.encode())
picture.save("xmp.png", pnginfo=packet)
picture.save("exif.jpg", exif=exif)
picture.save("both.jpg", exif=upright, xmp=XMP.encode())
print(f"Pillow {__version__}, sharp 0.35.5, crate image 0.25.10; the picture is 40 by 20")
as_described = True
LYING, STANDING = (40, 20), (20, 40)
for path, expected in [
    ("xmp.jpg", (STANDING, LYING, LYING)),
    ("xmp.webp", (STANDING, LYING, LYING)),
    ("xmp.png", (STANDING, LYING, LYING)),
    ("exif.jpg", (STANDING, STANDING, STANDING)),
    ("both.jpg", (LYING, LYING, LYING)),
]:
    seen = sizes(path)
    print(f"{path:9} Pillow {seen[0]}, sharp {seen[1]}, image {seen[2]}")
    as_described &= seen == expected
sys.exit(0 if as_described else "this is not what was seen before")
PY
env/bin/python try.py
