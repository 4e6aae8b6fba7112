// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// The public interface, as docs/openapi.json has it.

/** Problem is an answer that is not a success (RFC 9457). */
export class Problem extends Error {
  constructor(status, type, detail) {
    super(detail);
    this.status = status;
    this.type = type;
  }
  /** notServed reports whether the other side does not have this at all. */
  get notServed() {
    return this.status === 501 || this.type === "about:blank" && this.status === 404;
  }
}

const patience = 15_000;

async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(patience), cache: "no-cache", ...options });
  } catch {
    throw new Problem(0, "about:blank", "the guard does not answer");
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Problem(answer.status, body?.type ?? "about:blank", body?.detail || body?.title || `status ${answer.status}`);
  if (body === null) throw new Problem(0, "about:blank", "the guard's answer cannot be read");
  return body;
}

const room = (name) => `/v1/rooms/${encodeURIComponent(name)}`;

export const rooms = () => request("/v1/rooms");
export const roomNow = (name) => request(room(name));
export const curvesPath = (name, id, channel) => `${room(name)}/participants/${encodeURIComponent(id)}/curves?channel=${channel}`;
export const curves = (name, id, channel) => request(curvesPath(name, id, channel));
export const verdicts = (query) => request(`/v1/verdicts?${new URLSearchParams(query)}`);
export const nodes = () => request("/v1/nodes");
export const committee = () => request("/v1/committee");
export const latestRound = () => request("/v1/rounds/latest");
export const rounds = (from, limit) => request(`/v1/rounds?from=${from}&limit=${limit}`);
export const token = (name, who) =>
  request(`${room(name)}/tokens`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: who }) });

/**
 * follow calls onRoom with each state of a room, and onLink with true or false as the connection comes and goes. It
 * reconnects until the function that it returns is called.
 */
export function follow(name, onRoom, onLink) {
  let source, timer, tries = 0, over = false;
  const connect = () => {
    if (over) return;
    source = new EventSource(`${room(name)}/events`);
    source.addEventListener("room", (e) => {
      tries = 0;
      onLink(true);
      onRoom(JSON.parse(e.data));
    });
    source.addEventListener("error", () => {
      onLink(false);
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      source.close();
      timer = setTimeout(connect, Math.min(30_000, 1000 * 2 ** tries++)); // it does not where the answer was an error
    });
  };
  connect();
  return () => {
    over = true;
    clearTimeout(timer);
    source.close();
  };
}
