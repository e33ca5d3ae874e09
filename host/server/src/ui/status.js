// The pages /status, /tsdb-status, /config and /flags: how the server was built, started and configured, and what its memory holds.

import { ask } from "./api.js";
import { element } from "./dom.js";
import { heading } from "./rules.js";
import { bytes, count } from "./words.js";

const RUNTIME_NAMES = {
  startTime: "Started",
  CWD: "Working directory",
  reloadConfigSuccess: "Last reload succeeded",
  lastConfigTime: "Configuration read",
  corruptionCount: "Damaged blocks",
  goroutineCount: "Threads",
  GOMAXPROCS: "Cores",
  storageRetention: "Metrics kept",
};

/** Build, run time and the Alertmanagers that are told. */
export async function showStatus(page) {
  const paths = ["api/v1/status/runtimeinfo", "api/v1/status/buildinfo", "api/v1/alertmanagers"];
  const [runtime, build, { activeAlertmanagers }] = await Promise.all(paths.map((path) => ask(path)));
  page.append(heading("Status"));
  const facts = Object.entries(RUNTIME_NAMES).map(([key, name]) => [name, words(runtime[key])]);
  const versions = [["API of Prometheus", build.version], ["Revision", build.revision]];
  const told = activeAlertmanagers.length > 0 ? activeAlertmanagers.map(({ url }) => url).join(", ") : "nobody: see alerting.config_file";
  page.append(section("This server", [...versions, ...facts]), section("Alerts", [["Told of alerts", told]]));
}

/** What the series in memory have most of. */
export async function showTsdb(page) {
  const status = await ask("api/v1/status/tsdb", [["limit", "15"]]);
  const head = status.headStats;
  page.append(heading("Cardinality", `${count(head.numSeries)} series and ${count(head.numLabelPairs)} label pairs in memory`));
  const lists = [
    ["Series by metric", status.seriesCountByMetricName, count],
    ["Values by label", status.labelValueCountByLabelName, count],
    ["Bytes of values by label", status.memoryInBytesByLabelName, bytes],
    ["Series by label pair", status.seriesCountByLabelValuePair, count],
  ];
  const grid = lists.map(([title, items, print]) => section(title, items.map(({ name, value }) => [name, print(value)]), "number"));
  page.append(element("div", { class: "grid" }, ...grid));
}

/** The configuration in force. */
export async function showConfig(page) {
  const { yaml } = await ask("api/v1/status/config");
  const copy = element("button", { type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(yaml);
    copy.textContent = "Copied";
  });
  const top = heading("Configuration", "in force now; secrets are hidden");
  top.append(element("span", { class: "spring" }), copy);
  page.append(top, element("pre", { class: "frame code", tabindex: "0" }, yaml));
}

/** The command line in Prometheus's words. */
export async function showFlags(page) {
  const flags = await ask("api/v1/status/flags");
  page.append(heading("Flags", "as Prometheus's command line would say them"));
  page.append(section("", Object.entries(flags).map(([name, value]) => [`--${name}`, value])));
}

function section(title, pairs, kind = "") {
  const row = ([name, value]) => element("tr", {}, element("td", { class: "wide" }, name), element("td", { class: kind || "wide" }, value));
  const body = element("tbody", {}, ...pairs.map(row));
  const table = element("div", { class: kind ? "frame" : "frame pairs" }, pairs.length > 0 ? element("table", {}, body) : element("p", { class: "empty" }, "Nothing."));
  return element("section", {}, title ? element("div", { class: "head" }, element("h2", {}, title)) : null, table);
}

function words(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value) || "everything";
}
