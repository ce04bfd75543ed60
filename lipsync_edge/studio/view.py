"""View: what the page says, as HTML; every text that comes from a file or a person is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from lipsync_edge.errors import LipsyncError
from lipsync_edge.studio.history import REPORT, RESULT, SOURCE, Entry, History
from lipsync_edge.studio.runner import Progress, Task
from lipsync_edge.studio.several import Made

CONSENT = (
    "The people whose face and voice these are agree to this video, and I will say that it was made with AI."
)
MARK = (
    "Every result carries a mark that says it was made with AI: a note in the file, and a signature (C2PA) that shows "
    "whether the file was changed later. The picture does not show it. It is checked and shown beside the result."
)
EMPTY = (
    '<div class="ls-empty"><div class="ls-empty-art" aria-hidden="true"></div><p>Your video appears here.</p>'
    "<p>Choose a face and a voice on the left, or try the example.</p></div>"
)


def seconds_text(seconds: float) -> str:
    """Return a length for people: 0:07, 12:30, 1:02:03."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, last = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{last:02d}" if hours else f"{minutes}:{last:02d}"


def progress_card(task: Task) -> str:
    """Return how far a task is: a bar, what is being done, the time that is left."""
    now = task.progress
    part = min(1.0, now.done / now.total) if now.total else None
    bar = (
        f'<div class="ls-bar" role="progressbar" aria-label="{escape(task.title)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{part * 100:.0f}"><i style="width:{part * 100:.1f}%"></i></div>'
        if part is not None
        else f'<div class="ls-bar ls-bar-open" role="progressbar" aria-label="{escape(task.title)}"><i></i></div>'
    )
    return (
        f'<div class="ls-card ls-progress"><div class="ls-row"><b>{escape(task.title)}</b>'
        f"<span>{_left(now)}</span></div>{bar}<p>{_doing(now)}</p></div>"
    )


def _left(now: Progress) -> str:
    return "" if now.left_s is None else f"{seconds_text(now.left_s)} left"


def _doing(now: Progress) -> str:
    if not now.done:
        return escape(f"{now.said or 'starting'} … {seconds_text(now.elapsed_s)}")
    of = f" of {now.total}" if now.total else ""
    speed = f", {now.fps:.0f} a second" if now.fps >= 1 and now.unit == "frames" else ""
    return escape(f"{now.done}{of} {now.unit}{speed}; {seconds_text(now.elapsed_s)} so far")


# where uploads lie means nothing to anybody; only their own names are shown
_UPLOADS = re.compile(r"[^\s'\"]*lipsync-edge-studio-\w+[/\\](?:[0-9a-f]{64}[/\\]|example[/\\])?")


def shown(text: str) -> str:
    """Return a message as HTML, with uploads called by their own names."""
    return escape(_UPLOADS.sub("", text))


def error_card(error: LipsyncError) -> str:
    """Return an error in its three lines."""
    lines = [("Expected", error.expected), ("Got", error.got), ("What to do", error.fix)]
    rows = "".join(f"<dt>{name}</dt><dd>{shown(text)}</dd>" for name, text in lines if text)
    return f'<div class="ls-card ls-error" role="alert"><b>That did not work</b><dl>{rows}</dl></div>'


def note_card(text: str) -> str:
    """Return a short message."""
    return f'<div class="ls-card ls-note" role="status">{escape(text)}</div>'


def pair_player(source: str, result: str) -> str:
    """Return two videos, one over the other, with a line between them that can be moved, by their addresses."""
    return f"""<div class="ls-compare" data-ls-compare>
<div class="ls-stage">
<video class="ls-result" src="{escape(result)}" playsinline preload="auto" aria-label="Result, made with AI"></video>
<video class="ls-source" src="{escape(source)}" playsinline preload="auto" muted aria-label="Source"></video>
<div class="ls-line" aria-hidden="true"></div><span class="ls-tag ls-left">source</span>
<span class="ls-tag ls-right">result · AI</span>
<input class="ls-wipe" type="range" min="0" max="100" value="50" step="0.5" aria-label="Line between source and result">
</div>
<div class="ls-controls"><button type="button" class="ls-play" aria-label="Play">&#9654;</button>
<input class="ls-seek" type="range" min="0" max="1000" value="0" step="1" aria-label="Time">
<span class="ls-time">0:00</span></div></div>"""


def single_player(result: str) -> str:
    """Return one video by its address."""
    return (
        f'<video class="ls-single" src="{escape(result)}" controls playsinline preload="metadata" '
        'aria-label="Result, made with AI"></video>'
    )


def entry_card(entry: Entry, history: History) -> str:
    """Return a result: its player, what it is, its mark, and a link that downloads it."""
    base = f"/results/{entry.key}"
    both = history.file(entry.key, SOURCE) is not None
    player = (
        pair_player(f"{base}/{SOURCE}", f"{base}/{RESULT}") if both else single_player(f"{base}/{RESULT}")
    )
    name = f"{download_name(entry.title)}.mp4"
    notes = "".join(f"<p>{shown(note)}</p>" for note in entry.notes)
    options = f"<p><code>{escape(entry.options)}</code></p>" if entry.options else ""
    return (
        f'{player}<div class="ls-row ls-about"><div><b>{escape(entry.title)}</b><p>{escape(entry.summary)}</p>'
        f'{notes}{options}</div><a class="ls-button" href="{base}/{RESULT}?download=1" download="{escape(name)}">'
        f"Download</a></div>{mark_card(entry)}"
    )


def mark_card(entry: Entry) -> str:
    """Return what was marked, and what the check of the file found."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in entry.check)
    kind, head = (
        ("ls-good", "Marked as made with AI") if entry.marked else ("ls-bad", "Not marked as it should be")
    )
    return (
        f'<details class="ls-card ls-mark {kind}"><summary><b>{head}</b> <span>{escape(entry.mark)}</span></summary>'
        f"<p>Checked in the file itself:</p><ul>{lines}</ul></details>"
    )


def report_frame(key: str) -> str:
    """Return the evaluation's report of a result, which is a page of its own."""
    return (
        f'<iframe class="ls-report" src="/results/{key}/{REPORT}" sandbox title="Report of the evaluation"></iframe>'
        f'<p><a class="ls-link" href="/results/{key}/{REPORT}?download=1" download>Download the report</a></p>'
    )


def made_table(made: Sequence[Made]) -> str:
    """Return how the videos of a batch ended."""
    rows = "".join(
        f"<tr><td>{escape(one.title)}</td>"
        + (
            f'<td class="ls-ok">made</td><td><a class="ls-link" href="/results/{one.key}/{RESULT}?download=1" '
            f'download="{escape(download_name(one.title))}.mp4">Download</a></td></tr>'
            if one.key
            else f'<td class="ls-no">failed</td><td>{shown(one.error)}</td></tr>'
        )
        for one in made
    )
    return f'<table class="ls-table"><tr><th>face · voice</th><th></th><th></th></tr>{rows}</table>'


def download_name(title: str) -> str:
    """Return a name for a file of this title: letters, digits and dashes."""
    kept = "".join(letter if letter.isalnum() else "-" for letter in title)
    return "-".join(part for part in kept.split("-") if part)[:60] or "result"


def titled(face: Path, *voices: Path) -> str:
    """Return how a result of a face and its voices is called."""
    return f"{face.stem} · {', '.join(voice.stem for voice in voices)}"
