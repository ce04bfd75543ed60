// Choice of the way: WebRTC where server and browser have it, else the WebSocket. ?transport=socket or =webrtc insists.
"use strict";

function receiveEventOnly(message) {
  if (message.type === "error") lipsync.error = message.error;
  if (message.type !== "event") return;
  if (message.event === "speech_start") {
    lipsync.state = "speech";
    unhush();
  }
  if (message.event === "speech_end" || message.event === "interrupt") lipsync.state = "idle";
  if (message.event === "interrupt") hush();
  receiveEvent(message);
}

async function begin() {
  const wanted = new URLSearchParams(location.search).get("transport");
  let config = { webrtc: false, tts: false, ice: [] };
  try {
    const answer = await fetch(withQuery("api/config"));
    if (answer.ok) config = await answer.json();
  } catch (error) {
    lipsync.error = String(error.message);
  }
  const may = config.webrtc && wanted !== "socket" && "RTCPeerConnection" in window;
  if (may) {
    try {
      await playByRtc(config.ice);
      lipsync.state = "idle";
      keepOpen(withQuery("api/view", { sees: 0 }), receiveEventOnly, () => {});
    } catch (error) {
      lipsync.error = String(error.message);
      if (wanted !== "webrtc") playBySocket();
    }
  } else {
    playBySocket();
  }
  offerControls(config, lipsync.transport === "webrtc");
}

begin();
