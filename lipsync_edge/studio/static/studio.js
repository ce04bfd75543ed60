// Two videos under one another: they play in step, and a line between them can be moved.
// On a narrow screen results appear below the buttons, so the page goes there.
(() => {
  const makes = ["preview-frame", "preview-clip", "make"];
  const text = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

  function goToResults() {
    if (innerWidth < 900) document.getElementById("results").scrollIntoView({ behavior: "smooth" });
  }

  function connect(root) {
    if (root.dataset.lsReady) return;
    root.dataset.lsReady = "1";
    const find = (name) => root.querySelector(`.ls-${name}`);
    const [result, source, stage, line] = ["result", "source", "stage", "line"].map(find);
    const [wipe, play, seek, time] = ["wipe", "play", "seek", "time"].map(find);
    let drags = false;

    const split = () => {
      source.style.clipPath = `inset(0 ${100 - wipe.value}% 0 0)`;
      line.style.left = `${wipe.value}%`;
    };
    const follow = () => {
      if (Math.abs(source.currentTime - result.currentTime) > 0.04) source.currentTime = result.currentTime;
    };
    const show = () => {
      const length = result.duration || 0;
      if (!drags && length) seek.value = (1000 * result.currentTime) / length;
      time.textContent = `${text(result.currentTime)} / ${text(length)}`;
    };
    const toggle = () => (result.paused ? result.play() : result.pause());

    result.addEventListener("loadedmetadata", () => {
      stage.style.aspectRatio = `${result.videoWidth} / ${result.videoHeight}`;
      stage.style.maxWidth = `calc(62vh * ${result.videoWidth / result.videoHeight})`;
      show();
    });
    result.addEventListener("play", () => {
      source.play();
      play.innerHTML = "&#10074;&#10074;";
      play.setAttribute("aria-label", "Pause");
    });
    for (const event of ["pause", "ended"]) {
      result.addEventListener(event, () => {
        source.pause();
        follow();
        play.innerHTML = "&#9654;";
        play.setAttribute("aria-label", "Play");
      });
    }
    result.addEventListener("timeupdate", () => {
      follow();
      show();
    });
    result.addEventListener("seeked", follow);
    wipe.addEventListener("input", split);
    play.addEventListener("click", toggle);
    seek.addEventListener("input", () => {
      drags = true;
      result.currentTime = ((result.duration || 0) * seek.value) / 1000;
    });
    seek.addEventListener("change", () => (drags = false));
    split();
    if (root.closest("#result")) goToResults();
  }

  document.addEventListener("click", ({ target }) => makes.includes(target.closest?.("button")?.id) && goToResults());
  const all = () => document.querySelectorAll("[data-ls-compare]").forEach(connect);
  new MutationObserver(all).observe(document.documentElement, { childList: true, subtree: true });
  all();
})();
