// Pages before login: only what they need.
import { startControls } from "./controls.js";
startControls();
