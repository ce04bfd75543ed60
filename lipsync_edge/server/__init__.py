"""A speaking avatar for browsers and other programs: one page, one WebSocket, a few HTTP calls (extra `serve`)."""
