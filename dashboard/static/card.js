// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// A participant as a card: who, the verdict and why, since when, in which medium, and how it was over the call.

import { badge, channelWord, clock, count, el, fill, put, shape, svg, verdictOf, verdictWord } from "./format.js";
import { hatching } from "./chart.js";

let cards = 0;

/** Card shows one participant. onOpen is called with the id when someone wants the evidence. */
export class Card {
  constructor(id, onOpen) {
    this.id = id;
    this.number = ++cards;
    const title = `person-${this.number}`;
    this.name = el("h3", { id: title, tabindex: "-1" });
    this.badge = el("p", { class: "badge" });
    this.since = el("p", { class: "since" });
    this.reason = el("p", { class: "reason" });
    this.media = el("ul", { class: "media" });
    this.strip = el("div", { class: "strip" });
    this.button = el("button", { class: "button quiet", type: "button", "aria-haspopup": "dialog", onclick: () => onOpen(id) }, "Evidence");
    this.element = el("li", {},
      el("article", { class: "card", "aria-labelledby": title },
        el("div", { class: "card-head" }, el("div", { class: "who" }, this.name, this.since), this.badge),
        this.reason, this.media, this.strip, el("p", { class: "card-foot" }, this.button)));
  }

  /** update shows a participant as it is; steps are the changes of its verdict, began and now bound the strip. */
  update(p, steps, began, now) {
    const verdict = verdictOf(p.verdict), name = nameOf(p);
    put(this.name, name);
    this.button.setAttribute("aria-label", `Evidence on ${name}`);
    this.element.firstChild.dataset.verdict = verdict;
    badge(this.badge, verdict);
    const sure = verdict !== "undetermined" && p.confidence > 0 ? ` · ${Math.floor(100 * p.confidence)} % sure` : "";
    const by = alone(p) && `${alone(p)} · `;
    put(this.since, by + (p.left ? `left at ${clock(p.left, now)}` : p.since ? `since ${clock(p.since, now)}${sure}` : ""));
    put(this.reason, p.reason || (verdict === "undetermined" ? "Nothing can be said yet." : ""));
    fill(this.media, JSON.stringify(p.channels.map((c) => [c.channel, c.verdict, c.receiving, c.enf_present, c.forged, p.left])),
      () => p.channels.length ? p.channels.map((c) => medium(c, p, now)) : el("li", { class: "none" }, "Sends neither voice nor picture."));
    const end = p.left ? Date.parse(p.left) : now;
    fill(this.strip, JSON.stringify([steps.length, p.verdict, p.channels.map((c) => c.forged), Math.round(end / 5000)]),
      () => timeline(p, steps, began, end, now, `hatch-${this.number}`));
  }
}

/** nameOf returns what to call someone. */
export function nameOf(p) {
  return p.name.trim() || p.id || "No name";
}

/** alone says of an authentic participant by what alone that is so, where there is also what tells nothing; nothing of others. */
export function alone(p) {
  const good = p.channels.filter((c) => c.verdict === "authentic");
  return p.verdict === "authentic" && good.length && good.length < p.channels.length
    ? `by ${good.map((c) => (channelWord[c.channel] ?? c.channel).toLowerCase()).join(" and ")} alone` : "";
}

/** firstForged returns when the earliest forged span of channels began, in ms; undefined if there is none. */
export function firstForged(channels) {
  const starts = channels.flatMap((c) => c.forged.map((s) => Date.parse(s.start)));
  return starts.length ? Math.min(...starts) : undefined;
}

function medium(c, p, now) {
  const verdict = verdictOf(c.verdict), began = firstForged([c]);
  let note = "";
  if (verdict === "forged" && began !== undefined) note = `forged from ${clock(began, now)} on`;
  else if (began !== undefined) note = `was forged at ${clock(began, now)}`;
  else if (!c.receiving && !p.left) note = "nothing is coming";
  else if (!c.enf_present && verdict === "undetermined") note = "no hum to read";
  return el("li", { "data-verdict": verdict },
    shape(verdict), el("span", { class: "medium" }, channelWord[c.channel] ?? c.channel), el("span", { class: "word" }, verdictWord[verdict]),
    note && el("span", { class: "note" }, note));
}

// timeline returns the verdicts over the call, and below them the stretches that were found forged.
function timeline(p, steps, began, end, now, pattern) {
  const width = 320, height = 22;
  const span = Math.max(now - began, 60_000);
  const x = (at) => Math.min(1, Math.max(0, (at - began) / span)) * width;
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "timeline", role: "img" });
  root.append(svg("defs", {}, hatching(pattern)), svg("rect", { x: 0, y: 2, width, height: 10, class: "bed" }));
  const words = [];
  steps.forEach((s, i) => {
    const until = i + 1 < steps.length ? steps[i + 1].at : end;
    if (until <= s.at) return;
    root.append(svg("rect", { x: x(s.at), y: s.verdict === "undetermined" ? 6 : 2, width: Math.max(x(until) - x(s.at), 1.5), height: s.verdict === "undetermined" ? 2 : 10, class: s.verdict }));
    if (s.verdict === "forged") root.append(svg("rect", { x: x(s.at), y: 2, width: Math.max(x(until) - x(s.at), 1.5), height: 10, fill: `url(#${pattern})` }));
    words.push(`${s.verdict} from ${clock(s.at, now)}`);
  });
  const spans = p.channels.flatMap((c) => c.forged);
  for (const s of spans) {
    const a = x(Date.parse(s.start)), b = x(Date.parse(s.end));
    root.append(svg("rect", { x: a, y: 15, width: Math.max(b - a, 2), height: 4, class: "forged" }));
  }
  const recent = words.length > 6 ? [`${words.length - 6} changes, then`, ...words.slice(-6)] : words;
  root.setAttribute("aria-label", `Verdict over the call: ${recent.join(", ") || "none yet"}.` + (spans.length ? ` ${count(spans.length, "forged stretch", "forged stretches")} found.` : ""));
  return [root, el("p", { class: "ends", "aria-hidden": "true" }, el("span", {}, clock(began, now)), el("span", {}, spans.length ? "▂ the forged stretches" : ""), el("span", {}, "now"))];
}
