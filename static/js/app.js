// Entry of every signed-in page: small modules, each owning one behaviour. No inline handlers anywhere (CSP).
import { startTimes } from "./time.js";
import { startPalette } from "./palette.js";
import { startKeys } from "./keys.js";
import { startCharts } from "./chart.js";
import { startToasts, toast } from "./toast.js";
import { startControls } from "./controls.js";

startTimes();
startToasts();
startControls();
startPalette();
startKeys();
startCharts();

document.addEventListener("htmx:after:swap", () => { startTimes(); startCharts(); });
document.addEventListener("htmx:error", (event) => {
  const status = event.detail?.ctx?.response?.status;
  if (status) return; // the server answered: its own fragment explains
  toast("Kastellan did not answer. What you see may be old.", "error");
});
