// The table of plugins: what each is, what it may do in words, and how it fares.

import { byId, cardTable, element, refill } from "./dom.js";
import { count, duration, plural } from "./words.js";

/** Shows the plugins of a state; called again at every refresh. */
export function showPlugins(state) {
  const refused = state.plugins.filter((plugin) => !plugin.is_ready).length;
  byId("plugins-count").textContent = plural(state.plugins.length, "plugin") + (refused > 0 ? `, ${count(refused)} not loaded` : "");
  const frame = byId("plugins-frame");
  frame.classList.add("cards");
  if (state.plugins.length === 0) {
    const install = element("code", {}, "cepmon plugin install FILE.wasm");
    refill(frame, element("p", { class: "empty" }, "No plugins are installed. Install one with ", install, "."));
    return;
  }
  const plugins = [...state.plugins].sort((a, b) => Number(a.is_ready) - Number(b.is_ready) || a.name.localeCompare(b.name));
  refill(frame, cardTable(COLUMNS, plugins));
}

const COLUMNS = [
  { heading: "State", cell: stateCell },
  { heading: "Plugin", cell: nameCell },
  { heading: "May do", class: "grow", cell: grantCell },
  { heading: "Calls", class: "number", cell: (plugin) => [count(plugin.calls)] },
  { heading: "Failed", class: "number", cell: failureCell },
  { heading: "CPU per call", class: "number", cell: (plugin) => [plugin.calls > 0 ? duration(plugin.cpu_seconds / plugin.calls) : "–"] },
];

function stateCell(plugin) {
  const state = plugin.is_ready ? "good" : "bad";
  const word = plugin.is_ready ? "ready" : "not loaded";
  return [element("span", { class: "state", "data-state": state }, element("i", { class: "dot" }), word)];
}

function nameCell(plugin) {
  const about = [plugin.version, plugin.kind].filter(Boolean).join(" · ");
  return [
    element("strong", {}, plugin.name),
    element("span", { class: "sub" }, about),
    element("span", { class: "sub" }, plugin.description),
    plugin.digest ? element("span", { class: "sub mono", title: plugin.digest }, plugin.digest.slice(0, 19)) : null,
    plugin.problem ? element("span", { class: "problem" }, plugin.problem) : null,
  ];
}

function grantCell(plugin) {
  const item = (kind, text, reason) => element("li", { class: kind }, text, reason ? element("small", {}, ` – “${reason}”`) : null);
  const items = plugin.may.map(({ text, reason }) => item("may", `may ${text}`, reason));
  items.push(...plugin.missing.map(({ text, reason }) => item("missing", `not granted: ${text}`, reason)));
  if (plugin.cannot) items.push(item("cannot", plugin.cannot));
  return [element("ul", { class: "grants" }, ...items)];
}

function failureCell(plugin) {
  const kinds = Object.entries(plugin.failures).filter(([, times]) => times > 0);
  const total = kinds.reduce((sum, [, times]) => sum + times, 0);
  const detail = kinds.map(([kind, times]) => `${kind} ${count(times)}`).join(", ");
  return [count(total), detail ? element("span", { class: "sub" }, detail) : null];
}
