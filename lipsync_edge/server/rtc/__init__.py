"""Viewers by WebRTC (extra `webrtc`): one encode for all of them, paced packets, feedback, a microphone upstream."""
