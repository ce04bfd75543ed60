"""The bundled face detector."""
