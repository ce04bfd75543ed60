"""The toolchain from checkpoints to small ONNX files: convert, adopt, quantize, validate."""

from lipsync_edge.models.telemetry import opt_out

opt_out()  # its modules import parts of ONNX Runtime by their own names
