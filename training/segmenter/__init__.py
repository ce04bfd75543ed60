"""The bundled mouth segmenter."""
