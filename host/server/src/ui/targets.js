// The table of targets: the broken ones first.

import { byId, cardTable, element, refill } from "./dom.js";
import { ago, count, duration, labelText, plural } from "./words.js";

/** Rows shown; the filter finds the others. More would make the page slow without helping anybody. */
const MAX_ROWS = 200;

const ORDER = { down: 0, unknown: 1, up: 2 };
const STATES = { down: "bad", unknown: "wait", up: "good" };

let latest = null;

/** Shows the targets of a state; called again at every refresh. */
export function showTargets(state) {
  latest = state;
  const words = byId("targets-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = state.targets.filter((target) => words.every((word) => searchText(target).includes(word)));
  shown.sort((a, b) => ORDER[a.health] - ORDER[b.health] || a.job.localeCompare(b.job) || a.instance.localeCompare(b.instance));
  byId("targets-count").textContent = summary(state.targets);
  const frame = byId("targets-frame");
  frame.classList.add("cards");
  if (shown.length === 0) {
    const text = state.targets.length === 0 ? "No targets are configured." : "No target matches the filter.";
    refill(frame, element("p", { class: "empty" }, text));
    return;
  }
  const table = cardTable(columns(state.now_ms), shown.slice(0, MAX_ROWS));
  const rest = shown.length - MAX_ROWS;
  refill(frame, table, rest > 0 ? element("p", { class: "more" }, `${plural(rest, "more target")}; use the filter to find them.`) : "");
}

/** Filters while the word is typed. */
export function startTargets() {
  byId("targets-filter").addEventListener("input", () => latest && showTargets(latest));
}

function searchText(target) {
  const { job, instance, address, plugin, health, last_error: lastError, labels } = target;
  return [job, instance, address, plugin, health, lastError ?? "", labelText(labels)].join(" ").toLowerCase();
}

function summary(targets) {
  const down = targets.filter((target) => target.health === "down").length;
  const waiting = targets.filter((target) => target.health === "unknown").length;
  const parts = [`${count(targets.length - down - waiting)} up`];
  if (down > 0) parts.push(`${count(down)} down`);
  if (waiting > 0) parts.push(`${count(waiting)} not asked yet`);
  return parts.join(", ");
}

function columns(nowMs) {
  const health = (target) => [
    element("span", { class: "state", "data-state": STATES[target.health] }, element("i", { class: "dot" }), target.health),
  ];
  const name = (target) => [
    element("span", { class: "wide" }, target.instance),
    element("span", { class: "sub" }, target.job),
    target.last_error ? element("span", { class: "problem" }, target.last_error) : null,
  ];
  const labels = (target) => {
    const own = Object.entries(target.labels).filter(([label]) => label !== "job" && label !== "instance");
    return own.length === 0 ? [] : [element("span", { class: "sub mono" }, labelText(Object.fromEntries(own)))];
  };
  const last = (target) => [target.last_scrape_ms === null ? "–" : ago(target.last_scrape_ms, nowMs)];
  const took = (target) => [target.last_scrape_ms === null ? "–" : duration(target.last_duration_seconds)];
  return [
    { heading: "State", cell: health },
    { heading: "Target", class: "grow", cell: name },
    { heading: "Plugin", cell: (target) => [target.plugin] },
    { heading: "Labels", cell: labels },
    { heading: "Asked", class: "when", cell: last },
    { heading: "Every", class: "number", cell: (target) => [duration(target.interval_seconds)] },
    { heading: "Took", class: "number", cell: took },
    { heading: "Samples", class: "number", cell: (target) => [count(target.samples)] },
  ];
}
