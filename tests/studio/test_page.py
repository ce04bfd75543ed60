"""The page in a real browser, from upload to download, on the bundled networks; with cancel, errors, and no way out."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
import soundfile

from lipsync_edge.demo import demo_files
from lipsync_edge.mark.check import check_marks
from lipsync_edge.studio.history import RESULT
from lipsync_edge.video.reader import VideoReader
from tests.clips import write_clip
from tests.server.chromium import NEEDED, chromium, wait
from tests.studio.served import Studio, environment

pytestmark = NEEDED
# names are found by nobody but the loopback: what the page asks of others fails, and is seen in its log
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
LOOPBACK = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}
LONG_S = 60.0
# mean difference of two videos' pictures now, in grey levels, in the lower half of the middle
DIFFERENCE = """
const pixels = [...document.querySelectorAll("#result video")].map((video) => {
  const canvas = new OffscreenCanvas(96, 96), ink = canvas.getContext("2d");
  ink.drawImage(video, 0, 0, 96, 96);
  return ink.getImageData(32, 48, 32, 32).data;
});
return pixels[0].reduce((sum, v, i) => sum + Math.abs(v - pixels[1][i]), 0) / pixels[0].length;
"""


class Page:
    """A browser at the studio, and what one does with it."""

    def __init__(self, driver: Any, url: str, downloads: Path) -> None:
        self.driver, self.url, self.downloads = driver, url, downloads

    def open(self) -> None:
        self.driver.get(self.url)
        wait(lambda: self.all("#make") and self.all("#consent input") and self.all("#photo"), 120)
        time.sleep(0.5)

    def all(self, what: str) -> list[Any]:
        return self.driver.find_elements("css selector", what)

    def script(self, code: str) -> Any:
        return self.driver.execute_script(code)

    def click(self, what: str) -> None:
        wait(lambda: self.all(f"{what}:not([disabled])"), 60)
        self.driver.execute_script("document.querySelector(arguments[0]).click()", what)

    def give(self, what: str, *files: Path) -> None:
        wait(lambda: self.all(f"{what} input[type=file]"), 60)
        self.all(f"{what} input[type=file]")[0].send_keys("\n".join(map(str, files)))

    def button(self, inside: str, said: str) -> Any:
        """The button in a part of the page that is seen and that says something, by its label or its text."""
        find = (
            "return [...document.querySelectorAll(`${arguments[0]} button`)].find((one) => one.offsetParent && "
            "new RegExp(arguments[1], 'i').test(`${one.ariaLabel || ''} ${one.innerText}`.trim()))"
        )
        return self.driver.execute_script(find, inside, said)

    def press(self, inside: str, said: str) -> None:
        wait(lambda: self.button(inside, said), 60)
        self.driver.execute_script("arguments[0].click()", self.button(inside, said))

    def text(self, what: str) -> str:
        return " ".join(self.texts(what))

    def texts(self, what: str) -> list[str]:
        found = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)"
        return [str(one) for one in self.driver.execute_script(found, what)]

    def tab(self, name: str) -> None:
        next(one for one in self.all("button[role=tab]") if one.text == name).click()

    def take_files(self, face: Path, voice: Path) -> None:
        self.give("#photo", face)
        wait(lambda: self.all("#photo img"), 60)
        self.give("#voice", voice)
        wait(
            lambda: (
                self.all("#voice .waveform-container, #voice audio, #voice [data-testid]")
                and self.voice_is_there()
            ),
            60,
        )

    def voice_is_there(self) -> bool:
        return not self.all("#voice input[type=file]")

    def error(self) -> dict[str, str]:
        wait(lambda: self.all(".ls-error"), 120)
        names, texts = (self.texts(f".ls-error {tag}") for tag in ("dt", "dd"))
        return dict(zip(names, texts, strict=True))


@pytest.fixture(scope="module")
def page(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    downloads = tmp_path_factory.mktemp("downloads")
    with chromium(ALONE, "--window-size=1280,1000") as driver:
        driver.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
        )
        it = Page(driver, studio.url, downloads)
        it.open()
        yield it


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The demo's face, and two seconds of its speech."""
    face, speech = demo_files()
    wave, rate = soundfile.read(str(speech))
    soundfile.write(str(tmp_path / "hello.wav"), wave[: 2 * rate], rate)
    return Path(shutil.copy(face, tmp_path / "anna.jpg")), tmp_path / "hello.wav"


def test_from_upload_to_download(studio: Studio, page: Page, files: tuple[Path, Path]) -> None:
    page.open()
    page.take_files(*files)
    assert not page.all("#make:not([disabled])")  # without consent
    page.click("#consent input")
    page.click("#preview-frame")
    wait(lambda: len(page.all("#pair img")) >= 2, 120)
    assert "frame at second" in page.text("#status-make")
    page.click("#make")
    wait(lambda: page.all("#result video.ls-result"), 120)
    wait(lambda: page.script("return document.querySelector('.ls-result').readyState > 2"), 30)
    assert "Marked as made with AI" in page.text(".ls-mark")
    assert "640×640" in page.text(".ls-about")
    at_rest = page.script(DIFFERENCE)
    page.click(".ls-play")
    differences: list[float] = []

    def watched() -> bool:
        differences.append(page.script(DIFFERENCE))
        return page.text(".ls-time").startswith("0:01")

    wait(watched, 30)
    times = page.script("return [...document.querySelectorAll('#result video')].map((v) => v.currentTime)")
    assert abs(times[0] - times[1]) < 0.12, "both play in step"
    assert max(differences) > at_rest + 0.5, "the mouth moves, the source's does not"
    page.script(
        "const w = document.querySelector('.ls-wipe'); w.value = 80; w.dispatchEvent(new Event('input'))"
    )
    clip = page.script("return document.querySelector('.ls-source').style.clipPath")
    assert clip == "inset(0px 20% 0px 0px)"
    page.click("a.ls-button")
    wait(lambda: list(page.downloads.glob("*.mp4")), 30)
    made = page.downloads / "anna-hello.mp4"
    assert len(list(VideoReader(made))) == 50
    assert check_marks(made).marked


def test_a_preview_of_three_seconds_is_not_kept(studio: Studio, page: Page, files: tuple[Path, Path]) -> None:
    page.open()
    before = len(list(studio.results.iterdir()))
    page.take_files(*files)
    page.click("#consent input")
    page.click("#preview-clip")
    wait(lambda: page.all("#result video.ls-result"), 120)
    assert "not kept" in page.text("#status-make")
    assert len(list(studio.results.iterdir())) == before


def test_progress_tells_the_time_left_and_cancel_leaves_nothing(
    studio: Studio, page: Page, files: tuple[Path, Path], tmp_path: Path
) -> None:
    wave, rate = soundfile.read(str(demo_files()[1]))
    soundfile.write(str(tmp_path / "long.ogg"), np.tile(wave, round(LONG_S * rate / len(wave))), rate)
    page.open()
    before = {path.name for path in studio.results.iterdir()}
    page.take_files(files[0], tmp_path / "long.ogg")
    page.click("#consent input")
    page.click("#make")
    wait(lambda: "left" in page.text("#status-make") and "of 15" in page.text("#status-make"), 120)
    assert any(path.name.startswith(".draft") for path in studio.results.iterdir())
    page.open()  # who comes back sees what is being done
    wait(lambda: "left" in page.text("#status-make"), 30)
    began = time.monotonic()
    page.click("#cancel-make")
    wait(lambda: "Cancelled" in page.text("#status-make"), 30)
    print(f"cancelled after {time.monotonic() - began:.2f} s")
    assert {path.name for path in studio.results.iterdir()} == before
    assert not page.all("#result video")


def test_errors_are_three_lines(page: Page, files: tuple[Path, Path], tmp_path: Path) -> None:
    page.open()
    page.click("#consent input")
    page.click("#make")
    assert page.error() == {
        "Expected": "a face",
        "Got": "none yet",
        "What to do": "choose or record a face first, or use the example",
    }
    page.open()
    nobody = tmp_path / "nobody.png"
    cv2.imwrite(str(nobody), np.full((256, 256, 3), 120, np.uint8))
    page.take_files(nobody, files[1])
    page.click("#consent input")
    page.click("#make")
    found = page.error()
    assert found["Expected"] == "a face in nobody.png"
    assert "--box" in found["What to do"]
    assert "Traceback" not in page.driver.page_source
    page.open()
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    page.take_files(broken, files[1])
    page.click("#consent input")
    page.click("#make")
    found = page.error()
    assert "broken.jpg" in f"{found['Expected']} {found['Got']}"
    assert "/" not in found["Expected"]


def test_a_video_is_taken_too_and_options_are_obeyed(
    studio: Studio, page: Page, files: tuple[Path, Path], tmp_path: Path
) -> None:
    picture = cv2.resize(cv2.imread(str(files[0])), (320, 320))
    film = write_clip(tmp_path / "film.mp4", [picture] * 20)
    page.open()
    page.tab("Video")
    page.give("#video", film)
    wait(lambda: page.all("#video video"), 60)
    page.give("#voice", files[1])
    wait(page.voice_is_there, 60)
    page.click("#options button")
    wait(lambda: page.all("#option-end textarea, #option-end input"), 30)
    field = page.all("#option-end textarea, #option-end input")[0]
    wait(field.is_displayed, 30)
    field.send_keys("0.4")
    page.click("#consent input")
    page.click("#make")
    wait(lambda: page.all("#result video.ls-result"), 120)
    assert "320×320, 10 frames" in page.text(".ls-about")
    assert "--end 0.4" in page.text(".ls-about")


def test_the_report_and_the_history(studio: Studio, page: Page, files: tuple[Path, Path]) -> None:
    page.open()
    page.tab("History")
    wait(lambda: page.all("#gallery img"), 60)
    page.click("#gallery .grid-wrap button")
    wait(lambda: page.all("#history-result video"), 60)
    page.click("#judge-history")
    wait(lambda: page.all("iframe.ls-report"), 240)
    page.driver.switch_to.frame(page.all("iframe.ls-report")[0])
    # the frame is there before all that is in it
    wait(lambda: "Mouth opening over time" in page.text("body"), 30)
    page.driver.switch_to.default_content()
    kept = sorted(path.name for path in studio.results.iterdir())
    page.click("#remove")
    wait(lambda: "Removed" in page.text("#history-result"), 30)
    assert len(list(studio.results.iterdir())) == len(kept) - 1


def test_several_at_once(studio: Studio, page: Page, files: tuple[Path, Path], tmp_path: Path) -> None:
    other = Path(shutil.copy(files[1], tmp_path / "again.wav"))
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    page.open()
    page.tab("Several files")
    page.give("#faces", files[0])
    page.give("#voices", files[1], other, broken)
    wait(lambda: "broken" in page.text("#voices") and "anna" in page.text("#faces"), 60)
    page.click("#consent-several input")
    page.click("#make-several")
    wait(lambda: page.all("#several-table table"), 240)
    rows = page.texts("#several-table tr")[1:]
    assert [("made" in row, "failed" in row) for row in rows] == [(True, False), (True, False), (False, True)]
    assert "lipsync-edge-studio" not in rows[2]  # where uploads lie is nobody's business
    place = page.all("#several-table a")[0].get_attribute("href")
    with urlopen(place) as answer:
        assert answer.headers["content-disposition"].startswith("attachment")
        assert len(answer.read()) == (studio.results / place.split("/")[-2] / RESULT).stat().st_size
    assert not list(studio.results.glob(".draft*"))


def test_a_face_of_the_camera_and_a_voice_of_the_microphone(
    studio: Studio, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """The browser's camera shows the demo's face, its microphone hears the demo's speech."""
    picture = np.pad(cv2.resize(cv2.imread(str(files[0])), (480, 480)), ((0, 0), (80, 80), (0, 0)))
    planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes()
    camera = tmp_path / "camera.y4m"
    camera.write_bytes(b"YUV4MPEG2 W640 H480 F25:1 Ip A1:1 C420jpeg\n" + (b"FRAME\n" + planes) * 25)
    fakes = (f"--use-file-for-fake-video-capture={camera}", f"--use-file-for-fake-audio-capture={files[1]}")
    with chromium(ALONE, "--window-size=1280,1000", *fakes) as driver:
        page = Page(driver, studio.url, tmp_path)
        page.open()
        page.press("#voice", "Record audio")
        page.press("#voice", "^Record$")
        time.sleep(2.5)
        page.press("#voice", "^Stop")
        wait(lambda: page.button("#voice", "Play"), 60)
        page.tab("Video")
        page.press("#video", "camera")
        page.press("#video", "Access Webcam")
        page.press("#video", "Record$")
        time.sleep(2.5)
        page.press("#video", "Stop$")
        wait(lambda: page.button("#video", "Clear|Remove"), 60)
        page.click("#consent input")
        page.click("#make")
        wait(lambda: page.all("#result video.ls-result") or page.all(".ls-error"), 120)
        assert not page.all(".ls-error"), page.text(".ls-error")
        assert "640×480" in page.text(".ls-about")
        assert "without a face" not in page.text(".ls-about")
        said = [json.dumps(one) for one in driver.get_log("browser")]
        assert not [one for one in said if "Content Security Policy" in one]


def test_nothing_left_the_machine(studio: Studio, page: Page, tmp_path: Path) -> None:
    """Last of this file: what the studio's processes looked for since they began, and what the page asked for."""
    code = "import socket\ntry: socket.getaddrinfo('elsewhere.invalid', 80)\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), check=True)
    assert (tmp_path / "watched.txt").read_text().split() == ["elsewhere.invalid"]  # it would be seen
    assert studio.addresses <= LOOPBACK
    asked = page.script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert len(asked) > 10
    assert {urlsplit(name).hostname for name in asked if name.startswith("http")} == {"127.0.0.1"}
    said = [json.dumps(one) for one in page.driver.get_log("browser")]
    assert not [one for one in said if "ERR_NAME_NOT_RESOLVED" in one or "Content Security Policy" in one]
