// Entry of every signed-in page: small modules, each owning one behaviour. No inline handlers anywhere (CSP).
import { startTimes } from "./time.js";
import { startPalette } from "./palette.js";
import { startKeys } from "./keys.js";
import { startCharts } from "./chart.js";
import { startChanges } from "./changes.js";
import { startToasts } from "./toast.js";
import { startControls } from "./controls.js";
import { startTables } from "./tables.js";
import { startLive } from "./live.js";
import { startExplore } from "./explore.js";

startTimes();
startToasts();
startControls();
startPalette();
startKeys();
startCharts();
startChanges();
startTables();
startLive();
startExplore();

// On a phone the tabs scroll: the current one has to be in sight.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const row = tab.parentElement;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}

// A review is the answer to a POST at its form's address, and is stored nowhere: the way back to it leads to the form. Without
// this the browser could only say that it cannot show it again.
if (document.querySelector("main form.apply-bar")) history.replaceState(history.state, "", location.href);

// Before the browser paints what was swapped in, so that nothing flickers.
document.addEventListener("htmx:before:settle", () => { startTimes(); startTables(); });
document.addEventListener("htmx:after:swap", startCharts);
