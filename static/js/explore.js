// Completion of PromQL in a textarea: metrics, labels, values, functions. WAI-ARIA combobox with a listbox.
// What may stand at the cursor is told by what stands before it; names come from the Prometheus API of the cluster.
const FUNCTIONS = "abs absent avg avg_over_time bottomk ceil changes clamp count count_over_time count_values delta deriv exp floor group histogram_quantile idelta increase irate label_join label_replace last_over_time ln log10 log2 max max_over_time min min_over_time predict_linear present_over_time quantile quantile_over_time rate resets round scalar sort sort_desc sqrt stddev stddev_over_time stdvar sum sum_over_time time timestamp topk vector".split(" ");
const MOST = 12;
const known = new Map();

export function startExplore() {
  const form = document.querySelector("[data-explore]");
  if (!form) return;
  for (const field of form.querySelectorAll("[data-promql]")) complete(field, form.dataset.explore);
}

async function names(base, path) {
  if (!known.has(path)) known.set(path, fetch(`${base}${path}`).then((answer) => answer.json()).then((body) => body.data ?? []).catch(() => []));
  return known.get(path);
}

// {kind, word, start}: what is being typed, and where it begins.
export function context(text) {
  const value = /([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"([^"\\]*)$/.exec(text);
  if (value) return { kind: "value", label: value[1], word: value[2], start: text.length - value[2].length, metric: metricOf(text) };
  const word = /[a-zA-Z_:][\w:]*$/.exec(text)?.[0] ?? "";
  const before = text.slice(0, text.length - word.length);
  const inBraces = before.lastIndexOf("{") > before.lastIndexOf("}");
  const inGrouping = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*$/.test(before);
  if (inBraces && /[{,]\s*$/.test(before)) return { kind: "label", word, start: before.length, metric: metricOf(before) };
  if (inGrouping) return { kind: "label", word, start: before.length, metric: "" };
  if (inBraces || /["\d]$/.test(before)) return { kind: "none", word, start: before.length };
  return { kind: word ? "name" : "none", word, start: before.length };
}

const metricOf = (text) => /([a-zA-Z_:][\w:]*)\s*\{[^{}]*$/.exec(text)?.[1] ?? "";

async function candidates(base, found) {
  const match = found.metric ? `?match[]=${encodeURIComponent(found.metric)}` : "";
  if (found.kind === "name") return [...FUNCTIONS.map((name) => ({ text: name, note: "function", tail: "(" })), ...(await names(base, "label/__name__/values")).map((name) => ({ text: name, note: "metric", tail: "" }))];
  if (found.kind === "label") return (await names(base, `labels${match}`)).filter((name) => name !== "__name__").map((name) => ({ text: name, note: "label", tail: "" }));
  if (found.kind === "value") return (await names(base, `label/${found.label}/values${match}`)).map((name) => ({ text: name, note: "value", tail: "" }));
  return [];
}

function ranked(items, word) {
  const wanted = word.toLowerCase();
  const place = (text) => { const at = text.toLowerCase().indexOf(wanted); return at < 0 ? Infinity : at === 0 ? 0 : 1; };
  return items.filter((item) => place(item.text) < Infinity && item.text !== word).sort((a, b) => place(a.text) - place(b.text) || a.text.localeCompare(b.text)).slice(0, MOST);
}

function complete(field, base) {
  const list = document.createElement("ul");
  list.className = "completions";
  list.id = `${field.id}-list`;
  list.role = "listbox";
  list.setAttribute("aria-label", "Completions");
  list.hidden = true;
  field.after(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) field.setAttribute(name, value);
  let items = [];
  let selected = 0;
  let found = null;

  const close = () => { list.hidden = true; items = []; field.setAttribute("aria-expanded", "false"); field.removeAttribute("aria-activedescendant"); };
  const mark = (index) => {
    selected = index;
    for (const [i, row] of [...list.children].entries()) { row.setAttribute("aria-selected", String(i === index)); if (i === index) row.scrollIntoView({ block: "nearest" }); }
    field.setAttribute("aria-activedescendant", `${list.id}-${index}`);
  };
  const take = (item) => {
    const end = field.selectionStart;
    field.setRangeText(item.text + item.tail, found.start, end, "end");
    close();
    field.focus();
  };
  const open = async () => {
    const caret = field.selectionStart;
    const here = context(field.value.slice(0, caret));
    // What is on offer belongs to the word it was made for: at another place it is not to be taken while names load.
    if (found?.kind !== here.kind || found.start !== here.start) close();
    const fresh = ranked(await candidates(base, here), here.word);
    if (field.selectionStart !== caret || document.activeElement !== field) return;
    found = here;
    items = fresh;
    if (!items.length) return close();
    list.replaceChildren(...items.map((item, index) => {
      const row = document.createElement("li");
      row.id = `${list.id}-${index}`;
      row.role = "option";
      const note = document.createElement("span");
      note.className = "muted";
      note.textContent = item.note;
      row.append(item.text, note);
      row.addEventListener("mousedown", (event) => { event.preventDefault(); take(item); });
      return row;
    }));
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    mark(0);
  };

  field.addEventListener("input", open);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); field.form.requestSubmit(); return; }
    if (event.key === " " && event.ctrlKey) { event.preventDefault(); open(); return; }
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); mark((selected + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length); }
    else if (event.key === "Enter" || event.key === "Tab") { event.preventDefault(); take(items[selected]); }
    else if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); close(); }
  });
}
