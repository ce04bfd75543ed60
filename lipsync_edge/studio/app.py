"""ASGI application of the studio: Gradio's page, the files of results, and the filter before both."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp

from lipsync_edge.server.auth import Guard
from lipsync_edge.studio.controller import Controller
from lipsync_edge.studio.history import REPORT
from lipsync_edge.studio.options import StudioOptions
from lipsync_edge.studio.page import LOGO, draw_page
from lipsync_edge.studio.request_filter import RequestFilter
from lipsync_edge.studio.view import download_name

_STATIC = Path(__file__).parent / "static"
# a report is a page of its own: it shows pictures that it holds, and nothing else
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
)
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]


def make_studio_app(options: StudioOptions, controller: Controller, uploads: Path) -> ASGIApp:
    """Return the application.

    Args:
        options: where it listens, and what it takes.
        controller: does the work.
        uploads: folder of uploads and of what Gradio shows.
    """

    async def result(request: Request) -> Response:
        key, name = request.path_params["key"], request.path_params["name"]
        path = controller.producer.history.file(key, name)
        if path is None:
            return PlainTextResponse("Nothing here.", 404)
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": REPORT_POLICY}
        if "download" not in request.query_params:
            return FileResponse(path, headers=headers)
        title = download_name(controller.producer.history.find(key).title)
        said = f"{title}-report{path.suffix}" if name == REPORT else f"{title}{path.suffix}"
        return FileResponse(path, headers=headers, filename=said)

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_route("/results/{key}/{name}", result)
    page = draw_page(controller)
    page.queue(default_concurrency_limit=8)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=options.host,
        allowed_paths=[],
        blocked_paths=[],
        max_file_size=options.upload_mb * 1_000_000,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        run_history=False,
        footer_links=[],
        theme=theme(),
        css=(_STATIC / "studio.css").read_text("utf-8"),
        head=f"{_icon()}<script>{(_STATIC / 'studio.js').read_text('utf-8')}</script>",
    )
    # a mounted page is never launched, and Gradio looks where files lie only in pages that were
    page.has_launched = True
    page.is_running = True
    return Guard(RequestFilter(app, uploads, options.token), is_local=options.is_local)


def theme() -> gr.themes.Base:
    """Return the look: the reader's own fonts, nothing that is fetched from elsewhere."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=FONTS,
        font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
    ).set(body_text_color_subdued="*neutral_500", block_info_text_color="*neutral_500")


def _icon() -> str:
    picture = (
        LOGO.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
        .replace("#", "%23")
        .replace('"', "'")
    )
    return f'<link rel="icon" href="data:image/svg+xml,{picture}">'
