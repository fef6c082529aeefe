// Asks the API, the page's only source.

import { clock } from "./words.js";

export const PAGE = document.body.dataset.page;

/** An answer that is not what was asked for, with the API's own words. */
export class Problem extends Error {
  constructor(status, { title = `The answer was ${status}`, detail = "The API server's log says why." } = {}) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}

/** Return a function that asks for one resource, and gets nothing anew that has not changed. */
export function resource(path) {
  let etag = null;
  let body = null;
  return async () => {
    const headers = etag === null ? {} : { "If-None-Match": etag };
    const answer = await fetch(`${PAGE}/api/${path}`, { headers, cache: "no-store" });
    if (answer.status === 304) {
      return body;
    }
    const json = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      throw new Problem(answer.status, json);
    }
    etag = answer.headers.get("ETag");
    body = json;
    return body;
  };
}

const RETRY_SECONDS = 2;

/**
 * Ask until nothing can change any more; not while nobody sees the page.
 *
 * @param ask asks once.
 * @param show gets each answer; returns the seconds until the next one, or null to stop.
 * @param trouble gets a sentence when an answer fails, and null when one comes again.
 */
export async function follow(ask, show, trouble) {
  let last = null;
  for (;;) {
    let seconds = RETRY_SECONDS;
    try {
      const answer = await ask();
      last = new Date();
      trouble(null);
      seconds = show(answer);
    } catch (error) {
      if (last === null || (error instanceof Problem && error.status < 500)) {
        throw error;
      }
      trouble(`Airflow does not answer; this is as of ${clock(last)}. Asking again.`);
    }
    if (seconds === null) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    await seen();
  }
}

function seen() {
  return new Promise((resolve) => {
    const check = () => {
      if (!document.hidden) {
        document.removeEventListener("visibilitychange", check);
        resolve();
      }
    };
    document.addEventListener("visibilitychange", check);
    check();
  });
}
