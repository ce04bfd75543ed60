// Notes of the page on its own clock, in ms: how bright the middle of the mouth is whenever a picture is shown, and how loud
// the sound is; in window.flashes and window.sounds, as [time, level].
window.flashes = [];
window.sounds = [];
const small = new OffscreenCanvas(96, 96), ink = small.getContext("2d", {willReadFrequently: true});
video.requestVideoFrameCallback(function look(now, {expectedDisplayTime}) {
  ink.drawImage(video, 0, 0, 96, 96);
  const {data} = ink.getImageData(40, 58, 16, 10);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i];
  flashes.push([expectedDisplayTime, sum / (data.length / 4)]);
  video.requestVideoFrameCallback(look);
});
const listening = new AudioContext({sampleRate: 48000});
const code = `class Level extends AudioWorkletProcessor {
  process([[wave]]) {
    if (wave) this.port.postMessage([currentTime, Math.max(...wave.map(Math.abs))]);
    return true;
  }
}
registerProcessor("level", Level);`;
const module = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
listening.audioWorklet.addModule(module).then(() => {
  const node = new AudioWorkletNode(listening, "level");
  listening.createMediaStreamSource(video.srcObject).connect(node);
  node.connect(listening.destination);
  node.port.onmessage = ({data: [at, level]}) => {
    const {performanceTime, contextTime} = listening.getOutputTimestamp();
    sounds.push([performanceTime + (at - contextTime) * 1000, level * video.volume]);
  };
});
