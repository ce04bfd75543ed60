"""Runner of `lipsync-edge studio`: from options to a page that lives until a signal."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lipsync_edge.errors import LipsyncError, OutputError, UsageError
from lipsync_edge.live.setup import stop_on_signals
from lipsync_edge.mark.options import MarkOptions
from lipsync_edge.studio.form import Form
from lipsync_edge.studio.history import open_history
from lipsync_edge.studio.options import StudioOptions
from lipsync_edge.studio.producer import LoadEngine, Producer
from lipsync_edge.studio.runner import Runner

if TYPE_CHECKING:
    from starlette.types import ASGIApp

NEEDED = ("gradio", "uvicorn")
# Gradio and the hub client that it brings report home unless they are told not to; both read this when imported.
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_SHARE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}


def run_studio(options: StudioOptions, form: Form, load: LoadEngine, tell: Callable[[str], None]) -> None:
    """Serve the page until SIGTERM or SIGINT.

    Args:
        options: where and for whom.
        form: what is asked, and how answers are read.
        load: opens engines; a function of a module, as the workers of a batch need it, too.
        tell: called with a line for people, once the page can be opened.

    Raises:
        UsageError: the extra `studio` is not installed.
        OutputError: the address cannot be listened on, or the folder of results not written to.
        LipsyncError: the server did not start.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            expected="the packages of the extra `studio`",
            got=f"no {', '.join(missing)}",
            fix="pip install lipsync-edge[studio]",
        )
    with ExitStack() as stack:
        listener = stack.enter_context(_listener(options))
        app = stack.enter_context(open_studio(options, form, load))
        import uvicorn

        config = uvicorn.Config(
            app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=3
        )
        server = uvicorn.Server(config)
        # the server handles signals itself, and passes them on at its end
        stack.enter_context(stop_on_signals(lambda: None))
        url = address(options, listener.getsockname()[1])
        tell(f"The studio is at {url} and keeps results in {options.folder()}; Ctrl-C ends it.")
        if options.browser:
            webbrowser.open(url + (f"?token={options.token}" if options.token else ""))
        server.run([listener])
    if not server.started:
        raise LipsyncError(expected="a server", got="one that did not start", fix="see the log above")


@contextmanager
def open_studio(options: StudioOptions, form: Form, load: LoadEngine) -> Iterator[ASGIApp]:
    """Give the application; when the block ends, work is cancelled, and uploads and previews are gone."""
    with ExitStack() as stack:
        history = stack.enter_context(open_history(options.folder()))
        scratch = Path(tempfile.mkdtemp(prefix="lipsync-edge-studio-")).resolve()
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        stack.enter_context(_quiet_gradio(scratch))
        mark = MarkOptions(sign_cert=options.sign_cert, sign_key=options.sign_key)
        runner = stack.enter_context(Runner())
        from lipsync_edge.studio.app import make_studio_app
        from lipsync_edge.studio.controller import Controller

        controller = Controller(form, Producer(history, scratch, load, mark), runner, scratch, load)
        yield make_studio_app(options, controller, scratch)


@contextmanager
def _quiet_gradio(scratch: Path) -> Iterator[None]:
    """Set what Gradio reads from the environment: no reports, no public link, uploads in our own folder."""
    wanted = {**QUIET, "GRADIO_TEMP_DIR": str(scratch)}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _listener(options: StudioOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise OutputError(
            expected=f"to listen on {options.host}:{options.port}",
            got=error.strerror or str(error),
            fix="name another --port",
        ) from error


def address(options: StudioOptions, port: int) -> str:
    """Return where this machine finds the page."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.host, options.host)
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/"
