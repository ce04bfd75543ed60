// Says at the first contact that the face is synthetic, and keeps a small "AI" in the corner. At a kiosk everybody who
// comes after a pause is a first contact: a page cannot see who stands before it.
"use strict";

const NOTICE_MS = 8000;
const NEW_CONTACT_MS = 60_000; // of silence, after which the next speech is to somebody else
const NOTICES = {
  en: "This face is synthetic: it is made by AI.",
  de: "Dieses Gesicht ist synthetisch: Es wird von einer KI erzeugt.",
  fr: "Ce visage est synthétique : il est créé par une IA.",
  es: "Este rostro es sintético: lo crea una IA.",
  it: "Questo volto è sintetico: è creato da un'IA.",
  nl: "Dit gezicht is synthetisch: het wordt door AI gemaakt.",
  pl: "Ta twarz jest syntetyczna: tworzy ją sztuczna inteligencja.",
  pt: "Este rosto é sintético: é criado por IA.",
  sv: "Det här ansiktet är syntetiskt: det skapas av AI.",
};

(() => {
  const notice = document.getElementById("notice");
  const badge = document.getElementById("badge");
  const language = (navigator.language || "en").slice(0, 2).toLowerCase();
  const text = NOTICES[language] || NOTICES.en;
  notice.textContent = text;
  notice.lang = NOTICES[language] ? language : "en";
  badge.title = text;
  badge.setAttribute("aria-label", text);
  let spoke = -Infinity;
  let hiding = 0;

  function show() {
    notice.hidden = false;
    clearTimeout(hiding);
    hiding = setTimeout(() => { notice.hidden = true; }, NOTICE_MS);
  }

  window.addEventListener("lipsync", ({ detail }) => {
    const now = performance.now();
    if (detail.event === "speech_start" && now - spoke > NEW_CONTACT_MS) show();
    spoke = now;
  });
  show();
})();
