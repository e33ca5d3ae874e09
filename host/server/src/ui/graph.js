// The page /graph: an expression, its value now as a table, its values over time as a chart. What is shown stands in the address, with
// the names that Prometheus's own page uses (g0.expr, g0.tab, g0.range_input, g0.end_input), so that links work in both directions.

import { ask, askWithNotes } from "./api.js";
import { chart } from "./chart.js";
import { byId, element } from "./dom.js";
import { duration, labelText, plural } from "./words.js";

/** Points over the width of the chart. */
const POINTS = 250;
/** Rows of a table; more make the page slow without helping anybody. */
const MAX_ROWS = 2000;
/** Series that are asked for and drawn. */
const MAX_SERIES = 200;
const RANGES = ["5m", "15m", "1h", "3h", "6h", "12h", "1d", "2d", "1w", "2w", "4w"];
const UNITS = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };

const state = { expr: "", tab: "0", range: "1h", end: "" };
let running = null;

/** Fills the page and answers what the address asks. */
export async function showGraph(page) {
  readAddress();
  page.append(form(), element("p", { class: "outcome", id: "graph-outcome", role: "status" }), element("div", { id: "graph-result" }));
  addEventListener("popstate", () => {
    readAddress();
    fillForm();
    run();
  });
  fillForm();
  byId("graph-expr").focus();
  completeNames();
  await run();
}

function readAddress() {
  const parameters = new URLSearchParams(location.search);
  const get = (name, otherwise) => parameters.get(`g0.${name}`) ?? otherwise;
  state.expr = get("expr", parameters.get("query") ?? "");
  // Prometheus 2: 0 = graph, 1 = table; Prometheus 3 has words.
  state.tab = { 1: "1", table: "1", 0: "0", graph: "0" }[get("tab", "1")] ?? "1";
  const range = get("range_input", "1h").trim();
  state.range = seconds(range) === null ? "1h" : range;
  state.end = get("end_input", get("moment_input", ""));
}

function writeAddress() {
  const pairs = [["g0.expr", state.expr], ["g0.tab", state.tab], ["g0.range_input", state.range]];
  if (state.end) pairs.push(["g0.end_input", state.end]);
  const address = `${location.pathname}?${new URLSearchParams(pairs)}`;
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
}

function form() {
  const tab = (value, name) =>
    element("label", {}, element("input", { type: "radio", name: "tab", value }), element("span", {}, name));
  const made = element("form", { class: "box", id: "graph-form" },
    element("textarea", { id: "graph-expr", rows: "2", spellcheck: "false", autocapitalize: "off", autocomplete: "off",
      placeholder: "sum by (job) (rate(http_requests_total[5m]))", "aria-label": "PromQL expression" }),
    element("div", { class: "tools" },
      element("button", { type: "submit", class: "primary" }, "Run"),
      element("div", { class: "tabs", role: "radiogroup", "aria-label": "View" }, tab("1", "Table"), tab("0", "Graph")),
      element("label", { class: "field" }, "Range ", element("select", { id: "graph-range" })),
      element("label", { class: "field" }, "Until ", element("input", { id: "graph-end", type: "datetime-local", step: "1" })),
      element("span", { class: "spring" }),
      element("label", { class: "field" }, "Metric ",
        element("input", { id: "graph-metric", type: "search", list: "graph-metrics", placeholder: "insert a name", autocomplete: "off" })),
      element("datalist", { id: "graph-metrics" })));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    takeForm();
  });
  made.addEventListener("change", (event) => event.target.id !== "graph-metric" && event.target.id !== "graph-expr" && takeForm());
  made.addEventListener("keydown", (event) => {
    if (event.target.id === "graph-expr" && event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      takeForm();
    }
  });
  return made;
}

function fillForm() {
  const ranges = RANGES.includes(state.range) ? RANGES : [state.range, ...RANGES];
  byId("graph-range").replaceChildren(...ranges.map((range) => element("option", { selected: range === state.range }, range)));
  byId("graph-expr").value = state.expr;
  byId("graph-end").value = state.end.replace(" ", "T");
  for (const radio of byId("graph-form").elements.tab) radio.checked = radio.value === state.tab;
}

function takeForm() {
  state.expr = byId("graph-expr").value.trim();
  state.range = byId("graph-range").value;
  state.end = byId("graph-end").value.replace("T", " ");
  state.tab = byId("graph-form").elements.tab.value;
  writeAddress();
  run();
}

async function completeNames() {
  const input = byId("graph-metric");
  input.addEventListener("change", () => {
    const text = byId("graph-expr");
    if (!input.value) return;
    text.setRangeText(input.value, text.selectionStart, text.selectionEnd, "end");
    input.value = "";
    text.focus();
  });
  const names = await ask("api/v1/label/__name__/values");
  byId("graph-metrics").replaceChildren(...names.map((name) => element("option", { value: name })));
}

async function run() {
  running?.abort();
  const result = byId("graph-result");
  if (!state.expr) {
    say("");
    result.replaceChildren(element("p", { class: "empty" }, "Write an expression and press Enter."));
    return;
  }
  const mine = new AbortController();
  running = mine;
  say("Running…");
  const started = performance.now();
  try {
    const { shown, count, notes } = state.tab === "0" ? await askRange(mine.signal) : await askInstant(mine.signal);
    if (running !== mine) return;
    say([`${count} in ${duration((performance.now() - started) / 1000)}`, ...notes].join("; "));
    result.replaceChildren(shown);
  } catch (error) {
    if (running !== mine || error.name === "AbortError") return;
    say("");
    result.replaceChildren(element("div", { class: "error", role: "alert" }, element("p", {}, error.message)));
  }
}

function say(text) {
  byId("graph-outcome").textContent = text;
}

/** Seconds since 1970; times without a zone are in UTC, as in Prometheus's page. */
function endSeconds() {
  const end = Date.parse(`${state.end.replace(" ", "T")}Z`);
  return Number.isNaN(end) ? Date.now() / 1000 : end / 1000;
}

/** "1h30m" → 5400; null for anything else. */
function seconds(text) {
  if (!/^(\d+(ms|[smhdwy]))+$/.test(text)) return null;
  return [...text.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce((sum, [, number, unit]) => sum + number * (UNITS[unit] ?? 0.001), 0);
}

async function askInstant(signal) {
  const { data, warnings, infos } = await askWithNotes("api/v1/query", [["query", state.expr], ["time", String(endSeconds())]], signal);
  return { ...table(data), notes: [...warnings, ...infos] };
}

async function askRange(signal) {
  const end = endSeconds();
  const start = end - seconds(state.range);
  const step = Math.max(1, Math.ceil((end - start) / POINTS));
  const parameters = [["query", state.expr], ["start", start], ["end", end], ["step", step], ["limit", MAX_SERIES]];
  const { data, warnings, infos } = await askWithNotes("api/v1/query_range", parameters.map(([name, value]) => [name, String(value)]), signal);
  // A native histogram is no point of a line; its count and quantiles are.
  const series = data.result.filter(({ values }) => values).map(({ metric, values }) => ({
    name: seriesName(metric),
    points: values.map(([time, value]) => [time, Number(value.replace("Inf", "Infinity"))]),
  }));
  return { shown: chart(series, { start, end, step }), count: plural(series.length, "series").replace(/ss$/, "s"), notes: [...warnings, ...infos] };
}

function seriesName({ __name__: name = "", ...labels }) {
  return Object.keys(labels).length > 0 || !name ? name + labelText(labels) : name;
}

/** Count and sum of a native histogram, and its buckets. */
function histogramText({ count, sum, buckets = [] }) {
  const bucket = ([bounds, lower, upper, count]) => `${"([(["[bounds]}${lower}, ${upper}${"]))]"[bounds]}: ${count}`;
  return [`count ${count}, sum ${sum}`, ...buckets.map(bucket)].join("\n");
}

function table({ resultType, result }) {
  const rows = {
    scalar: () => [["scalar", result[1]]],
    string: () => [["string", result[1]]],
    vector: () => result.map(({ metric, value, histogram }) => [seriesName(metric), value ? value[1] : histogramText(histogram[1])]),
    matrix: () => result.map(({ metric, values = [], histograms = [] }) => {
      const samples = [...values, ...histograms.map(([time, histogram]) => [time, histogramText(histogram)])];
      const lines = samples.sort(([left], [right]) => left - right).map(([time, value]) => `${value} @${time}`);
      return [seriesName(metric), lines.join("\n")];
    }),
  }[resultType]();
  const noun = { vector: "series", matrix: "series" }[resultType];
  const count = noun ? `${rows.length.toLocaleString("en")} ${noun}` : "1 value";
  if (rows.length === 0) return { shown: element("p", { class: "empty" }, "No series has a value at this time."), count };
  const line = ([name, value]) => element("tr", {}, element("td", { class: "wide" }, name), element("td", { class: "number" }, value));
  const rest = rows.length - MAX_ROWS;
  const more = rest > 0 ? element("p", { class: "more" }, `${plural(rest, "more row")}; aggregate or select fewer.`) : null;
  const body = element("tbody", {}, ...rows.slice(0, MAX_ROWS).map(line));
  const head = element("tr", {}, element("th", { scope: "col" }, "Series"), element("th", { scope: "col", class: "number" }, "Value"));
  return { shown: element("div", { class: "frame result", tabindex: "0" }, element("table", {}, element("thead", {}, head), body), more), count };
}
