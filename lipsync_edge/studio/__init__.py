"""Studio: a page on this machine for people who do not type commands; a face and a voice in, a video out."""
