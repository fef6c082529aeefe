// Shows the page that the address names.

import { html, render } from "./vendor/lit-html/lit-html.js";
import { Problem } from "./api.js";
import { showReleases } from "./releases.js";
import { showRelease, showRun } from "./release.js";

const page = document.querySelector("main");
const { view, release, dag, run } = page.dataset;

const shown = {
  releases: () => showReleases(page),
  release: () => showRelease(page, release),
  run: () => showRun(page, dag, run),
}[view];

if (shown !== undefined) {
  try {
    await shown();
  } catch (error) {
    const title = error instanceof Problem ? error.title : "The page cannot be shown";
    render(html`<h1>${title}</h1><p role="alert">${error.message}</p>`, page);
    if (!(error instanceof Problem)) {
      throw error;
    }
  }
}
