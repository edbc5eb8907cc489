// Relative times with the exact one on hover, in the viewer's zone; the server writes UTC.
const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["min", 60]];
// The zone of the user's settings; without one, the browser's.
export const timeZone = document.documentElement.dataset.zone || undefined;
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long", timeZone });
// Sweden writes dates as ISO 8601 does.
const sortable = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone });
let timer = 0;

export function relative(seconds) {
  const past = seconds >= 0;
  const size = Math.abs(seconds);
  if (size < 2) return "just now";
  const [name, length] = units.find(([, limit]) => size >= limit) ?? ["s", 1];
  const count = Math.floor(size / length);
  const text = `${count} ${name}${count > 1 && name.length > 3 ? "s" : ""}`;
  return past ? `${text} ago` : `in ${text}`;
}

export function local(date) {
  return `${sortable.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

// Of Unix seconds, to the second; with the day when it is not today's.
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  const text = sortable.format(date);
  return text.slice(0, 10) === sortable.format(new Date()).slice(0, 10) ? text.slice(11) : text;
}

function update() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const date = new Date(element.dateTime);
    const text = relative((now - date.getTime()) / 1000);
    if (element.textContent !== text) element.textContent = text;
    element.title = `${exact.format(date)} · ${date.toISOString()}`;
  }
  for (const element of document.querySelectorAll("time[data-exact]")) {
    const date = new Date(element.dateTime);
    const text = local(date);
    if (element.textContent !== text) element.textContent = text;
    element.title = `${exact.format(date)} · ${date.toISOString()}`;
  }
}

export function startTimes() {
  update();
  if (!timer) timer = setInterval(() => { if (!document.hidden) update(); }, 1000);
}
