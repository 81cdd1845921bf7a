"""The server of the studio's pages."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

from nicegui import app, background_tasks, ui
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from concept_control.studio.config import StudioConfig, is_loopback
from concept_control.studio.page import Page
from concept_control.studio.studio import Studio

_COOKIE = 'studio_token'


def serve(config: StudioConfig, library: Path, started: Callable[[str], None]) -> None:
    """Serve the studio until it is interrupted.

    Args:
        config: Settings; at an address other than this machine's, pages need a token.
        library: Folder of taught concepts.
        started: Callback with the address of the page, once it can be opened.
    """
    studio = Studio(config, library)
    token = '' if is_loopback(config.host) else secrets.token_urlsafe(16)

    async def check(request: Request, forward: Callable[[Request], object]) -> Response:
        given = request.query_params.get('token') or request.cookies.get(_COOKIE, '')
        if not hmac.compare_digest(given, token):
            return PlainTextResponse(
                'This studio needs the token of the address that it printed when it started.', 401
            )
        response: Response = await forward(request)  # type: ignore[misc]
        response.set_cookie(_COOKIE, token, httponly=True, samesite='strict')
        return response

    if token:
        app.middleware('http')(check)

    @ui.page('/', title='Concept studio')
    def page() -> None:
        studio.num_pages += 1
        Page(studio)

        def gone() -> None:
            studio.num_pages -= 1

        ui.context.client.on_delete(gone)

    query = f'?token={token}' if token else ''

    async def announce() -> None:
        # It listens only once it has started up.
        while True:
            try:
                _, writer = await asyncio.open_connection(config.host, config.port)
                break
            except OSError:
                await asyncio.sleep(0.02)
        writer.close()
        started(f'http://{config.host}:{config.port}/{query}')

    app.on_startup(lambda: background_tasks.create(announce()))
    app.on_startup(lambda: app.timer(0.1, studio.follow_arm))
    app.on_shutdown(studio.close)
    ui.run(
        host=config.host,
        port=config.port,
        title='Concept studio',
        show=False,
        reload=False,
        show_welcome_message=False,
        dark=None,
        reconnect_timeout=10.0,
    )
