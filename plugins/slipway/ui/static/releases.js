// The list of releases and of refused requests.

import { html, nothing, render } from "./vendor/lit-html/lit-html.js";
import { PAGE, follow, resource } from "./api.js";
import { badge, time } from "./marks.js";
import { STATES, count, duration } from "./words.js";

const FILTERS = ["product", "service", "state", "person", "since", "until"];
const LIST_SECONDS = 10;

/** Show the list as the address's filters leave it. */
export async function showReleases(page) {
  const asked = new URLSearchParams(location.search);
  const shown = { list: null, trouble: null };
  const draw = () => shown.list && render(everything(shown, asked), page);
  await follow(resource(`releases?${asked}`), (list) => {
    shown.list = list;
    draw();
    return LIST_SECONDS;
  }, (trouble) => { shown.trouble = trouble; draw(); });
}

function everything({ list, trouble }, asked) {
  const filtered = FILTERS.some((name) => asked.get(name));
  return html`
    <h1>Releases</h1>
    ${trouble === null ? nothing : html`<p class="trouble" role="alert">${trouble}</p>`}
    ${filters(list, asked)}
    <p role="status" class="quiet">${count(list.total, "release or refused request", "releases and refused requests")}${
      filtered ? html` with these filters. <a href="${PAGE}/releases">Show all</a>` : nothing}</p>
    ${list.releases.length > 0 ? releases(list) : filtered || list.page > 1
      ? html`<p>None matches.</p>`
      : html`<p>Nothing has been released yet. A release is a run of the DAG
          <a target="_top" href="${PAGE.slice(0, PAGE.lastIndexOf("/"))}/dags/release">release</a>.</p>`}
    ${pages(list, asked)}`;
}

function filters(list, asked) {
  const send = (event) => event.target.form.requestSubmit();
  const choice = (name, label, values) => html`
    <label>${label}
      <select name=${name} @change=${send}>
        <option value="">all</option>
        ${values.map(([value, words]) => html`
          <option value=${value} ?selected=${asked.get(name) === value}>${words}</option>`)}
      </select>
    </label>`;
  const day = (name, label) => html`
    <label>${label} <input type="date" name=${name} value=${asked.get(name) ?? ""} @change=${send}></label>`;
  const named = (values) => values.map((value) => [value, value]);
  return html`
    <form class="filters" role="search" aria-label="Filter the releases" @submit=${submitted}>
      ${list.products.length > 1 || asked.get("product") ? choice("product", "Product", named(list.products)) : nothing}
      ${choice("service", "Service", named(list.services))}
      ${choice("state", "State", Object.entries(STATES))}
      ${choice("person", "Requested by", named(list.people))}
      ${day("since", "From")}
      ${day("until", "To")}
    </form>`;
}

/** The page's policy forbids forms to be sent; the filters are an address. */
function submitted(event) {
  event.preventDefault();
  const chosen = [...new FormData(event.target)].filter(([, value]) => value !== "");
  location.search = new URLSearchParams(chosen).toString();
}

function releases(list) {
  return html`
    <table class="cards releases" role="table">
      <caption class="unseen">Releases and refused requests, the newest first</caption>
      <thead role="rowgroup"><tr role="row">
        ${["Version", "State", "Progress", "How it stands", "Requested by", "Opened", "Took"].map((name) => html`
          <th scope="col" role="columnheader">${name}</th>`)}
      </tr></thead>
      <tbody role="rowgroup">${list.releases.map(row)}</tbody>
    </table>`;
}

function row(release) {
  const page = release.id === null
    ? `${PAGE}/dags/release/runs/${encodeURIComponent(release.run_id)}`
    : `${PAGE}/releases/${encodeURIComponent(release.id)}`;
  const took = release.ended_at === null
    ? "" : duration((Date.parse(release.ended_at) - Date.parse(release.opened_at)) / 1000);
  return html`
    <tr role="row">
      <th scope="row" role="rowheader"><a href=${page}>${release.version}</a>
        <small class="quiet">${[release.product, release.region].filter(Boolean).join(", ")}</small></th>
      <td role="cell" data-label="State">${badge(release.state)}</td>
      <td role="cell" data-label="Progress" class="progress">
        <progress max=${release.progress.of} value=${release.progress.number} aria-label="Phases"></progress>
        ${release.progress.number} of ${release.progress.of}${release.progress.title ? `, ${release.progress.title}` : ""}</td>
      <td role="cell" data-label="How it stands">${release.summary}</td>
      <td role="cell" data-label="Requested by">${release.asked_by}</td>
      <td role="cell" data-label="Opened">${time(release.opened_at)}</td>
      <td role="cell" data-label="Took">${took}</td>
    </tr>`;
}

function pages(list, asked) {
  const last = Math.max(1, Math.ceil(list.total / list.per_page));
  const to = (number) => {
    const query = new URLSearchParams(asked);
    query.set("page", number);
    return `${PAGE}/releases?${query}`;
  };
  return last === 1 ? nothing : html`
    <nav class="pages" aria-label="Pages">
      ${list.page > 1 ? html`<a rel="prev" href=${to(list.page - 1)}>Newer</a>` : nothing}
      <span>Page ${list.page} of ${last}</span>
      ${list.page < last ? html`<a rel="next" href=${to(list.page + 1)}>Older</a>` : nothing}
    </nav>`;
}
