// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// The dashboard: follows one room, and keeps the page as the room is.

import * as api from "./api.js";
import { badge, channelWord, clock, count, el, fill, put, shape, verdictOf } from "./format.js";
import { alone, Card, firstForged, nameOf } from "./card.js";
import { Detail } from "./detail.js";
import * as panels from "./panels.js";

const at = (id) => document.getElementById(id);
const icons = { calm: at("favicon").href, forged: at("favicon").href.replace("icon.svg", "icon-forged.svg") };

// Board is one room on the page.
class Board {
  constructor(name, joining) {
    this.name = name;
    this.joining = joining;
    this.cards = new Map();
    this.steps = new Map(); // changes of verdicts that were seen here, by id
    this.media = new Map(); // verdicts on channels and what they were before, as seen here, by id and channel
    this.detail = new Detail();
    this.unfollow = api.follow(name, (room) => this.take(room), (up) => this.link(up));
    this.tick = setInterval(() => this.room && this.draw(), 1000);
    put(at("room-name"), name);
    at("join-link").hidden = !joining;
    at("join-link").href = `/join?room=${encodeURIComponent(name)}`;
  }

  close() {
    this.closed = true;
    this.unfollow();
    clearInterval(this.tick);
    this.detail.dialog.close();
    at("people").replaceChildren();
    at("gone-people").replaceChildren();
  }

  /** take takes a state of the room. */
  take(room) {
    const first = !this.room;
    const changes = first ? room.participants.filter((p) => p.verdict === "forged") : room.participants.filter((p) => this.latest(p.id) !== p.verdict);
    this.room = room;
    this.ahead = Date.parse(room.now) - Date.now();
    if (first || this.history.began !== room.began) {
      this.history = new panels.History(this.name, room.began);
      this.history.began = room.began;
      this.reload();
    } else if (changes.length) this.reload();
    for (const p of room.participants) this.note(p);
    this.announce(changes.filter((p) => !p.left));
    this.draw();
  }

  /** reload asks for changes of verdicts that this page does not have. */
  async reload() {
    if (await this.history?.load() && !this.closed) this.draw();
  }

  latest(id) {
    return this.steps.get(id)?.at(-1)?.verdict;
  }

  // note remembers when a verdict became what it is.
  note(p) {
    for (const c of p.channels) {
      const key = panels.channelKey(p.id, c.channel), known = this.media.get(key);
      if (known?.verdict !== c.verdict) this.media.set(key, { verdict: c.verdict, former: known?.verdict });
    }
    const list = this.steps.get(p.id) ?? [];
    if (list.at(-1)?.verdict === p.verdict) return;
    list.push({ at: Date.parse(p.since ?? p.joined ?? this.room.now), verdict: verdictOf(p.verdict) });
    this.steps.set(p.id, list.slice(-500));
  }

  // timeline returns the changes of a participant's verdict: those that were kept, and what this page alone has seen since.
  timeline(p) {
    const kept = this.history.of(p.id), last = kept.at(-1)?.at ?? -Infinity;
    const joined = Date.parse(p.joined ?? this.room.began ?? this.room.now);
    const all = [...kept, ...this.steps.get(p.id).filter((s) => s.at > last + 2000)];
    return all.length && all[0].at <= joined ? all : [{ at: joined, verdict: "undetermined" }, ...all];
  }

  // stopped returns the channels of a participant that were authentic, and in which what still arrives tells nothing now.
  stopped(p) {
    return p.channels.filter((c) => {
      if (p.left || !c.receiving || verdictOf(c.verdict) !== "undetermined") return false;
      const key = panels.channelKey(p.id, c.channel), kept = this.history.newest.get(key);
      return this.media.get(key)?.former === "authentic" || verdictOf(kept?.verdict) === "undetermined" && kept?.former === "authentic";
    });
  }

  announce(changes) {
    const forged = changes.filter((p) => p.verdict === "forged");
    if (forged.length) put(at("assertive"), forged.map((p) => `${nameOf(p)} is forged. ${p.reason}`).join(" "));
    const others = changes.filter((p) => p.verdict !== "forged");
    if (others.length) put(at("polite"), others.map((p) => `${nameOf(p)} is now ${verdictOf(p.verdict)}.`).join(" "));
    if (this.room.participants.every((p) => p.left || p.verdict !== "forged")) put(at("assertive"), "");
  }

  link(up) {
    if (up === this.up) return;
    this.up = up;
    if (!up) this.lost = Date.now();
    document.body.classList.toggle("stale", !up && Boolean(this.room));
    this.draw();
  }

  now() {
    return (this.up ? Date.now() : this.lost ?? Date.now()) + (this.ahead ?? 0);
  }

  draw() {
    const room = this.room, now = this.now();
    this.drawLink();
    if (!room) return;
    const present = room.participants.filter((p) => !p.left), gone = room.participants.filter((p) => p.left);
    this.drawPeople(at("people"), present, now);
    this.drawPeople(at("gone-people"), gone, now);
    const known = new Set(room.participants.map((p) => p.id));
    for (const id of this.cards.keys()) if (!known.has(id)) this.cards.delete(id);
    at("gone").hidden = gone.length === 0;
    put(at("gone-count"), String(gone.length));
    panels.truth(room.truth, now);
    drawSummary(room, present, now, (p) => this.reveal(p.id));
    drawStopped(present.flatMap((p) => this.stopped(p).map((c) => [p, c])));
    drawEmpty(room, present, this.joining, this.name);
    const forged = present.filter((p) => p.verdict === "forged").length;
    document.title = `${forged ? `⚠ ${forged} FORGED – ` : ""}${this.name} – DeFakePro`;
    const icon = forged ? icons.forged : icons.calm;
    if (at("favicon").href !== icon) at("favicon").href = icon;
  }

  drawLink() {
    const state = !this.up ? this.lost && (this.room || this.lost - performance.timeOrigin > 3000) ? "lost" : "waiting" : this.room && !this.room.connected ? "outside" : "live";
    at("link-state").dataset.state = state;
    put(at("link-text"), { lost: "Connection lost", waiting: "Connecting", outside: "Not in the room", live: "Live" }[state]);
    const banner = at("connection");
    const problem = this.room?.problem;
    banner.hidden = state !== "lost" && state !== "outside" && !(state === "live" && problem);
    if (state === "lost") {
      put(banner, "The connection to the guard is lost. " + (this.room ? `What you see is from ${clock(this.now())}, and may be out of date. ` : "") + "Trying again…");
    } else if (state === "outside") {
      put(banner, `The guard is not in the room${problem ? `: ${problem}` : ""}. It keeps trying; verdicts stand still until then.`);
    } else if (problem) put(banner, `The guard has a problem: ${problem}.`);
  }

  drawPeople(list, people, now) {
    const there = new Set(people.map((p) => this.cards.get(p.id)?.element));
    for (const e of [...list.children]) if (!there.has(e)) e.remove();
    people.forEach((p, i) => {
      if (!this.cards.has(p.id)) this.cards.set(p.id, new Card(p.id, (id) => this.open(id)));
      const card = this.cards.get(p.id);
      card.update(p, this.timeline(p), Date.parse(this.room.began ?? p.joined ?? this.room.now), now);
      this.detail.update(p, now);
      // What is in its place stays there: who is moved loses the focus.
      if (list.children[i] !== card.element) list.insertBefore(card.element, list.children[i] ?? null);
    });
  }

  reveal(id) {
    const card = this.cards.get(id);
    card?.element.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    card?.name.focus({ preventScroll: true });
  }

  open(id) {
    const p = this.room.participants.find((one) => one.id === id);
    if (p) this.detail.open(this.name, p);
  }
}

// forgedTitle says whose voice or picture is forged.
function forgedTitle(p) {
  const media = p.channels.filter((c) => c.verdict === "forged").map((c) => (channelWord[c.channel] ?? c.channel).toLowerCase());
  return media.length ? `${nameOf(p)}: ${media.join(" and ")} FORGED` : `${nameOf(p)} is FORGED`;
}

// some returns the first of a list, in words.
const some = (list) => list.slice(0, 3).join(", ") + (list.length > 3 ? " and others" : "");

const mediumOf = (c) => (channelWord[c.channel] ?? c.channel).toLowerCase();

// untold says which of a participant's channels tell nothing.
const untold = (p) => p.channels.filter((c) => verdictOf(c.verdict) !== "authentic").map(mediumOf).join(" and ");

// drawStopped has a line for each channel that was authentic and is no longer, with what the guard says of it.
function drawStopped(stopped) {
  const lines = stopped.map(([p, c]) => {
    const first = c.reason.match(/^.*?\.(?= |$)/)?.[0];
    return `${nameOf(p)} was authentic by ${mediumOf(c)}; ${first ? first[0].toLowerCase() + first.slice(1) : "now there is no telling."}`;
  });
  if (lines.length > 4) lines.splice(3, Infinity, `So were ${lines.length - 3} other voices or pictures.`);
  fill(at("summary-stopped"), JSON.stringify(lines), () => lines.map((line) => el("li", {}, line)));
}

function drawSummary(room, present, now, reveal) {
  const of = (v) => present.filter((p) => verdictOf(p.verdict) === v);
  const forged = of("forged"), authentic = of("authentic"), open = of("undetermined");
  let verdict = "undetermined", title, text;
  if (forged.length) {
    verdict = "forged";
    title = forged.length === 1 ? forgedTitle(forged[0]) : `${forged.length} participants are FORGED`;
    const began = firstForged(forged.flatMap((p) => p.channels));
    text = (began ? `The forgery began at ${clock(began, now)}. ` : "") + "What arrives was not recorded here and now on this grid.";
  } else if (!present.length) {
    title = "Nobody is here yet";
    text = room.participants.length ? "Everyone has left." : "The page follows the meeting by itself.";
  } else if (open.length === 0) {
    verdict = "authentic";
    title = present.length === 1 ? "The only participant is authentic" : `All ${present.length} participants are authentic`;
    text = "What arrives was recorded here and now on this grid.";
  } else {
    title = authentic.length ? `${authentic.length} of ${present.length} participants are authentic` : "No telling yet";
    text = `${count(open.length, "participant")} undetermined: it takes about a minute of hum in voice or picture.`;
  }
  const partly = authentic.filter(alone);
  if (partly.length && !forged.length) {
    // Green is for what was told, and the other half of these was not.
    title += partly.length === 1 ? `, ${present.length === 1 ? "" : `${nameOf(partly[0])} `}${alone(partly[0])}` : `, ${partly.length} by voice or picture alone`;
    if (!open.length) text = "What arrives was recorded here and now on this grid, as far as it can be told.";
    text += ` There is no telling of ${some(partly.map((p) => `the ${untold(p)} of ${nameOf(p)}`))}.`;
  }
  const before = room.participants.filter((p) => (p.left || p.verdict !== "forged") && (p.verdict === "forged" || firstForged(p.channels) !== undefined));
  if (before.length) text += ` Forged earlier: ${some(before.map((p) => nameOf(p) + (p.left ? " (has left)" : "")))}.`;
  const e = at("summary");
  e.dataset.verdict = verdict;
  fill(at("summary-icon"), verdict, () => shape(verdict));
  put(at("summary-title"), title);
  put(at("summary-text"), text);
  fill(at("summary-actions"), JSON.stringify(forged.map((p) => [p.id, p.name])), () => forged.slice(0, 4).map((p) =>
    el("button", { class: "button", type: "button", onclick: () => reveal(p) }, `Show ${nameOf(p)}`)));
}

function drawEmpty(room, present, joining, name) {
  const empty = at("empty");
  empty.hidden = present.length > 0;
  fill(empty, JSON.stringify([room.connected, joining]), () => [
    el("p", { class: "empty-title" }, room.connected ? "Waiting for the first participant" : "Waiting to get into the room"),
    el("p", {}, "Each one gets a card here with a verdict. The first takes about a minute, for that long the hum has to be followed."),
    joining ? el("p", {}, el("a", { class: "button", href: `/join?room=${encodeURIComponent(name)}` }, "Join the meeting")) : el("p", {}, "Join with any client of the conference."),
  ]);
}

// every calls a function now, and again a while after it is done, for as long as it returns true.
async function every(ms, work) {
  while (await work()) await new Promise((done) => setTimeout(done, ms));
}

let board;

// choose shows the room that the address names, or else the first.
async function choose() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("room");
  let list;
  try {
    list = await api.rooms().catch((problem) => {
      if (problem.status !== 403 || !wanted) throw problem;
      return { rooms: [{ name: wanted }], joining: false }; // the token may be for that one
    });
    at("token-form").hidden = true;
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) {
      at("token-form").hidden = false;
      at("connection").hidden = false;
      put(at("connection"), `The guard shows this to nobody without a token: ${problem.message}.`);
    } else if (!board) {
      at("connection").hidden = false;
      put(at("connection"), problem.notServed ? "No guard runs here: there is no meeting to watch." : `The guard cannot be asked: ${problem.message}. Trying again…`);
    }
    return;
  }
  const names = list.rooms.map((r) => r.name);
  const name = names.includes(wanted) ? wanted : names[0];
  at("room-picker").hidden = names.length < 2;
  fill(at("room-select"), JSON.stringify(names), () => names.map((n) => el("option", { value: n }, n)));
  if (names.length > 1) at("room-select").value = name;
  if (!names.length) {
    board?.close();
    board = undefined;
    put(at("summary-title"), "No meeting is watched yet");
    put(at("summary-text"), "As soon as the guard is given a room, its participants appear here.");
    at("connection").hidden = true;
  } else if (board?.name !== name) {
    board?.close();
    board = new Board(name, list.joining);
  }
}

for (const e of document.querySelectorAll(".legend .badge")) badge(e, e.dataset.verdict);
fill(at("summary-icon"), "undetermined", () => shape("undetermined"));
addEventListener("hashchange", choose);
at("room-select").addEventListener("change", (e) => { location.hash = new URLSearchParams({ room: e.target.value }); });
at("token-form").addEventListener("submit", (e) => {
  e.preventDefault();
  api.keepToken(at("token").value);
  location.reload();
});
for (const id of ["history-json", "history-csv"]) at(id).addEventListener("click", api.download);
at("committee-section").addEventListener("toggle", panels.committee);
every(10_000, () => choose().then(() => true));
every(5000, panels.committee);
every(5000, panels.nodes);
every(5000, async () => {
  await board?.reload(); // a change may be kept after the room tells of it
  return true;
});
