// Ctrl/Cmd-K: one field over every object and action the user may reach. WAI-ARIA combobox with a listbox.
let items = [];
let selected = 0;
let running = null;

export function startPalette() {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("ul");
  const open = () => { if (!dialog.open) { dialog.showModal(); input.value = ""; load(dialog, input, list); } };
  document.addEventListener("click", (event) => { if (event.target.closest("[data-palette]")) open(); });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); }
  });
  input.addEventListener("input", () => load(dialog, input, list));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      select(list, input, (selected + (event.key === "ArrowDown" ? 1 : -1) + items.length) % Math.max(items.length, 1));
    } else if (event.key === "Enter" && items[selected]) {
      event.preventDefault();
      choose(items[selected], dialog, input, list);
    }
  });
  list.addEventListener("click", (event) => {
    const row = event.target.closest("li[data-index]");
    if (row) choose(items[Number(row.dataset.index)], dialog, input, list);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

// An act that needs its object first goes on in the field.
function choose(item, dialog, input, list) {
  if (item.url) { dialog.close(); location.href = item.url; return; }
  input.value = item.fill;
  input.focus();
  load(dialog, input, list);
}

async function load(dialog, input, list) {
  running?.abort();
  running = new AbortController();
  try {
    const answer = await fetch(`${dialog.dataset.url}?q=${encodeURIComponent(input.value)}`, { signal: running.signal });
    items = (await answer.json()).items;
  } catch (error) {
    if (error.name === "AbortError") return;
    items = [];
  }
  draw(list, input);
}

function draw(list, input) {
  list.replaceChildren(...items.map((item, index) => {
    const row = document.createElement("li");
    row.id = `palette-${index}`;
    row.role = "option";
    row.dataset.index = String(index);
    const label = document.createElement("span");
    label.textContent = item.label;
    const kind = document.createElement("small");
    kind.textContent = item.kind;
    row.append(label, kind);
    return row;
  }));
  if (!items.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.role = "option";
    none.setAttribute("aria-disabled", "true");
    none.textContent = "Nothing by that name that you may open.";
    list.append(none);
  }
  select(list, input, 0);
}

function select(list, input, index) {
  selected = index;
  for (const row of list.children) row.setAttribute("aria-selected", String(row.dataset.index === String(index)));
  const row = list.children[index];
  if (items.length && row) { input.setAttribute("aria-activedescendant", row.id); row.scrollIntoView({ block: "nearest" }); }
  else input.removeAttribute("aria-activedescendant");
}
