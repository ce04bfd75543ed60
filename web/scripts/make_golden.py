"""Golden files of the page's tests: what the Python package makes of a small photo and a few seconds of speech.

    python web/scripts/make_golden.py

Run from the project's folder, with the package installed. Both photos come of the bundled face: `shut` as it is,
scaled; `open` the same with the mouth that the package gave it, so that teeth are seen. Nothing here is random.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import soundfile

import lipsync_edge as le
from lipsync_edge.audio.mel import mel_spectrogram
from lipsync_edge.audio.mono import MonoMix
from lipsync_edge.audio.resample import Resampler
from lipsync_edge.audio.vad import fade_in
from lipsync_edge.pipeline.stream import Stream
from lipsync_edge.render.exemplars.asked import Articulation
from lipsync_edge.render.exemplars.reshape import facing
from lipsync_edge.render.exemplars.sequence import Own, StillPlanner
from lipsync_edge.render.inside import teeth
from lipsync_edge.types import F32, U8
from lipsync_edge.video.reader import read_still

WEB = Path(__file__).resolve().parents[1]
OUT = WEB / "tests" / "golden"
ASSETS = Path(le.__file__).parent / "assets"
SIDE = 384  # pixels of the photos
SPEECH_S, SILENCE_S = 2.4, 0.6
FPS = 25
RATE = 16_000
TURNED_YAW = 27.0  # degrees: as if the face were turned so far that its chin follows in part
SHOWN = (
    4  # frames of each photo whose pixels are kept, beside that of a tucked lip and that of a raised tongue
)


@dataclass
class Store:
    """Arrays laid one after another into one packed file, and where each lies."""

    where: dict[str, dict[str, object]] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)

    def put(self, name: str, array: npt.NDArray[np.generic]) -> None:
        """Keep an array, uint8, int16 or float32."""
        self.where[name] = {"dtype": str(array.dtype), "shape": list(array.shape), "at": len(self.data)}
        self.data += np.ascontiguousarray(array).tobytes()
        self.data += bytes(-len(self.data) % 4)


def main() -> None:
    """Make everything."""
    OUT.mkdir(parents=True, exist_ok=True)
    store = Store()
    sound = _sound()
    _hearing(store, sound)
    _turning(store)
    engine = le.load(preset="lite", device="cpu", precision="int8")
    photos: dict[str, object] = {}
    photo = read_still(ASSETS / "face.jpg")
    photo = np.asarray(cv2.resize(photo, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    for name in ("shut", "open"):
        cv2.imwrite(str(OUT / f"{name}.png"), photo, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        photos[name], photo = _photo(engine, name, photo, sound, store)
    facts = {
        "fps": FPS,
        "rate": RATE,
        "turned": TURNED_YAW,
        "opencv": cv2.__version__,
        "models": _models(engine),
        "photos": photos,
        "arrays": store.where,
    }
    (OUT / "golden.bin").write_bytes(zlib.compress(bytes(store.data), 9))
    (OUT / "golden.json").write_text(json.dumps(facts) + "\n")
    _teeth()
    for path in sorted(OUT.iterdir()):
        print(f"{path.name:12} {path.stat().st_size:8} bytes")


def _models(engine: le.Engine) -> dict[str, str]:
    """Card and sha256 of every network that the frames of a still depend on."""
    used = {"detect": engine.detector.network, **engine.renderer.networks}
    return {one.spec.name: one.sha256 for stage, one in used.items() if stage != "lips"}


def _sound() -> npt.NDArray[np.int16]:
    """Some speech, then silence, int16 (n,) at 16 kHz; written as a WAV file as well."""
    speech, rate = soundfile.read(ASSETS / "speech.flac", dtype="int16")
    assert rate == RATE, rate
    sound = np.concatenate([speech[: int(SPEECH_S * rate)], np.zeros(int(SILENCE_S * rate), np.int16)])
    soundfile.write(OUT / "speech.wav", sound, rate, subtype="PCM_16")
    return sound


def _hearing(store: Store, sound: npt.NDArray[np.int16]) -> None:
    """Mel, resampling and mixing."""
    samples = sound.astype(np.float32) / np.float32(32768)
    store.put("mel", mel_spectrogram(samples[: 2 * RATE]))
    for count in (0, 1, 199, 401):
        store.put(f"mel{count}", mel_spectrogram(samples[4000 : 4000 + count]))
    for rate in (8_000, 44_100, 48_000):
        resampler = Resampler(rate)
        made = np.concatenate([resampler.push(samples[8000:10_000]), resampler.flush()])
        store.put(f"resampled{rate}", made)
    both = np.stack([samples[8000:24_000], -samples[8000:24_000] * np.float32(0.9)], 1)
    store.put("mixed", MonoMix(RATE).push(both)[-4000:])
    gains = np.array([0.0, 0.0, 1.0, 0.5], np.float32)
    store.put("fade_in", np.array([fade_in(gains, 6.4)], np.float32))


def _turning(store: Store) -> None:
    """How far the chin follows at each degree of yaw."""
    store.put("facing", np.array([facing(float(yaw)) for yaw in range(-45, 46)], np.float32))


def turned(own: Own) -> Own:
    """Return a mouth whose face is taken for one that is turned."""
    target = own.seen.target
    face = replace(target.face, yaw=TURNED_YAW)
    return replace(own, seen=replace(own.seen, target=replace(target, face=face)))


def _photo(
    engine: le.Engine, name: str, photo: U8, sound: npt.NDArray[np.int16], store: Store
) -> tuple[dict[str, object], U8]:
    """Everything the package finds in a photo and makes of it; and the frame after the widest mouth, to be a photo."""
    avatar = engine.prepare(OUT / f"{name}.png")
    avatar._only = photo  # the very pixels, not what a JPEG keeps of them
    renderer = engine.renderer
    face = avatar.face(0)
    assert face is not None
    assert face.landmarks is not None
    assert renderer.watcher is not None
    assert renderer.encoder is not None
    seen = renderer.watcher(photo, face.landmarks)
    planner = StillPlanner(to_shape=renderer.encoder.to_shape)
    store.put(f"{name}.five", face.landmarks)
    store.put(f"{name}.crop", seen.crop_bgr)
    marks = np.concatenate([seen.landmarks.points, seen.landmarks.depth[:, None]], 1)
    store.put(f"{name}.landmarks", marks.astype(np.float32))
    store.put(f"{name}.paste", seen.target.paste)
    features = renderer.listen(RATE)
    features.push(sound)
    features.end()
    coefficients, asked, regions, made = [], [], [], []
    gains, owns, articulations = [], [], []
    with engine.stream(avatar, sample_rate=RATE, fps=FPS) as stream:
        for index, picture in enumerate(_pictures(stream, sound)):
            window = features.window(Fraction(index, FPS))
            if index == 20 and name == "shut":
                store.put("window20", window.features)
            gains.append(window.gain)
            told, heard = renderer.encoder.hear([window.features])
            coefficients.append(told[0])
            (own,) = planner.push(seen, told[0], Articulation.of(heard[0]))
            assert isinstance(own, Own)
            asked.append(own.plan.asked)
            articulations.append((own.plan.articulation.tuck, own.plan.articulation.tongue))
            owns.append(own)
            laid = photo.copy()
            region = own.lay_over(laid)
            assert region is not None
            assert np.array_equal(laid, picture), "the stream makes something else"
            regions.append((region.x1, region.y1, region.x2, region.y2))
            made.append(picture)
    if name == "shut":
        store.put("gains", np.array(gains, np.float32))
    store.put(f"{name}.coefficients", np.array(coefficients, np.float32))
    store.put(f"{name}.asked", np.array(asked, np.float32))
    said = np.array(articulations, np.float32)
    store.put(f"{name}.articulation", said)
    shown = sorted({*_chosen(np.array(asked, np.float32)), *(int(k) for k in said.argmax(0))})
    x1, y1, x2, y2 = regions[0]
    for index in shown:  # as differences, which pack well
        store.put(f"{name}.frame{index}", made[index][y1:y2, x1:x2] - photo[y1:y2, x1:x2])
    widest = int(np.argmax([one[0] for one in asked]))
    if name == "shut":
        aside = photo.copy()
        turned(owns[widest]).lay_over(aside)
        store.put(f"{name}.turned", aside[y1:y2, x1:x2] - photo[y1:y2, x1:x2])
    assert seen.landmarks.confidence > 0.9
    facts = {
        "frames": len(made),
        "shown": shown,
        "widest": widest,
        "region": regions[0],
        "visible": float(seen.landmarks.confidence),
        "pose": [float(v) for v in seen.landmarks.pose],
        "shape": [float(v) for v in seen.target.face.shape],
    }
    return facts, made[widest + 1].copy()


def _pictures(stream: Stream, sound: npt.NDArray[np.int16]) -> list[U8]:
    """The frames of a whole sound."""
    frames = [frame.image_bgr.copy() for frame in stream.push(sound)]
    return frames + [frame.image_bgr.copy() for frame in stream.flush()]


def _chosen(asked: F32) -> list[int]:
    """Numbers of frames from the most shut to the widest open one, evenly by how far they are asked to open."""
    order = np.argsort(asked[:, 0], kind="stable")
    return sorted({int(order[k]) for k in np.linspace(0, len(order) - 1, SHOWN).round().astype(int)})


def _teeth() -> None:
    """The small differences of teeth, which the package draws by a seed."""
    rows = {}
    for name, row in (("upper", teeth.UPPER), ("lower", teeth.LOWER)):
        random = np.random.default_rng(row.seed)
        count = len(row.widths)
        edge, tone = (random.normal(0.0, d, (2, count)) for d in (teeth.DIFFERS_MM, teeth.DIFFERS))
        rows[name] = {"edge": edge.tolist(), "tone": tone.tolist()}
    (WEB / "src" / "render" / "inside" / "differences.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
