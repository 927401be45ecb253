"""Pictures of a finished study's page for the README, by headless Chromium.

`python docs/make_pictures.py results/demo/study.html docs/images`, or `make pictures`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PICTURES = {
    "answer": ("", 1280, 1200),
    "section": ("knobs", 1280, 580),
    "layers": ("layers", 1280, 880),
    "gallery": ("gallery", 1280, 720),
}
"""Of each picture: the part of the page, none for its beginning, and width and height."""
COLOURS = 96
"""Few enough for a small file; a page of text and flat surfaces needs no more."""


def photograph(page: str, part: str, width: int, height: int, target: Path) -> None:
    """Write a picture of a page, or of one of its parts alone."""
    others = f"header, nav, main > :not(#{part}) {{ display: none !important; }}"
    hidden = f"<style>{others} section {{ border: 0 !important; }}</style></head>"
    with tempfile.TemporaryDirectory() as folder:
        copy, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        # Chromium's screenshots of an anchor are blank; so the rest is hidden instead.
        copy.write_text(page.replace("</head>", hidden, 1) if part else page)
        options = [
            *("--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"),
            *(f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"),
        ]
        command = [browser(), *options, f"--screenshot={shot}", copy.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(shot) as picture:
            target.parent.mkdir(parents=True, exist_ok=True)
            picture.convert("RGB").quantize(COLOURS).save(target, optimize=True)


def browser() -> str:
    """Return the first Chromium that starts."""
    for name in CHROMIUM:
        try:
            subprocess.run([name, "--version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return name
    sys.exit(f"None of {', '.join(CHROMIUM)} is installed: pictures are made by one of them.")


def main() -> None:
    """Make every picture of the page that the command line names."""
    page, folder = map(Path, sys.argv[1:3])
    if not page.is_file():
        sys.exit(f"{page} does not exist: run `make demo` first.")
    for name, (part, width, height) in PICTURES.items():
        target = folder / f"{name}.png"
        photograph(page.read_text(), part, width, height, target)
        print(f"{target}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
