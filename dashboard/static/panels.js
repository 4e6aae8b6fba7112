// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// What is beside the participants: the truth in use, the committee round by round, nodes, and the history of verdicts.

import * as api from "./api.js";
import { badge, channelWord, clock, count, el, fill, fixed, lasting, put, verdictOf, verdictWord } from "./format.js";

const at = (id) => document.getElementById(id);

const truthWords = {
  committee: ["A committee’s truth", "Independent nodes on this grid measure its frequency, and agree on it even if some of them lie."],
  participants: ["The participants’ own truth", "No committee is at hand. The frequency that most participants’ own streams agree on stands for the grid’s: with three or more honest ones, whoever differs stands out. If most lie together, it fails."],
  file: ["A reference file", "The grid’s frequency comes from a file that was given to the guard."],
  none: ["No truth", "Nobody says what the grid’s frequency is, so nothing can be told yet."],
};

/** truth shows what streams are compared with. */
export function truth(t, now) {
  const [title, text] = truthWords[t.kind] ?? truthWords.none;
  const age = t.known ? now - Date.parse(t.known) : NaN;
  const key = JSON.stringify([t.kind, t.name, t.nominal_hz, t.problem, Math.round(age / 1000)]);
  fill(at("truth"), key, () => [
    el("p", { class: "truth-kind" }, title),
    el("p", {}, text),
    t.problem && el("p", { class: "warning" }, el("strong", {}, "Problem: "), t.problem),
    el("dl", { class: "facts" },
      t.name && el("div", {}, el("dt", {}, "Source"), el("dd", {}, t.name)),
      el("div", {}, el("dt", {}, "Grid"), el("dd", {}, t.nominal_hz ? `${t.nominal_hz} Hz` : "not known yet")),
      el("div", {}, el("dt", {}, "Known until"), el("dd", {}, t.known ? `${clock(t.known, now)} (${lasting(age)} ago)` : "nothing yet"))),
  ].filter(Boolean));
}

const shownRounds = 10;

/** committee asks for the committee's last rounds and shows them; it returns false where there is none to ask for. */
export async function committee() {
  const section = at("committee-section");
  try {
    const c = await api.committee();
    section.hidden = false;
    const last = await api.latestRound().catch((problem) => {
      if (problem.status === 404) return null;
      throw problem;
    });
    put(at("committee-brief"), `${count(c.members.length, "member")}, ${last ? `round ${last.number}` : "no round yet"}`);
    if (!last) {
      put(at("committee-text"), "Its first round has not closed yet.");
      return true;
    }
    if (!section.open) return true;
    const page = await api.rounds(Math.max(0, last.number - shownRounds + 1), shownRounds);
    showRounds(c, page.rounds);
  } catch (problem) {
    if (problem.notServed || problem.status === 403) { // a token that is not for this
      section.hidden = true;
      return false;
    }
    put(at("committee-text"), `The committee’s rounds cannot be had: ${problem.message}.`);
  }
  return true;
}

// distance returns how far a proof is from its neighbours in millihertz a value: the square root of Krum's score (the sum
// of squared distances in µHz² to the m−f−2 nearest) over what it sums up.
function distance(entry, round) {
  const m = round.entries.length, nearest = m - round.faulty - 2 >= 1 ? m - round.faulty - 2 : m - 1;
  return Math.sqrt(Number(entry.score) / (Math.max(1, nearest) * Math.max(1, round.truth_uhz.length))) / 1000;
}

function showRounds(c, rounds) {
  const last = rounds.at(-1);
  put(at("committee-text"), `How far each member’s measurement was from its neighbours, in millihertz, round by round: the smaller, the better. ` +
    `★ is the winner, ✕ one that the others’ agreement leaves out, – one that was silent. ` +
    (last ? `The truth is made by ${last.rule === "krum" ? "Krum’s rule" : "the median"}; ${count(last.faulty, "member")} may lie or be silent.` : ""));
  const names = [...new Set([...c.members.map((m) => m.name), ...rounds.flatMap((r) => r.entries.map((e) => e.member))])];
  fill(at("committee"), JSON.stringify([names, rounds.map((r) => r.number)]), () => [
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Member"),
      rounds.map((r) => el("th", { scope: "col", title: `round ${r.number}` }, clock(r.closed_ms))))),
    el("tbody", {}, names.map((name) => el("tr", {}, el("th", { scope: "row" }, name), rounds.map((r) => {
      const e = r.entries.find((entry) => entry.member === name);
      if (!e) return el("td", { class: "silent" }, "–", el("span", { class: "visually-hidden" }, " silent"));
      const winner = r.winner === name;
      return el("td", { class: e.inlier ? winner ? "winner" : "" : "outlier", title: `score ${e.score} µHz²` },
        e.inlier ? winner ? "★ " : "" : "✕ ", fixed(distance(e, r), 2),
        el("span", { class: "visually-hidden" }, e.inlier ? winner ? " winner" : "" : " left out"));
    })))),
  ]);
}

/** nodes asks for the nodes' states and shows them; it returns false where there is nothing to ask for. */
export async function nodes() {
  const section = at("nodes-section");
  try {
    const { nodes: list } = await api.nodes();
    section.hidden = list.length === 0;
    fill(at("nodes"), JSON.stringify(list), () => [
      el("thead", {}, el("tr", {}, ["Node", "State", "Block", "Peers"].map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, list.map((n) => el("tr", {},
        el("th", { scope: "row" }, n.name || n.address || "–", n.name && n.address && el("span", { class: "hint" }, n.address)),
        el("td", { class: n.problem ? "outlier" : "" }, n.problem ? `✕ ${n.problem}` : n.syncing ? "… catching up" : "✓ works"),
        el("td", {}, n.problem && !n.height ? "–" : String(n.height)), el("td", {}, n.problem && !n.height ? "–" : String(n.peers))))),
    ]);
  } catch (problem) {
    if (problem.notServed || problem.status === 403) { // a token that is not for this
      section.hidden = true;
      return false;
    }
  }
  return true;
}

/** channelKey tells one channel of one participant. */
export const channelKey = (id, channel) => `${channel} ${id}`;

const pageLength = 500, most = 4000, shown = 100;

/** History is the changes of verdicts in one room since the guard began to watch it. */
export class History {
  constructor(room, began) {
    this.query = { room, ...(began ? { from: began } : {}), limit: pageLength };
    this.next = 0;
    this.list = [];
    this.newest = new Map(); // change of each channel
    this.served = true;
    const of = new URLSearchParams({ room, ...(began ? { from: began } : {}) });
    at("history-json").href = `/v1/verdicts.json?${of}`;
    at("history-csv").href = `/v1/verdicts.csv?${of}`;
  }

  /** load asks for what has come since the last time, and returns whether anything has. */
  async load() {
    if (!this.served) return false;
    if (this.loading) {
      this.again = true; // what has just changed may not be in the answer that is on its way
      return false;
    }
    this.loading = true;
    const before = this.next;
    try {
      for (let pages = 0; pages < 20; pages++) {
        this.again = false;
        const page = await api.verdicts({ ...this.query, after: this.next });
        this.list = this.list.concat(page.verdicts).slice(-most);
        this.next = page.next;
        for (const v of page.verdicts) if (v.channel) this.newest.set(channelKey(v.participant.id, v.channel), v);
        if (page.verdicts.length < pageLength && !this.again) break;
      }
    } catch (problem) {
      if (problem.notServed || problem.status === 403) this.served = false;
    } finally {
      this.loading = false;
    }
    this.show();
    return this.next !== before;
  }

  /** of returns the changes of a participant's own verdict, as the card's strip wants them. */
  of(id) {
    return this.list.filter((v) => !v.channel && v.participant.id === id && v.verdict !== v.former).map((v) => ({ at: Date.parse(v.time), verdict: verdictOf(v.verdict) }));
  }

  show() {
    at("history-section").hidden = !this.served;
    fill(at("history"), `${this.query.room} ${this.next} ${this.list.length}`, () => this.list.length ? [
      el("thead", {}, el("tr", {}, ["When", "Who", "What", "Became", "Was", "Why"].map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, this.list.slice(-shown).reverse().map((v) => {
        const became = el("span", { class: "badge small" });
        badge(became, verdictOf(v.verdict));
        return el("tr", {}, el("td", { class: "nowrap" }, clock(v.time)), el("th", { scope: "row" }, v.participant.name || v.participant.id),
          el("td", {}, v.channel ? channelWord[v.channel] ?? v.channel : "Participant"), el("td", {}, became),
          el("td", {}, verdictWord[verdictOf(v.former)].toLowerCase()), el("td", { class: "why" }, v.reason, was(v)));
      })),
    ] : el("caption", {}, "No verdict has changed yet."));
  }
}

// was says how long a forgery lasted that is over.
function was(v) {
  if (v.verdict === "forged" || !v.forged?.length) return "";
  return el("span", { class: "hint" }, `Forged was ${v.forged.map((s) => `${clock(s.start)} to ${clock(s.end)}`).join(", ")}.`);
}
