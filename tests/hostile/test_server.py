"""A server among strangers: requests that are too many, too slow or too large, and those of other sites and names."""

from __future__ import annotations

import socket
import time
import wave
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from random import Random

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from lipsync_edge.server.auth import Guard, Limits
from lipsync_edge.server.connections import protocol_of
from tests.hostile.mutate import mutated
from tests.hostile.seeds import sounds
from tests.live.fakes import RATE
from tests.server.fixture import Served, served

LIMITS = Limits(sessions=2, viewers=2, upload_bytes=200_000, upload_s=5.0, stall_s=0.5, waiting=4)
CONNECTIONS, HEAD_S = 40, 1.0


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served(limits=LIMITS, http=protocol_of(CONNECTIONS)) as it:
        yield it


def is_well(server: Served) -> bool:
    answer = httpx.get(f"{server.http}/health")
    return answer.status_code == 200 and answer.json()["ok"]


def wav(rate: int, samples: int, *, bits: int = 16) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(bits // 8)
        out.setframerate(rate)
        out.writeframes(bytes(samples * bits // 8))
    return file.getvalue()


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/auth.py", "/static/page.html", "//etc/passwd",
     "/page.js/../../auth.py", "/page.js%00.html", "/\\..\\auth.py", "/api/../../auth.py"],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(server: Served, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.split()[1] in (b"404", b"400")
    assert b"root:" not in answer
    assert b"import" not in answer


@pytest.mark.parametrize(
    "sent",
    [b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /api/speak HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 50_000 + b"\r\n",
     b"GET /" + b"a" * 300_000, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
     b"POST /api/say HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"],
)  # fmt: skip
def test_what_is_no_http_is_answered_or_closed(server: Served, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        try:
            raw.sendall(sent)
            answer = raw.recv(65_536)
        except ConnectionError:
            answer = b""
    assert answer == b"" or answer.split()[1] in (b"400", b"403")
    assert is_well(server)


@pytest.fixture
def impatient() -> Iterator[Served]:
    with served(limits=LIMITS, http=protocol_of(CONNECTIONS, HEAD_S)) as it:
        yield it


def test_who_sends_a_byte_now_and_then_is_sent_away(impatient: Served) -> None:
    """Slow-loris: heads that never end, first and second ones; a WebSocket that says nothing may stay."""
    server = impatient
    with connect(f"{server.ws}/api/speak") as quiet:
        _send_away(server)
        quiet.send("end")
        assert quiet.ping().wait(5)
    assert is_well(server)


def _send_away(server: Served) -> None:
    first = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    second = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    second.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /hea")
    began = time.monotonic()
    ended: dict[str, float] = {}
    while len(ended) < 2:
        for name, one in (("first", first), ("second", second)):
            one.settimeout(0.05)
            try:
                if name not in ended:
                    one.sendall(b"G")
                    if not one.recv(4096):
                        ended[name] = time.monotonic() - began
            except TimeoutError:
                continue
            except ConnectionError:
                ended[name] = time.monotonic() - began
        assert time.monotonic() - began < 5 * HEAD_S
    first.close()
    second.close()


def test_an_upload_that_stalls_gives_its_place_back(server: Served) -> None:
    head = b"POST /api/speak HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: audio/wav\r\nContent-Length: 1000\r\n\r\nRIFF"
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(LIMITS.waiting)]
    for one in held:
        one.sendall(head)
    time.sleep(0.2)
    full = httpx.post(
        f"{server.http}/api/speak", content=wav(RATE, 10), headers={"content-type": "audio/wav"}
    )
    assert full.status_code == 429
    assert "uploads at a time" in full.json()["error"]
    for one in held:
        assert b" 408 " in one.recv(4096)
        one.close()
    again = httpx.post(
        f"{server.http}/api/speak", content=wav(RATE, 10), headers={"content-type": "audio/wav"}
    )
    assert again.status_code == 202


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (bytes(300_000), "audio/pcm", "200000 bytes"),
        (bytes(300_000), "audio/wav", "200000 bytes"),
        (wav(4000, 100_000, bits=8), "audio/wav", "5 seconds of speech"),
    ],
)
def test_what_is_too_large_is_refused(server: Served, content: bytes, kind: str, said: str) -> None:
    answer = httpx.post(
        f"{server.http}/api/speak", content=content, headers={"content-type": kind}, timeout=30
    )
    assert answer.status_code == 413
    assert said in answer.json()["error"]
    httpx.post(f"{server.http}/api/interrupt")


def test_a_text_is_not_taken_beyond_its_limit() -> None:
    from lipsync_edge.server.ways import Ways

    with served(limits=LIMITS, ways=Ways(webrtc=False, tts=("cat",))) as server:
        answer = httpx.post(f"{server.http}/api/say", content=b"a" * 10_000_000, timeout=30)
    assert answer.status_code == 413


def test_a_thousand_connections_are_refused_in_words_and_the_server_recovers(server: Served) -> None:
    held, refused = [], 0
    try:
        for _ in range(1000):
            one = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            held.append(one)
            if len(held) > 200:  # of one's own descriptors; those that were let in stay
                held.pop(2 * CONNECTIONS).close()
        for one in held[-20:]:
            answer = one.recv(4096)
            refused += b" 503 " in answer and b"at most 40 connections" in answer
        assert refused == 20
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as viewer:
            answer = b""
            with suppress(ConnectionError):  # closed before it was read
                viewer.sendall(b"GET /api/view HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n\r\n")
                answer = viewer.recv(4096)
            assert not answer or b" 503 " in answer
    finally:
        for one in held:
            one.close()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            assert is_well(server)
            break
        except (httpx.HTTPError, AssertionError):
            time.sleep(0.05)
    else:
        pytest.fail("it did not recover")
    with connect(f"{server.ws}/api/view") as late:
        assert "hello" in str(late.recv(timeout=5))


def test_damaged_messages_of_speakers_and_viewers(server: Served) -> None:
    rng = Random(5)
    for _ in range(15):
        with connect(f"{server.ws}/api/{rng.choice(('speak', 'view'))}") as one:
            try:
                for _ in range(rng.randrange(1, 8)):
                    sent = rng.choice((b"", b"x", bytes(99), "end", "interrupt", "{", "\0", "ä" * 999))
                    one.send(mutated(sent, rng) if isinstance(sent, bytes) and sent else sent)
            except ConnectionClosed:
                continue
    assert is_well(server)


def test_damaged_sounds_are_refused_or_spoken(server: Served, tmp_path: Path) -> None:
    """As files that are posted, whatever they call themselves; the session lives on."""
    whole = {"speech.wav": wav(RATE, 2000), **sounds(tmp_path)}
    rng, answers = Random(6), set()
    with httpx.Client(base_url=server.http, timeout=30) as client:
        for name in [*whole, *("speech.wav" for _ in range(30))]:
            sent = whole[name] if name != "speech.wav" else mutated(whole[name], rng)
            answer = client.post("/api/speak", content=sent, headers={"content-type": "audio/wav"})
            answers.add(answer.status_code)
            if answer.status_code != 202:
                assert answer.json()["error"].startswith("expected ")
            client.post("/api/interrupt")
    assert {202, 400} <= answers <= {202, 400, 409, 413}
    assert is_well(server)


def test_who_sends_faster_than_it_is_spoken_is_told(server: Served) -> None:
    closed: ConnectionClosed | None = None
    with connect(f"{server.ws}/api/speak?rate=192000") as one:  # what waits is soon spoken
        end = time.monotonic() + 60
        while closed is None:
            assert time.monotonic() < end
            try:
                one.send(bytes(LIMITS.upload_bytes // 2))
                one.recv(timeout=0.01)
            except TimeoutError:
                continue
            except ConnectionClosed as error:
                closed = error
    assert closed.rcvd is not None
    assert closed.rcvd.code == 1009
    httpx.post(f"{server.http}/api/interrupt")


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "0x7f.1"]
)
def test_rebound_names_are_refused_on_loopback(server: Served, name: str) -> None:
    assert httpx.get(f"{server.http}/health", headers={"host": name}).status_code == 403


def test_rebound_names_are_refused_on_a_network_without_a_token() -> None:
    with served(is_local=False) as server:
        for name in ("evil.example", f"evil.example:{server.port}"):
            headers = {"host": name, "origin": f"http://{name}"}
            assert httpx.get(f"{server.http}/health", headers=headers).status_code == 403
            with (
                pytest.raises(InvalidStatus),
                connect(f"{server.ws}/api/view", additional_headers={"Host": name}),
            ):
                pass
        for name in (
            "192.168.1.5:8080",
            "[fe80::1]:8080",
            socket.gethostname(),
            f"{socket.gethostname()}.local",
        ):
            assert httpx.get(f"{server.http}/health", headers={"host": name}).status_code == 200, name
    with served(is_local=False, token="s3cret") as server:  # noqa: S106 - who knows it may call it anything
        assert httpx.get(f"{server.http}/health", headers={"host": "studio.example"}).status_code == 200


def test_a_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the standard library has for it; how long that takes does not depend on where they differ."""
    asked: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, wanted: bytes) -> bool:
        asked.append((given, wanted))
        return given == wanted

    monkeypatch.setattr("lipsync_edge.server.auth.hmac.compare_digest", compare)
    guard = Guard(lambda *_: None, "s3cret")  # type: ignore[arg-type,return-value]
    for given in (b"Bearer s3cret", b"Bearer s", b"", "Bearer ä".encode("latin-1")):
        headers = [(b"host", b"localhost"), (b"authorization", given)]
        scope = {"type": "http", "path": "/api/config", "query_string": b"", "headers": headers}
        assert guard._check(scope)[0] == (200 if given.endswith(b"s3cret") else 401)
    assert len(asked) == 4
