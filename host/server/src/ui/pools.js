// The pages /targets and /service-discovery: what is scraped, by job, and with which labels it was found.

import { ask } from "./api.js";
import { element } from "./dom.js";
import { empty, heading, state } from "./rules.js";
import { ago, count, duration, labelText, plural } from "./words.js";

const STATES = { up: "good", down: "bad", unknown: "wait" };
/** Rows of a job that are shown. */
const MAX_ROWS = 500;

/** Targets with the outcome of their last scrape. */
export async function showTargetPools(page) {
  await showPools(page, "Targets", ({ activeTargets }) => activeTargets, {
    columns: ["State", "Target", "Labels", "Asked", "Took"],
    row: (target) => [
      element("td", {}, state(STATES[target.health], target.health)),
      element("td", { class: "grow" }, address(target), target.lastError ? element("span", { class: "problem" }, target.lastError) : null),
      element("td", {}, element("span", { class: "sub mono" }, labelText(target.labels))),
      element("td", { class: "when" }, target.lastScrape.startsWith("0001") ? "never" : ago(Date.parse(target.lastScrape), Date.now())),
      element("td", { class: "number" }, duration(target.lastScrapeDuration)),
    ],
    text: (target) => `${target.scrapeUrl} ${target.health} ${target.lastError} ${labelText(target.labels)}`,
  });
}

/** Targets with the labels before and after relabelling; dropped ones have none after. */
export async function showDiscovery(page) {
  const all = ({ activeTargets, droppedTargets }) => [
    ...activeTargets,
    ...droppedTargets.map((target) => ({ ...target, scrapePool: target.discoveredLabels.job ?? "", labels: null, health: "dropped" })),
  ];
  await showPools(page, "Service discovery", all, {
    columns: ["Found with", "Scraped with"],
    row: (target) => [
      element("td", { class: "half" }, labels(target.discoveredLabels)),
      element("td", {}, target.labels ? labels(target.labels) : element("span", { class: "sub" }, "dropped by relabelling")),
    ],
    text: (target) => labelText(target.discoveredLabels),
  });
}

async function showPools(page, title, targetsOf, view) {
  const targets = targetsOf(await ask("api/v1/targets"));
  const filter = element("input", { type: "search", placeholder: "Filter by address, label or error", "aria-label": "Filter targets",
    autocomplete: "off", spellcheck: "false" });
  const top = heading(title, plural(targets.length, "target"));
  top.append(filter);
  const list = element("div", {});
  page.append(top, list);
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = targets.filter((target) => words.every((word) => view.text(target).toLowerCase().includes(word)));
    const pools = Map.groupBy(shown, (target) => target.scrapePool);
    const nothing = targets.length === 0 ? "No targets are configured." : "No target matches the filter.";
    list.replaceChildren(...(pools.size === 0 ? [empty(nothing)] : [...pools].map(([name, members]) => poolSection(name, members, view))));
  };
  filter.addEventListener("input", show);
  show();
}

function poolSection(name, members, { columns, row }) {
  const up = members.filter((target) => target.health === "up").length;
  const rest = members.length - MAX_ROWS;
  const head = element("tr", {}, ...columns.map((column) => element("th", { scope: "col", class: column === "Took" ? "number" : "" }, column)));
  const body = element("tbody", {}, ...members.slice(0, MAX_ROWS).map((target) => element("tr", {}, ...row(target))));
  return element("section", {},
    element("div", { class: "head" }, element("h2", {}, name), element("p", { class: "count" }, `${count(up)} of ${count(members.length)} up`)),
    element("div", { class: "frame" }, element("table", {}, element("thead", {}, head), body),
      rest > 0 ? element("p", { class: "more" }, `${plural(rest, "more target")}; use the filter to find them.`) : null));
}

/** A page that can be opened is a link. */
function address({ scrapeUrl }) {
  return /^https?:/.test(scrapeUrl) ? element("a", { class: "wide", href: scrapeUrl, rel: "noreferrer" }, scrapeUrl) : element("span", { class: "wide" }, scrapeUrl);
}

function labels(pairs) {
  const line = ([name, value]) => element("span", { class: "sub mono" }, `${name}=${JSON.stringify(value)}`);
  return element("div", {}, ...Object.entries(pairs).map(line));
}
