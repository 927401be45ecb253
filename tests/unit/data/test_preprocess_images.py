"""Every kind of image becomes a square RGB picture, or its sample is named."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError
from stored_data import write_samples

from vlmeter.data.manifests import UnusableSample, read_images_manifest
from vlmeter.data.pixels import FORMATS
from vlmeter.data.preprocess_images import encode_resized_png, preprocess_images
from vlmeter.data.samples import IMAGES
from vlmeter.errors import UserError
from vlmeter.storage.files import file_sha256
from vlmeter.storage.parquet import read_table


def encode(image, file_format="PNG", **options):
    out = io.BytesIO()
    image.save(out, format=file_format, **options)
    return out.getvalue()


def resize(data, size=8):
    image = Image.open(io.BytesIO(encode_resized_png(data, size)))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (size, size))
    return image


def read_colour(data):
    """Return the colour of an image that has only one."""
    colours = resize(data).getcolors()
    assert len(colours) == 1
    return colours[0][1]


def make_flat(mode, value, size=(4, 4)):
    return Image.new(mode, size, value)


def encode_palette(index_colour, **options):
    image = make_flat("P", 1)
    image.putpalette([0, 0, 0, *index_colour])
    return encode(image, **options)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encode(make_flat("RGB", (10, 20, 30))), (10, 20, 30)),
        (encode(make_flat("L", 90)), (90, 90, 90)),
        (encode(make_flat("1", 1)), (255, 255, 255)),
        (encode(make_flat("I;16", 0x5A00)), (90, 90, 90)),
        (encode(make_flat("I;16", 0xFFFF)), (255, 255, 255)),
        (encode_palette((10, 20, 30)), (10, 20, 30)),
        (encode_palette((10, 20, 30), transparency=1), (255, 255, 255)),
        (encode(make_flat("RGB", (1, 2, 3)), transparency=(1, 2, 3)), (255, 255, 255)),
        (encode(make_flat("CMYK", (0, 255, 255, 0)), "JPEG", quality=100), (255, 0, 0)),
        (encode(make_flat("RGBA", (10, 20, 30, 255))), (10, 20, 30)),
        (encode(make_flat("RGBA", (10, 20, 30, 0))), (255, 255, 255)),
        (encode(make_flat("RGBA", (0, 0, 0, 51))), (204, 204, 204)),
        (encode(make_flat("LA", (0, 0))), (255, 255, 255)),
        (encode(make_flat("RGB", (10, 20, 30), (1, 1))), (10, 20, 30)),
        (encode(make_flat("RGB", (10, 20, 30), (3000, 2))), (10, 20, 30)),
        (encode(make_flat("RGB", (0, 0, 255)), "GIF"), (0, 0, 255)),
        (encode(make_flat("RGB", (0, 0, 255)), "WEBP", lossless=True), (0, 0, 255)),
    ],
    ids=[
        "rgb", "grey", "black and white", "16 bits", "16 bits white", "palette",
        "transparent palette", "transparent colour", "cmyk", "opaque", "transparent",
        "half transparent", "transparent grey", "one pixel", "a thin line", "gif", "webp",
    ],
)  # fmt: skip
def test_an_image_of_any_mode_keeps_its_colour(data, expected):
    assert read_colour(data) == expected


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_of_several_pictures_in_a_file_the_first_is_the_image(kind):
    """Animated or of several pages."""
    pages = [make_flat("RGB", colour, (16, 16)) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"WEBP": {"lossless": True}, "MPO": {"quality": 100}}.get(kind, {})
    data = encode(pages[0], kind, save_all=True, append_images=pages[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert read_colour(data) == pytest.approx((255, 0, 0), abs=2)


def test_an_image_of_the_right_size_keeps_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(resize(encode(Image.fromarray(pixels)))), pixels)


def test_resizing_is_bicubic():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    expected = image.resize((8, 8), Image.Resampling.BICUBIC)
    assert resize(encode(image)).tobytes() == expected.tobytes()


def test_an_image_is_turned_upright_as_its_exif_says():
    left_red = Image.new("RGB", (8, 8), "blue")
    left_red.paste("red", (0, 0, 4, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = resize(encode(left_red, exif=exif))
    assert (upright.getpixel((4, 0)), upright.getpixel((4, 7))) == ((255, 0, 0), (0, 0, 255))


def test_the_same_image_gives_the_same_bytes():
    data = encode(Image.effect_mandelbrot((40, 40), (-2, -1, 1, 1), 20).convert("RGB"), "JPEG")
    assert encode_resized_png(data, 16) == encode_resized_png(data, 16)


def test_a_mode_that_does_not_define_white_is_refused():
    with pytest.raises(ValueError, match=r"^mode F says nothing about what is white"):
        encode_resized_png(encode(make_flat("F", 0.5), "TIFF"), 8)


def make_png_bomb(width, height):
    """Return a PNG of a few bytes whose header states many pixels."""

    def encode_chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + encode_chunk(b"IHDR", header)
        + encode_chunk(b"IDAT", b"")
        + encode_chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_before_it_is_decoded():
    with pytest.raises(ValueError, match=r"^10001 x 10000 pixels are more than 100000000$"):
        encode_resized_png(make_png_bomb(10_001, 10_000), 8)
    with pytest.raises(Image.DecompressionBombError):
        encode_resized_png(make_png_bomb(50_000, 50_000), 8)


@pytest.mark.parametrize(
    "program",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    ],
)
def test_a_file_that_is_a_program_is_no_image(program):
    with pytest.raises(UnidentifiedImageError):
        encode_resized_png(program, 8)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_pixels_is_an_image(kind):
    data = encode(make_flat("RGB", (200, 30, 30)), kind)
    assert encode_resized_png(data, 8)[:4] == b"\x89PNG"


GOOD = encode(Image.effect_noise((32, 32), 90).convert("RGB"))


@pytest.fixture
def preprocess(tmp_path):
    """Preprocess encoded images by id; return the images by id and the manifest."""

    def run(images, bad=(), size=8):
        stored = [{"id": id_, "image": data} for id_, data in images.items()]
        samples = write_samples(tmp_path / "photos/samples.parquet", stored, bad)
        out = tmp_path / "photos/img8"
        preprocess_images(samples, size, out / "i.parquet", out / "i.json")
        rows, manifest = read_table(out / "i.parquet"), read_images_manifest(out / "i.json")
        assert manifest.sha256 == file_sha256(out / "i.parquet")
        return {row["id"]: row["image"] for row in rows}, manifest

    return run


def test_images_keep_their_order_and_ids(preprocess):
    images, manifest = preprocess({id_: GOOD for id_ in "cab"})
    assert list(images) == ["c", "a", "b"]
    assert images["a"] == encode_resized_png(GOOD, 8)
    assert (manifest.dataset, manifest.image_size, manifest.n) == ("photos", 8, 3)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_that_cannot_be_decoded_is_named_and_left_out(preprocess):
    broken = {
        "cut": GOOD[: len(GOOD) // 2],
        "text": b"not an image",
        "bomb": make_png_bomb(10_001, 10_000),
        "huge bomb": make_png_bomb(60_000, 60_000),
        "header alone": GOOD[:20],
    }
    earlier = UnusableSample("x", "has no image")
    images, manifest = preprocess({**broken, "good": GOOD}, bad=[earlier])
    assert list(images) == ["good"]
    assert manifest.n == 1
    assert manifest.bad_samples[0] == earlier
    reasons = {sample.id: sample.reason for sample in manifest.bad_samples[1:]}
    assert list(reasons) == list(broken)
    assert all(reason.startswith("its image cannot be decoded (") for reason in reasons.values())
    assert not any("0x" in reason for reason in reasons.values())


def test_a_data_set_without_a_usable_image_is_refused(preprocess):
    with pytest.raises(UserError, match="no image can be decoded; the first: its image cannot"):
        preprocess({"a": b"", "b": b"x"})


def test_the_table_has_the_columns_that_cells_read(preprocess, tmp_path):
    import pyarrow.parquet as pq

    preprocess({"a": GOOD})
    assert pq.read_schema(tmp_path / "photos/img8/i.parquet") == IMAGES


def make_chunk(kind, data, checksum=None):
    checksum = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def add_chunk(png, chunk, at_end=False):
    """Put a chunk behind the header of a PNG, or before its end."""
    place = len(png) - 12 if at_end else 33
    return png[:place] + chunk + png[place:]


TURN = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
"""EXIF that asks for a quarter turn."""
METADATA = {
    "a text above a megabyte": make_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * (2 << 20))),
    "an international text above a megabyte": make_chunk(
        b"iTXt", b"k\0\x01\0\0\0" + zlib.compress(b"a" * (2 << 20))
    ),
    "EXIF that is none": make_chunk(b"eXIf", b"no TIFF at all"),
    "EXIF cut short": make_chunk(b"eXIf", TURN[:12]),
    "a wrong checksum": make_chunk(b"tEXt", b"k\0v", checksum=1),
    "EXIF with a wrong checksum": make_chunk(b"eXIf", TURN, checksum=1),
    "a broken profile": make_chunk(b"iCCP", b"profile"),
    "a broken gamma": make_chunk(b"gAMA", b"\0"),
    "a broken size": make_chunk(b"pHYs", b"\0"),
    "a chunk of its own": make_chunk(b"abCd", b"x"),
}


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("name", METADATA)
def test_metadata_of_a_png_do_not_decide_over_its_pixels(name, at_end):
    data = add_chunk(encode(make_flat("RGB", (10, 20, 30))), METADATA[name], at_end)
    assert read_colour(data) == (10, 20, 30)


def test_orientation_of_a_png_is_applied_beside_a_text_that_cannot_be_read():
    image = make_flat("RGB", (0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0))
    data = add_chunk(encode(image), make_chunk(b"eXIf", TURN))
    data = add_chunk(data, METADATA["a text above a megabyte"])
    turned = Image.open(io.BytesIO(encode_resized_png(data, 4)))
    assert turned.getpixel((3, 0)) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "JPEG"])
def test_exif_that_cannot_be_read_is_no_reason_in_other_formats(kind):
    data = encode(make_flat("RGB", (0, 0, 0)), kind, **(
        {} if kind == "TIFF" else {"exif": b"Exif\0\0no TIFF at all"}
    ))  # fmt: skip
    assert read_colour(data) == (0, 0, 0)


def test_pixels_of_a_png_that_are_cut_short_are_still_refused():
    data = encode(Image.effect_noise((64, 64), 90))
    with pytest.raises((OSError, SyntaxError)):
        encode_resized_png(data[: len(data) // 2], 8)


@pytest.mark.parametrize("brightest", [1, 255, 1023, 4095])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_grey_in_a_part_of_16_bits_is_refused_with_its_depth(brightest, file_format):
    data = encode(make_flat("I;16", brightest), file_format)
    with pytest.raises(ValueError, match=f"values end at {brightest} of 65535: .* bits are stored"):
        encode_resized_png(data, 8)


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (4096, 16), (0x8000, 128)])
def test_dark_grey_in_all_of_16_bits_is_a_picture(value, grey):
    assert read_colour(encode(make_flat("I;16", value))) == (grey,) * 3


def test_grey_of_12_bits_is_scaled_by_the_depth_that_a_tiff_states():
    """Two values of 12 bits in three bytes, as a TIFF packs them; Pillow writes none itself."""
    entries = [(256, 2), (257, 2), (258, 12), (259, 1), (262, 1), (273, 134), (277, 1), (278, 2)]
    entries.append((279, 6))
    folder = struct.pack("<H", len(entries))
    folder += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    head = b"II*\0\x08\0\0\0" + folder + b"\0\0\0\0"
    data = head.ljust(134, b"\0") + b"\x80\x08\x00" * 2
    assert read_colour(data) == (128,) * 3


@pytest.mark.parametrize(
    ("size", "stored"),
    [
        ((80, 20), (32, 8)),
        ((20, 80), (8, 32)),
        ((31, 31), (16, 16)),
        # None is enlarged.
        ((12, 7), (12, 7)),
        ((16, 16), (16, 16)),
        # A side of one pixel stays one.
        ((5000, 1), (256, 1)),
        ((1, 5000), (1, 256)),
    ],
)
def test_an_image_that_keeps_its_form_has_no_more_pixels_than_the_square(size, stored):
    data = encode(Image.new("RGB", size, "red"), "PNG")
    kept = Image.open(io.BytesIO(encode_resized_png(data, 16, keeps_aspect_ratio=True)))
    assert kept.size == stored


def test_the_table_holds_the_size_of_each_image(tmp_path):
    rows = [
        {"id": name, "image": encode(Image.new("RGB", size), "PNG"), "question": ""}
        for name, size in (("wide", (40, 10)), ("high", (5, 9)))
    ]
    manifest = write_samples(tmp_path / "photos/samples.parquet", rows)
    for kept, sizes in ((True, [(16, 4), (5, 9)]), (False, [(8, 8), (8, 8)])):
        table = tmp_path / f"{kept}.parquet"
        preprocess_images(manifest, 8, table, table.with_suffix(".json"), keeps_aspect_ratio=kept)
        assert [(row["width"], row["height"]) for row in read_table(table)] == sizes
        described = read_images_manifest(table.with_suffix(".json"))
        assert described.keeps_aspect_ratio == kept
