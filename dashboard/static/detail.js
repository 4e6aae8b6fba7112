// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// The evidence on one participant, for those who know what ENF is: series over truth, correlation, likelihood, numbers.

import * as api from "./api.js";
import { badge, channelWord, clock, el, fill, fixed, lasting, put, verdictOf, verdictWord } from "./format.js";
import { chart, niceTicks } from "./chart.js";
import { extent, merge, since } from "./curves.js";
import { nameOf } from "./card.js";

const again = 5000; // ms: a window moves by 5 s (DeFakePro §III-D)
const afresh = 12; // how often curves are asked for bit by bit before all of them are: what comes late is in these

/** Detail is the dialog with the evidence on one participant. */
export class Detail {
  constructor() {
    this.dialog = document.getElementById("detail");
    this.title = document.getElementById("detail-title");
    this.sub = document.getElementById("detail-sub");
    this.body = document.getElementById("detail-body");
    document.getElementById("detail-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (e) => e.target === this.dialog && this.dialog.close()); // beside it
    this.dialog.addEventListener("close", () => this.stop());
    addEventListener("resize", () => this.dialog.open && this.draw());
  }

  /** open shows the evidence on a participant of a room. */
  open(room, p) {
    this.stop();
    this.room = room;
    this.id = p.id;
    this.sections = new Map();
    this.body.replaceChildren();
    this.update(p, Date.now());
    this.dialog.showModal();
    this.dialog.scrollTop = 0;
    this.load();
    this.timer = setInterval(() => this.load(), again);
  }

  stop() {
    clearInterval(this.timer);
    this.id = undefined;
  }

  /** update shows what has changed of the participant. */
  update(p, now) {
    if (p.id !== this.id) return;
    this.person = p;
    put(this.title, `Evidence on ${nameOf(p)}`);
    put(this.sub, `${verdictWord[verdictOf(p.verdict)]}. ${p.reason}`);
    for (const c of p.channels) {
      if (!this.sections.has(c.channel)) {
        const s = new Section(this, c.channel);
        this.sections.set(c.channel, s);
        this.body.append(s.element);
      }
      this.sections.get(c.channel).update(c, p, now);
    }
    if (!p.channels.length) fill(this.body, "none", () => el("p", { class: "none" }, "Neither voice nor picture has arrived, so there is nothing to show."));
  }

  async load() {
    const id = this.id;
    await Promise.all([...this.sections.values()].map(async (s) => {
      try {
        const known = s.asked++ % afresh ? s.curves : undefined;
        const c = await api.curves(this.room, id, s.channel, known && since(known));
        if (this.id === id) s.show(known ? merge(known, c) : c);
      } catch (problem) {
        if (this.id === id) s.fail(problem);
      }
    }));
  }

  draw() {
    for (const s of this.sections.values()) s.draw();
  }
}

// Section is one channel's part of the dialog.
class Section {
  constructor(detail, channel) {
    this.detail = detail;
    this.channel = channel;
    this.asked = 0;
    const title = `detail-${channel}`;
    this.badge = el("p", { class: "badge small" });
    this.reason = el("p", { class: "reason" });
    this.numbers = el("dl", { class: "numbers" });
    this.note = el("p", { class: "none", role: "status" });
    this.plots = el("div", { class: "plots" });
    this.table = el("details", { class: "values", ontoggle: () => this.tabulate() }, el("summary", {}, "The values as a table"));
    this.file = el("a", { href: api.curvesPath(detail.room, detail.id, channel), download: `enf-${channel}.json`, onclick: api.download }, "Download as JSON");
    this.element = el("section", { class: "evidence", "aria-labelledby": title },
      el("div", { class: "card-head" }, el("h3", { id: title }, channelWord[channel] ?? channel), this.badge),
      this.reason, this.numbers, this.note, this.plots, this.table, el("p", { class: "exports" }, this.file));
  }

  update(c, p, now) {
    this.state = c;
    badge(this.badge, verdictOf(c.verdict));
    put(this.reason, c.reason);
    const nominal = this.curves?.nominal_hz || 0;
    const ppm = nominal && typeof c.offset_hz === "number" ? ` (${fixed(1e6 * c.offset_hz / nominal, 1, "ppm")})` : "";
    const rows = [
      ["Verdict since", c.since ? `${clock(c.since, now)} (${lasting(now - Date.parse(c.since))})` : "–", ""],
      ["Confidence", c.confidence ? fixed(100 * c.confidence, 1, "%") : "–", "of the verdict"],
      ["Signal to noise", fixed(c.snr_db, 1, "dB"), c.enf_present ? "there is a hum" : "no hum found"],
      ["Correlation", fixed(c.correlation, 3), this.curves?.threshold ? `with the grid; the threshold is ${this.curves.threshold}` : "with the grid"],
      ["Log-likelihood ratio", fixed(c.llr, 1, "nats"), "above 0 for, below 0 against: this decides"],
      ["Difference (RMSE)", fixed(typeof c.rmse_hz === "number" ? 1000 * c.rmse_hz : NaN, 2, "mHz"), "about its mean"],
      ["Clock offset", fixed(typeof c.offset_hz === "number" ? 1000 * c.offset_hz : NaN, 2, "mHz") + ppm, "the recorder’s own clock error"],
      ["Lag", fixed(c.lag_s, 2, "s"), "behind the grid"],
      ["Receiving", p.left ? "has left" : c.receiving ? "yes" : "nothing now", ""],
    ];
    fill(this.numbers, JSON.stringify(rows), () => rows.map(([term, value, hint]) =>
      el("div", {}, el("dt", {}, term), el("dd", {}, value, hint && el("span", { class: "hint" }, hint)))));
  }

  show(curves) {
    this.curves = curves;
    put(this.note, curves.series.hz.some((v) => v !== null) ? "" : "No frequency has been found in it so far.");
    this.draw();
    this.tabulate();
    if (this.detail.person) this.update(this.state, this.detail.person, Date.now());
  }

  fail(problem) {
    put(this.note, problem.type.endsWith("channel-not-found") ? "Nothing is kept of it." : `The curves cannot be had: ${problem.message}.`);
  }

  draw() {
    const c = this.curves;
    if (!c) return;
    const width = Math.max(260, Math.min(1040, this.plots.clientWidth || 640));
    const series = points(c.series, c.nominal_hz), truth = points(c.truth, c.nominal_hz);
    const range = extent(series, c.windows.map((w) => [Date.parse(w.end), 0]));
    if (!range) {
      this.plots.replaceChildren();
      return;
    }
    const spans = this.state.forged.map((s) => ({ start: Date.parse(s.start), end: Date.parse(s.end) }));
    const common = { range, spans, width };
    this.plots.replaceChildren(
      figure(`Frequency, in millihertz from ${c.nominal_hz} Hz`, ["grid", "stream"], frequency(c, series, truth, common)),
      figure("Correlation, window by window", [], correlation(c, common)),
      figure("Log-likelihood ratio, window by window", [], likelihood(c, common)));
  }

  tabulate() {
    if (!this.table.open || !this.curves) return;
    const c = this.curves, grid = new Map(points(c.truth, 0));
    const rows = points(c.series, 0).slice(-120).map(([at, hz], i, all) => {
      const sigma = c.series.sigma_hz?.[c.series.hz.length - all.length + i], t = grid.get(at) ?? null;
      return [clock(at), fixed(hz, 4), fixed(typeof sigma === "number" ? 1000 * sigma : NaN, 2), fixed(t, 4), hz === null || t === null ? "–" : fixed(1000 * (hz - t), 2)];
    }).reverse();
    const windows = c.windows.slice(-60).map((w) => [clock(w.end), fixed(w.correlation, 3), fixed(w.llr, 1), verdictWord[verdictOf(w.verdict)]]).reverse();
    const scrolled = this.table.querySelector(".scroll")?.scrollTop ?? 0;
    this.table.replaceChildren(this.table.firstChild, el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Values" },
      grid2("Windows, newest first", ["End", "Correlation", "LLR (nats)", "Verdict"], windows),
      grid2("Seconds, newest first", ["Time", "Stream (Hz)", "± (mHz)", "Grid (Hz)", "Difference (mHz)"], rows)));
    this.table.querySelector(".scroll").scrollTop = scrolled;
  }
}

function grid2(caption, head, rows) {
  return el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, head.map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, rows.map((r) => el("tr", {}, r.map((v) => el("td", {}, v))))));
}

function figure(title, keys, drawing) {
  return el("figure", {}, el("figcaption", {}, title, keys.map((k) => el("span", { class: `key ${k}` }, k === "grid" ? "the grid" : "this stream"))), drawing);
}

// points returns a series as [ms, hertz from nominal or null].
function points(s, nominal) {
  const start = Date.parse(s.start);
  return s.hz.map((v, i) => [start + 1000 * s.step_s * i, v === null ? null : v - nominal]);
}

function frequency(c, series, truth, common) {
  const mHz = (list) => list.map(([at, v]) => [at, v === null ? null : 1000 * v]);
  const stream = mHz(series), grid = mHz(truth);
  const sigma = c.series.sigma_hz;
  const band = sigma && stream.map(([at, v], i) => v === null || sigma[i] === null ? [at, null, null] : [at, v - 2000 * sigma[i], v + 2000 * sigma[i]]);
  const values = (list) => list.flatMap(([, v]) => v === null ? [] : [v]).sort((a, b) => a - b);
  const s = values(stream), g = values(grid);
  // A few wild values shall not flatten the rest: those of the stream count between their 2nd and 98th percentile.
  let low = Math.min(g[0] ?? Infinity, s[Math.floor(0.02 * s.length)] ?? Infinity);
  let high = Math.max(g.at(-1) ?? -Infinity, s[Math.ceil(0.98 * s.length) - 1] ?? -Infinity);
  if (low > high) [low, high] = [-10, 10];
  const pad = Math.max(2, 0.12 * (high - low));
  const domain = [low - pad, high + pad];
  return chart({
    ...common, height: 230, domain, ticks: niceTicks(...domain, 5),
    lines: [{ points: grid, name: "grid" }, { points: stream, name: "stream", band }],
    label: `Frequency from ${c.nominal_hz} Hz in millihertz: ${summary("the grid", g)}; ${summary("this stream", s)}.${told(common.spans)}`,
  });
}

function summary(name, sorted) {
  return sorted.length ? `${name} between ${fixed(sorted[0], 1)} and ${fixed(sorted.at(-1), 1)}` : `nothing of ${name}`;
}

function told(spans) {
  return spans.length ? ` Marked as forged: ${spans.map((s) => `${clock(s.start)} to ${clock(s.end)}`).join(", ")}.` : "";
}

const of = (windows, field) => windows.map((w) => [Date.parse(w.end), w[field] ?? null]);

function newest(list) {
  return fixed(list.findLast(([, v]) => v !== null)?.[1], 2);
}

function correlation(c, common) {
  const { threshold } = c, list = of(c.windows, "correlation"), lowest = Math.min(0, ...list.map(([, v]) => v ?? 0));
  const domain = [lowest < -0.05 ? -1 : -0.05, 1.05];
  return chart({
    ...common, height: 150, domain, ticks: [-1, -0.5, 0, 0.5, 1].filter((v) => v >= domain[0]).map((v) => ({ value: v, label: String(v).replace("-", "−") })),
    levels: threshold ? [{ value: threshold, label: `threshold ${threshold}` }] : [], lines: [{ points: [] }, { points: list, dots: list.length < 80 }],
    label: `Correlation of ${list.length} windows, the newest ${newest(list)}${threshold ? `, the threshold ${threshold}` : ""}.${told(common.spans)}`,
  });
}

function likelihood(c, common) {
  const list = of(c.windows, "llr"), values = list.flatMap(([, v]) => v === null ? [] : [v]);
  const scale = (v) => Math.asinh(v / 3); // linear about 0, logarithmic beyond: one foreign window is worth hundreds
  const domain = [Math.min(-12, ...values) * 1.3, Math.max(12, ...values) * 1.3];
  const ticks = [-10000, -1000, -100, -10, 0, 10, 100, 1000, 10000].filter((v) => v > domain[0] && v < domain[1]);
  return chart({
    ...common, height: 150, domain, scale, ticks: ticks.map((v) => ({ value: v, label: String(v).replace("-", "−") })),
    levels: [{ value: 0, label: "0: says nothing" }], lines: [{ points: [] }, { points: list, dots: list.length < 80 }],
    label: `Log-likelihood ratio of ${list.length} windows in nats, the newest ${newest(list)}; above 0 speaks for the grid.${told(common.spans)}`,
  });
}
