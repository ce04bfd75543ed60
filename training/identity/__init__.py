"""The identity network: tells whether two faces of a film are one person's."""
