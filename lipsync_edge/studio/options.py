"""Options of `lipsync-edge studio`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lipsync_edge.errors import OutputError, UsageError
from lipsync_edge.models.engine_options import EngineOptions
from lipsync_edge.server.auth import LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioOptions:
    """What `studio` was told; the names are those of the long options.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        token: what browsers must know; "" asks for none, which only this machine's own addresses may.
        upload_mb: megabytes of one upload.
        results: folder of the results, which are the history; None: one in the user's data folder.
        browser: open the page in the user's browser.
        engine: what the page's fields of the engine say at first, and the folder of models.
        sign_cert: PEM file of the certificate that signs results, see `MarkOptions`.
        sign_key: PEM file of its key.

    Raises:
        UsageError: an address that others reach without a token.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    token: str = ""
    upload_mb: int = 500
    results: Path | None = None
    browser: bool = True
    engine: EngineOptions = field(default_factory=EngineOptions)
    sign_cert: Path | None = None
    sign_key: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what would show faces and results to everybody."""
        if self.host not in LOOPBACK and not self.token:
            raise UsageError(
                expected=f"--token with --host {self.host}, which others may reach",
                got="none",
                fix="give --token SECRET, or leave --host out",
            )
        if (self.sign_cert is None) != (self.sign_key is None):
            missing = "--sign-key" if self.sign_key is None else "--sign-cert"
            raise UsageError(
                expected="a certificate and its key", got=f"no {missing}", fix="give both or neither"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in LOOPBACK

    def folder(self) -> Path:
        """Return the folder of the results.

        Raises:
            OutputError: none was given, and this user has no data folder.
        """
        if self.results is not None:
            return self.results
        from platformdirs import user_data_path

        try:
            return user_data_path("lipsync-edge", appauthor=False) / "studio"
        except (RuntimeError, KeyError) as error:  # no HOME, and a user whom the system does not know
            raise OutputError(
                expected="a home folder for the results", got="none", fix="give --results DIR"
            ) from error
