"use strict";

const study = JSON.parse(document.getElementById("study").textContent);
const main = document.querySelector("main");
const memory = `drumjax-study-${study.study}`;
// A sound counts as heard once it has ended with at most this share of it skipped.
const SKIPPED = 0.05;
let state = null;
let mayRemember = true;

function remembered() {
  try {
    const found = JSON.parse(localStorage.getItem(memory));
    if (found && experiment(found.experiment) && found.subject >= 1 && found.subject <= study.subjects) return found;
  } catch (error) {
    mayRemember = false;
  }
  return null;
}

function remember() {
  try {
    if (state) localStorage.setItem(memory, JSON.stringify(state));
    else localStorage.removeItem(memory);
    mayRemember = true;
  } catch (error) {
    mayRemember = false;
  }
}

window.addEventListener("beforeunload", (event) => {
  // Where nothing is kept, a closed page would take all answers with it.
  if (mayRemember || !state || state.saved) return;
  event.preventDefault();
  event.returnValue = true;
});

function experiment(name) {
  return study.experiments.find((each) => each.name === name);
}

// All that one listener is asked, in order: a row of the answers each, as the answer sheet has them.
function questions(name, subject) {
  const asked = experiment(name);
  const rows = [];
  if (asked.pairs) {
    asked.pairs[subject - 1].forEach((sounds, position) => {
      rows.push({ kind: "pair", position, sounds, stimulus: sounds.join(" "), item: "interpolation" });
    });
  } else if (asked.trials) {
    asked.trials[subject - 1].forEach(({ item, sounds }, index) => {
      rows.push({ kind: "choice", position: index + 1, sounds, stimulus: sounds.join(" "), item });
    });
  } else {
    const sound = asked.sounds ? asked.sounds[subject - 1] : null;
    asked.orders[subject - 1].forEach((index, order) => {
      const facet = asked.facets[index];
      rows.push({ kind: "scale", position: order + 1, sounds: sound ? [sound] : [], stimulus: sound || "", item: facet.name, facet });
    });
  }
  const last = rows[rows.length - 1];
  rows.push({ kind: "comment", position: last.position + 1, sounds: [], stimulus: asked.sounds ? last.stimulus : "", item: "comment" });
  return rows;
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function screen(title, ...content) {
  const heading = make("h1", { tabindex: "-1" }, title);
  main.replaceChildren();
  if (state && state.at > 0) {
    const asked = questions(state.experiment, state.subject);
    const done = Math.min(state.at - 1, asked.length);
    main.append(
      make("p", { class: "where" }, `${experiment(state.experiment).title} · listener ${state.subject}`),
      make("progress", { max: asked.length, value: done, "aria-label": `${done} of ${asked.length} questions answered` }),
    );
  }
  main.append(heading, ...content.filter((part) => part !== null));
  if (!mayRemember) main.append(make("p", { class: "fault" }, "This browser keeps nothing: do not close or reload the page before you have saved your answers."));
  window.scrollTo(0, 0);
  // Whoever listens to the page hears what is new on it.
  heading.focus();
}

function paragraphs(texts) {
  return texts.map((text) => make("p", null, text));
}

function start() {
  const found = remembered();
  if (!found) return welcome();
  state = null;
  screen(
    "Welcome back",
    make("p", null, `Listener ${found.subject} has begun “${experiment(found.experiment).title}” on this computer.`),
    make("button", { type: "button", onclick: () => { state = found; show(); } }, "Go on there"),
    make("button", {
      type: "button",
      class: "quiet",
      onclick: () => {
        if (window.confirm("The answers that listener has given so far will be lost. Begin anew?")) { state = null; remember(); welcome(); }
      },
    }, "Begin anew"),
  );
}

function welcome() {
  const subject = make("input", { type: "number", min: 1, max: study.subjects, step: 1, required: true, inputmode: "numeric" });
  const chosen = make("select", null, ...study.experiments.map((each) => make("option", { value: each.name }, each.title)));
  const agree = make("input", { type: "checkbox", required: true });
  const form = make(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        state = { subject: Number(subject.value), experiment: chosen.value, at: 0, answers: [] };
        remember();
        show();
      },
    },
    ...paragraphs(study.consent),
    make("p", { class: "agree" }, make("label", null, agree, "I agree, and take part.")),
    make("label", { class: "field" }, `Your number, 1 to ${study.subjects} (the experimenter gives it to you)`, subject),
    study.experiments.length > 1 ? make("label", { class: "field" }, "Experiment", chosen) : null,
    make("button", { type: "submit" }, "Start"),
  );
  screen(study.title, form);
}

function introduction() {
  const asked = experiment(state.experiment);
  const picture = asked.pairs ? document.getElementById("difference").content.cloneNode(true) : null;
  const texts = paragraphs(asked.text);
  screen(
    asked.title,
    texts[0],
    picture,
    ...texts.slice(1),
    make("button", { type: "button", onclick: forward }, asked.pairs ? "To the practice pair" : "Begin"),
  );
}

function forward() {
  state.at += 1;
  remember();
  show();
}

// Players whose sounds must be heard whole; `changed` is called whenever one more has been.
function players(sounds, labels, heard, changed) {
  const all = [];
  const cards = sounds.map((sound, index) => {
    const note = make("p", { class: "heard", "aria-live": "polite" });
    const say = () => { note.textContent = heard[index] ? `Heard ${heard[index] === 1 ? "once" : `${heard[index]} times`}.` : "Not heard yet."; };
    const audio = make("audio", { controls: true, controlslist: "nodownload noplaybackrate", preload: "auto", src: `sounds/${sound}.wav`, "aria-label": labels[index] });
    audio.addEventListener("play", () => all.forEach((other) => { if (other !== audio) other.pause(); }));
    // Which tenths of a second have been heard since the sound last ended: `audio.played` would add all passes together.
    const passed = new Set();
    let last = 0;
    const follow = () => {
      if (audio.seeking) last = null;
      else {
        if (last !== null) for (let tenth = Math.floor(10 * last); tenth < 10 * audio.currentTime; tenth += 1) passed.add(tenth);
        last = audio.currentTime;
      }
    };
    audio.addEventListener("seeking", () => { last = null; });
    audio.addEventListener("timeupdate", follow);
    audio.addEventListener("ended", () => {
      follow();
      const covered = passed.size / 10;
      passed.clear();
      last = null;
      if (covered >= (1 - SKIPPED) * audio.duration) {
        heard[index] += 1;
        say();
        changed();
      } else {
        note.textContent = "Please listen without leaving parts out.";
      }
    });
    audio.addEventListener("error", () => {
      note.textContent = "This sound cannot be played: does the folder “sounds” lie beside this page, whole? Please tell the experimenter.";
      note.classList.add("fault");
    });
    all.push(audio);
    say();
    return make("section", { class: "card" }, make("h2", null, labels[index]), audio, note);
  });
  return cards;
}

function question(row) {
  const asked = experiment(state.experiment);
  // Kept, so that whoever loads the page again does not answer sooner for it.
  if (state.seenAt !== state.at) {
    state.seenAt = state.at;
    state.seen = Date.now();
    remember();
  }
  // What the listener has heard of a sound stays heard over the questions about it.
  state.heard = state.heard && state.heardOf === row.stimulus + (row.kind === "pair" ? row.position : "") ? state.heard : row.sounds.map(() => 0);
  state.heardOf = row.stimulus + (row.kind === "pair" ? row.position : "");
  const next = make("button", { type: "submit", disabled: true }, "Next");
  const told = row.kind === "scale" ? { legend: asked.question, sounds: ["The drummer"] } : asked.questions ? asked.questions[row.item] : pairQuestion;
  const all = make("fieldset", { disabled: true }, make("legend", null, told.legend), row.kind === "scale" ? scaleChoices(row.facet, asked.points) : wordChoices(told.choices));
  const hint = make("p", { class: "where", "aria-live": "polite" });
  const update = () => {
    const ready = state.heard.every((times) => times > 0);
    all.disabled = !ready;
    next.disabled = !ready || !all.querySelector("input:checked");
    hint.textContent = ready ? "" : row.sounds.length > 2 ? "Listen to all sounds to their ends, then answer." : row.sounds.length > 1 ? "Listen to both sounds to their ends, then answer." : "Listen to the sound to its end, then answer.";
  };
  all.addEventListener("change", update);
  const form = make(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        const seconds = (Math.max(0, Date.now() - state.seen) / 1000).toFixed(1);
        const plays = row.sounds.length ? String(Math.min(...state.heard)) : "";
        state.answers[state.at - 1] = { answer: all.querySelector("input:checked").value, plays, seconds };
        forward();
      },
    },
    ...players(row.sounds, told.sounds, state.heard, () => { remember(); update(); }),
    hint,
    all,
    next,
  );
  const last = questions(state.experiment, state.subject).filter((each) => each.kind === row.kind).length;
  const title = row.kind !== "pair" ? `Question ${row.position} of ${last}` : row.position === 0 ? "Practice pair" : `Pair ${row.position} of ${last - 1}`;
  screen(title, form);
  update();
}

const pairQuestion = {
  legend: "Which of the two is the interpolation?",
  sounds: ["First", "Second"],
  choices: [["first", "The first"], ["second", "The second"]],
};

function wordChoices(choices) {
  return make("div", null, ...choices.map(([value, text]) =>
    make("label", { class: "choice" }, make("input", { type: "radio", name: "answer", value }), text)));
}

function scaleChoices(facet, points) {
  const numbers = Array.from({ length: points }, (_, index) => String(index + 1));
  return make(
    "div",
    { class: "scale" },
    make("span", null, facet.low),
    make("div", { class: "points" }, ...numbers.map((value) => {
      const side = value === "1" ? `, ${facet.low}` : value === String(points) ? `, ${facet.high}` : "";
      return make("label", null, make("input", { type: "radio", name: "answer", value, "aria-label": `${value} of ${points}${side}` }), value);
    })),
    make("span", null, facet.high),
  );
}

function comment() {
  const text = make("textarea", { maxlength: study.most_comment, oninput: () => { state.comment = text.value; remember(); } }, state.comment || "");
  screen(
    "Anything you would like to add?",
    make("label", { class: "field" }, "Your comment (you may leave this empty)", text),
    make("button", {
      type: "button",
      onclick: () => {
        // A spreadsheet would take these for a formula.
        const said = text.value.trim().replace(/\0/g, "");
        state.answers[state.at - 1] = { answer: /^[=+\-@]/.test(said) ? `'${said}` : said, plays: "", seconds: "" };
        forward();
      },
    }, "Next"),
  );
}

function table() {
  const cell = (value) => (/[",;\r\n\t]/.test(String(value)) ? `"${String(value).replace(/"/g, '""')}"` : String(value));
  const rows = questions(state.experiment, state.subject).map((row, index) => {
    const given = state.answers[index] || { answer: "", plays: "", seconds: "" };
    return [study.study, state.experiment, state.subject, row.position, row.stimulus, row.item, given.answer, given.plays, given.seconds];
  });
  return [study.columns, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function end() {
  const text = table();
  const name = `answers-${study.study}-${state.experiment}-${String(state.subject).padStart(4, "0")}.csv`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  screen(
    "Thank you",
    make("p", null, "That was the last question. Save your answers, and give the file to the experimenter: nothing has been sent anywhere."),
    make("a", { class: "button", href: address, download: name, onclick: () => { state.saved = true; remember(); } }, `Save ${name}`),
    make("details", null, make("summary", null, "If nothing is saved: copy this text into a file of that name"), make("textarea", { class: "csv", readonly: true, rows: 12, "aria-label": "Your answers as text" }, text)),
    make("p", null),
    make("button", {
      type: "button",
      class: "quiet",
      onclick: () => {
        const loss = `Save was never clicked. Unless you have copied the text, all answers of listener ${state.subject} are lost for good. Erase them all the same?`;
        if (!state.saved && !window.confirm(loss)) return;
        if (window.confirm("Are the answers saved? They are removed from this browser now.")) { state = null; remember(); welcome(); }
      },
    }, "Next listener"),
  );
}

function show() {
  const asked = questions(state.experiment, state.subject);
  if (state.at === 0) introduction();
  else if (state.at > asked.length) end();
  else if (asked[state.at - 1].kind === "comment") comment();
  else question(asked[state.at - 1]);
}

start();
