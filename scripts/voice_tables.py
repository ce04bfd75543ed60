"""Tables of the audio encoder's figures: visemes made and real, closures, time, damaged sound."""

from __future__ import annotations

from typing import Any

from speed_tables import grid

Row = dict[str, Any]

VISEMES = ("visemes", "phones")
"""Files that the table of visemes needs."""

PARTS = {
    "aligned": "known words, aligned",
    "recognised_choose": "ordinary speech, choices were made on it",
    "recognised_report": "ordinary speech, the rest",
    "recognised_all": "ordinary speech, all",
}


def visemes_table(found: dict[str, Any]) -> str:
    """One line a viseme: what the audio encoder asks and the picture shows, and strangers' real mouths beside made."""
    shown = found["visemes"]["visemes"]
    seen = {row["viseme"]: row for row in list(found["phones"].values())[-1]["phones"]}
    body = [
        [
            row["viseme"],
            f"{row['asked_opening']:.3f} → {row['made_opening']:.3f}",
            f"{row['asked_width']:+.3f} → {row['made_width']:+.3f}",
            f"{row['tuck']:.2f}, {row['tongue']:.2f}",
            *_real(seen.get(row["viseme"])),
        ]
        for row in shown
    ]
    head = [
        "viseme",
        "opening, asked → shown",
        "width, asked → shown",
        "lip under teeth, tongue up",
        "phones",
    ]
    return grid([*head, "opening, real : asked", "width, real : asked"], body)


def _real(row: Row | None) -> list[str]:
    """Return how many phones strangers said, and their opening and width, real and asked for."""
    if row is None:
        return ["0", "-", "-"]
    opening = f"{row['real_opening']:.3f} : {row['made_opening']:.3f}"
    return [str(row["count"]), opening, f"{row['real_width']:+.3f} : {row['made_width']:+.3f}"]


def closures_table(rows: dict[str, Row]) -> str:
    """Closures at p, b, m that are kept, and open vowels that stay open, of every encoder."""
    body = [
        [
            name,
            said,
            f"{part['kept']} of {part['seen']}",
            f"{part['kept_share']:.2f}",
            f"{part['open_share']:.2f}",
        ]
        for name, row in rows.items()
        for key, said in PARTS.items()
        if (part := row.get(key))
    ]
    return grid(["encoder", "clips", "closures kept", "share", "open vowels kept"], body)


HEARD = {"tuck": "f v: lip under the teeth", "tongue": "th l: tongue raised"}
VOICES = {
    "strangers": "VCTK, nothing was learnt from it",
    "kept out": "kept out of the read-out",
    "kept out, damaged": "the same, damaged",
}


def articulation_table(found: dict[str, Any]) -> str:
    """Two lines a kind of voices: how well f v and th l are heard by the int8 file; then what is asked of the lips."""
    body = [
        [VOICES[voices], name, f"{row['auc']:.3f}", f"{row['f1']:.2f}", f"{row['phones_heard']:.2f} of {row['phones']}",
         f"{row['bursts_right']:.2f}", f"{row['closures_touched']:.3f}, {row['closures_covered']:.3f}"]
        for voices, precisions in found["voices"].items()
        for key, name in HEARD.items()
        for row in (precisions["int8"]["all"][key],)
    ]  # fmt: skip
    head = ["voices", "heard", "AUC", "F1, frames", "phones heard", "bursts that are right"]
    asked = [
        [VOICES[voices], *(f"{row[f'{key}_alone']:.3f} → {row[f'{key}_articulated']:.3f} of {row[count]}"
                           for key, count in (("p_b_m_shut", "closures"), ("f_v_apart", "phones")))]
        for voices, row in found["asked"].items()
    ]  # fmt: skip
    second = grid(["voices", "p b m asked shut, coefficients alone → with it", "f v asked apart"], asked)
    return f"{grid([*head, 'p b m touched, covered'], body)}\n\n{second}"


def damaged_table(rows: dict[str, Row]) -> str:
    """Return r of opening, width and jaw on ordinary speech whose sound was damaged, of every encoder."""
    ways = list(next(iter(rows.values())))
    body = [
        [
            way,
            *(
                " / ".join(f"{r:.2f}" for r in row[way]["all"]) if way in row else "-"
                for row in rows.values()
            ),
        ]
        for way in ways
    ]
    return grid(["sound", *rows], body)


JUDGES = ("real_fm", "judges_own")
"""Stages of one picture read twice: neither reading is moved."""


def chain_table(found: dict[str, Any]) -> str:
    """One line a stage between a voice and the picture: r with the speaker, with what was asked, and with the film."""
    body = []
    for row in found["stages"]:
        every = row["all"]
        cells = [_three(row["choose"]["r"]), _three(row["report"]["r"]), _three(every["r"])]
        cells += ["-" if row["stage"] in JUDGES else _three(every["in_time"]), _three(every["control"])]
        cells += [_three(every[key]) if key in every else "-" for key in ("asked", "source")]
        body.append([row["about"], *cells])
    head = ["opening / width / jaw", "CHOOSE", "REPORT", "all", "all, in own time", "another voice"]
    return (
        grid([*head, "with what is asked", "with the film"], body)
        + f"\n\n{found['dubs']} dubs, up to 6 s each."
    )


def _three(values: list[float]) -> str:
    return " / ".join(f"{value:.2f}" for value in values)
