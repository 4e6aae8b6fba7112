// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Words and elements. Text of others becomes text nodes alone: nothing here parses HTML.

/** el returns an element with attributes, and children that are elements or text. */
export function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  set(e, attributes);
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
  return e;
}

/** svg returns an element of SVG. */
export function svg(name, attributes = {}, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(e, attributes);
  e.append(...children);
  return e;
}

function set(e, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else e.setAttribute(key, value === true ? "" : String(value));
  }
}

/** put sets the text of an element if it is another, so that what has not changed is not read out again. */
export function put(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/** fill gives an element children, unless what they show is what it shows. */
export function fill(e, key, make) {
  if (e.dataset.shown === key) return false;
  e.dataset.shown = key;
  e.replaceChildren(...[make()].flat());
  return true;
}

// The guard writes its reasons by the clock of 24 hours, in UTC, which they say: one form on one page, where all else is in the zone of whoever looks.
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** clock returns a time of day, with the date if it is another day's than now. */
export function clock(at, now = Date.now()) {
  const t = new Date(at);
  if (Number.isNaN(t.getTime())) return "";
  return new Date(now).toDateString() === t.toDateString() ? clockFormat.format(t) : `${dayFormat.format(t)}, ${clockFormat.format(t)}`;
}

/** lasting returns a length of time in words, coarser the longer it is. */
export function lasting(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s < 600 && s % 60 ? ` ${s % 60} s` : ""}`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** count returns a number with its noun. */
export function count(n, one, many = `${one}s`) {
  return `${n} ${n === 1 ? one : many}`;
}

/** fixed returns a number with so many decimals and a true minus, or a dash where there is none. */
export function fixed(value, decimals, unit = "") {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  return value.toFixed(decimals).replace("-", "−") + (unit && ` ${unit}`);
}

export const verdictWord = { authentic: "Authentic", forged: "FORGED", undetermined: "Undetermined" };
export const channelWord = { audio: "Voice", video: "Picture" };

// Shapes that tell verdicts apart without colour: a check in a shield, a cross in an octagon, a question in a dashed ring.
const shapes = {
  authentic: [["path", { d: "M12 2 20.500 5v6.500c0 5-3.500 8.600-8.500 10.500-5-1.900-8.500-5.500-8.500-10.500V5z", class: "body" }], ["path", { d: "m7.800 12.200 3 3 5.600-6", class: "stroke" }]],
  forged: [["path", { d: "M8 2h8l6 6v8l-6 6H8l-6-6V8z", class: "body" }], ["path", { d: "m8.300 8.300 7.400 7.400m0-7.400-7.400 7.400", class: "stroke" }]],
  undetermined: [["circle", { cx: 12, cy: 12, r: 9.5, class: "ring" }], ["path", { d: "M9.200 9.400c.2-3.400 5.800-3.200 5.600.2-.1 2-2.800 2-2.800 4.400m0 2.900v.2", class: "stroke" }]],
};

/** shape returns the sign of a verdict. */
export function shape(verdict) {
  return svg("svg", { viewBox: "0 0 24 24", class: "shape", "aria-hidden": "true" }, ...shapes[verdict].map(([name, attributes]) => svg(name, attributes)));
}

/** badge makes an element the badge of a verdict. */
export function badge(e, verdict) {
  e.dataset.verdict = verdict;
  fill(e, verdict, () => [shape(verdict), el("span", {}, verdictWord[verdict])]);
}

/** verdictOf returns a verdict that the page knows. */
export function verdictOf(v) {
  return Object.hasOwn(verdictWord, v) ? v : "undetermined";
}
