"""Marks on what is made: metadata, a signed C2PA manifest, a visible label; and the check of any file's marks."""
