// What the page does because Airflow shows it in a frame of the same origin. Loaded first, so that the theme is
// there before anything is drawn.
"use strict";

// Airflow keeps the chosen theme here; "system", or nothing, follows the machine.
const THEME_KEY = "theme";
const machineIsDark = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  const chosen = localStorage.getItem(THEME_KEY);
  const dark = chosen === "dark" || (chosen !== "light" && machineIsDark.matches);
  document.documentElement.classList.toggle("dark", dark);
  dispatchEvent(new Event("themechange"));
}

applyTheme();
addEventListener("storage", applyTheme);
machineIsDark.addEventListener("change", applyTheme);

// The frame may not change the page around it; that page itself may.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[target=_top]");
  if (link === null || parent === window) {
    return;
  }
  event.preventDefault();
  const outside = parent.document.createElement("a");
  outside.href = link.href;
  parent.document.body.append(outside);
  outside.click();
  outside.remove();
});
