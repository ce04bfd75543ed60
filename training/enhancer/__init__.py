"""The bundled enhancer."""
