// The table of plugins: what each is, what it may do in words, and how it fares.

import { byId, cardTable, element, refill } from "./dom.js";
import { count, duration, plural } from "./words.js";

/** Paths or hosts shown at once. */
const MAX_OBJECTS = 5;

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
  const items = plugin.may.map((permission) => permissionItem("may", "may ", permission));
  items.push(...plugin.missing.map((permission) => permissionItem("missing", "not granted: ", permission)));
  if (plugin.cannot) items.push(element("li", { class: "cannot" }, plugin.cannot));
  return [element("ul", { class: "grants" }, ...items)];
}

/** A long list of paths shows its beginning; the rest unfolds. */
function permissionItem(kind, prefix, { verb, objects, reason }) {
  const few = objects.slice(0, MAX_OBJECTS).join(", ");
  const rest = objects.slice(MAX_OBJECTS);
  const more = rest.length > 0 ? element("details", {}, element("summary", {}, `and ${count(rest.length)} more`), rest.join(", ")) : null;
  return element("li", { class: kind }, `${prefix}${verb} ${few}`, more, reason ? element("small", {}, ` – “${reason}”`) : null);
}

function failureCell(plugin) {
  const kinds = Object.entries(plugin.failures).filter(([, times]) => times > 0);
  const total = kinds.reduce((sum, [, times]) => sum + times, 0);
  const detail = kinds.map(([kind, times]) => `${kind} ${count(times)}`).join(", ");
  return [count(total), detail ? element("span", { class: "sub" }, detail) : null];
}
