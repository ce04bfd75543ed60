// Player by WebRTC (WHEP), and the microphone that goes up the same connection.
"use strict";

const video = document.getElementById("video");
const CONNECT_MS = 6000; // without a picture by then, the WebSocket is taken
const GATHER_MS = 1000;
const HELD_MS = 1000; // of sound that a browser may hold on a bad day
// Sound goes on through the buffers of the machine, about 30 ms of them: pictures are held as much longer, so that both
// come together from the first one on. Browsers get there on their own, but slowly, and stop 30 ms before it.
const HELD_AT_LEAST_MS = { audio: 40, video: 70 };

const rtc = { connection: null, resource: "", microphone: null, sender: null, hushed: 0 };

function gathered(connection) {
  return new Promise((done) => {
    setTimeout(done, GATHER_MS);
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && done();
  });
}

// Connect and play; resolves when the first picture is there, rejects when that does not happen.
async function playByRtc(servers) {
  const connection = new RTCPeerConnection({ iceServers: servers, bundlePolicy: "max-bundle" });
  rtc.connection = connection;
  const stream = new MediaStream();
  connection.ontrack = ({ track, receiver }) => {
    stream.addTrack(track);
    receiver.jitterBufferTarget = HELD_AT_LEAST_MS[track.kind];
  };
  try {
    connection.addTransceiver("video", { direction: "recvonly" });
    rtc.sender = connection.addTransceiver("audio", { direction: "sendrecv" }).sender;
    await connection.setLocalDescription();
    await gathered(connection);
    const answer = await fetch(withQuery("whep"), {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: connection.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error((await answer.json()).error);
    rtc.resource = answer.headers.get("Location");
    await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    video.srcObject = stream;
    startVideo();
    await firstPicture();
  } catch (error) {
    closeRtc();
    throw error;
  }
  lipsync.transport = "webrtc";
  lipsync.connected = true;
  lipsync.error = "";
  connection.onconnectionstatechange = () => {
    if (["failed", "closed", "disconnected"].includes(connection.connectionState)) leftRtc(connection, servers);
  };
}

function startVideo() {
  video.hidden = false;
  canvas.hidden = true;
  video.muted = false;
  video.play().catch(() => {
    video.muted = true; // no sound before a tap; pictures may begin
    tap.hidden = false;
    video.play();
  });
}

function firstPicture() {
  return new Promise((done, fail) => {
    setTimeout(fail, CONNECT_MS, new Error("no picture came"));
    video.requestVideoFrameCallback(function count() {
      lipsync.shown += 1;
      video.requestVideoFrameCallback(count);
      done();
    });
  });
}

// Silence what the browser has received and not played yet, until something new is said.
function hush() {
  video.volume = 0;
  clearTimeout(rtc.hushed);
  rtc.hushed = setTimeout(unhush, HELD_MS);
}

function unhush() {
  clearTimeout(rtc.hushed);
  video.volume = 1;
}

function closeRtc() {
  if (rtc.connection !== null) rtc.connection.close();
  if (rtc.resource) fetch(withQuery(rtc.resource), { method: "DELETE", keepalive: true });
  rtc.connection = rtc.sender = null;
  rtc.resource = "";
  video.hidden = true;
  canvas.hidden = false;
}

async function leftRtc(connection, servers) {
  if (rtc.connection !== connection) return;
  lipsync.connected = false;
  closeRtc();
  for (;;) {
    await new Promise((done) => setTimeout(done, 1000));
    try {
      await playByRtc(servers);
      return;
    } catch (error) {
      lipsync.error = String(error.message);
    }
  }
}

// Send the microphone up, or stop sending. The browser asks its user the first time.
async function sendMicrophone(wanted) {
  if (wanted && rtc.microphone === null) {
    const audio = { echoCancellation: true, noiseSuppression: true, channelCount: 1 };
    rtc.microphone = await navigator.mediaDevices.getUserMedia({ audio });
  }
  if (rtc.sender !== null) await rtc.sender.replaceTrack(wanted ? rtc.microphone.getAudioTracks()[0] : null);
}

addEventListener("pagehide", () => rtc.connection !== null && closeRtc());
document.addEventListener("pointerdown", () => {
  if (!video.hidden && video.muted) {
    video.muted = false;
    tap.hidden = true;
  }
});
