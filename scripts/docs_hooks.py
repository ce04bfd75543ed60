"""MkDocs hooks: pages that are made of the code at build time, and links that lead out of `docs/`.

`mkdocs.yml` names this file. Nothing that it makes is written into the repository.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from docs_api import api_page, error_page  # noqa: E402 - found by the path above
from docs_cli import cli_page  # noqa: E402
from docs_tables import TABLES  # noqa: E402

INCLUDED = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "measurements/speed.md": "benchmarks/NOTES.md",
    "measurements/benchmarks.md": "benchmarks/README.md",
    "measurements/export.md": "export/README.md",
}
"""Page of the site → file of the repository that is shown as that page."""

PICTURES = ("benchmarks/results/*.png", "examples/kiosk/*.jpg")
"""Pictures outside `docs/` that pages may show."""

_LINK = re.compile(r"(\]\()([^)#\s]+)([^)]*\))")
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(
    r"`[^`\n]*`"
)  # where a table's "|" is escaped for GitHub, which this Markdown shows as it stands
_MARK = re.compile(r"<!-- generated: (\w+) -->")


def cards() -> list[Path]:
    """Return the cards of the bundled networks."""
    return sorted((ROOT / "models_onnx").glob("*.md"))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the cards that there are to the navigation."""
    for section in config.nav or []:
        if isinstance(section, dict) and "Models" in section:
            section["Models"] += [{card.stem: f"models/{card.name}"} for card in cards()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated and included pages, and the pictures that they show."""
    made = {"cli.md": cli_page(ROOT), "api.md": api_page(), "errors.md": error_page()}
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    sources = INCLUDED | {f"models/{card.name}": f"models_onnx/{card.name}" for card in cards()}
    for place, source in sources.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text("utf-8")))
    for pattern in PICTURES:
        for path in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, f"assets/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill generated tables, and turn links to files of the repository into links to pages or to the repository."""
    place = page.file.src_uri
    text = _MARK.sub(lambda mark: TABLES[mark[1]](ROOT), markdown)
    text = _ROW.sub(lambda row: _CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), text)
    source = INCLUDED.get(place) or (
        f"models_onnx/{Path(place).name}" if place in _card_pages() else f"docs/{place}"
    )
    return _LINK.sub(lambda link: link[1] + _target(link[2], place, source, config) + link[3], text)


def _card_pages() -> set[str]:
    return {f"models/{card.name}" for card in cards()}


def _target(link: str, place: str, source: str, config: MkDocsConfig) -> str:
    """Where a link of a page leads on the site; only links that leave the page's own tree change."""
    if "://" in link or link.startswith(("/", "mailto:")):
        return link
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    if wanted.startswith("docs/"):
        return _from(place, wanted.removeprefix("docs/"))
    pages = {file: page for page, file in INCLUDED.items()} | {
        f"models_onnx/{Path(page).name}": page for page in _card_pages()
    }
    if wanted in pages:
        return _from(place, pages[wanted])
    if any(Path(wanted).match(pattern) for pattern in PICTURES):
        return _from(place, f"assets/{Path(wanted).name}")
    if not (ROOT / wanted).exists():
        return link  # MkDocs says that it leads nowhere, or knows it as a generated page
    kind = "tree" if (ROOT / wanted).is_dir() else "blob"
    return f"{(config.repo_url or '').rstrip('/')}/{kind}/main/{wanted}"


def _from(place: str, target: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(place) or ".")
