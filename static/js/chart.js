// uPlot over the JSON series of `data-chart`: gaps as gaps, drag zoom into the URL, shared cursor, a table twin.
// Series differ by colour and by dash, so that they can be told apart without colour.
import { changeAt, drawChanges } from "./changes.js";
import { local, timeZone } from "./time.js";

const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [14, 4], [5, 5], [9, 3, 2, 3, 2, 3], [3, 6]];
const REFRESH_MS = 10000;
const HEIGHT = 180;
const plots = new WeakMap();
let library = null;

export function startCharts() {
  const charts = document.querySelectorAll("[data-chart]:not([data-started])");
  if (!charts.length) return;
  for (const chart of charts) {
    chart.dataset.started = "";
    chart.querySelector("[data-twin]")?.addEventListener("click", () => toggleTwin(chart));
    load(chart);
  }
}

document.addEventListener("changes", () => { for (const chart of document.querySelectorAll("[data-chart]")) plots.get(chart)?.plot.redraw(false); });

function uplot() {
  // Loaded on first use: pages without charts do not pay for it.
  library ??= new Promise((resolve, reject) => {
    const base = document.querySelector('script[src*="js/app"]').src.replace(/js\/app[^/]*$/, "");
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = document.documentElement.dataset.uplotCss ?? `${base}vendor/uplot/uPlot.min.css`;
    const script = document.createElement("script");
    script.src = document.documentElement.dataset.uplotJs ?? `${base}vendor/uplot/uPlot.iife.min.js`;
    script.onload = () => resolve(globalThis.uPlot);
    script.onerror = reject;
    document.head.append(style, script);
  });
  return library;
}

async function load(chart) {
  // What a page brings along itself is of a fixed time: not asked for again.
  if (chart.dataset.inline) { await draw(chart, JSON.parse(document.getElementById(chart.dataset.inline).textContent)); return; }
  if (!document.hidden) {
    try {
      const own = new URL(chart.dataset.chart, location.href);
      for (const [name, value] of new URL(location.href).searchParams) if (["range", "from", "to"].includes(name)) own.searchParams.set(name, value);
      const answer = await fetch(own, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      await draw(chart, await answer.json());
    } catch {
      chart.querySelector("[data-value]").textContent = "could not be read now; asked again in 10 s";
    }
  }
  const live = !new URL(location.href).searchParams.has("to");
  if (live && chart.isConnected) setTimeout(() => load(chart), REFRESH_MS);
}

function aligned(data) {
  const times = [...new Set(data.series.flatMap((s) => s.points.map(([t]) => t)))].sort((a, b) => a - b);
  const index = new Map(times.map((t, i) => [t, i]));
  const columns = data.series.map((s) => {
    const column = new Array(times.length).fill(null);
    for (const [t, v] of s.points) column[index.get(t)] = v;
    return column;
  });
  return [times, ...columns];
}

export function format(value, unit) {
  if (value === null || value === undefined) return "—";
  if (unit === "percent" || unit === "fraction" || unit === "ratio") return `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
  if (unit === "ms") return value >= 1000 ? `${(value / 1000).toPrecision(3)} s` : `${Number(value.toPrecision(3))} ms`;
  if (unit === "s" && Math.abs(value) < 1000) return value !== 0 && Math.abs(value) < 1 ? `${Number((value * 1000).toPrecision(3))} ms` : `${Number(value.toPrecision(3))} s`;
  if (unit === "s") return Math.abs(value) < 172800 ? `${Number((value / 3600).toPrecision(3))} h` : `${Number((value / 86400).toPrecision(3))} d`;
  const bytes = unit.startsWith("bytes");
  let size = value;
  let prefix = 0;
  while (Math.abs(size) >= 1000 && prefix < 4) { size /= 1000; prefix += 1; }
  const text = Number(size.toPrecision(3)) + (bytes ? ` ${["B", "kB", "MB", "GB", "TB"][prefix]}` : ["", "k", "M", "G", "T"][prefix]);
  return unit.endsWith("/s") ? `${text}/s` : text;
}

async function draw(chart, data) {
  const unit = data.unit ?? "";
  const box = chart.querySelector("[data-plot]");
  const columns = aligned(data);
  const now = chart.querySelector("[data-value]");
  if (!columns[0].length) { now.textContent = ""; box.replaceChildren(nothing()); plots.get(chart)?.plot.destroy(); plots.delete(chart); legend(chart, data, unit); return; }
  now.textContent = data.series.length === 1 ? format(lastKnown(columns[1]), unit) : "";
  const known = plots.get(chart);
  if (known && known.names === names(data)) known.plot.setData(columns);
  else {
    const UPlot = await uplot();
    known?.plot.destroy();
    box.replaceChildren();
    const plot = new UPlot(options(chart, data, unit, box.clientWidth, UPlot), columns, box);
    plots.set(chart, { plot, names: names(data) });
    if (!("observed" in box.dataset)) { box.dataset.observed = ""; box.addEventListener("keydown", (event) => step(event, chart)); new ResizeObserver(() => resize(chart, box)).observe(box); }
  }
  legend(chart, data, unit);
  if (!chart.querySelector("[data-table]").hidden) table(chart, data, unit);
  chart.lastData = data;
}

function nothing() {
  const note = document.createElement("p");
  note.className = "none";
  note.textContent = "No samples in this range";
  return note;
}

const names = (data) => data.series.map((s) => s.name).join("\n");
// The present value: none in the last three buckets means unknown, however many older ones there are.
const lastKnown = (column) => column.slice(-3).findLast((v) => v !== null);

function token(name) {
  // light-dark() resolves only on a real property, so the colour is read back from an element.
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function options(chart, data, unit, width, UPlot) {
  const grid = { stroke: token("--line"), width: 1 };
  const axis = { stroke: token("--muted"), grid, ticks: grid, font: "11px system-ui" };
  return {
    width, height: HEIGHT,
    cursor: { sync: { key: "page" }, drag: { x: !chart.dataset.inline, y: false }, points: { size: 5 } },
    legend: { show: false },
    scales: { x: { time: true, range: () => [data.from, data.to] }, y: { range: (u, low, high) => [Math.min(0, low ?? 0), (high ?? 0) > 0 ? high * 1.1 : 1] } },
    axes: [{ ...axis, size: 28, values: (u, times) => times.map(clock(u.scales.x.max - u.scales.x.min)) }, { ...axis, size: 68, values: (u, values) => values.map((v) => format(v, unit)) }],
    series: [{}, ...data.series.map((s, i) => ({ label: s.name, stroke: token(`--c${(i % 8) + 1}`), width: 1.5, dash: DASHES[i % DASHES.length], spanGaps: false, points: { show: false } }))],
    hooks: {
      drawAxes: [(u) => shade(u, data.spans ?? [])],
      draw: [(u) => drawChanges(u, token)],
      setCursor: [(u) => readout(chart, u, unit)],
      setSelect: [(u) => zoom(u)],
    },
  };
}

// Spans of time behind the lines, with edges, so that they are seen without colour too.
function shade(plot, spans) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = token("--critical");
  for (const [from, to] of spans) {
    const left = plot.valToPos(from, "x", true);
    const width = Math.max(plot.valToPos(to, "x", true) - left, 2);
    ctx.globalAlpha = 0.18;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.globalAlpha = 0.9;
    ctx.fillRect(left, bbox.top, width, 4);
  }
  ctx.restore();
}

// The 24-hour clock of the viewer's zone; days where the range has several.
function clock(seconds) {
  const shape = seconds > 2 * 86400 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(seconds < 600 && { second: "2-digit" }) };
  const words = new Intl.DateTimeFormat(undefined, { ...shape, timeZone });
  return (time) => words.format(new Date(time * 1000));
}

function readout(chart, plot, unit) {
  const index = plot.cursor.idx;
  const change = index === null ? "" : changeAt(plot, plot.cursor.left);
  const now = chart.querySelector("[data-value]");
  if (change) now.dataset.change = now.textContent = change;
  else if (now.dataset.change) { now.textContent = ""; delete now.dataset.change; }
  for (const [i, item] of [...chart.querySelectorAll("[data-legend] li")].entries()) {
    const column = plot.data[i + 1];
    if (column) item.querySelector("b").textContent = format(index === null ? lastKnown(column) : column[index], unit);
  }
}

function resize(chart, box) {
  if (box.clientWidth) plots.get(chart)?.plot.setSize({ width: box.clientWidth, height: HEIGHT });
}

// Arrow keys move the cursor from sample to sample (with Shift by ten); what it meets is said in the live region.
function step(event, chart) {
  const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const plot = plots.get(chart)?.plot;
  if (!move || !plot) return;
  event.preventDefault();
  const last = plot.data[0].length - 1;
  const index = Math.min(Math.max((plot.cursor.idx ?? last) + move * (event.shiftKey ? 10 : 1), 0), last);
  plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: HEIGHT / 2 });
  const unit = chart.lastData?.unit ?? "";
  const values = plot.series.slice(1).map((s, i) => `${s.label} ${format(plot.data[i + 1][index], unit)}`);
  chart.querySelector("[data-value]").textContent = `${local(new Date(plot.data[0][index] * 1000)).slice(11, 19)}  ${values.join(", ")}`;
}

function zoom(plot) {
  if (plot.select.width < 8) return;
  const from = Math.round(plot.posToVal(plot.select.left, "x"));
  const to = Math.round(plot.posToVal(plot.select.left + plot.select.width, "x"));
  const url = new URL(location.href);
  url.searchParams.delete("range");
  url.searchParams.set("from", String(from));
  url.searchParams.set("to", String(to));
  location.href = url;
}

function legend(chart, data, unit) {
  const list = chart.querySelector("[data-legend]");
  list.replaceChildren(...data.series.map((s, i) => {
    const item = document.createElement("li");
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    mark.setAttribute("viewBox", "0 0 18 8");
    mark.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", "M0 4h18");
    line.setAttribute("stroke", token(`--c${(i % 8) + 1}`));
    line.setAttribute("stroke-width", "2");
    line.setAttribute("stroke-dasharray", DASHES[i % DASHES.length].join(" "));
    mark.append(line);
    const value = document.createElement("b");
    value.textContent = format(s.points.findLast(([, v]) => v !== null)?.[1], unit);
    item.append(mark, `${s.name} `, value);
    return item;
  }));
}

function toggleTwin(chart) {
  const twin = chart.querySelector("[data-table]");
  twin.hidden = !twin.hidden;
  chart.querySelector("[data-plot]").hidden = !twin.hidden;
  chart.querySelector("[data-twin]").setAttribute("aria-pressed", String(!twin.hidden));
  if (!twin.hidden && chart.lastData) table(chart, chart.lastData, chart.lastData.unit ?? "");
}

function table(chart, data, unit) {
  const element = document.createElement("table");
  element.className = "table";
  const head = element.createTHead().insertRow();
  for (const name of ["Time", ...data.series.map((s) => s.name)]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const [times, ...columns] = aligned(data);
  const body = element.createTBody();
  for (let i = times.length - 1; i >= 0; i -= 1) {
    const row = body.insertRow();
    row.insertCell().textContent = local(new Date(times[i] * 1000)).slice(0, 19);
    for (const column of columns) { const cell = row.insertCell(); cell.className = "num"; cell.textContent = format(column[i], unit); }
  }
  chart.querySelector("[data-table]").replaceChildren(element);
}
