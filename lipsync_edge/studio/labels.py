"""Labels: what the options of `run` are called on the page, for people who never typed one.

The command line's own name stands behind each explanation, since errors and the options of a result are told by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Label:
    """How one option is asked for.

    Attributes:
        title: a few words.
        about: what it does, and when one needs it.
        choices: choice → how it is called; those that are missing are called by their own names.
    """

    title: str
    about: str
    choices: Mapping[str, str] = field(default_factory=dict)


SEATS = {
    "left": "the one on the left",
    "right": "the one on the right",
    **{str(k): f"number {k + 1} from the left" for k in range(10)},
}
LABELS: Mapping[str, Label] = {
    "preset": Label(
        "Quality",
        "Faster or finer. Those called wav2lip need networks of your own.",
        {"lite": "lite: fast", "hq": "hq: finer, slower"},
    ),
    "mouth": Label(
        "Mouth",
        "Lips and teeth taken from the person's own film, or painted.",
        {
            "auto": "their own where the film shows it",
            "own": "always their own",
            "painted": "always painted",
        },
    ),
    "strength": Label("Movement", "How far their own mouth moves. 1 is as far as this person does."),
    "face": Label(
        "Who speaks",
        "Where several people are in the picture.",
        {"largest": "the largest face", "all": "everybody", **SEATS},
    ),
    "voice": Label(
        "A voice for each person", "Leave step 2 empty, then say who stands where and give each a voice."
    ),
    "speakers": Label(
        "Who speaks when", "A list of times (RTTM or JSON), for one sound with several voices."
    ),
    "map": Label(
        "Who is who in that list", "Each name of the list and where that person stands: ann=left, bob=right."
    ),
    "listen": Label(
        "People who are listening",
        "What a mouth does while only others speak.",
        {"closed": "closed", "filmed": "as it was filmed"},
    ),
    "start": Label("Begin at second", "Leave out what comes before; 0 is the beginning."),
    "end": Label("End at second", "Leave out what comes after."),
    "loop": Label(
        "If the film is shorter than the voice",
        "What is shown when the film is over.",
        {
            "pingpong": "backwards, forwards, and so on",
            "repeat": "from the beginning again",
            "hold": "the last picture",
            "cut": "nothing: the result ends there",
        },
    ),
    "background": Label("Behind see-through parts", "A colour: white, black, gray or green."),
    "label": Label(
        "Visible “AI” sign",
        "A small sign in the picture. The result is marked in the file in any case.",
        {
            "none": "none",
            "top-left": "top left",
            "top-right": "top right",
            "bottom-left": "bottom left",
            "bottom-right": "bottom right",
        },
    ),
    "label-size": Label("Size of the sign", "Its height, in percent of the picture's shorter side."),
    "codec": Label(
        "Video format",
        "The usual one plays nearly everywhere.",
        {
            "h264": "H.264: plays everywhere",
            "hevc": "HEVC: smaller",
            "vp9": "VP9: smaller, for the web",
            "av1": "AV1: smallest, slow to make",
        },
    ),
    "crf": Label("Compression", "Lower numbers look better and make larger files; 18 is very good."),
    "play-audio": Label(
        "Another sound to hear", "The lips follow the voice of step 2, and this is heard: with music, say."
    ),
    "audio-track": Label("Sound track", "Which one, from 1, where the voice's file has several."),
    "video-track": Label("Picture track", "Which one, from 1, where the face's file has several."),
    "box": Label(
        "Where the face is", "Left, top, right and bottom edge in pixels, where it is not found by itself."
    ),
    "pads": Label("Room around the face", "More pixels at its top, bottom, left and right."),
    "detect-every": Label("Look for the face", "Every so many pictures. Fewer is safer for quick movement."),
    "detect-side": Label(
        "Size at which it is looked for", "Pixels. More finds smaller faces, and is slower."
    ),
    "device": Label(
        "Computed by",
        "Processor or graphics card.",
        {"auto": "what is fastest here", "cpu": "the processor", "cuda": "an NVIDIA card"},
    ),
    "precision": Label(
        "Accuracy of computing",
        "All look nearly the same.",
        {
            "auto": "what is fastest here",
            "fp32": "full (fp32)",
            "fp16": "half (fp16)",
            "int8": "small (int8)",
        },
    ),
    "threads": Label("Processor cores", "How many work on one picture; empty: as many as are good."),
}


def label_of(name: str, said: str) -> Label:
    """Return how an option is asked for; in the command line's words where it has no label."""
    return LABELS.get(name, Label(f"--{name}", said))
