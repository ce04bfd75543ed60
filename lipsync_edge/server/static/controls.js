// Buttons that come up when somebody moves: hold to talk, echo, a text to say, stop.
"use strict";

const AWAKE_MS = 4000;
const controls = document.getElementById("controls");
const talk = document.getElementById("talk");
const echo = document.getElementById("echo");
const text = document.getElementById("text");
const told = document.getElementById("told");
let asleep = 0;

function wake() {
  document.body.classList.add("awake");
  clearTimeout(asleep);
  asleep = setTimeout(() => {
    if (!controls.contains(document.activeElement)) document.body.classList.remove("awake");
  }, AWAKE_MS);
}

function tell(what) {
  told.textContent = what;
  told.hidden = !what;
}

async function press(button, wanted) {
  try {
    await sendMicrophone(wanted);
    button.setAttribute("aria-pressed", String(wanted));
    tell("");
  } catch (error) {
    tell(`No microphone: ${error.message}`);
  }
}

function offerControls(config, hasRtc) {
  for (const button of [talk, echo]) button.hidden = !hasRtc || !navigator.mediaDevices;
  text.hidden = !config.tts;
  talk.onpointerdown = (event) => {
    talk.setPointerCapture(event.pointerId);
    press(talk, true);
  };
  talk.onpointerup = talk.onpointercancel = () => press(talk, false);
  echo.onclick = () => press(echo, echo.getAttribute("aria-pressed") !== "true");
  document.getElementById("stop").onclick = () => lipsync.interrupt();
  text.onsubmit = async (event) => {
    event.preventDefault();
    const words = text.elements.text.value.trim();
    if (!words) return;
    text.elements.text.value = "";
    const answer = await fetch(withQuery("api/say"), {
      method: "POST",
      headers: { "Content-Type": "text/plain;charset=utf-8" },
      body: words,
    });
    tell(answer.ok || answer.status === 409 ? "" : (await answer.json()).error);
  };
}

for (const kind of ["pointermove", "pointerdown", "keydown", "focusin"]) document.addEventListener(kind, wake);
