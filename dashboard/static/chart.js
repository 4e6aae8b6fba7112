// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Line charts over time, as SVG. Colour never tells alone: lines differ in weight, forged spans are hatched and named.

import { svg } from "./format.js";

const left = 52, right = 12, top = 10, bottom = 24;
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400].map((s) => s * 1000);
const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minuteFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
let charts = 0; // numbers their clip paths and patterns

/**
 * chart returns an SVG of lines over time.
 *   lines: [{ points: [[ms, value or null]], name, band: [[ms, low, high]] }]
 *   levels: [{ value, label }], drawn across
 *   spans: [{ start, end }] in ms, marked as forged
 *   range: [from, to] in ms; domain: [low, high]; scale: a function of values, the identity if not given
 *   ticks: [{ value, label }]; label: what the whole says, for those who do not see it
 */
export function chart({ lines, levels = [], spans = [], range, domain, scale = (v) => v, ticks, label, width, height = 180 }) {
  const id = `chart-${++charts}`;
  const [from, to] = range[1] > range[0] ? range : [range[0], range[0] + 1000];
  const low = scale(domain[0]), high = scale(domain[1]);
  const x = (at) => left + (at - from) / (to - from) * (width - left - right);
  const y = (value) => top + (high - scale(value)) / (high - low || 1) * (height - top - bottom);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "chart", role: "img", "aria-label": label });
  const plot = svg("g", { "clip-path": `url(#${id}-clip)` });
  root.append(svg("defs", {},
    svg("clipPath", { id: `${id}-clip` }, svg("rect", { x: left, y: top, width: width - left - right, height: height - top - bottom })),
    hatching(`${id}-hatch`)));
  for (const t of ticks) {
    const at = y(t.value);
    root.append(svg("line", { x1: left, x2: width - right, y1: at, y2: at, class: "grid" }), text(left - 6, at + 3.5, t.label, "end"));
  }
  for (const t of timeTicks(from, to, (width - left - right) / 84)) root.append(text(x(t.at), height - 7, t.label, "middle"));
  for (const s of spans) {
    const a = Math.max(left, x(s.start)), b = Math.min(width - right, Math.max(x(s.end), x(s.start) + 3));
    if (b <= a) continue;
    plot.append(svg("rect", { x: a, y: top, width: b - a, height: height - top - bottom, class: "span" }),
      svg("rect", { x: a, y: top, width: b - a, height: height - top - bottom, fill: `url(#${id}-hatch)` }));
    if (b - a > 48) plot.append(text(a + 5, top + 12, "forged", "start", "span-label"));
  }
  for (const l of levels) {
    plot.append(svg("line", { x1: left, x2: width - right, y1: y(l.value), y2: y(l.value), class: "level" }));
    plot.append(text(width - right - 4, y(l.value) - 4, l.label, "end", "level-label"));
  }
  lines.forEach((l, i) => {
    if (l.band) plot.append(svg("path", { d: area(l.band, x, y), class: `band line-${i}` }));
    plot.append(svg("path", { d: path(l.points, x, y), class: `line line-${i}` }));
    if (l.dots) for (const [at, value] of l.points) if (value !== null) plot.append(svg("circle", { cx: x(at), cy: y(value), r: 2.2, class: "point" }));
  });
  root.append(plot);
  return root;
}

/** hatching returns a pattern of slanted lines. */
export function hatching(id) {
  return svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("line", { x1: 0, x2: 0, y1: 0, y2: 6, class: "hatch" }));
}

function text(x, y, words, anchor, kind = "tick") {
  return svg("text", { x, y, "text-anchor": anchor, class: kind }, words);
}

function path(points, x, y) {
  let d = "", pen = false;
  for (const [at, value] of points) {
    if (value === null) {
      pen = false;
      continue;
    }
    d += `${pen ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!pen) d += "h.01"; // a lone value is a dot
    pen = true;
  }
  return d;
}

function area(band, x, y) {
  let d = "";
  for (let i = 0; i < band.length;) {
    if (band[i][1] === null) {
      i++;
      continue;
    }
    let end = i;
    while (end < band.length && band[end][1] !== null) end++;
    const run = band.slice(i, end);
    d += "M" + run.map(([at, , up]) => `${x(at).toFixed(1)} ${y(up).toFixed(1)}`).join("L") +
      "L" + run.reverse().map(([at, down]) => `${x(at).toFixed(1)} ${y(down).toFixed(1)}`).join("L") + "Z";
    i = end;
  }
  return d;
}

/** niceTicks returns about n round values between two. */
export function niceTicks(low, high, n = 4) {
  const raw = (high - low) / n || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) {
    out.push({ value: v, label: (Math.abs(v) < step * 1e-6 ? 0 : v).toFixed(decimals).replace("-", "−") });
  }
  return out;
}

/** timeTicks returns at most n round times between two. */
export function timeTicks(from, to, n) {
  const step = steps.find((s) => (to - from) / s <= Math.max(2, n)) ?? steps.at(-1);
  const out = [], zone = new Date(from).getTimezoneOffset() * 60_000;
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) {
    out.push({ at, label: (step < 60_000 ? timeFormat : minuteFormat).format(at) });
  }
  return out;
}
