// Single keys: `/` filter, `g x` jumps, `?` help. Off in fields, and off altogether when the user says so (WCAG 2.1.4).
const jumps = { d: "Dashboard", b: "Brokers", t: "Topics", c: "Consumer groups", m: "Metrics", o: "Operations", s: "Settings" };
let waiting = 0;

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable], dialog");
}

function jump(label) {
  const link = [...document.querySelectorAll(".nav a")].find((a) => a.title === label);
  if (link) location.href = link.href;
}

export function startKeys() {
  const help = document.getElementById("keys-help");
  document.addEventListener("click", (event) => { if (event.target.closest("[data-keys-help]")) help.showModal(); });
  if (document.body.dataset.shortcuts === "off") return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (Date.now() - waiting < 1200 && jumps[event.key]) { waiting = 0; event.preventDefault(); jump(jumps[event.key]); return; }
    waiting = event.key === "g" ? Date.now() : 0;
    if (event.key === "/") { const field = document.querySelector("[data-filter]"); if (field) { event.preventDefault(); field.focus(); field.select(); } }
    if (event.key === "?") { event.preventDefault(); help.showModal(); }
  });
}
