// The page: asks the server for its state every few seconds while somebody looks, and hands it to the tables.

import { byId, element } from "./dom.js";
import { showPlugins } from "./plugins.js";
import { startSql } from "./sql.js";
import { showTargets, startTargets } from "./targets.js";
import { bytes, count, duration } from "./words.js";

const REFRESH_MS = 5000;
const PATIENCE_MS = 10000;

let before = null;
let timer = 0;

async function refresh() {
  clearTimeout(timer);
  try {
    show(await askState());
  } catch (error) {
    showHealth("bad", error.message);
  }
  if (!document.hidden) timer = setTimeout(refresh, REFRESH_MS);
}

async function askState() {
  let response;
  try {
    response = await fetch("api/v1/cepmon/state", { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Error("The server does not answer");
  }
  const body = await response.json();
  if (!response.ok) throw new Error(body.error?.message ?? `The server answered ${response.status}`);
  return body;
}

function show(state) {
  byId("version").textContent = `cepmon ${state.version}`;
  if (!state.is_ready) {
    showHealth("wait", "Starting: reading the log, loading plugins");
    return;
  }
  const down = state.targets.filter((target) => target.health === "down").length;
  const refused = state.plugins.filter((plugin) => !plugin.is_ready).length;
  const troubles = [down > 0 ? `${count(down)} down` : "", refused > 0 ? `${count(refused)} not loaded` : ""].filter(Boolean);
  showHealth(troubles.length > 0 ? "bad" : "good", troubles.length > 0 ? troubles.join(", ") : "All is well");
  showFigures(state);
  showTargets(state);
  showPlugins(state);
  before = state;
}

function showHealth(state, text) {
  byId("health").dataset.state = state;
  // Setting equal text again would make a screen reader say it again.
  if (byId("health-text").textContent !== text) byId("health-text").textContent = text;
  document.title = state === "good" ? "cepmon" : `cepmon: ${text}`;
}

function showFigures({ storage, process, now_ms: nowMs }) {
  const figures = [
    ["Series", count(storage.head_series), ""],
    ["Samples per second", rate(storage, nowMs), ""],
    ["In memory", bytes(storage.head_bytes + storage.index_bytes), `log ${bytes(storage.wal_bytes)}`],
    ["On disk", bytes(storage.block_bytes), `${count(storage.blocks)} ${storage.blocks === 1 ? "block" : "blocks"}`],
  ];
  if (process) figures.push(["This process", bytes(process.resident_bytes), `up ${duration(process.uptime_seconds)}`]);
  const figure = ([name, value, more]) => {
    const detail = more ? element("small", {}, more) : null;
    return element("div", {}, element("dt", {}, name), element("dd", {}, value, detail));
  };
  byId("figures").replaceChildren(...figures.map(figure));
}

function rate(storage, nowMs) {
  const seconds = before ? (nowMs - before.now_ms) / 1000 : 0;
  const samples = before ? storage.appended_samples - before.storage.appended_samples : -1;
  if (seconds <= 0 || samples < 0) return "–";
  const perSecond = samples / seconds;
  return perSecond >= 10 ? count(Math.round(perSecond)) : perSecond.toFixed(1);
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
startTargets();
startSql();
refresh();
