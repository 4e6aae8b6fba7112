// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Curves as the guard tells them bit by bit.

const settled = 60_000; // ms: what is older is mostly the last word
const least = 120_000; // ms: a chart shows no less

/** since returns from when on curves are to be asked for anew: from the end of what is known, less what may change; undefined for all. */
export function since(curves) {
  const s = curves.series;
  const end = Date.parse(s.start) + 1000 * s.step_s * s.hz.length;
  return s.hz.length ? new Date(end - settled).toISOString() : undefined;
}

/** merge puts fresh curves in the place of what they cover of older ones. */
export function merge(old, fresh) {
  const from = Date.parse(fresh.series.start);
  const windows = old.windows.filter((w) => Date.parse(w.end) < from).concat(fresh.windows);
  return { ...fresh, windows, series: join(old.series, fresh.series), truth: join(old.truth, fresh.truth) };
}

function join(old, fresh) {
  const at = Math.round((Date.parse(fresh.start) - Date.parse(old.start)) / (1000 * fresh.step_s));
  if (!(at >= 0 && at <= old.hz.length)) return fresh;
  const out = { ...fresh, start: old.start };
  for (const k of ["hz", "sigma_hz", "snr_db"]) if (fresh[k] && old[k]) out[k] = old[k].slice(0, at).concat(fresh[k]);
  return out;
}

/** extent returns [from, to] in ms of all that there is to show of lists of [ms, value or null]; undefined for nothing. */
export function extent(...lists) {
  let from = Infinity, to = -Infinity;
  for (const list of lists) {
    for (const [at, value] of list) {
      if (value === null) continue;
      from = Math.min(from, at);
      to = Math.max(to, at);
    }
  }
  return from <= to ? [from, Math.max(to, from + least)] : undefined;
}
