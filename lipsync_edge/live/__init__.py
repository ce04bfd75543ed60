"""Live sessions: sound from a source, pictures and sound to a sink, paced by the sample clock."""

from lipsync_edge.live.audio_queue import AudioQueue, SessionOverError
from lipsync_edge.live.health import SessionHealth
from lipsync_edge.live.options import SessionOptions
from lipsync_edge.live.session import LiveSession
from lipsync_edge.live.slot import Sink, Slot

__all__ = ["AudioQueue", "LiveSession", "SessionHealth", "SessionOptions", "SessionOverError", "Sink", "Slot"]
