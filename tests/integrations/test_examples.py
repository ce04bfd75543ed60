"""The examples for agents run: with the bundled networks and face, LiveKit's and Pipecat's own packages, no cloud."""

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
import soundfile

import lipsync_edge as le
from lipsync_edge.audio.reader import read_audio
from lipsync_edge.demo import demo_files
from lipsync_edge.pipeline.prepare import PrepareOptions

ROOT = Path(__file__).parents[2]
AGENTS = ROOT / "examples" / "agents"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def avatar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("avatar") / "face.avatar"
    engine = le.load(preset="lite", device="cpu", threads=1)
    engine.prepare(demo_files()[0], options=PrepareOptions(max_side=256)).save(path)
    return path


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, AGENTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_they_are_short() -> None:
    for file in AGENTS.glob("*.py"):
        lines = [line for line in file.read_text("utf-8").splitlines() if line.strip()]
        assert len(lines) <= 50, file.name


def test_pipecat(avatar: Path, tmp_path: Path) -> None:
    pytest.importorskip("pipecat")
    soundfile.write(str(tmp_path / "speech.wav"), read_audio(demo_files()[1], 24_000)[:36_000], 24_000)
    words = [sys.executable, AGENTS / "pipecat_face.py", avatar, tmp_path / "speech.wav", tmp_path / "o.mp4"]
    subprocess.run(
        words, check=True, timeout=180, cwd=ROOT, env={**__import__("os").environ, "PYTHONPATH": "."}
    )
    with av.open(str(tmp_path / "o.mp4")) as container:
        pictures = [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]
    assert len(pictures) > 10
    changes = [np.abs(a - b).mean() for a, b in zip(pictures, pictures[1:], strict=False)]
    assert max(changes) > 0.2  # the still face's mouth moves


def test_livekit(avatar: Path) -> None:
    pytest.importorskip("livekit.agents")
    from livekit import rtc
    from livekit.agents import Agent, AgentSession

    from tests.integrations.test_livekit import Room, frames, until

    sound = read_audio(demo_files()[1], 24_000)[:24_000]

    async def body() -> None:
        example, session, room = loaded("livekit_agent"), AgentSession(), Room()
        told: list[Any] = []
        runner = await example.give_face(session, room, le.load_avatar(avatar))
        session.output.audio.on("playback_finished", told.append)
        await session.start(Agent(instructions="Say what you are given."))

        async def given() -> AsyncIterator[rtc.AudioFrame]:
            for frame in frames(sound, 24_000):
                yield frame

        session.say("Hello.", audio=given())
        await until(lambda: told, 60)
        assert told[0].playback_position == pytest.approx(1.0, abs=0.15)
        assert room.published == ["avatar_audio", "avatar_video"]
        await session.aclose()
        await runner.aclose()
        await runner._video_gen.aclose()

    asyncio.run(asyncio.wait_for(body(), 150))
