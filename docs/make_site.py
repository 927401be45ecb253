"""Lays the pages of the documentation out for the site: `make docs`.

Pages lie where they belong in the repository. Here they come into one folder, and their links lead
to where their targets came. A file that is no page, such as a module, comes along as it is.
"""

import os
import re
import shutil
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
OUTSIDE = {
    "README.md": "readme.md",
    "CHANGELOG.md": "changes.md",
    "config/README.md": "config.md",
    "benchmarks/peers/README.md": "peers-by-hand.md",
    "demo/README.md": "demo.md",
    "profiles/default/README.md": "profile-default.md",
    "profiles/hosts/README.md": "profile-hosts.md",
    "profiles/kubernetes/README.md": "profile-kubernetes.md",
    "profiles/slurm/README.md": "profile-slurm.md",
}
"""Pages outside of docs/, and their names on the site."""
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[)#])")
_FILES = "files"
"""Holds what pages link that is no page, by its path in the repository."""


def lay_out(target: Path) -> list[str]:
    """Write all pages below `target`; return a sentence for each link that leads nowhere."""
    shutil.rmtree(target, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(REPOSITORY / "docs", target, ignore=ignored)
    pages = {page: target / name for page, name in OUTSIDE.items()}
    for file in (REPOSITORY / "docs").rglob("*.md"):
        place = file.relative_to(REPOSITORY / "docs")
        pages[f"docs/{place.as_posix()}"] = target / place
    problems: list[str] = []
    for page, place in pages.items():
        text = (REPOSITORY / page).read_text("utf-8")
        written = _LINK.sub(
            lambda match, page=page, place=place: _lead(
                match[1], page, place, target, pages, problems
            ),
            text,
        )
        place.write_text(written, "utf-8")
    return problems


def _lead(
    link: str, page: str, place: Path, target: Path, pages: dict[str, Path], problems: list[str]
) -> str:
    """Return a link of a page as it is on the site, and bring along what it leads to."""
    if "://" in link or link.startswith("mailto:"):
        return link
    path = (REPOSITORY / page).parent.joinpath(link).resolve()
    if not path.exists() or not path.is_relative_to(REPOSITORY):
        problems.append(f"{page}: {link} leads nowhere.")
        return link
    name = path.relative_to(REPOSITORY).as_posix()
    if name in pages:
        there = pages[name]
    elif name.startswith("docs/") and not name.endswith(".py"):
        there = target / name.removeprefix("docs/")
    elif path.is_dir():
        problems.append(f"{page}: {link} is a folder: link a file in it.")
        return link
    else:
        there = target / _FILES / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, there)
    return Path(os.path.relpath(there, place.parent)).as_posix()


if __name__ == "__main__":
    broken = lay_out(Path(sys.argv[1]))
    if broken:
        sys.exit("\n".join(broken))
