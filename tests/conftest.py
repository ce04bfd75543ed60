"""What holds for every test."""

import os

from lipsync_edge.models.autotune import VARIABLE

os.environ[VARIABLE] = ""  # what `lipsync-edge bench` once found on this machine must not decide any test
