// Menus that close, the drawer, copy buttons, record rows that open, forms that submit on change, typed names.
export function startControls() {
  document.addEventListener("click", onClick);
  document.addEventListener("change", onChange);
  document.addEventListener("input", onInput);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeAll(); });
  document.addEventListener("submit", (event) => {
    // One submit per form: a second click must not apply a plan twice.
    const button = event.submitter;
    if (event.target.method === "post" && button) setTimeout(() => { button.disabled = true; }, 0);
  });
  addEventListener("pageshow", () => document.querySelectorAll("button[disabled][type=submit]:not([data-typed-gate])").forEach((b) => { b.disabled = false; }));
  document.querySelectorAll("[data-typed]").forEach(gate);
  // A form that came back: where the first mistake is.
  document.querySelector('form [aria-invalid="true"]')?.focus();
}

function onClick(event) {
  const target = event.target;
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
  const copy = target.closest("[data-copy]");
  if (copy) copyText(copy);
  const drawer = target.closest("[data-drawer]");
  const side = document.getElementById("side");
  if (drawer) setDrawer(!side.hasAttribute("data-open"));
  else if (side?.hasAttribute("data-open") && !side.contains(target)) setDrawer(false);
  const opener = target.closest("[data-opens]");
  if (opener) openRow(opener);
}

function setDrawer(open) {
  document.getElementById("side")?.toggleAttribute("data-open", open);
  document.querySelector("[data-drawer]")?.setAttribute("aria-expanded", String(open));
}

function closeAll() {
  document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
  if (document.getElementById("side")?.hasAttribute("data-open")) setDrawer(false);
}

function onChange(event) {
  if (event.target.closest("[data-autosubmit]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-shows]")) toggleFor(event.target);
}

// <select data-shows> shows the elements of its fieldset (else of its form) whose data-for lists its value.
function toggleFor(select) {
  for (const element of (select.closest("fieldset") ?? select.form).querySelectorAll("[data-for]")) element.hidden = !element.dataset.for.split(" ").includes(select.value);
}

function onInput(event) {
  if (event.target.matches("[data-typed]")) gate(event.target);
}

function gate(input) {
  const button = input.form?.querySelector("[data-typed-gate]");
  if (button) button.disabled = input.value.trim() !== input.dataset.typed;
}

function openRow(button) {
  const row = document.getElementById(button.dataset.opens);
  row.hidden = !row.hidden;
  button.setAttribute("aria-expanded", String(!row.hidden));
}

async function copyText(button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy";
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}
