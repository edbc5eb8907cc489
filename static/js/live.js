// What every htmx request shares: no polling in hidden tabs, a banner while Kastellan does not answer.
let silentSince = 0;

export function startLive() {
  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden && event.detail.ctx?.sourceEvent?.type === "every") event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) document.querySelectorAll('[hx-trigger*="every"]').forEach((element) => globalThis.htmx?.trigger(element, "every"));
  });
  document.addEventListener("htmx:after:request", answered);
  document.addEventListener("htmx:error", (event) => {
    const ctx = event.detail?.ctx;
    if (ctx && !ctx.response) silent(); // where there is a response, its own fragment explains
  });
}

function silent() {
  silentSince ||= Date.now();
  const banner = document.getElementById("offline") ?? document.body.appendChild(Object.assign(document.createElement("div"), { id: "offline", className: "offline", role: "alert" }));
  banner.textContent = `Kastellan has not answered since ${new Date(silentSince).toLocaleTimeString()}. What you see may be old. It is asked again by itself.`;
}

function answered() {
  silentSince = 0;
  document.getElementById("offline")?.remove();
}
