"""One studio for all tests of the page."""

from collections.abc import Iterator

import pytest

from tests.studio.served import Studio, need_gradio, served


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    need_gradio()
    with served(tmp_path_factory.mktemp("studio"), "--upload-mb", "2") as it:
        yield it
