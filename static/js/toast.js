// Short results in the live region. Errors stay until dismissed.
const STAY_MS = 6000;

export function toast(text, level = "success") {
  const box = document.getElementById("toasts");
  const item = document.createElement("div");
  item.className = `toast ${level}`;
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.dataset.dismiss = "";
  close.setAttribute("aria-label", "Dismiss");
  close.textContent = "×";
  item.append(words, close);
  box.append(item);
  expire(item);
}

function expire(item) {
  if (!item.classList.contains("error")) setTimeout(() => item.remove(), STAY_MS);
}

export function startToasts() {
  document.querySelectorAll(".toast").forEach(expire);
  document.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".toast")?.remove();
    const sayer = event.target.closest("[data-toast]");
    if (sayer) toast(sayer.dataset.toast);
  });
}
