"""The bundled lips: audio encoder, mouth coefficients, mouth renderer."""
