"use strict";

// What the page needs beyond its tables; every part works without the others.
const results = JSON.parse(document.getElementById("results").textContent);
const byId = (id) => document.getElementById(id);
const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};
const show = (id) => { byId(id).closest("[hidden]").hidden = false; };

// Sorting: by number where the column's first lines are numbers, what is a dash comes last.
const number = (text) => {
  const found = text.replaceAll("−", "-").replaceAll(",", "").match(/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?/);
  return found ? Number(found[0]) : NaN;
};
const sortTable = (table, column, ascending) => {
  const body = table.tBodies[0];
  const text = (row) => row.cells[column].firstChild.textContent.trim();
  const rows = [...body.rows].map((row) => ({ row, text: text(row) }));
  const filled = rows.filter((each) => each.text !== "–" && each.text !== "");
  const numeric = filled.every((each) => !Number.isNaN(number(each.text)));
  const compare = (a, b) =>
    numeric ? number(a.text) - number(b.text) : a.text.localeCompare(b.text, "en", { numeric: true });
  filled.sort((a, b) => (ascending ? compare(a, b) : compare(b, a)));
  const empty = rows.filter((each) => !filled.includes(each));
  body.append(...[...filled, ...empty].map((each) => each.row));
};
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = element("button", "", { type: "button", class: "sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortTable(table, column, ascending);
    });
  });
}

// The dancer: frames of one byte a coordinate, a line from every joint to its parent.
const canvas = byId("dancer");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dancer = { points: null, frames: 0, frame: 0, timer: 0 };
const draw = () => {
  const context = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const joints = results.parents.length;
  const at = (joint) => {
    const place = (dancer.frame * joints + joint) * 2;
    const margin = 24;
    const scale = (canvas.width - 2 * margin) / 255;
    return [margin + dancer.points[place] * scale, margin + dancer.points[place + 1] * scale];
  };
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.lineCap = "round";
  context.lineWidth = 6;
  context.strokeStyle = style.getPropertyValue("--plain");
  results.parents.forEach((parent, joint) => {
    if (parent === joint) return;
    context.beginPath();
    context.moveTo(...at(joint));
    context.lineTo(...at(parent));
    context.stroke();
  });
  context.fillStyle = style.getPropertyValue("--ink");
  for (let joint = 0; joint < joints; joint += 1) {
    context.beginPath();
    context.arc(...at(joint), 4, 0, 2 * Math.PI);
    context.fill();
  }
};
const tell = () => {
  const second = (dancer.frame / results.rate).toFixed(1);
  byId("playing").textContent = `${dancer.name}, second ${second}`;
};
const pause = () => {
  clearInterval(dancer.timer);
  dancer.timer = 0;
  byId("play").textContent = "Play";
};
const play = () => {
  pause();
  byId("play").textContent = "Pause";
  dancer.timer = setInterval(() => {
    dancer.frame = (dancer.frame + 1) % dancer.frames;
    draw();
    tell();
  }, 1000 / results.rate);
};
const choose = (excerpt) => {
  const [piece, number_] = results.excerpts[excerpt];
  dancer.points = Uint8Array.from(atob(results.motion[excerpt]), (c) => c.charCodeAt(0));
  dancer.frames = dancer.points.length / (2 * results.parents.length);
  dancer.frame = 0;
  dancer.name = `${piece}, excerpt ${number_}`;
  for (const button of byId("behind").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.value === String(excerpt)));
  }
  byId("play").disabled = false;
  draw();
  tell();
};

// The matrix: counts of the chosen model, and the excerpts behind the chosen cell.
{
  show("model");
  show("dancer");
  const model = byId("model");
  const buttons = [...byId("matrix").querySelectorAll("button")];
  let chosen = null;
  const rowsOf = (button) =>
    results.behind[model.value].filter(
      ([excerpt, said]) =>
        results.excerpts[excerpt][2] === Number(button.dataset.true) && said === Number(button.dataset.said),
    );
  const list = (button) => {
    if (chosen === button) return false;
    chosen = button;
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    const rows = rowsOf(button).sort((a, b) => b[2] - a[2]);
    const [truth, said] = [button.dataset.true, button.dataset.said].map((k) => results.classes[k]);
    byId("behind-name").textContent =
      `${truth}, predicted ${said}: ${rows.length} ${rows.length === 1 ? "excerpt" : "excerpts"}`;
    byId("behind").replaceChildren(
      ...rows.map(([excerpt, , count]) => {
        const [piece, number_, , segments, clip] = results.excerpts[excerpt];
        const item = document.createElement("li");
        const words = `${piece}, excerpt ${number_}: ${count} of ${segments * results.seeds} segments`;
        item.append(element("button", words, { type: "button", value: excerpt }));
        if (clip) item.append(element("a", "clip with music", { href: `#${clip}` }));
        return item;
      }),
    );
    pause();
    if (rows.length) {
      choose(rows[0][0]);
      if (!still.matches) play();
    } else {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      byId("play").disabled = true;
      byId("playing").textContent = "";
    }
    return true;
  };
  for (const button of buttons) {
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") list(button); });
    button.addEventListener("click", () => list(button));
  }
  byId("behind").addEventListener("click", (event) => {
    if (event.target.tagName !== "BUTTON") return;
    choose(Number(event.target.value));
    play();
  });
  byId("play").addEventListener("click", () => (dancer.timer ? pause() : play()));
  model.addEventListener("change", () => {
    byId("matrix-name").textContent = model.selectedOptions[0].textContent;
    const sums = results.classes.map((_, truth) =>
      buttons.filter((b) => Number(b.dataset.true) === truth)
        .map((b) => rowsOf(b).reduce((sum, row) => sum + row[2], 0)));
    for (const button of buttons) {
      const row = sums[button.dataset.true];
      const share = row[button.dataset.said] / Math.max(1, row.reduce((a, b) => a + b));
      button.children[0].textContent = row[button.dataset.said];
      button.children[1].textContent = `${(100 * share).toFixed(1)} %`;
      button.parentElement.className = `s${Math.round(10 * share)}`;
    }
    const before = chosen;
    chosen = null;
    if (before) list(before);
  });
}

// Recommendations: one dance at a time.
if (results.dances.length) {
  show("dance-shown");
  byId("dance-shown").addEventListener("change", (event) => {
    const dance = results.dances[event.target.value];
    const body = byId("recommended").tBodies[0];
    for (const head of byId("recommended").tHead.rows[0].cells) head.removeAttribute("aria-sort");
    byId("dance-name").textContent =
      `${dance.category}: ${dance.piece}, excerpt ${dance.excerpt}, its own music ${dance.bpm} bpm`;
    body.replaceChildren(
      ...dance.rows.map(([method, ...others]) => {
        const row = document.createElement("tr");
        row.append(element("th", method, { scope: "row" }), ...others.map((text) => element("td", text)));
        return row;
      }),
    );
  });
}
