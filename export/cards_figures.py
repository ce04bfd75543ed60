"""The figures of the model cards: measured rows → Markdown tables, the worst of each named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lipsync_edge.figures import markdown_table as table

Row = dict[str, Any]
Rows = Callable[[str], Any]
NOTHING = "Not measured."


def detect(rows: Rows) -> str:
    """Return recall, false boxes and landmarks of the detector, clip by clip."""
    found = rows("train_edge_detect")
    if not found:
        return NOTHING
    mean, clips = found["mean_over_frames"], found["clips"]
    body = [_detect_row("all frames", mean)] + [_detect_row(row["clip"], row) for row in clips]
    worst = max(clips, key=lambda row: row["landmark_error"])
    false = max(clips, key=lambda row: row["false_per_100"])
    missed = min(clips, key=lambda row: row["recall"])
    head = [
        "evaluation clip",
        "recall at IoU 0.5",
        "false boxes a hundred frames",
        "landmark error",
        "of it constant",
    ]
    return (
        f"At threshold {found['threshold']}; landmark errors in eye distances.\n\n{table(head, body)}\n\n"
        f"Worst: landmarks on {worst['clip']} ({worst['landmark_error']:.1%}), recall on {missed['clip']} "
        f"({missed['recall']:.2%}), false boxes on {false['clip']} ({false['false_per_100']:.2f})."
    )


def _detect_row(name: str, row: Row) -> list[str]:
    values = [f"{row['recall']:.2%}", f"{row['false_per_100']:.2f}"]
    return [name, *values, f"{row['landmark_error']:.1%}", f"{row['bias']:.1%}"]


def segment(rows: Rows) -> str:
    """Return the overlap with the teacher's regions, set by set."""
    found = rows("train_edge_segment")
    if not found:
        return NOTHING
    classes = list(found["sets"][0]["iou"])
    body = [
        [
            one["name"],
            str(one["pictures"]),
            *(f"{one['iou'][key]:.3f}" for key in classes),
            f"{one['flicker']:.4f}",
        ]
        for one in found["sets"]
    ]
    worst = {key: min(found["sets"], key=lambda one: one["iou"][key]) for key in classes}
    named = ", ".join(f"{key} on {one['name']} ({one['iou'][key]:.3f})" for key, one in worst.items())
    head = ["set", "pictures", *(f"IoU {key}" for key in classes), "flicker"]
    return (
        f"{table(head, body)}\n\nWorst: {named}. Of the face's cells under a drawn thing, "
        f"{found['covered_called_rest']:.0%} are called rest."
    )


def landmarks(rows: Rows) -> str:
    """Return how near the points come to the teacher's and how well the mouth's measures follow, clip by clip."""
    found = rows("train_edge_landmarks")
    if not found:
        return NOTHING
    parts = {
        f"{kind}, mean of {name}": row
        for kind, one in found.items()
        if kind != "teacher_again"
        for name, row in one["mean"].items()
    }
    clips = {row["clip"]: row for row in found["int8"]["clips"]}
    body = [_landmark_row(name, row) for name, row in (parts | clips).items()]
    head = ["file and part, or evaluation clip (int8)", "lips off", "rest off", "r opening", "r width", "r jaw",
            "pose off, degrees", "trembling at rest", "the teacher's"]  # fmt: skip
    worst = {key: min(clips, key=lambda name: clips[name][f"{key}_r"]) for key in ("opening", "width")}
    return (
        f"Against the mesh teacher, crops cut by the bundled detector frame by frame; distances over that of the eyes; "
        f"trembling is the mean second difference of the lips where the face rests.\n\n{table(head, body)}\n\n"
        + "Worst: "
        + ", ".join(f"{key} on {name} ({clips[name][f'{key}_r']:.2f})" for key, name in worst.items())
        + ". "
        + _teacher_again(found["teacher_again"]["mean"])
    )


def _teacher_again(mean: Row) -> str:
    r = ", ".join(f"{key} {mean[f'{key}_r']:.3f}" for key in ("opening", "width", "jaw"))
    return (
        f"The teacher itself, its crop placed a little otherwise, moves its lips by {mean['lips_off']:.1%} and agrees "
        f"with itself only so far (r): {r}."
    )


def _landmark_row(name: str, row: Row) -> list[str]:
    off = [f"{row[key]:.1%}" for key in ("lips_off", "rest_off")]
    r = [f"{row[f'{key}_r']:.3f}" for key in ("opening", "width", "jaw")]
    rest = ["–" if row[key] is None else f"{row[key]:.2%}" for key in ("jitter", "teacher_jitter")]
    return [name, *off, *r, " / ".join(f"{value:.1f}" for value in row["pose_off"]), *rest]


def enhance(rows: Rows) -> str:
    """Return the enhancer against plain enlargement, damage by damage, and sharpness on dubbed faces."""
    found = rows("train_edge_enhance")
    if not found:
        return NOTHING
    body = [
        [row["damage"], str(row["pictures"]), f"{row['psnr_bicubic']:.1f}", f"{row['psnr']:.1f}",
         f"{row['sharpness_bicubic']:.2f}", f"{row['sharpness']:.2f}",
         f"{row['true_detail_bicubic']:.2f}", f"{row['true_detail']:.2f}", f"{row['colour_shift']:.3f}"]
        for row in found
    ]  # fmt: skip
    pairs = [name for figure in ("dB", "sharpness", "true detail") for name in (f"{figure} bicubic", figure)]
    head = ["damage", "stills kept from training", *pairs, "colour shift"]
    worst = min(found, key=lambda row: row["psnr"] - row["psnr_bicubic"])
    gain = worst["psnr"] - worst["psnr_bicubic"]
    text = (
        f"Sharpness is the Laplacian variance over the sharp picture's own; true detail is how much of the sharp "
        f"picture's Laplacian is there at its own place (noise adds nothing to it); the colour shift is of 255.\n\n"
        f"{table(head, body)}\n\nWorst: {worst['damage']} ({gain:+.1f} dB against bicubic)."
    )
    figures = rows("lips_figures")
    if figures and {"lite", "hq"} <= set(figures):
        without, with_it = (_by_face(figures[preset]["dubs"], "sharpness") for preset in ("lite", "hq"))
        body = [[face, f"{without[face]:.2f}", f"{with_it[face]:.2f}"] for face in without]
        head = ["dubbed face", "mouth's sharpness against the source without", "with the enhancer"]
        text += f"\n\n{table(head, body)}\n\nWorst: {min(with_it, key=lambda face: with_it[face])}."
    return text


def _by_face(dubs: list[Row], key: str) -> dict[str, float]:
    measured = [row for row in dubs if key in row]
    faces = dict.fromkeys(row["face"] for row in measured)
    values = {face: [row[key] for row in measured if row["face"] == face] for face in faces}
    return {face: sum(found) / len(found) for face, found in values.items()}


def lips(rows: Rows) -> str:
    """Return dubbing by voice and by face, and the other figures of the lips."""
    parts = [_dubbing(rows("dubbing")), _audio_encoder(rows("train_edge_lips_ear"))]
    figures = rows("lips_figures")
    for preset in figures or {}:
        parts.append(_own(preset, figures[preset]))
        parts.append(_dubbed(preset, figures[preset]))
    expert = rows("train_sync_expert")
    if expert:
        told = expert["summary"]
        parts.append(
            f"The sync expert itself, on {told['clips']} real clips: within a frame of the file's own time on "
            f"{told['within_one_frame']:.0%} (by chance {told['by_chance']:.0%}, wrong sounds "
            f"{told['wrong_sound_within_one_frame']:.0%}), within three on {told['within_three_frames']:.0%}; sounds "
            f"moved from there found as moved {told['moved_from_their_own_offset']:.0%}; more than a frame off on "
            f"{', '.join(told['fails_on']) or 'none'}."
        )
    return "\n\n".join(part for part in parts if part) or NOTHING


def _dubbing(found: Row | None) -> str:
    if not found:
        return ""
    mean, by_voice, by_face = found["mean"], found["r_by_voice"], found["r_by_face"]
    lines = [[f"voice {name}", f"{r:.2f}"] for name, r in by_voice.items()]
    lines += [[f"face {name}", f"{r:.2f}"] for name, r in by_face.items()]
    voice, face = (min(by, key=lambda name: by[name]) for by in (by_voice, by_face))
    return (
        f"Dubbing strangers (preset {found['preset']}): a voice drives somebody else's face; r of the opening of the "
        f"mouth with the speaker's own. Mean r {mean['r']:.2f} (control, another voice's curve: "
        f"{mean['control_r']:.2f}), amplitude {mean['amplitude']:.2f} of the real one, closures kept "
        f"{mean['closures']:.0%}. With each voice in its own time (moved by what the sync expert found in the real "
        f"clip): r {mean['in_time_r']:.2f} (control, moved likewise: {mean['in_time_control_r']:.2f})."
        f"\n\n{table(['', 'r'], lines)}\n\nWorst voice: {voice}; worst face: {face}."
    )


def _audio_encoder(found: Row | None) -> str:
    if not found:
        return ""
    body = [[row["clip"].split("/")[-1], str(row["frames"]), f"{row['r']:.2f}"] for row in found["clips"]]
    worst = min(found["clips"], key=lambda row: row["r"])
    return (
        f"The audio encoder alone: r of the opening it predicts with the speaker's own, mean {found['mean']['r']:.2f} "
        f"(half a clip later: {found['mean']['r_half_a_clip_later']:.2f}).\n\n"
        f"{table(['evaluation clip', 'frames', 'r'], body)}\n\nWorst: {worst['clip'].split('/')[-1]}."
    )


def _own(preset: str, found: Row) -> str:
    keys = ("psnr_made", "psnr_copy", "psnr_wrong", "ssim_made", "ssim_copy", "ssim_wrong")
    names = ("dB", "dB copy", "dB wrong voice", "SSIM", "SSIM copy", "SSIM wrong voice")

    def line(name: str, row: Row) -> list[str]:
        return [name, *(f"{row[key]:.1f}" if key.startswith("psnr") else f"{row[key]:.3f}" for key in keys)]

    body = [line("mean", found["summary"])] + [line(row["clip"], row) for row in found["own"]]
    worst = found["summary"]["worst"]
    return (
        f"The mouth made anew from another moment of the same clip, by its own voice (preset {preset}):\n\n"
        f"{table(['evaluation clip', *names], body)}\n\nWorst: {worst['psnr']}; least better than copying: "
        f"{worst['least_gain_over_copy']}."
    )


def _dubbed(preset: str, found: Row) -> str:
    told, dubs = found["summary"], found["dubs"]
    keys = ("sharpness", "texture", "flicker", "flicker_source")
    by = {key: _by_face(dubs, key) for key in keys}
    body = [
        [face, f"{near:.0%}", f"{by['sharpness'][face]:.2f}", f"{by['texture'][face]:.4f}",
         f"{by['flicker'][face]:.2f} ({by['flicker_source'][face]:.2f})"]
        for face, near in told["offset_by_face"].items()
    ]  # fmt: skip
    head = ["dubbed face", "offset within a frame", "sharpness", "texture distance", "flicker (source)"]
    worst = told["worst"]
    return (
        f"Dubbed faces, preset {preset}: the sync expert finds {told['offset_within_one']:.0%} within a frame of the "
        f"voice (wrong voices {told['wrong_voice_within_one']:.0%}; moved voices found as moved "
        f"{told['moved_found_as_moved']:.0%}). Sharpness of the mouth {told['sharpness']:.2f} of the source's, of what "
        f"changed {told['sharpness_changed']:.2f}. Outside the mask at most {told['outside_mask']} grey levels differ; "
        f"texture distance of the upper face {told['texture']:.4f} (the source a second later "
        f"{told['texture_second_later']:.4f}, a stranger {told['texture_stranger']:.2f}). Flicker "
        f"{told['flicker']:.2f} grey levels, the source's {told['flicker_source']:.2f}.\n\n{table(head, body)}\n\n"
        f"Worst: offset {worst['offset_face']} and the voice {worst['offset_voice']}, sharpness {worst['sharpness']}, "
        f"flicker {worst['flicker']}."
    )


def voice(rows: Rows) -> str:
    """Return how well what is asked follows the speaker on ordinary speech, encoder by encoder."""
    found = rows("voice_encoder")
    if not found:
        return NOTHING
    body = [
        [name, part, *(f"{row[f'ridge_{key}']:.2f}" for key in ("opening", "width", "jaw")),
         f"{row['control_opening']:.2f}", f"{row['amplitude']:.2f}", f"{row['closures']:.2f}"]
        for name, one in found["encoders"].items()
        for part, row in {key: one[key] for key in ("choose", "report", "all")}.items()
    ]  # fmt: skip
    head = ["encoder", "clips", "r opening", "r width", "r jaw", "another voice", "amplitude", "closures"]
    return (
        "On clips of ordinary speech by strangers, against the mesh teacher, by a linear read-out that never saw "
        f"the clip or its person; choices were made on the part that is called so.\n\n{table(head, body)}"
        f"\n\n{_articulation(rows('articulation'))}"
    )


HEARD = {"tuck": "lip under the teeth (f v)", "tongue": "tongue raised (th l)"}
VOICES = {
    "strangers": "VCTK, never learnt from",
    "kept out": "speakers kept out of the read-out",
    "kept out, damaged": "the same, damaged",
}


def _articulation(found: Row) -> str:
    """Return how well what coefficients do not say is heard by the int8 file."""
    if not found:
        return NOTHING
    body = [
        [HEARD[name], f"{VOICES[voices]}, {part}", str(row["phones"]), f"{row['auc']:.3f}", f"{row['f1']:.2f}",
         f"{row['phones_heard']:.2f}", f"{row['bursts_right']:.2f}",
         f"{row['closures_touched']:.1%}", f"{row['closures_covered']:.1%}"]
        for name in HEARD
        for voices, precisions in found["voices"].items()
        for part, row in ((part, one[name]) for part, one in precisions["int8"].items())
        if not (voices == "strangers" and part != "all")
    ]  # fmt: skip
    head = ["heard", "voices", "phones", "AUC", "F1, frames", "phones heard", "bursts that are right"]
    return (
        "What coefficients do not say, by phones laid on by forced alignment, 40 frames a second; the last columns: "
        "p, b and m that are taken for it anywhere, and from beginning to end. The network, but not the read-out, "
        f"learnt from speakers that were kept out.\n\n{table([*head, 'p b m touched', 'p b m covered'], body)}"
    )


def identity(rows: Rows) -> str:
    """Return how well people are told apart: pairs of faces, and scenes that are followed."""
    found, scenes = rows("train_edge_identity"), rows("identity")
    if not found:
        return NOTHING
    body = [
        [
            name,
            half,
            kind,
            *(f"{one[kind][key]:.2%}" for key in ("same_found", "others_taken", "wrong_of_two")),
        ]
        for name, halves in found["ways"].items()
        for half, one in halves.items()
        for kind in ("clean", "altered")
    ]
    head = [
        "file",
        "clips",
        "second face",
        "one person taken as one",
        "two taken as one",
        "a stranger is more alike",
    ]
    pairs = (
        f"{found['faces']} faces of {found['people']} people of the evaluation clips, in pairs; network and thresholds "
        "were chosen on *choose* (`python -m training evaluate.identity_thresholds`). Altered: in another light, "
        "turned a little, as few as 24 pixels.\n\n"
        f"{table(head, body)}"
    )
    return f"{pairs}\n\n{_followed(scenes)}" if scenes else pairs


def _followed(scenes: Row) -> str:
    body = [
        [way, half, str(len(one["scenes"])), str(total["switches"]), f"{total['held_share']:.1%}"]
        for half, one in scenes.items()
        for way, total in one["totals"].items()
    ]
    return (
        "Scenes of two to four people who change places at cuts, cross, leave and come back, each a film that goes "
        "through a whole run with a voice for everybody; places alone are the control.\n\n"
        + table(["told apart by", "clips", "scenes", "switches", "of the frames held"], body)
    )


FIGURES: dict[str, Callable[[Rows], str]] = {
    "edge_detect": detect,
    "edge_segment": segment,
    "edge_landmarks": landmarks,
    "edge_lips": lips,
    "edge_voice": voice,
    "edge_enhance": enhance,
    "edge_identity": identity,
}
