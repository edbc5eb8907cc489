// Two things that CSS alone cannot know of a table: whether it fits (then its head sticks to the window, not to a
// scrolling box), and the label of each cell (then a phone can show rows as cards). Marks survive morphs: base.html
// lists them in `morphIgnore`.
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => fit(target)));

export function startTables() {
  for (const wrap of document.querySelectorAll(".table-wrap:not(.prose *, .table-twin *)")) {
    const table = wrap.querySelector(":scope > .table");
    if (!table) continue;
    cards(table);
    if (!("liveFit" in wrap.dataset)) { wrap.dataset.liveFit = ""; sizes.observe(wrap); }
    else fit(wrap);
  }
}

function fit(wrap) {
  const table = wrap.querySelector(":scope > .table");
  const fits = table && table.offsetWidth <= wrap.clientWidth + 1;
  wrap.dataset.liveFit = fits ? "yes" : "no";
  // A box that scrolls must be reachable by keyboard.
  if (fits) wrap.removeAttribute("tabindex");
  else { wrap.tabIndex = 0; wrap.role = "region"; wrap.ariaLabel ??= "Table"; }
}

function cards(table) {
  const heads = [...table.tHead?.rows[0]?.cells ?? []];
  if (heads.length < 3) return;
  table.dataset.liveCards = "";
  // Once CSS changes `display`, the parts must say themselves what they are.
  table.role = "table";
  const labels = heads.map((cell) => cell.querySelector(".skip") ? "" : cell.textContent.replace(/[↑↓]/u, "").trim());
  for (const section of [table.tHead, ...table.tBodies]) section.role = "rowgroup";
  for (const cell of heads) cell.role = "columnheader";
  for (const row of table.rows) {
    row.role = "row";
    if (row.parentElement === table.tHead) continue;
    for (const [index, cell] of [...row.cells].entries()) {
      if (cell.tagName === "TD") cell.role = "cell";
      if (row.cells.length === heads.length && labels[index]) cell.dataset.label = labels[index];
    }
  }
}
