"""Published architectures fitted to our labels, to measure quantization on."""
