"use strict";

// What the page needs beyond its tables; every part works without the others.
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
    if (head.tagName !== "TH") return; // the corner
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

// The matrix: counts of the chosen model, and the excerpts behind the chosen cell.
{
  const model = byId("model");
  const buttons = [...byId("matrix").querySelectorAll("button")];
  model.closest("[hidden]").hidden = false;
  byId("behind").closest("[hidden]").hidden = false;
  let chosen = null;
  const rowsOf = (button) =>
    results.behind[model.value].filter(
      ([excerpt, said]) =>
        results.excerpts[excerpt][2] === Number(button.dataset.true) && said === Number(button.dataset.said),
    ).sort((a, b) => b[2] - a[2]);
  const play = (excerpt, asked) => {
    for (const button of byId("behind").querySelectorAll("button")) {
      button.setAttribute("aria-current", String(button.value === String(excerpt)));
    }
    viewer.show(results.excerpts[excerpt][0], results.excerpts[excerpt][1], asked);
  };
  const list = (button) => {
    chosen = button;
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    const rows = rowsOf(button);
    const [truth, said] = [button.dataset.true, button.dataset.said].map((k) => results.classes[k]);
    byId("behind-name").textContent =
      `${truth}, taken for ${said}: ${rows.length} ${rows.length === 1 ? "excerpt" : "excerpts"}`;
    byId("behind").replaceChildren(
      ...rows.map(([excerpt, , count]) => {
        const [dance, number_, , segments] = results.excerpts[excerpt];
        const item = document.createElement("li");
        const words = `${results.body.dances[dance].piece}, excerpt ${number_}: ${count} of ${segments * results.seeds} segments`;
        item.append(element("button", words, { type: "button", value: excerpt }));
        return item;
      }),
    );
    return rows;
  };
  for (const button of buttons) {
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const [first] = list(button);
      if (first) play(first[0], true);
    });
  }
  byId("behind").addEventListener("click", (event) => {
    if (event.target.tagName === "BUTTON") play(Number(event.target.value), true);
  });
  // what most segments of an excerpt are taken for
  const tell = () => viewer.tell((dance) => {
    const votes = results.behind[model.value].filter(([excerpt]) => results.excerpts[excerpt][0] === dance);
    const best = {};
    for (const [excerpt, said, count] of votes) {
      if (count > (best[excerpt]?.[1] ?? 0)) best[excerpt] = [said, count];
    }
    return Object.entries(best).map(([excerpt, [said]]) => {
      const [, number_, truth] = results.excerpts[excerpt];
      return [number_, results.classes[said], said === truth];
    });
  });
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
    tell();
    if (chosen) list(chosen);
  });
  tell();
  // to begin with: the first cell with an excerpt, of a dance with recommended music if there is one
  const first = buttons.find((button) => rowsOf(button).length);
  if (first) {
    const rows = list(first);
    const [excerpt] = rows.find(([one]) => results.body.dances[results.excerpts[one][0]].tracks.length) ?? rows[0];
    play(excerpt, false);
  }
}
