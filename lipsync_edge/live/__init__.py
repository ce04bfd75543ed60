"""A stream on the air: sound from somewhere, pictures and sound to somewhere, paced by the sample clock."""

from lipsync_edge.live.audio_queue import Inbox, ShowOverError
from lipsync_edge.live.health import ShowHealth
from lipsync_edge.live.session import Show, ShowOptions
from lipsync_edge.live.slot import Moment, Sink

__all__ = ["Inbox", "Moment", "Show", "ShowHealth", "ShowOptions", "ShowOverError", "Sink"]
