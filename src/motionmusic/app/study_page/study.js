// The study's page: who rates, the clips one after the other (jsPsych), the answers as CSV.
// STUDY comes from study_data.js. Only numbers and paths of clips of it become HTML; names do not.
"use strict";

// The questions and what their ends mean; the values are those of docs/study.md.
const SCALES = [
  ["q1", "How well does this music suit the dance?"],
  ["q2", "How well does the tempo of this music fit the movements?"],
];
const PREFERENCE = ["q3", "Do you prefer this music to the dance’s own music?"];
const COLUMNS = ["dataset", "category", "subject", "major", "q1", "q2", "q3", "item"];

const $ = (id) => document.getElementById(id);
const total = STUDY.dances.reduce((sum, dance) => sum + dance.candidates.length, 0);

// What is kept in the browser

const KEY = `motionmusic study ${STUDY.id}`; // every page on a disk shares one store

function keep(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    $("storage-notice").hidden = false; // private windows, a full or forbidden store
  }
}

function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

// The start

if (STUDY.title) {
  document.title = STUDY.title;
  document.querySelector("#start h1").textContent = STUDY.title;
}
if (STUDY.consent.length) {
  $("consent").hidden = false;
  $("consent").querySelector("input").required = true;
  $("consent").querySelector("legend").after(...STUDY.consent.map((text) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    return paragraph;
  }));
}
$("extent").textContent =
  `You will see ${STUDY.dances.length} ${STUDY.dances.length === 1 ? "dance" : "dances"}:` +
  ` each first with its own music, then with other music, ${total + STUDY.dances.length} clips in all.`;
$("subject").max = STUDY.orders.length;
keep(`${KEY} tried`, true);
const last = kept(KEY);
if (last) {
  const progress = kept(`${KEY} ${last}`);
  $("subject").value = last;
  if (progress) {
    document.querySelector(`[name=major][value=${progress.major}]`).checked = true;
    $("who").querySelector("button").textContent = "Go on";
  }
}

$("who").addEventListener("submit", (event) => {
  event.preventDefault();
  const subject = Number($("subject").value);
  const major = new FormData($("who")).get("major");
  const progress = kept(`${KEY} ${subject}`) ?? { major, answers: {} };
  if (progress.major !== major) {
    $("start-notice").textContent =
      `Number ${subject} was begun here with another answer to what they study or work in.` +
      " Check the number and that answer.";
    return;
  }
  keep(KEY, subject);
  keep(`${KEY} ${subject}`, progress);
  $("start").hidden = true;
  rate(subject, progress);
});

// The clips

function rate(subject, progress) {
  const timeline = [];
  STUDY.orders[subject - 1].forEach(([number, order], place) => {
    const dance = STUDY.dances[number];
    const left = order.filter((each) => !(key(dance, dance.candidates[each]) in progress.answers));
    // whoever comes back in the middle of a dance sees it with its own music again
    if (left.length) timeline.push(page(dance.own, `Dance ${place + 1} of ${STUDY.orders[0].length}`,
      "A dance with its own music", "", progress));
    for (const each of left) {
      const candidate = dance.candidates[each];
      const nth = `Dance ${place + 1} of ${STUDY.orders[0].length}, other music`
        + ` ${order.indexOf(each) + 1} of ${order.length}`;
      timeline.push({
        ...page(candidate.clip, nth, "The same dance with other music",
          again(dance.own) + SCALES.map(scale).join("") + preference(), progress),
        on_finish: (data) => {
          progress.answers[key(dance, candidate)] = data.response;
          keep(`${KEY} ${subject}`, progress);
        },
      });
    }
  });
  if (!timeline.length) {
    end(subject, progress);
    return;
  }
  $("study").hidden = false;
  initJsPsych({ display_element: "study", on_finish: () => end(subject, progress) }).run(timeline);
}

// an answer's place: an item's name is its own within its category only
const key = (dance, candidate) => JSON.stringify([dance.dataset, dance.category, candidate.item]);

// the number of answers is read when the page is shown, not when the timeline is made
const page = (clip, place, title, questions, progress) => ({
  type: jsPsychSurveyHtmlForm,
  button_label: "Next",
  html: () => `
    <p class="place"><span>${place}</span>
      <progress max="${total}" value="${Object.keys(progress.answers).length}"
        aria-label="answered"></progress></p>
    <h1 tabindex="-1">${title}</h1>
    ${video(clip, "auto", title)}
    ${questions}
    <p id="notice" class="notice" role="alert"></p>`,
  on_load: watch,
});

const video = (clip, preload, label) =>
  `<video src="${clip}" controls playsinline preload="${preload}" aria-label="${label}"></video>`;

const again = (clip) => `<details><summary>Watch it with its own music again</summary>
  ${video(clip, "none", "The dance with its own music")}</details>`;

const scale = ([name, words]) => `<fieldset><legend>${words}</legend><div class="choices scale">
  ${[1, 2, 3, 4, 5].map((n) => `<label><input type="radio" name="${name}" value="${n}" required>
    <span>${n}</span>${n === 1 ? "<small>not at all</small>" : n === 5 ? "<small>very well</small>" : ""}
    </label>`).join("")}</div></fieldset>`;

const preference = () => `<fieldset>
  <legend>${PREFERENCE[1]} <small>No also if you like both equally.</small></legend>
  <div class="choices">
    <label><input type="radio" name="${PREFERENCE[0]}" value="1" required> Yes</label>
    <label><input type="radio" name="${PREFERENCE[0]}" value="0"> No</label>
  </div></fieldset>`;

// Nobody goes on before the clip has ended once, and only one clip is heard at a time.
function watch() {
  const videos = [...$("study").querySelectorAll("video")];
  let watched = false;
  videos[0].addEventListener("ended", () => {
    watched = true;
    $("notice").textContent = "";
  });
  for (const each of videos) {
    each.addEventListener("play", () => {
      for (const other of videos) if (other !== each) other.pause();
    });
    each.addEventListener("error", () => {
      $("notice").textContent =
        "This clip cannot be played. Try another browser, or tell whoever gave you this study.";
    });
  }
  $("jspsych-survey-html-form").addEventListener("submit", (event) => {
    if (watched) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // before jsPsych takes the answers
    $("notice").textContent = "Watch the clip to its end first.";
    videos[0].focus();
  }, { capture: true });
  $("study").tabIndex = -1; // jsPsych makes it a stop of the Tab key, at which nothing is to be done
  $("study").querySelector("h1").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

// The end

function end(subject, progress) {
  $("study").hidden = true;
  $("end").hidden = false;
  $("done").textContent = `You have rated all ${total} clips. Now save your answers as a file.`;
  $("end").querySelector("h1").focus();
  $("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([table(subject, progress)], { type: "text/csv" }));
    link.download = `ratings_${subject}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}

/** The answers as `motionmusic study score` reads them, in the order in which they were given. */
function table(subject, progress) {
  const rows = [COLUMNS];
  for (const [number, order] of STUDY.orders[subject - 1]) {
    const dance = STUDY.dances[number];
    for (const each of order) {
      const candidate = dance.candidates[each];
      const row = { ...dance, subject, major: progress.major, item: candidate.item,
        ...progress.answers[key(dance, candidate)] };
      rows.push(COLUMNS.map((column) => row[column]));
    }
  }
  return rows.map((row) => row.map(field).join(",") + "\n").join("");
}

function field(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
