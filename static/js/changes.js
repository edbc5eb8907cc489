// What changed then: operations and alerts of the page's range, as marks on every chart and as a list above them.
import { clock } from "./time.js";

const REFRESH_MS = 30000;
const shown = new Set();
export let changes = [];

export function startChanges() {
  const box = document.querySelector("[data-changes]:not([data-started])");
  if (!box) return;
  box.dataset.started = "";
  load(box);
}

async function load(box) {
  if (!document.hidden) {
    const own = new URL(box.dataset.changes, location.href);
    const here = new URL(location.href).searchParams;
    for (const name of ["range", "from", "to"]) if (here.has(name)) own.searchParams.set(name, here.get(name));
    try {
      const answer = await fetch(own, { headers: { Accept: "application/json" } });
      if (answer.ok) show(box, (await answer.json()).changes);
    } catch { /* asked again below; the charts say when nothing answers */ }
  }
  if (!new URL(location.href).searchParams.has("to") && box.isConnected) setTimeout(() => load(box), REFRESH_MS);
}

function show(box, found) {
  changes = found;
  document.dispatchEvent(new Event("changes"));
  const text = JSON.stringify(found);
  if (shown.has(text)) return;
  shown.clear();
  shown.add(text);
  box.hidden = !found.length;
  const count = (kind) => found.filter((each) => each.kind === kind).length;
  const words = (n, word) => (n ? `${n} ${word}${n > 1 ? "s" : ""}` : "");
  box.querySelector("summary").lastChild.textContent = `Changed in this range: ${[words(count("operation"), "operation"), words(count("alert"), "alert")].filter(Boolean).join(", ")}`;
  box.querySelector("ul").replaceChildren(...found.toReversed().map(row));
}

function row(change) {
  const item = document.createElement("li");
  item.className = change.tone;
  const time = document.createElement("time");
  time.dateTime = new Date(change.at * 1000).toISOString();
  time.textContent = clock(change.at) + (change.until ? ` to ${clock(change.until)}` : change.kind === "alert" ? ", still firing" : "");
  const link = document.createElement("a");
  link.href = change.url;
  link.textContent = change.title;
  const by = document.createElement("span");
  by.className = "muted";
  by.textContent = change.by ? `by ${change.by}` : "alert";
  item.append(time, link, by);
  return item;
}

// Marks over a plot: a line where something began, and for an alert a strip at the foot for as long as it fired.
export function drawChanges(plot, colour) {
  const { ctx, bbox } = plot;
  const { min, max } = plot.scales.x;
  const place = (t) => plot.valToPos(Math.min(Math.max(t, min), max), "x", true);
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  for (const change of changes) {
    const until = change.kind === "alert" ? change.until ?? max : change.at;
    if (until < min || change.at > max) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(change.kind === "operation" ? "--accent" : change.tone === "critical" ? "--critical" : "--warn");
    if (change.kind === "alert") ctx.fillRect(place(change.at), bbox.top + bbox.height - 4 * devicePixelRatio, Math.max(place(until) - place(change.at), 2), 4 * devicePixelRatio);
    if (change.at < min) continue;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(place(change.at), bbox.top);
    ctx.lineTo(place(change.at), bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

// What the pointer is on: within six pixels of its mark.
export function changeAt(plot, left) {
  const near = (change) => Math.abs(plot.valToPos(change.at, "x") - left);
  const found = changes.toSorted((a, b) => near(a) - near(b))[0];
  return found && near(found) <= 6 ? `${clock(found.at)} ${found.title}` : "";
}
