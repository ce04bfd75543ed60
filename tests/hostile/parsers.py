"""Parsers of this package, each as a function of bytes, with whole inputs to begin from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync_edge.audio.diarisation import read_turns
from lipsync_edge.audio.turns import Turns
from lipsync_edge.batch.manifest import read_manifest as read_jobs
from lipsync_edge.batch.results import read_results
from lipsync_edge.errors import LipsyncError
from lipsync_edge.mark import embed, xmp
from lipsync_edge.mark.transport import service_tags
from lipsync_edge.models.onnx_guard import check_onnx
from lipsync_edge.models.registry import bundled_models, list_models, model_info, read_manifest
from lipsync_edge.models.spec import SPECS, load_spec
from lipsync_edge.pipeline.avatar import load_avatar
from lipsync_edge.pipeline.track_memory import Track
from lipsync_edge.render.exemplars.library import Exemplar, Library
from lipsync_edge.render.exemplars.library_file import from_bytes, to_bytes
from lipsync_edge.render.exemplars.look import Look
from lipsync_edge.server.protocol import HEADER, unpack
from lipsync_edge.video.heif import read_heif
from tests.clips import write_clip
from tests.hostile.explore import Mutate, Target, odd_json, odd_text
from tests.hostile.mutate import mutated
from tests.scripted import SIZE, make_engine
from tests.video.heif_files import Item, size_of, turned, write_heif


@dataclass(frozen=True, slots=True)
class Parser:
    """One parser.

    Attributes:
        target: reads an input.
        seeds: whole inputs.
        mutate: damages one.
        allowed: errors that it may raise.
    """

    target: Target
    seeds: tuple[bytes, ...]
    mutate: Mutate = mutated
    allowed: tuple[type[Exception], ...] = (LipsyncError,)


def parsers(folder: Path) -> dict[str, Parser]:
    """Return name → parser; inputs that are files lie in `folder`."""

    def of_file(name: str, read: Callable[[Path], object]) -> Target:
        place = folder / name

        def target(data: bytes) -> None:
            place.write_bytes(data)
            read(place)

        return target

    cards = tuple(path.read_bytes() for path in sorted(SPECS.glob("*.toml")))
    manifest = (bundled_models() / "manifest.json").read_bytes()
    onnx = min(bundled_models().glob("*.onnx"), key=lambda path: path.stat().st_size).read_bytes()
    rttm = b"SPEAKER a 1 0.5 2.10 <NA> <NA> one <NA> <NA>\n; said\nSPEAKER a 1 3 1 <NA> <NA> two <NA> <NA>\n"
    turns = (
        b'{"turns": [{"speaker": "a", "start": 0.5, "end": 2}, {"speaker": "b", "start": 3, "duration": 1}]}'
    )
    jobs = b'{"face": "a.mp4", "audio": "b.wav", "out": "c.mp4", "crf": 20}\n{"face": "a", "out": "d.mp4"}\n'
    table = b'face,audio,out,crf\na.mp4,b.wav,c.mp4,20\n"x,y",b,d.mp4,\n'
    result = b'{"job": "c.mp4", "row": 1, "state": "done", "digest": "ab", "seconds": 1.5}\n'
    config = (
        b'preset = "lite"\ncrf = 20\nstart = 0.5\nloop = "cut"\npads = "0,1,2,3"\nvoice = ["left=a.wav"]\n'
    )
    library = to_bytes(_library())
    found = {
        "card": Parser(of_file("card.toml", _use_card), cards, odd_text),
        "manifest": Parser(of_file("manifest.json", _use_manifest), (manifest,), odd_json),
        "avatar": Parser(of_file("a.avatar", _use_avatar), _avatars(folder), _odd_avatar),
        "exemplars": Parser(from_bytes, (library,), mutated, (ValueError, KeyError)),
        "track": Parser(Track.from_bytes, (_track(),), mutated, ()),
        "wire": Parser(
            unpack, (HEADER.pack(1, 0, 4, 2) + b"pcm!jp", HEADER.pack(2, 3, 0, 0)), mutated, (ValueError,)
        ),
        "onnx": Parser(of_file("m.onnx", check_onnx), (onnx[:20_000], onnx)),
        "rttm": Parser(of_file("t.rttm", _use_turns), (rttm,), odd_text),
        "turns": Parser(of_file("t.json", _use_turns), (turns,), odd_json),
        "jobs": Parser(of_file("j.jsonl", read_jobs), (jobs,), odd_text),
        "table": Parser(of_file("j.csv", read_jobs), (table,), odd_text),
        "results": Parser(of_file("r.jsonl", read_results), (result,), odd_text, ()),
        "config": Parser(of_file("c.toml", _use_config), (config,), odd_text),
        "marks": Parser(of_file("x.mp4", _use_marks), _marked(folder)),
        "heif": Parser(of_file("x.heic", read_heif), _heif(folder)),
    }
    return found | _of_toolchain(of_file, folder)


def _heif(folder: Path) -> tuple[bytes, ...]:
    """Indexes of stills in tiles, one of them beside its grid, and nothing else of them."""
    items = [Item(b"grid", b"\0\0\0\1\1\0\0\x80", [size_of(256, 128)], (b"dimg", (2, 3)))]
    items += [Item(b"av01", b"x", [size_of(128, 128), turned(b"irot", 1)])] * 2
    return tuple(write_heif(folder / "w.heic", items, idat=idat).read_bytes() for idat in (False, True))


def _use_card(path: Path) -> None:
    spec = load_spec("card", path.parent)
    spec.digest()
    for tensor in spec.inputs:
        try:
            spec.side(tensor.name)
        except LipsyncError:
            continue


def _use_manifest(path: Path) -> None:
    read_manifest(path.parent)
    model_info("edge_lips", path.parent)
    list_models(path.parent)


def _use_avatar(path: Path) -> None:
    avatar = load_avatar(path)
    avatar.check(avatar.origin)
    avatar.position(avatar.duration * 2)
    for position in {0, len(avatar) - 1, avatar.first_face}:
        avatar.frame(0, avatar.duration, at=avatar.duration)
        avatar.face(position)
    for one in avatar.library.exemplars if avatar.library else ():
        one.decode()


def _use_turns(path: Path) -> None:
    turns = Turns(read_turns(path, "a"))
    turns.gain(np.linspace(0, 10, 50))
    turns.rests(1.0)


def _use_config(path: Path) -> None:
    """Options of a file, given to a command whose face is not there."""
    from lipsync_edge import engine
    from lipsync_edge.cli import console
    from lipsync_edge.cli.main import app

    say, console.say = console.say, lambda *_, **__: None
    load, engine.load_engine = engine.load_engine, lambda options: make_engine()
    try:
        words = ["run", "/no/such/face.mp4", "/no/such/a.wav", "-o", "/no/such/o.mp4", "--config", str(path)]
        code = console.run_app(app, words)
    finally:
        console.say, engine.load_engine = say, load
    if code not in (2, 3, 4, 5):
        raise AssertionError(f"exit code {code}")


def _use_marks(path: Path) -> None:
    packet = embed.found(path)
    xmp.source_type(packet)
    xmp.tool(packet)
    service_tags(path)


def _library() -> Library:
    look = Look(
        shape=np.zeros(3, np.float32),
        pose=np.zeros(3, np.float32),
        cheek=np.zeros(3, np.float32),
        sharpness=1.0,
        thumb=np.zeros(720, np.float32),
        rim=np.zeros(100, np.float32),
        inside=-1.0,
        visible=1.0,
    )
    points, to_picture = np.zeros((78, 2), np.float32), np.eye(2, 3)
    grey, paste = np.zeros((64, 64), np.uint8), np.zeros((20, 20), np.uint8)
    picture = _jpeg()
    return Library([Exemplar(k, look, points, picture, to_picture, grey, paste) for k in range(2)])


def _jpeg() -> bytes:
    import cv2

    return cv2.imencode(".jpg", np.zeros((40, 40, 3), np.uint8))[1].tobytes()


def _track() -> bytes:
    return Track(
        np.zeros(4, np.uint8), np.arange(4), np.zeros(4, np.int64), np.zeros((4, 14), np.float32), True
    ).to_bytes()


def _avatars(folder: Path) -> tuple[bytes, ...]:
    avatar = make_engine().prepare(write_clip(folder / "face.mp4", 4, size=SIZE))
    made = []
    for library in (None, _library()):
        avatar.library = library
        avatar.save(folder / "made.avatar")
        made.append((folder / "made.avatar").read_bytes())
    return tuple(made)


def _odd_avatar(data: bytes, rng: object) -> bytes:
    """Damage the header as JSON, or any byte."""
    from random import Random

    assert isinstance(rng, Random)
    if len(data) < 16 or rng.random() < 0.4:
        return mutated(data, rng)
    length = int.from_bytes(data[8:16], "little")
    head = odd_json(data[16 : 16 + length] or b"{}", rng)
    return data[:8] + len(head).to_bytes(8, "little") + head + data[16 + length :]


def _marked(folder: Path) -> tuple[bytes, ...]:
    """A picture or a film of each kind that holds a packet."""
    from lipsync_edge.mark.facts import Facts
    from tests.hostile.seeds import still

    made = []
    for name, data in (
        ("m.png", still("png")),
        ("m.jpg", still("jpg")),
        ("m.mp4", (folder / "face.mp4").read_bytes()),
    ):
        (folder / name).write_bytes(data)
        embed.put(folder / name, xmp.packet(Facts()))
        made.append((folder / name).read_bytes())
    write_clip(folder / "m.ts", 2, title="x")
    return (*made, (folder / "m.ts").read_bytes())


def _of_toolchain(
    of_file: Callable[[str, Callable[[Path], object]], Target], folder: Path
) -> dict[str, Parser]:
    """Parsers of `export`, where torch is installed."""
    try:
        import torch

        from export.checkpoint import read_checkpoint
        from export.ncnn import read_param
        from export.store import read_files
    except ImportError:
        return {}
    torch.save(
        {"state_dict": {"module.a.weight": torch.zeros(2, 3), "module.b": torch.ones(1)}}, folder / "c.pth"
    )
    torch.save({"a": torch.zeros(2)}, folder / "old.pth", _use_new_zipfile_serialization=False)
    param = b"7767517\n2 2\nInput data 0 1 data\nConvolution conv 1 1 data out 0=64 1=3 4=1 5=1 6=1728\n"
    seeds = tuple((folder / name).read_bytes() for name in ("c.pth", "old.pth"))
    table = json.dumps({"files": {"a.fp32.onnx": {"sha256": "0" * 64, "bytes": 1}}}).encode()
    return {
        "checkpoint": Parser(of_file("in.pth", read_checkpoint), seeds),
        "ncnn": Parser(of_file("in.param", read_param), (param,), odd_text),
        "files": Parser(
            of_file("files/manifest.json", lambda path: read_files(path.parent)), (table,), odd_json
        ),
    }
