"""The avatar inside frameworks of speech agents: LiveKit Agents (extra `livekit`) and Pipecat (extra `pipecat`)."""
