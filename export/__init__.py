"""The toolchain from checkpoints to small ONNX files: convert, adopt, quantize, validate."""
