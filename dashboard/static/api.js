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

// The token, where the guard asks for one. This tab and this port alone have it: a cookie would go to every port of this host.
const kept = "defakepro-token";

/** keepToken has the page go by a token from now on. */
export const keepToken = (token) => sessionStorage.setItem(kept, token.trim());

// An address may end in #token=TOKEN, which no server sees, and which is not to stay in it.
function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (!fragment.has("token")) return;
  keepToken(fragment.get("token"));
  fragment.delete("token");
  history.replaceState(null, "", location.pathname + location.search + (fragment.size ? `#${fragment}` : ""));
}
takeToken();
addEventListener("hashchange", takeToken);

// ask returns an answer that is a success.
async function ask(path, { headers, ...options } = {}) {
  const token = sessionStorage.getItem(kept);
  let answer;
  try {
    answer = await fetch(path, { cache: "no-cache", ...options, headers: { ...headers, ...(token && { Authorization: `Bearer ${token}` }) } });
  } catch {
    throw new Problem(0, "about:blank", "the guard does not answer");
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  throw new Problem(answer.status, body?.type ?? "about:blank", body?.detail || body?.title || `status ${answer.status}`);
}

async function request(path, options) {
  const answer = await ask(path, { signal: AbortSignal.timeout(patience), ...options });
  const body = await answer.json().catch(() => null);
  if (body === null) throw new Problem(0, "about:blank", "the guard's answer cannot be read");
  return body;
}

/** download has what a link leads to asked for with the token, which a browser by itself would not send. */
export async function download(event) {
  if (!sessionStorage.getItem(kept)) return;
  event.preventDefault();
  const link = event.currentTarget;
  const answer = await ask(link.href).catch((problem) => problem);
  if (answer instanceof Problem) {
    link.title = answer.message;
    return;
  }
  const name = link.download || new URL(link.href).pathname.split("/").at(-1);
  const copy = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
  copy.click();
  setTimeout(() => URL.revokeObjectURL(copy.href), 60_000);
}

const room = (name) => `/v1/rooms/${encodeURIComponent(name)}`;

export const rooms = () => request("/v1/rooms");
export const roomNow = (name) => request(room(name));
export const curvesPath = (name, id, channel) => `${room(name)}/participants/${encodeURIComponent(id)}/curves?channel=${channel}`;
export const curves = (name, id, channel, from) => request(curvesPath(name, id, channel) + (from ? `&from=${encodeURIComponent(from)}` : ""));
export const verdicts = (query) => request(`/v1/verdicts?${new URLSearchParams(query)}`);
export const nodes = () => request("/v1/nodes");
export const committee = () => request("/v1/committee");
export const latestRound = () => request("/v1/rounds/latest");
export const rounds = (from, limit) => request(`/v1/rounds?from=${from}&limit=${limit}`);
export const token = (name, who) =>
  request(`${room(name)}/tokens`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name: who }) });

// events calls onEvent with the data of each event of a stream, until it ends or nothing comes any more.
async function events(path, stop, onEvent) {
  let silence;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => stop.abort(), 3 * patience); // there is a sign of life every 15 s
  };
  heard();
  try {
    const answer = await ask(path, { signal: stop.signal, headers: { Accept: "text/event-stream" } });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const all = (rest + value).split("\n\n");
      rest = all.pop();
      for (const event of all) {
        const data = event.split("\n").filter((line) => line.startsWith("data: "));
        if (data.length) onEvent(JSON.parse(data.map((line) => line.slice(6)).join("\n")));
      }
    }
  } finally {
    clearTimeout(silence);
  }
}

/**
 * follow calls onRoom with each state of a room, and onLink with true or false as the connection comes and goes. It
 * reconnects until the function that it returns is called. It is no EventSource, which cannot send a token.
 */
export function follow(name, onRoom, onLink) {
  let stop, timer, tries = 0, over = false;
  const connect = async () => {
    stop = new AbortController();
    await events(`${room(name)}/events`, stop, (state) => {
      if (over) return;
      tries = 0;
      onLink(true);
      onRoom(state);
    }).catch(() => {});
    if (over) return;
    onLink(false);
    timer = setTimeout(connect, Math.min(30_000, 1000 * 2 ** tries++));
  };
  connect();
  return () => {
    over = true;
    clearTimeout(timer);
    stop.abort();
  };
}
