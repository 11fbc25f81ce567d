#!/usr/bin/env bash
# Pillow: a grey PNG with 16 bits becomes almost entirely white when it is converted, or saved in a format of 8 bits.
#
# Guess:  `convert("L")` scales 16 bits to 8, as it does for colours, where every value of a channel fills its range.
# Is so:  whatever is above 255 is cut to 255: of 65,536 greys, 65,281 come out white. Nothing warns. A PNG in 16-bit *colour*
#         is scaled when it is read, so a test with a coloured picture sees nothing. sharp scales both.
# Ours:   whoever makes pictures for tests, or thumbnails, of masks and depth maps with Pillow divides by 257 first.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
npm install --silent --no-audit --no-fund --prefix "$work" sharp@0.35.5

cat >"$work/try.py" <<'PY'
import struct
import subprocess
import sys
import zlib

from PIL import Image, __version__

GREYS = [0, 128, 256, 16448, 32896, 65535]


def png(colour_type, samples_per_pixel):
    """One row of these greys, by hand: 16 bits a sample."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"".join(struct.pack(">H", grey) * samples_per_pixel for grey in GREYS)
    header = struct.pack(">IIBBBBB", len(GREYS), 1, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")


def in_pillow(path):
    picture = Image.open(path).convert("L")
    return [picture.getpixel((x, 0)) for x in range(len(GREYS))]


def in_sharp(path):
    script = f"require('sharp')('{path}').toColourspace('b-w').raw().toBuffer().then(b => console.log(b.join(' ')))"
    return [int(word) for word in subprocess.run(["node", "-e", script], check=True, capture_output=True).stdout.split()]


for name, *kind in [("grey.png", 0, 1), ("colour.png", 2, 3)]:
    with open(name, "wb") as file:
        file.write(png(*kind))
Image.open("grey.png").save("grey.webp", lossless=True)
print("16 bits:                     ", GREYS)
scaled = [0, 0, 1, 64, 128, 255]
as_described = True
for name, seen, expected in [
    (f"Pillow {__version__}, grey.png", in_pillow("grey.png"), [0, 128, 255, 255, 255, 255]),
    (f"Pillow {__version__}, saved as WebP", in_pillow("grey.webp"), [0, 128, 255, 255, 255, 255]),
    (f"Pillow {__version__}, colour.png", in_pillow("colour.png"), scaled),
    ("sharp 0.35.5, grey.png", in_sharp("grey.png"), scaled),
]:
    print(f"{name:29}", seen)
    as_described &= len(seen) == len(expected) and all(abs(a - b) <= 1 for a, b in zip(seen, expected))
sys.exit(0 if as_described else "this is not what was seen before")
PY
cd "$work"
"$work/env/bin/python" try.py
