// What every page shows in the same way: states, verdicts, times, tables.

import { html } from "./vendor/lit-html/lit-html.js";
import { STATES, moment } from "./words.js";

export const badge = (state) => html`<span class="badge ${state}">${STATES[state]}</span>`;
export const verdict = (name, words = name) => html`<span class="verdict ${name}">${words}</span>`;
export const time = (at) => html`<time datetime=${at}>${moment(at)}</time>`;

/** A table that scrolls inside where it is too wide; the first cell of a row is its header. */
export function table(caption, columns, rows) {
  return html`
    <div class="scrolls" role="region" tabindex="0" aria-label=${caption}>
      <table>
        <caption class="unseen">${caption}</caption>
        <thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
        <tbody>${rows.map(([first, ...cells]) => html`
          <tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
      </table>
    </div>`;
}
