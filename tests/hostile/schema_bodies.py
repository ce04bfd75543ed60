"""Hooks for schemathesis: how bodies of the server's own kinds are written, see `with_schemathesis`."""

import schemathesis

for _kind in ("audio/wav", "audio/pcm", "application/sdp", "text/plain"):

    @schemathesis.serializer(_kind)
    def as_bytes(context: schemathesis.SerializationContext, value: object) -> bytes:
        """Write text and bytes as they are, and anything else as its text."""
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        return getattr(value, "data", None) or str(value).encode("utf-8", "replace")
