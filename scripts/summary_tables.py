"""Tables drawn from several files of rows: the README's summary, live sessions, dubbing."""

from __future__ import annotations

from typing import Any

from speed_tables import grid

Row = dict[str, Any]

SUMMARY = ("run", "ratio", "start", "table2")
"""Files that the README's table needs."""


def summary_table(found: dict[str, Any]) -> str:
    """The bundled presets side by side: speed, memory, waiting, and the honest dubbing figure with its control."""
    presets = list(found["start"]["first_frame_s"])
    runs = {row["preset"]: row for row in reversed(found["run"])}  # the first run of each is the usual clip
    ratios = {row["name"]: row for row in found["ratio"]["rows"]}
    waits = found["start"]["first_frame_s"]
    judged = {row["preset"]: row for row in found["table2"]["rows"]}
    size = runs[presets[0]]["size"].replace("x", "×")
    lines = {
        f"frames a second, {size}, start to finished file": [f"{runs[name]['fps']:.0f}" for name in presets],
        "times the published wav2lip-hq in PyTorch": [f"{ratios[name]['ratio']:.0f}" for name in presets],
        "processor time a frame, all threads": [f"{runs[name]['cpu_ms']:.0f} ms" for name in presets],
        "most memory": [f"{runs[name]['peak_mb']:.0f} MB" for name in presets],
        "first frame, from a fresh process": [f"{waits[name]['median']:.2f} s" for name in presets],
        "another's voice: opening r (with shuffled sound)": [
            f"{judged[name]['cross']['opening_r']:.2f} ({judged[name]['cross_shuffled']['opening_r']:.2f})"
            for name in presets
        ],
    }
    machine = found["start"]["machine"]
    body = [[what, *values] for what, values in lines.items()]
    return grid(["", *(f"`{name}`" for name in presets)], body) + (
        f"\n\n{machine['processor']}, {machine['cores']} cores, no GPU."
    )


def live_table(rows: list[Row]) -> str:
    """Live sessions paced by the clock: what was dropped, and how late frames were."""
    rows = [row for row in rows if "measured" not in row]
    if not rows:
        return "Not measured yet."
    body = [
        [
            str(row["streams"]),
            f"{row['minutes']:g}",
            str(row["slots"]),
            str(row["dropped"]),
            str(row["starved"]),
            f"{row['latency_p50_ms']:.0f} / {row['latency_p95_ms']:.0f}",
            f"{row['first_frame_p50_ms']:.0f} / {row['first_frame_p95_ms']:.0f}",
            f"{row['cpu_ms_per_slot']:.1f}",
            f"{row['memory_mb']:.0f}",
            f"{row['load']:.1f}",
        ]
        for row in rows
    ]
    headings = [
        "streams",
        "minutes",
        "slots",
        "dropped",
        "without sound in time",
        "latency p50 / p95 ms",
        "first frame p50 / p95 ms",
        "CPU ms a slot",
        "MB",
        "load at the end",
    ]
    one = rows[0]
    return grid(headings, body) + (
        f"\n\n`{one['preset']}` at {one['fps']:g} frames a second, {one['size']}, on {one['device']}, "
        f"{one['cores']} cores."
    )


def dubbing_table(found: dict[str, Any]) -> str:
    """Strangers' voices on strangers' faces: the means, then each voice and each face."""
    mean = found["mean"]
    as_is = [mean["r"], mean["control_r"], mean["amplitude"], mean["closures"]]
    in_time = [mean["in_time_r"], mean["in_time_control_r"]]
    means = [
        ["as the files are", *(f"{value:.2f}" for value in as_is)],
        ["each voice in its own time", *(f"{value:.2f}" for value in in_time), "-", "-"],
    ]
    voices = [
        [_stem(row["voice"]), f"{found['r_by_voice'][row['voice']]:.2f}", *_in_time(row)]
        for row in found["in_time"]
    ]
    faces = [[_stem(face), f"{r:.2f}"] for face, r in found["r_by_face"].items()]
    tables = [
        grid(["mean of all pairs", "r ↑", "control", "amplitude → 1", "closures kept ↑"], means),
        grid(
            ["voice", "r ↑", "in its own time ↑", "control, in its own time", "sound late by, frames"], voices
        ),
        grid(["face", "r ↑"], faces),
        f"`{found['preset']}`, {len(found['pairs'])} pairs, up to {found['seconds']:g} s each.",
    ]
    return "\n\n".join(tables)


def _in_time(row: Row) -> list[str]:
    return [f"{row['r']:.2f}", f"{row['control_r']:.2f}", str(row["sound_late"])]


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]


FIGURES: dict[str, tuple[str, str | None]] = {
    "mouth PSNR, own voice, dB": ("psnr_made", "psnr_wrong"),
    "the same of a copied reference, dB": ("psnr_copy", None),
    "mouth SSIM, own voice": ("ssim_made", "ssim_wrong"),
    "the same of a copied reference": ("ssim_copy", None),
    "dubs that the sync expert finds within one frame": ("offset_within_one", "wrong_voice_within_one"),
    "its confidence": ("confidence", "wrong_confidence"),
    "sharpness of the mouth over the source's": ("sharpness", None),
    "largest difference outside the mask, grey levels": ("outside_mask", None),
    "flicker (source's own)": ("flicker", "flicker_source"),
}
"""What a line says → figure, and what it is held against."""


def lips_table(found: dict[str, Any]) -> str:
    """Pictures of the bundled lips, with a wrong voice (or the source) in brackets."""
    presets = list(found)
    body = []
    for said, (name, control) in FIGURES.items():
        cells = []
        for preset in presets:
            summary = found[preset]["summary"]
            held = f" ({_number(name, summary[control])})" if control else ""
            cells.append(_number(name, summary[name]) + held)
        body.append([said, *cells])
    return grid(["", *(f"`{preset}`" for preset in presets)], body)


def _number(name: str, value: float) -> str:
    if name.endswith("within_one"):
        return f"{value:.0%}"
    return f"{value:.1f}" if name.startswith("psnr") else f"{value:.2f}".removesuffix(".00")


OWN = {
    "opening_asked": "opening, r with what is asked",
    "width_asked": "width",
    "jaw_asked": "jaw",
    "opening_wrong_voice": "opening, r with what another voice asks (control)",
    "opening_speaker": "opening, r with the voice's real speaker",
    "width_speaker": "width",
    "jaw_speaker": "jaw",
    "opening_source": "the source shows through, opening (partial r)",
    "width_source": "width",
    "jaw_source": "jaw",
    "amplitude": "amplitude over the speaker's in the film",
    "closures": "closures kept where shut lips are asked",
    "closures_wrong_voice": "the same where another voice asks them (control)",
    "sharpness": "sharpness between the lips over the source's",
    "light_jumps": "brightness jumps there over the source's",
    "flicker": "flicker over the source's",
}


def own_mouth_table(found: dict[str, Any]) -> str:
    """Mouths by the networks alone beside the person's own, on both halves of ordinary speech."""
    halves = [half for half in ("report", "choose") if half in found]
    head = ["", *(f"{half}: {way}" for half in halves for way in found[half]["mean"])]
    columns = [mean for half in halves for mean in found[half]["mean"].values()]
    return grid(head, [[what, *(f"{mean[key]:.2f}" for mean in columns)] for key, what in OWN.items()])
