// A release: four questions, the phases, and below them what is opened.

import "./charts.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import { keyed } from "./vendor/lit-html/directives/keyed.js";
import { follow, resource } from "./api.js";
import { act } from "./actions.js";
import { Folds } from "./folds.js";
import { business } from "./business.js";
import { badge, time, verdict } from "./marks.js";
import { STATES, clock, count, duration, measured, number, unbroken } from "./words.js";

const STEP_STATES = {
  pending: "next",
  running: "running",
  waiting: "waiting for a person",
  passed: "passed",
  failed: "failed",
  inherited: "inherited",
  not_reached: "not reached",
};
const FIRST_METRICS = 6;
const FOLLOWED_SECONDS = 600;

/** Show the release of an Airflow run, as soon as it has one. */
export async function showRun(page, dag, run) {
  const ask = resource(`runs/${encodeURIComponent(dag)}/${encodeURIComponent(run)}`);
  let id = null;
  await follow(ask, (found) => {
    id = found.release;
    if (id !== null) {
      return null;
    }
    render(refusal(found), page);
    return found.refused === null && dag === "release" ? 2 : null;
  }, () => {});
  if (id !== null) {
    await showRelease(page, id);
  }
}

function refusal({ refused, detail }) {
  if (refused === null) {
    return html`<h1>No release</h1><p role="status">${detail}</p>`;
  }
  return html`
    <h1>Release ${refused.version} ${badge(refused.state)}</h1>
    <p class="summary" role="status">${refused.summary}</p>
    <p>Requested by ${refused.asked_by}, ${time(refused.opened_at)}.
      Nothing was changed. Correct what the reason names, and trigger the DAG again.</p>`;
}

/** Show a release until it has ended, and again for a while after somebody has acted on it. */
export async function showRelease(page, id) {
  const shown = { now: null, behind: 0, trouble: null, everyMetric: false, value: null };
  const path = `releases/${encodeURIComponent(id)}`;
  const draw = () => shown.now && render(everything(shown, folds, draw), page);
  const folds = new Folds(path, draw);
  const ask = resource(path);
  const value = resource(`${path}/business`);
  let followed = 0;
  addEventListener("acted", () => { followed = Date.now() + 1000 * FOLLOWED_SECONDS; });
  setInterval(() => shown.now?.live && draw(), 1000);
  const show = (now) => {
    if (now !== shown.now) {
      shown.now = now;
      shown.behind = Date.now() - Date.parse(now.now);
      document.title = `${now.version}: ${STATES[now.standing.state]} · Slipway`;
      folds.refresh();
      if (now.standing.state === "promoted" && shown.value === null) {
        value().then((found) => { shown.value = found; draw(); }, () => {});
      }
    }
    draw();
    return now.live || Date.now() < followed ? now.poll_seconds : null;
  };
  for (;;) {
    await follow(ask, show, (trouble) => { shown.trouble = trouble; draw(); });
    await new Promise((acted) => addEventListener("acted", acted, { once: true }));
  }
}

function everything(shown, folds, draw) {
  const { now } = shown;
  const at = Date.now() - shown.behind;
  return html`
    ${standing(now, at, shown.trouble)}
    <div class="answers">
      ${traffic(now, at)}
      ${why(shown, draw)}
      ${actions(now)}
    </div>
    ${steps(now, at)}
    ${folds.view()}`;
}

function standing(now, at, trouble) {
  const { standing } = now;
  return html`
    <section class="standing ${standing.state}" aria-labelledby="standing">
      <h2 id="standing">How does it stand?</h2>
      <div role="status" aria-live="polite">
        <h1>Release ${now.version} ${badge(standing.state)}</h1>
        <p class="summary">${standing.summary}</p>
        ${standing.waiting === null ? nothing : html`
          <p class="waits">${sentence(standing.waiting.subject)} ${forWhom(standing.waiting)}</p>`}
      </div>
      ${trouble === null ? nothing : html`<p class="trouble" role="alert">${trouble}</p>`}
      <dl class="facts">
        ${left(standing, at)}
        ${fact("Requested by", standing.asked_because
          ? `${standing.asked_by}: ${standing.asked_because}` : standing.asked_by)}
        ${fact("Opened", time(standing.opened_at))}
        ${standing.ended_at === null
          ? fact("Runs for", duration((at - Date.parse(standing.opened_at)) / 1000))
          : fact("Ended", html`${time(standing.ended_at)}, after ${between(standing.opened_at, standing.ended_at)}`)}
        ${fact("Region", now.region ?? "not known")}
        ${fact("Run", html`<a target="_top" href=${now.run_url}>${now.run_id}</a>`)}
        ${now.report === null ? nothing : fact("Report", html`<a target="_top" href=${now.report.url}>${now.report.met} of ${
          now.report.criteria} success criteria met</a>`)}
      </dl>
    </section>`;
}

const sentence = (words) => (/[.?!]$/.test(words) ? words : `${words}.`);

function forWhom({ for_whom, until, safe_option }) {
  const whom = for_whom.length ? `${for_whom.join(" or ")} may answer. ` : "";
  return safe_option && until ? `${whom}Without an answer until ${clock(until)}: ${safe_option}.` : whom;
}

function left(standing, at) {
  if (standing.phase_ends_at === null) {
    return nothing;
  }
  const seconds = (Date.parse(standing.phase_ends_at) - at) / 1000;
  const title = standing.waiting === null ? "Left in this phase" : "Left to answer";
  const latest = standing.phase_deadline === null ? "" : `, at the latest until ${clock(standing.phase_deadline)}`;
  return fact(title, seconds > 0 ? `${duration(seconds)}${latest}` : `none${latest}`);
}

function fact(title, words) {
  return html`<div><dt>${title}</dt><dd>${words}</dd></div>`;
}

function between(from, to) {
  return duration((Date.parse(to) - Date.parse(from)) / 1000);
}

let drawnSplit = { key: null, data: null };

/** The same object for the same split, so that the chart is drawn anew only when it changes. */
function splitOf(now, service, at) {
  const end = now.standing.ended_at === null ? Math.floor(at / 10000) * 10 : Date.parse(now.standing.ended_at) / 1000;
  const key = `${service.history.length} ${end}`;
  if (drawnSplit.key !== key) {
    const points = service.history.map((step) => [Date.parse(step.at) / 1000, step.new_percent]);
    const last = points.at(-1);
    drawnSplit = { key, data: { points: last === undefined ? [] : [...points, [Math.max(end, last[0] + 1), last[1]]] } };
  }
  return drawnSplit.data;
}

function traffic(now, at) {
  const [first] = now.traffic;
  return html`
    <section aria-labelledby="traffic">
      <h2 id="traffic">Where is the traffic?</h2>
      ${now.traffic.map((service) => html`
        <div class="service">
          <h3>${service.console_url === null ? service.service : html`
            <a target="_blank" rel="noopener noreferrer" href=${service.console_url}>${service.service}</a>`}</h3>
          <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class="stable" width="100" height="4" />
            <rect class="new" width=${newPercent(service)} height="4" />
          </svg>
          <ul class="shares">
            ${service.shares.map((share) => html`
              <li class=${share.is_new ? "new" : "stable"}>
                <strong>${share.percent} %</strong> ${share.version}${share.is_new ? " (new)" : ""}</li>`)}
          </ul>
          ${service.note ? html`<p class="quiet">${service.note}</p>` : nothing}
        </div>`)}
      ${first === undefined ? html`<p>Not known before the release begins.</p>` : html`
        <figure>
          <split-chart role="img" aria-label=${splitWords(first)} .data=${splitOf(now, first, at)}></split-chart>
          <figcaption>Share of the new revision of ${first.service}, UTC</figcaption>
        </figure>`}
    </section>`;
}

function newPercent(service) {
  return service.shares.filter((share) => share.is_new).reduce((sum, share) => sum + share.percent, 0);
}

function splitWords(service) {
  return service.history.map((step) => `${clock(step.at)}: ${step.new_percent} %, ${step.why}`).join("; ");
}

function why(shown, draw) {
  const { now, value } = shown;
  const { evidence } = now;
  const reason = reasonOf(now);
  const metrics = evidence === null ? [] : evidence.metrics;
  const visible = shown.everyMetric ? metrics : metrics.slice(0, FIRST_METRICS);
  const every = () => { shown.everyMetric = true; draw(); };
  return html`
    <section aria-labelledby="why">
      <h2 id="why">Why?</h2>
      ${reason ? html`<p class="reason">${reason}</p>` : nothing}
      ${now.standing.waiting?.body ? html`
        <details ?open=${evidence === null}><summary>The question in full</summary>
          <p class="body">${now.standing.waiting.body.replaceAll(/\*\*|`/g, "")}</p></details>` : nothing}
      ${now.standing.missed.length === 0 ? nothing : html`
        <ul class="targets">${now.standing.missed.map((line) => html`<li>${verdict("missed")} ${line}</li>`)}</ul>`}
      ${value === null ? nothing : targetsInShort(value)}
      ${evidence === null ? html`<p>No bake has begun, so there is no evidence of production yet.</p>` : html`
        <p class="quiet">${evidence.running ? "Bake" : "Last bake"} of ${phaseTitle(now, evidence)}:
          ${verdict(evidence.verdict)}
          after ${duration(evidence.seconds)} of ${duration(evidence.bake_seconds)}${saidOf(evidence, reason)}</p>
        <table class="cards metrics" role="table">
          <caption class="unseen">Metrics of the bake, the deciding one first</caption>
          <thead role="rowgroup">
            <tr role="row">
              ${["Metric", "Canary", "Stable", "Target", "Rollback", "Trend", "Verdict"].map((name) => html`
                <th scope="col" role="columnheader">${name}</th>`)}
            </tr>
          </thead>
          <tbody role="rowgroup">${visible.map((metric) => metricRow(metric, reason))}</tbody>
        </table>
        ${visible.length < metrics.length ? html`
          <button type="button" class="more" @click=${every}>
            Show ${count(metrics.length - visible.length, "more metric")}</button>` : nothing}`}
    </section>`;
}

/** Of a bake that goes on or needs a decision, what it says; otherwise the last decision's reason. */
function reasonOf({ standing, evidence }) {
  const open = standing.ended_at === null && evidence !== null;
  return open && (evidence.running || evidence.verdict !== "promote") ? evidence.reason : standing.reason;
}

/** What decided, unless it is said above; of a promotion the metrics below say it one by one. */
function saidOf(evidence, reason) {
  if (evidence.verdict === "promote") {
    return evidence.running ? "" : ": every metric keeps its target";
  }
  return reason.includes(evidence.reason) ? "" : `: ${evidence.reason}`;
}

function phaseTitle(now, evidence) {
  const step = now.steps.find((step) => step.phase === evidence.phase);
  return evidence.round > 1 ? `${step.title}, round ${evidence.round}` : step.title;
}

function metricRow(metric, said) {
  return html`
    <tr role="row" class=${metric.decides ? "decides" : ""}>
      <th scope="row" role="rowheader">${metric.title}${metric.decides ? html` <small>decides</small>` : nothing}</th>
      <td role="cell" data-label="Canary" class="number">${measured(metric.canary, metric.unit)}</td>
      <td role="cell" data-label="Stable" class="number">${measured(metric.stable, metric.unit)}</td>
      <td role="cell" data-label="Target" >${unbroken(metric.target_words) || "none"}</td>
      <td role="cell" data-label="Rollback" >${unbroken(metric.trigger_words) || "none"}</td>
      <td role="cell" data-label="Trend" class="trend">${metric.series.length > 1 ? html`
        <spark-line aria-hidden="true" .data=${metric}></spark-line>` : html`<span class="quiet">too early</span>`}</td>
      <td role="cell" data-label="Verdict">
        ${verdict(metric.verdict)}${metric.advisory
          ? html` <small class="quiet">shown only</small>` : nothing}</td>
    </tr>
    ${metric.verdict === "promote" || said.includes(metric.reason) ? nothing : html`
      <tr role="row" class="because"><td role="cell" colspan="7">${metric.reason}</td></tr>`}`;
}

function targetsInShort(value) {
  const worst = ["missed", "behind", "insufficient_data", "on_track", "met"];
  const targets = [...value.targets].sort((a, b) => worst.indexOf(a.status) - worst.indexOf(b.status));
  return html`
    <p class="targets"><strong>Business value since the release.</strong>
      ${value.trouble || `As of ${value.as_of}:`}</p>
    <ul class="targets">${targets.slice(0, 3).map((target) => html`
      <li>${verdict(target.status, business.words(target.status))}
        ${target.horizon}, ${target.title}: ${target.value === null ? "no data" : number(target.value, target.unit)},
        required ${target.required}</li>`)}
      ${targets.length > 3 ? html`<li class="quiet">${count(targets.length - 3, "more target")} below</li>` : nothing}
    </ul>`;
}

function actions(now) {
  // The answer "Roll back" and the DAG rollback do the same; the answer comes first.
  const labels = now.actions.map((action) => action.label);
  const offered = now.actions.filter((action, index) => labels.indexOf(action.label) === index);
  return html`
    <section class="actions" aria-labelledby="actions">
      <h2 id="actions">What can I do now?</h2>
      ${now.actions.length === 0 ? html`<p>Nothing: your Airflow user may read this release and change nothing.</p>` : html`
        <ul>
          ${offered.map((action) => keyed(`${now.id} ${action.label}`, html`<li>${act(action)}</li>`))}
        </ul>`}
    </section>`;
}

function steps(now, at) {
  return html`
    <section aria-labelledby="phases">
      <h2 id="phases">Phases</h2>
      <ol class="steps">
        ${now.steps.map((step) => html`
          <li class=${step.state} aria-current=${step.phase === now.standing.phase && now.live ? "step" : nothing}>
            <a target="_top" href=${step.group_url}>${step.title}</a>
            <span class="state">${STEP_STATES[step.state]}${step.traffic_percent === null
              ? nothing : html` · ${step.traffic_percent} % of the traffic`}</span>
            ${step.began_at === null ? nothing : html`
              <span class="quiet"><time datetime=${step.began_at}>${clock(step.began_at)}</time>, ${
                duration((Date.parse(step.ended_at ?? now.standing.ended_at ?? new Date(at).toISOString())
                  - Date.parse(step.began_at)) / 1000)}</span>`}
            ${step.gate === null ? nothing : html`
              <span class="gate">${verdict(step.gate.verdict)}
                by ${step.gate.decided_by}: ${step.gate.reason}</span>`}
          </li>`)}
      </ol>
    </section>`;
}
