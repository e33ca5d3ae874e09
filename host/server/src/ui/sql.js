// The SQL box: a statement in, a table or a marked error out.

import { byId, element } from "./dom.js";
import { duration, labelText, plural } from "./words.js";

/** Rows shown; the CSV has all. */
const MAX_ROWS = 1000;

const EXAMPLES = [
  ["CPU by mode", "SELECT mode, avg(value) AS seconds\nFROM metrics.node_cpu_seconds_total\nGROUP BY mode\nORDER BY seconds DESC"],
  [
    "Free memory, last 15 minutes",
    "SELECT ts, value\nFROM metrics.node_memory_MemAvailable_bytes\nWHERE ts > now() - interval '15 minutes'\nORDER BY ts DESC",
  ],
  ["Failed scrapes", "SELECT ts, job, instance, outcome, error\nFROM scrapes\nWHERE error IS NOT NULL\nORDER BY ts DESC\nLIMIT 50"],
  ["Last log lines", "SELECT ts, level, line\nFROM logs\nORDER BY ts DESC\nLIMIT 50"],
  ["Largest metrics", "SELECT metric, count(*) AS series\nFROM series\nGROUP BY metric\nORDER BY series DESC\nLIMIT 20"],
  ["All tables", "SHOW TABLES"],
];

let running = null;
let answered = "";

/** Makes the box work. */
export function startSql() {
  const text = byId("sql-text");
  text.value = EXAMPLES[0][1];
  byId("sql-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (running) running.abort();
    else run(text.value);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run(text.value);
    }
  });
  byId("sql-csv").addEventListener("click", downloadCsv);
  byId("sql-examples").append(...EXAMPLES.map(([name, statement]) => exampleButton(name, statement, text)));
}

function exampleButton(name, statement, text) {
  const button = element("button", { type: "button" }, name);
  button.addEventListener("click", () => {
    text.value = statement;
    run(statement);
  });
  return button;
}

async function run(statement) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  byId("sql-run").textContent = "Stop";
  byId("sql-csv").hidden = true;
  say("Running…");
  const started = performance.now();
  try {
    const response = await ask(statement, "application/json", mine.signal, MAX_ROWS);
    const body = parseExactly(await response.text());
    if (running !== mine) return;
    if (response.ok) {
      answered = statement;
      showResult(body, (performance.now() - started) / 1000);
    } else {
      showError(body.error, statement);
    }
  } catch (error) {
    if (running !== mine) return;
    if (error.name === "AbortError") {
      say("Stopped.");
      byId("sql-result").replaceChildren();
    } else {
      showError(error, statement);
    }
  } finally {
    if (running === mine) {
      running = null;
      byId("sql-run").textContent = "Run";
    }
  }
}

async function ask(statement, accept, signal, maxRows) {
  const headers = { "Content-Type": "application/json", Accept: accept };
  const body = JSON.stringify({ query: statement, max_rows: maxRows });
  try {
    return await fetch("api/v1/sql", { method: "POST", headers, body, signal });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error("The server does not answer.");
  }
}

/** Whole numbers beyond 2^53 (series ids) keep all their digits, as text, where the browser can tell them. */
function parseExactly(text) {
  return JSON.parse(text, (_key, value, context) => {
    const isRounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
    return isRounded && /^-?\d+$/.test(context?.source ?? "") ? context.source : value;
  });
}

function say(text) {
  byId("sql-outcome").textContent = text;
}

function showResult(body, seconds) {
  const { columns, rows } = body;
  const more = body.truncated ? `The first ${plural(rows.length, "row")}` : plural(rows.length, "row");
  const notes = [body.truncated ? "the CSV has all of them" : "", ...(body.warnings ?? [])].filter(Boolean);
  say([`${more} in ${duration(seconds)}`, ...notes].join("; "));
  byId("sql-csv").hidden = rows.length === 0;
  const kinds = columns.map(({ type }) => (/^(u?int|float|decimal)/.test(type) ? "number" : /^(timestamp|date)/.test(type) ? "time" : ""));
  const heading = ({ name, type }, index) => element("th", { scope: "col", class: kinds[index] }, name, element("small", {}, type));
  const cell = (value, index) =>
    value === null ? element("td", { class: `null ${kinds[index]}` }, "null") : element("td", { class: kinds[index] }, cellText(value));
  const head = element("thead", {}, element("tr", {}, ...columns.map(heading)));
  const tableBody = element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell))));
  byId("sql-result").replaceChildren(element("div", { class: "frame result", tabindex: "0" }, element("table", {}, head, tableBody)));
}

function cellText(value) {
  if (Array.isArray(value)) return JSON.stringify(value);
  return typeof value === "object" ? labelText(value) : String(value);
}

function showError({ message, line, column }, statement) {
  say("");
  const source = line ? statement.split("\n")[line - 1] : undefined;
  const children = [element("p", {}, message)];
  if (source !== undefined && column) {
    const blanks = source.slice(0, column - 1).replace(/[^\t]/g, " ");
    children.push(element("pre", {}, `${source}\n${blanks}^`));
  }
  byId("sql-result").replaceChildren(element("div", { class: "error", role: "alert" }, ...children));
}

async function downloadCsv() {
  try {
    const response = await ask(answered, "text/csv", AbortSignal.timeout(120000));
    if (!response.ok) {
      showError((await response.json()).error, answered);
      return;
    }
    const url = URL.createObjectURL(await response.blob());
    element("a", { href: url, download: "cepmon.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  } catch (error) {
    showError(error, answered);
  }
}
