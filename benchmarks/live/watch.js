// Notes of the page on its own clock, in ms: how bright the middle of the mouth is whenever a picture is shown, and how loud
// the sound is when it is heard; in window.flashes and window.sounds, as [time, level]. Besides, in window.apart, what the
// browser itself says of sound minus picture, as [time, ms].
window.flashes = [];
window.sounds = [];
window.apart = [];
const small = new OffscreenCanvas(96, 96), ink = small.getContext("2d", {willReadFrequently: true});
video.requestVideoFrameCallback(function look(now, {expectedDisplayTime}) {
  ink.drawImage(video, 0, 0, 96, 96);
  const {data} = ink.getImageData(40, 58, 16, 10);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i];
  flashes.push([expectedDisplayTime, sum / (data.length / 4)]);
  video.requestVideoFrameCallback(look);
});

// Sound is read where the machine's output takes it from the jitter buffer (its timestamps say when); it is heard as much
// later as the output holds it, which statistics say. Through an AudioContext it would be 50 ms late of its own.
const track = video.srcObject.getAudioTracks()[0].clone();
const reader = new MediaStreamTrackProcessor({track}).readable.getReader();
let base = Infinity, held = 0;
(async () => {
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    const wave = new Float32Array(value.numberOfFrames);
    value.copyTo(wave, {planeIndex: 0, format: "f32-planar"});
    base = Math.min(base, performance.now() - value.timestamp / 1000);
    sounds.push([value.timestamp / 1000 + base + held, Math.max(...wave.map(Math.abs)) * video.volume]);
    value.close();
  }
})();
setInterval(async () => {
  const found = {};
  (await rtc.connection.getStats()).forEach((one) => (found[one.type === "inbound-rtp" ? one.kind : one.type] = one));
  const output = found["media-playout"];
  if (output) held = (1000 * output.totalPlayoutDelay) / Math.max(1, output.totalSamplesCount);
  const played = [found.audio, found.video].map((one) => one && one.estimatedPlayoutTimestamp);
  if (played[0] && played[1]) apart.push([performance.now(), played[1] - played[0]]);
}, 250);
