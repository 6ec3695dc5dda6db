// A backend that uses the service API.
import assert from "node:assert/strict";

/** What a backend of a scene's organization asks; `ask` gives `{status, headers, body}`. */
export class Backend {
  constructor(scene, { node = 0, url = scene.url(node), org = scene.org, authorization } = {}) {
    this.url = `${url}/api/v1`;
    this.authorization = authorization ?? `Bearer ${scene.token("backend", { org, claims: { roles: ["service"] } })}`;
  }

  async ask(method, path, body, headers = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: this.authorization, "content-type": "application/json", ...headers },
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** The body of an answer that must be a success. */
  async ok(method, path, body, headers) {
    const answer = await this.ask(method, path, body, headers);
    assert.ok(answer.status >= 200 && answer.status < 300, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer.body;
  }

  /** The problem of an answer that must be a failure. */
  async refused(status, code, method, path, body, headers) {
    const answer = await this.ask(method, path, body, headers);
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer)}`);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.deepEqual([answer.body.status, answer.body.code], [status, code]);
    return answer.body;
  }

  /** Sends an event. */
  post(to, event, data, more = {}) {
    return this.ok("POST", "/service/events", { to, event, data, ...more });
  }
}

/** The ids and data of queued events with this name, in the order in which they came, repetitions included. */
export function queued(client, event) {
  const all = client.collected("queue:events").flatMap(({ events }) => events);
  return all.filter((one) => event === undefined || one.event === event);
}

/** Waits for a queued event. */
export async function getsQueued(client, event, count = 1) {
  const enough = () => queued(client, event).length >= count;
  await client.until(enough, () => `${count} of ${event} by queue:events; came so far: ${JSON.stringify(queued(client))}`);
  return queued(client, event)[count - 1];
}
