// Player of a session's slots: pictures on a canvas, sound through an AudioContext, both timed by the sample clock.
"use strict";

const HEADER = 16; // see lipsync_edge/server/protocol.py
const STATES = ["speech", "silence", "idle", "starved", "late"];
// seconds between arrival and playout, which is what the network may be late: at first, more after each lateness, at most
const LEAD = { first: 0.12, step: 0.04, most: 0.4 };
const LONGEST_QUEUE = 0.6; // a longer one, in seconds, means that the two clocks have parted: begin anew

const canvas = document.getElementById("face");
const painter = canvas.getContext("2d");
const tap = document.getElementById("tap");

// read by whoever looks after the kiosk
const lipsync = (window.lipsync = {
  transport: "", state: "connecting", connected: false, shown: 0, skipped: 0, rebased: 0, slot: -1, sounding: 0,
  events: [], error: "", interrupt: () => {},
});

let context = null; // AudioContext at the session's rate, so that pieces join without resampling
let hello = null;
let lead = LEAD.first;
let startTime = null; // context time of sample 0 and of slot 0
let silentSince = 0; // page time that stands in for the context's while it may not sound
let sources = new Set();
let pictures = []; // {slot, state, image}, in order
let interruptToken = {}; // stands for the time until the next interrupt; pictures decoded for an older one are dropped

function now() {
  return context.state === "running" ? context.currentTime : performance.now() / 1000 - silentSince;
}

function openPlayout(message) {
  hello = message;
  canvas.width = hello.width;
  canvas.height = hello.height;
  if (context === null || context.sampleRate !== hello.rate) {
    if (context !== null) context.close();
    context = new AudioContext({ sampleRate: hello.rate, latencyHint: "interactive" });
    context.onstatechange = () => {
      tap.hidden = context.state === "running";
      startTime = null; // another clock counts from here on
    };
    silentSince = performance.now() / 1000;
  }
  tap.hidden = context.state === "running";
  dropQueued();
  startTime = null;
}

function dropQueued() {
  interruptToken = {};
  for (const source of sources) source.stop();
  sources.clear();
  lipsync.sounding = 0;
  for (const picture of pictures) picture.image.close();
  pictures = [];
}

function samplesBefore(slot) {
  return Math.floor((slot * hello.rate) / hello.fps);
}

function timeOf(slot) {
  return startTime + samplesBefore(slot) / hello.rate;
}

function receiveSlot(buffer) {
  const header = new DataView(buffer, 0, HEADER);
  const slot = header.getUint32(0, true);
  const state = STATES[header.getUint8(4)];
  const soundBytes = header.getUint32(8, true);
  const ahead = startTime === null ? NaN : timeOf(slot) - now();
  if (!(ahead > 0 && ahead < LONGEST_QUEUE)) {
    if (startTime !== null) {
      lipsync.rebased += 1;
      if (ahead <= 0) lead = Math.min(lead + LEAD.step, LEAD.most);
    }
    for (const source of sources) source.stop();
    sources.clear();
    startTime = now() + lead - samplesBefore(slot) / hello.rate;
  }
  scheduleSound(new Int16Array(buffer.slice(HEADER, HEADER + soundBytes)), timeOf(slot));
  const jpeg = new Uint8Array(buffer, HEADER + soundBytes);
  if (jpeg.length > 0) decodePicture(jpeg, slot, state);
}

function scheduleSound(pcm, at) {
  if (context.state !== "running" || pcm.length === 0 || pcm.every((value) => value === 0)) return;
  const piece = context.createBuffer(1, pcm.length, hello.rate);
  piece.getChannelData(0).set(Float32Array.from(pcm, (value) => value / 32768));
  const source = context.createBufferSource();
  source.buffer = piece;
  source.connect(context.destination);
  source.onended = () => sources.delete(source);
  source.start(at);
  sources.add(source);
}

async function decodePicture(jpeg, slot, state) {
  const mine = interruptToken;
  const image = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  if (mine !== interruptToken) {
    image.close();
    return;
  }
  let place = pictures.length;
  while (place > 0 && pictures[place - 1].slot > slot) place -= 1; // decoding may overtake
  pictures.splice(place, 0, { slot, state, image });
}

function showDue() {
  requestAnimationFrame(showDue);
  if (startTime === null) return;
  const audible = now() - (context.state === "running" ? context.outputLatency || 0 : 0);
  let due = 0;
  while (due < pictures.length && timeOf(pictures[due].slot) <= audible) due += 1;
  if (due > 0) {
    const passed = pictures.splice(0, due);
    const latest = passed[due - 1];
    painter.drawImage(latest.image, 0, 0);
    lipsync.shown += 1;
    lipsync.skipped += due - 1;
    lipsync.slot = latest.slot;
    lipsync.state = latest.state;
    for (const picture of passed) picture.image.close();
  }
  lipsync.sounding = sources.size;
}

function receiveMessage(message) {
  if (message.type === "hello") openPlayout(message);
  if (message.type === "error") lipsync.error = message.error;
  if (message.type === "event") {
    if (message.event === "interrupt" && hello !== null) dropQueued();
    receiveEvent(message);
  }
}

function receiveEvent(message) {
  lipsync.events = [...lipsync.events.slice(-99), message.event];
  window.dispatchEvent(new CustomEvent("lipsync", { detail: message }));
}

// Open a WebSocket of the session and open it again whenever it closes; `receive` takes what is said, `lost` is called at a close.
function keepOpen(path, receive, lost) {
  const address = new URL(path, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => receive(typeof data === "string" ? JSON.parse(data) : data);
  socket.onclose = ({ reason }) => {
    if (lost(reason) !== false) setTimeout(keepOpen, 1000, path, receive, lost);
  };
  lipsync.interrupt = () => socket.readyState === WebSocket.OPEN && socket.send("interrupt");
  return socket;
}

function playBySocket() {
  lipsync.transport = "websocket";
  const receive = (data) => {
    if (data instanceof ArrayBuffer) {
      receiveSlot(data);
      return;
    }
    if (data.type === "hello") {
      lipsync.connected = true;
      lipsync.error = "";
    }
    receiveMessage(data);
  };
  keepOpen(withQuery("api/view"), receive, (reason) => {
    lipsync.connected = false;
    lipsync.error = lipsync.error || reason;
    if (hello !== null) dropQueued();
  });
  requestAnimationFrame(showDue);
}

// An address of the server with the page's own query (session, token) and more.
function withQuery(path, more = {}) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return query.size > 0 ? `${path}?${query}` : path;
}

document.addEventListener("pointerdown", () => context !== null && context.resume());
document.addEventListener("keydown", (event) => {
  if (context !== null) context.resume();
  if (event.key === "Escape") lipsync.interrupt();
});
