// The pages /targets and /service-discovery: what is scraped, by job, and with which labels it was found.

import { ask } from "./api.js";
import { cardTable, element } from "./dom.js";
import { empty, heading, state } from "./rules.js";
import { ago, count, duration, labelText, plural } from "./words.js";

const STATES = { up: "good", down: "bad", unknown: "wait" };
/** Rows of a job that are shown. */
const MAX_ROWS = 500;

/** Targets with the outcome of their last scrape. */
export async function showTargetPools(page) {
  await showPools(page, "Targets", ({ activeTargets }) => activeTargets, {
    columns: [
      { heading: "State", class: "slim", cell: (target) => [state(STATES[target.health], target.health)] },
      { heading: "Target", class: "grow", cell: (target) => [address(target), problem(target)] },
      { heading: "Labels", cell: (target) => [element("span", { class: "sub mono" }, labelText(target.labels))] },
      { heading: "Asked", class: "when", cell: (target) => [asked(target)] },
      { heading: "Took", class: "number", cell: (target) => [duration(target.lastScrapeDuration)] },
    ],
    note: (members) => `${count(members.filter((target) => target.health === "up").length)} of ${count(members.length)} up`,
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
    columns: [
      { heading: "Found with", class: "half", cell: (target) => [labels(target.discoveredLabels)] },
      { heading: "Scraped with", cell: (target) => [target.labels ? labels(target.labels) : element("span", { class: "sub" }, "dropped by relabelling")] },
    ],
    note: (members) => `${count(members.filter((target) => target.labels).length)} of ${count(members.length)} scraped`,
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

function poolSection(name, members, { columns, note }) {
  const rest = members.length - MAX_ROWS;
  return element("section", {},
    element("div", { class: "head" }, element("h2", {}, name), element("p", { class: "count" }, note(members))),
    element("div", { class: "frame cards even" }, cardTable(columns, members.slice(0, MAX_ROWS)),
      rest > 0 ? element("p", { class: "more" }, `${plural(rest, "more target")}; use the filter to find them.`) : null));
}

const problem = (target) => (target.lastError ? element("span", { class: "problem" }, target.lastError) : null);

const asked = (target) => (target.lastScrape.startsWith("0001") ? "never" : ago(Date.parse(target.lastScrape), Date.now()));

/** A page that can be opened is a link. */
function address({ scrapeUrl }) {
  return /^https?:/.test(scrapeUrl) ? element("a", { class: "wide", href: scrapeUrl, rel: "noreferrer" }, scrapeUrl) : element("span", { class: "wide" }, scrapeUrl);
}

function labels(pairs) {
  const line = ([name, value]) => element("span", { class: "sub mono" }, `${name}=${JSON.stringify(value)}`);
  return element("div", {}, ...Object.entries(pairs).map(line));
}
