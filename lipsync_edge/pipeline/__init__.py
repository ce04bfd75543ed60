"""The drivers: files to a file, a face to an avatar, speech to a stream of frames."""
