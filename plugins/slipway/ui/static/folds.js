// What is opened below a release: each fold asks for its resource when it is opened, and again when the release
// has changed and the fold is still open.

import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { resource } from "./api.js";
import { business } from "./business.js";
import { table, time, verdict } from "./marks.js";
import { clock, count, duration } from "./words.js";

function bakes({ bakes }) {
  if (bakes.length === 0) {
    return html`<p>No bake has ended.</p>`;
  }
  return bakes.map((bake) => html`
    <section>
      <h3>${bake.phase}${bake.round > 1 ? `, round ${bake.round}` : ""}: ${verdict(bake.verdict)}
        after ${duration(bake.seconds)}</h3>
      <p>${bake.reason}${bake.drawing_url === null ? nothing : html` (<a href=${bake.drawing_url}
        target="_blank">as drawn at the verdict</a>)`}</p>
      <div class="charts">
        ${bake.metrics.filter((metric) => metric.series.length > 1).map((metric) => html`
          <figure>
            <figcaption>${metric.title} ${verdict(metric.verdict)} ${metric.unit}</figcaption>
            <evidence-chart role="img" aria-label="${metric.title} over the bake: ${metric.reason}"
              .data=${metric}></evidence-chart>
          </figure>`)}
      </div>
    </section>`);
}

const legend = html`<p class="quiet"><span class="key new"></span> new revision <span class="key stable"></span> stable
  <span class="key good"></span> target <span class="key bad"></span> rollback trigger</p>`;

function differences(caption, groups) {
  const rows = groups.flatMap((group) => group.changes.map((change) => [
    group.name,
    change.name,
    change.before === null ? "absent" : `${change.before} ${change.unit}`,
    change.after === null ? "absent" : `${change.after} ${change.unit}`,
  ]));
  return rows.length === 0 ? nothing : html`
    <h3>${caption}</h3>${table(caption, ["Of", "What", "Now", "New"], rows)}`;
}

function changes(found) {
  const migrations = found.schema_changes.map((migration) => [migration.name, migration.note]);
  return html`
    ${found.note ? html`<p class="trouble">${found.note}</p>` : nothing}
    ${found.left_out.map((line) => html`<p class="trouble">${line}</p>`)}
    ${differences("Templates of the services", found.template)}
    ${differences("Configuration", found.configuration)}
    ${migrations.length === 0 ? nothing : html`
      <h3>Schema</h3>${table("Migrations", ["Migration", "What it does"], migrations)}`}
    ${found.known && found.template.length + found.configuration.length + migrations.length === 0
      ? html`<p>Nothing differs from what serves.</p>` : nothing}`;
}

const PARTS = { pre: "before", during: "during", post: "after" };

function checklist({ lines }) {
  const result = { true: html`<span class="verdict promote">fulfilled</span>`,
    false: html`<span class="verdict rollback">not fulfilled</span>`, null: html`<span class="verdict">for a person</span>` };
  return table("Checklist", ["Item", "When", "Result", "Evidence", "Checked"], lines.map((line) => [
    line.title, PARTS[line.part], result[line.passed], line.evidence,
    line.checked_at === null ? "" : time(line.checked_at)]));
}

const STATES = { sound: "promote", degraded: "hold", missing: "rollback", unreadable: "hold" };

function infrastructure({ checked, parts }) {
  return !checked ? html`<p>The policy names no part of it.</p>` : table(
    "Infrastructure before the release", ["Part", "Name", "State", "Found", "Problem"], parts.map((part) => [
      part.part, part.name, verdict(STATES[part.state], part.state), part.found, part.problem]));
}

function gates({ gates }) {
  return gates.length === 0 ? html`<p>No gate has decided yet.</p>` : table(
    "Gates and answers", ["Gate", "Decision", "By", "Why", "When"], gates.map((gate) => [
      gate.title, gate.verdict === null ? "answered" : verdict(gate.verdict), gate.decided_by,
      html`${gate.reason}${gate.lines.map((line) => html`<p class="quiet">${line}</p>`)}`, time(gate.decided_at)]));
}

function notifications({ notifications }) {
  return notifications.length === 0 ? html`<p>No message was sent.</p>` : table(
    "Messages to the team", ["Message", "About", "Via", "Sent"], notifications.map((message) => [
      message.subject, message.event, message.via,
      message.delivered ? time(message.at) : html`${verdict("rollback", "not delivered")} ${message.trouble}`]));
}

function incident(found) {
  if (!found.reported) {
    return html`<p>${found.summary || "There was no incident."}</p>`;
  }
  return html`
    <p>${found.summary}</p>
    ${found.affected && found.affected !== found.summary ? html`<p>${found.affected}</p>` : nothing}
    ${found.evidence.map((line) => html`<p class="trouble">${line}</p>`)}
    <ol class="timeline">${found.timeline.map((step) => html`
      <li><time datetime=${step.at}>${clock(step.at)}</time> ${step.what}</li>`)}</ol>`;
}

function ledger(found) {
  return html`
    <p class=${found.first_broken === null ? "verified" : "trouble"}>${found.verified}</p>
    <p><a href=${found.export_url} download>All ${count(found.total, "entry", "entries")} as JSON</a></p>
    ${table("Entries in their order", ["No.", "When", "What", "Entry", "Hash"], found.entries.map((entry) => [
      entry.sequence, time(entry.at), entry.sentence,
      entry.payload === null ? html`${entry.key} <small>(long: in the JSON)</small>` : html`
        <details><summary>${entry.key}</summary><pre>${JSON.stringify(entry.payload, null, 2)}</pre></details>`,
      html`<code title=${entry.hash}>${entry.hash.slice(0, 12)}…</code>`]))}`;
}

const FOLDS = [
  ["evidence", "Evidence of each phase", (found) => html`${legend}${bakes(found)}`],
  ["changes", "What changes: templates, configuration, schema", changes],
  ["checklist", "Checklist: before, during, after", checklist],
  ["infrastructure", "Infrastructure before the release", infrastructure],
  ["gates", "Gates, and who answered", gates],
  ["business", "Business value since the release", business.view],
  ["notifications", "Messages to the team", notifications],
  ["incident", "Incident", incident],
  ["ledger", "Ledger and its verification", ledger],
];

/** The record comes in pages; all of them are shown. */
function asker(path, name) {
  if (name !== "ledger") {
    return resource(`${path}/${name}`);
  }
  return async () => {
    const found = await resource(`${path}/ledger`)();
    const entries = [...found.entries];
    for (let page = 2; entries.length < found.total; page += 1) {
      const next = await resource(`${path}/ledger?page=${page}`)();
      if (next.entries.length === 0) {
        break;
      }
      entries.push(...next.entries);
    }
    return { ...found, entries };
  };
}

export class Folds {
  #folds;
  #draw;

  constructor(path, draw) {
    this.#folds = FOLDS.map(([name, title, view]) => ({
      name, title, view, ask: asker(path, name), open: false, found: null, trouble: null,
    }));
    this.#draw = draw;
  }

  refresh() {
    this.#folds.filter((fold) => fold.open).forEach((fold) => this.#load(fold));
  }

  async #load(fold) {
    try {
      fold.found = await fold.ask();
      fold.trouble = null;
    } catch (error) {
      fold.trouble = error.message;
    }
    this.#draw();
  }

  view() {
    return html`
      <section aria-labelledby="more">
        <h2 id="more">More on this release</h2>
        ${this.#folds.map((fold) => html`
          <details class="fold" id=${fold.name} @toggle=${(event) => this.#toggled(fold, event)}>
            <summary>${fold.title}</summary>
            ${fold.trouble === null ? nothing : html`<p class="trouble" role="alert">${fold.trouble}</p>`}
            ${fold.found === null ? html`<p class="quiet">${fold.trouble === null ? "Loading" : ""}</p>` : fold.view(fold.found)}
          </details>`)}
      </section>`;
  }

  #toggled(fold, event) {
    if (event.target === event.currentTarget) {
      fold.open = event.target.open;
      if (fold.open) {
        this.#load(fold);
      }
    }
  }
}
