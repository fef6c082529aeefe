// What can be done now: each action is Airflow's own, under the rights of whoever is signed in. Airflow's forms take
// nothing from an address, so the form is here, filled in, and what it sends is Airflow's own call.

import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { PAGE } from "./api.js";

export function act(action) {
  const { form, label, does, url, weight } = action;
  if (form === null) {
    const target = url.startsWith(PAGE) ? "_self" : "_top";
    return html`<a class="button ${weight}" href=${url} target=${target}>${label}</a><p>${does}</p>`;
  }
  return html`
    <details>
      <summary class="button ${weight}">${label}</summary>
      <form @submit=${(event) => send(event, form)}>
        ${form.fields.map(field)}
        <button class="button ${weight}">${label} now</button>
        <p role="status"></p>
        <p><a target="_top" href=${url}>Do it in Airflow instead</a></p>
      </form>
    </details>
    <p>${does}</p>`;
}

function field({ name, title, description, value, options, required }) {
  const input = typeof value === "boolean"
    ? html`<input type="checkbox" name=${name} ?checked=${value}>`
    : options.length > 0
      ? html`<select name=${name} ?required=${required}>${options.map((option) => html`
          <option ?selected=${option === value}>${option}</option>`)}</select>`
      : html`<input name=${name} value=${value ?? ""} ?required=${required} autocomplete="off">`;
  return html`<label>${title} ${input}${description ? html`<small>${description}</small>` : nothing}</label>`;
}

async function send(event, form) {
  event.preventDefault();
  const [button, outcome] = ["button", "[role=status]"].map((part) => event.target.querySelector(part));
  const values = Object.fromEntries(form.fields.map(({ name, value }) => {
    const input = event.target.elements[name];
    return [name, typeof value === "boolean" ? input.checked : input.value || null];
  }));
  button.disabled = true;
  try {
    const answer = await fetch(form.path, {
      method: form.method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...form.body, [form.fields_in]: { ...form.body[form.fields_in], ...values } }),
    });
    const { detail } = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      throw new Error(typeof detail === "string" ? detail : `Airflow answered ${answer.status}`);
    }
    outcome.textContent = "Airflow has taken it. This page follows what happens.";
    dispatchEvent(new Event("acted"));
  } catch (error) {
    outcome.textContent = `Airflow did not take it: ${error.message}`;
    button.disabled = false;
  }
}
