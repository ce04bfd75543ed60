"""The six published architectures, written for this project, with the published key names."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from export.networks.bisenet import BiSeNet
from export.networks.rrdbnet import RRDBNet
from export.networks.s3fd import S3fd
from export.networks.syncnet_color import SyncNetColor
from export.networks.syncnet_v2 import SyncNetV2
from export.networks.wav2lip import Wav2Lip

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "wav2lip": Wav2Lip,
    "s3fd": S3fd,
    "bisenet": BiSeNet,
    "rrdbnet": RRDBNet,
    "syncnet_color": SyncNetColor,
    "syncnet_v2": SyncNetV2,
}

__all__ = ["NETWORKS", "BiSeNet", "RRDBNet", "S3fd", "SyncNetColor", "SyncNetV2", "Wav2Lip"]
