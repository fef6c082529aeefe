// The business targets.

import { html } from "./vendor/lit-html/lit-html.js";
import { table, verdict } from "./marks.js";
import { number } from "./words.js";

const WORDS = {
  on_track: "on track",
  behind: "behind",
  met: "met",
  missed: "missed",
  insufficient_data: "not enough data",
};
const COLUMNS = ["Target", "Status", "Value", "Required", "Forecast for the due date", "Due", "Why"];

export const business = {
  words: (status) => WORDS[status],
  view: (value) => html`
    <p>${value.trouble || html`As of ${value.as_of}, the newest reviewed day. The targets are dated from release
      ${value.since_version}, promoted on ${value.promoted_on}.`}</p>
    ${value.targets.length === 0 ? "" : table("Business targets by due date", COLUMNS, value.targets.map((target) => [
      html`${target.title}<p class="quiet">${target.horizon}</p>`,
      verdict(target.status, WORDS[target.status]),
      target.value === null ? "no data" : number(target.value, target.unit),
      target.required,
      target.expected || "none",
      target.due,
      target.reason,
    ]))}`,
};
