
"use strict";

// One player: the pattern that sounds, its playhead, and a button for every pattern.
function play(root) {
  const data = JSON.parse(root.querySelector("script").textContent);
  const audio = root.querySelector("audio");
  const stage = root.querySelector(".stage");
  const now = root.querySelector(".now");
  // The step at which each pattern begins, and the end of the last.
  const begins = [0];
  for (const measure of data.measures) begins.push(begins[begins.length - 1] + measure.steps);
  let current = 0;

  function draw(canvas, measure, names, position) {
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue(name).trim();
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const left = names ? Math.max(...data.lanes.map((lane) => textWidth(pen, lane, style))) + 10 : 1;
    const step = (width - left - 1) / measure.steps;
    const row = (height - 2) / data.lanes.length;
    for (let at = 0; at <= measure.steps; at += names ? measure.beat : measure.bar) {
      pen.fillStyle = colour(at % measure.bar === 0 ? "--bar" : "--beat");
      pen.fillRect(left + at * step - 0.5, 1, 1, height - 2);
    }
    data.lanes.forEach((lane, index) => {
      pen.fillStyle = colour("--beat");
      if (names) pen.fillRect(left, 1 + (index + 1) * row - 0.5, width - left, 1);
      if (names) {
        pen.fillStyle = colour("--soft");
        pen.textAlign = "right";
        pen.textBaseline = "middle";
        pen.fillText(lane, left - 8, 1 + (index + 0.5) * row);
      }
    });
    for (const [at, lane, velocity] of measure.hits) {
      // A ghost note is still seen, a full one is solid; what has just been struck glows.
      const since = position === null ? -1 : position - at;
      const struck = since >= 0 && since < 2;
      pen.fillStyle = `rgba(${colour(struck ? "--flash" : "--hit")}, ${0.22 + (0.78 * velocity) / 127})`;
      const gap = names ? Math.min(1, step * 0.15) : 0;
      pen.fillRect(left + at * step + gap / 2, 1 + lane * row + row * 0.1, Math.max(step - gap, 1), row * 0.8);
    }
    if (position !== null) {
      pen.fillStyle = `rgb(${colour("--flash")})`;
      pen.fillRect(left + position * step - 1, 0, 2, height);
    }
  }

  function textWidth(pen, text, style) {
    pen.font = `12px ${style.fontFamily}`;
    return pen.measureText(text).width;
  }

  const buttons = data.measures.map((measure, index) => {
    const button = document.createElement("button");
    const label = document.createElement("span");
    button.type = "button";
    label.textContent = `${index + 1}  ${measure.name}`;
    button.title = measure.name;
    button.append(label, document.createElement("canvas"));
    button.addEventListener("click", () => {
      current = index;
      if (audio) audio.currentTime = begins[index] * data.step_s;
      show();
    });
    root.querySelector(".measures").append(button);
    return button;
  });
  if (buttons.length < 2) root.querySelector(".measures").remove();

  function show() {
    let position = null;
    if (audio && (audio.currentTime > 0 || !audio.paused)) {
      const at = audio.currentTime / data.step_s + 1e-6;
      const found = begins.findIndex((begin) => at < begin) - 1;
      // The last sound rings on after the last step.
      current = found < 0 ? data.measures.length - 1 : found;
      position = found < 0 ? null : at - begins[current];
    }
    const measure = data.measures[current];
    const text = [`${current + 1} / ${data.measures.length}`, measure.name, measure.genre].filter(Boolean).join(" · ");
    if (now.textContent !== text) now.textContent = text;
    buttons.forEach((button, index) => button.setAttribute("aria-current", String(index === current)));
    draw(stage, measure, true, position);
  }

  function drawAll() {
    buttons.forEach((button, index) => draw(button.querySelector("canvas"), data.measures[index], false, null));
    show();
  }

  if (audio) {
    const follow = () => {
      show();
      if (!audio.paused && !audio.ended) requestAnimationFrame(follow);
    };
    audio.addEventListener("play", follow);
    for (const event of ["seeked", "pause", "ended", "timeupdate"]) audio.addEventListener(event, show);
    // Two at once are no comparison.
    audio.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    });
  }
  new ResizeObserver(drawAll).observe(stage);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  drawAll();
}

document.querySelectorAll(".player").forEach(play);
