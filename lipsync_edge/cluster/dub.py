"""The web endpoint `/dub`: a face and a sound in, a video out; one job at a time, an engine that stays loaded."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import Message, Receive

from lipsync_edge.batch.maker import LoadEngine
from lipsync_edge.cluster.storage import UrlStorage
from lipsync_edge.engine import load_engine
from lipsync_edge.errors import InputError, LipsyncError, OutputError, UsageError
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.pipeline.face_cache import FaceCache
from lipsync_edge.pipeline.run_options import RunOptions

FILES = ("face", "audio", "out")
NO_OPTIONS = (
    "play_audio",
    "voices",
    "speakers",
    "speaker_map",
    "mark",
)  # of `RunOptions`: files of the server
PERSON = "person"  # what `RunOptions.face` is called, as `face` is the file
SUFFIX = ".mp4"
_TOO_LARGE = 413


@dataclass(frozen=True, slots=True, kw_only=True)
class DubSetup:
    """What an endpoint is made with.

    Attributes:
        engine: networks and where they run.
        folder: of this machine, for downloads, uploads and the cache of faces.
        allow: beginnings of the URLs that requests may name, as "s3://films/"; with none, files must be uploaded.
        most_bytes: of one request.
        load: opens engines.
    """

    engine: EngineOptions
    folder: Path
    allow: tuple[str, ...] = ()
    most_bytes: int = 1 << 30
    load: LoadEngine = load_engine


class _TooLargeError(Exception):
    """More was sent than is taken."""


class Dub:
    """Answers POST: multipart/form-data with files `face` and `audio`, or JSON with their URLs and maybe that of `out`.

    Other fields are those of `RunOptions` (`RunOptions.face` is called `person`). The answer is the video, or JSON that
    says what lies at `out`. A mistake is JSON with what was expected and what was got.
    """

    def __init__(self, setup: DubSetup) -> None:
        self._setup = setup
        self._engine = setup.load(setup.engine)
        self._cache = FaceCache(setup.folder / "faces")
        self._turn = asyncio.Lock()

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        if request.method != "POST":
            return JSONResponse({"error": "POST a face and a sound"}, 405)
        folder = Path(tempfile.mkdtemp(prefix="dub-", dir=self._setup.folder))
        response: Response | None = None
        try:
            given = await self._given(Request(request.scope, self._limited(request.receive)), folder)
            async with self._turn:
                response = await asyncio.to_thread(self._answer, given, folder)
        except _TooLargeError:
            response = JSONResponse({"error": f"expected at most {self._setup.most_bytes} bytes"}, _TOO_LARGE)
        except LipsyncError as error:
            said = {"expected": error.expected, "got": error.got, "fix": error.fix}
            response = JSONResponse({"error": said}, _status(error))
        finally:
            if not isinstance(response, FileResponse):  # which removes it when it was sent
                shutil.rmtree(folder, ignore_errors=True)
        return response

    async def _given(self, request: Request, folder: Path) -> dict[str, Any]:
        """Return the fields of a request; uploads as paths in a folder."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            try:
                given = await request.json()
            except ValueError as error:
                raise UsageError(expected="a JSON object", got=str(error)) from error
            if not isinstance(given, dict):
                raise UsageError(expected="a JSON object", got=type(given).__name__)
            return {name: self._allowed(name, one) if name in FILES else one for name, one in given.items()}
        if kind != "multipart/form-data":
            raise UsageError(
                expected="multipart/form-data or application/json", got=kind or "no content type"
            )
        found: dict[str, Any] = {}
        async with request.form(max_files=len(FILES)) as form:
            for name, value in form.multi_items():
                if not isinstance(value, UploadFile):
                    found[name] = self._allowed(name, value) if name in FILES else _number(value)
                elif name in ("face", "audio"):
                    place = folder / f"{name}{PurePosixPath(value.filename or '').suffix[:8]}"
                    with place.open("wb") as file:
                        await asyncio.to_thread(shutil.copyfileobj, value.file, file, 1 << 20)
                    found[name] = place
                else:
                    raise UsageError(expected="files face and audio", got=name)
        return found

    def _allowed(self, name: str, url: Any) -> str:
        if not isinstance(url, str) or "://" not in url or ".." in url:
            raise UsageError(expected=f"a URL in {name}", got=repr(url)[:200])
        if not any(url.startswith(beginning) for beginning in self._setup.allow):
            allowed = ", ".join(self._setup.allow) or "none: upload the file"
            raise UsageError(expected=f"a URL that this server may open ({allowed})", got=url[:200])
        return url

    def _answer(self, given: dict[str, Any], folder: Path) -> Response:
        out = given.pop("out", None)
        faces, sounds = given.pop("face", None), given.pop("audio", None)
        if faces is None or sounds is None:
            raise UsageError(expected="face and audio", got=", ".join(sorted(given)) or "neither")
        options = options_of(given)
        made = folder / f"result{SUFFIX if out is None else PurePosixPath(out).suffix}"
        storage = UrlStorage("" if out is None else out.rpartition("/")[0], self._setup.folder / "downloads")
        face, audio = (
            one if isinstance(one, Path) else storage.fetch(one, folder) for one in (faces, sounds)
        )
        result = self._engine.run(face, audio, made, options=options, cache=self._cache)
        if out is None:
            clean = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
            return FileResponse(made, media_type="video/mp4", filename=f"dub{SUFFIX}", background=clean)
        storage.publish(made, out.rpartition("/")[2])
        return JSONResponse({"out": out, "frames": result.frames, "seconds": result.elapsed_s})

    def _limited(self, receive: Receive) -> Receive:
        left = self._setup.most_bytes

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _TooLargeError
            return message

        return limited


def options_of(given: Mapping[str, Any]) -> RunOptions:
    """Return what the fields of a request ask for; UsageError for what there is not."""
    known = {field.name for field in fields(RunOptions)} - {*NO_OPTIONS, "face"} | {PERSON}
    unknown = sorted(set(given) - known)
    if unknown:
        raise UsageError(
            expected=f"fields face, audio, out, {', '.join(sorted(known))}", got=", ".join(unknown)
        )
    person = str(given.get(PERSON, "largest"))
    if PurePosixPath(person).suffix or "/" in person:
        raise UsageError(expected="a person by largest, left, right or an index", got=person)
    values: dict[str, Any] = {
        name: tuple(one) if isinstance(one, list) else one for name, one in given.items() if name != PERSON
    }
    try:
        return RunOptions(face=person, **values)
    except TypeError as error:
        raise UsageError(expected="values as the Python API takes them", got=str(error)) from error


def _number(text: str) -> Any:
    """Read a form's field: a number where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _status(error: LipsyncError) -> int:
    kinds = ((UsageError, 400), (InputError, 422), (OutputError, 507))
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)
