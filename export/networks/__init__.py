"""The six published architectures, written for this project, with the published key names."""

from __future__ import annotations

from .bisenet import BiSeNet
from .rrdbnet import RRDBNet
from .s3fd import S3fd
from .syncnet_color import SyncNetColor
from .syncnet_v2 import SyncNetV2
from .wav2lip import Wav2Lip

__all__ = ["BiSeNet", "RRDBNet", "S3fd", "SyncNetColor", "SyncNetV2", "Wav2Lip"]
