// The pages /rules and /alerts: every rule with its health, every alert with its state.

import { ask } from "./api.js";
import { element } from "./dom.js";
import { ago, count, duration, labelText, plural } from "./words.js";

const STATES = { firing: "bad", pending: "wait", inactive: "good" };
const HEALTH = { ok: "good", err: "bad", unknown: "wait" };

/** Groups of rules, in the order of their files. */
export async function showRules(page) {
  const { groups } = await ask("api/v1/rules");
  page.append(heading("Rules", `${plural(groups.flatMap((group) => group.rules).length, "rule")} in ${plural(groups.length, "group")}`));
  if (groups.length === 0) page.append(empty("No rule file is configured: see rule_files."));
  for (const group of groups) page.append(groupSection(group));
}

/** Alerting rules, the firing ones first, each with its alerts. */
export async function showAlerts(page) {
  const { groups } = await ask("api/v1/rules", [["type", "alert"]]);
  const rules = groups.flatMap((group) => group.rules.map((rule) => ({ ...rule, group: group.name, file: group.file })));
  const order = ["firing", "pending", "inactive"];
  rules.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.name.localeCompare(b.name));
  const amount = (state) => rules.filter((rule) => rule.state === state).length;
  page.append(heading("Alerts", order.map((state) => `${count(amount(state))} ${state}`).join(", ")));
  if (rules.length === 0) page.append(empty("No alerting rule is configured: see rule_files."));
  for (const rule of rules) page.append(alertRule(rule));
}

function groupSection(group) {
  const row = (rule) =>
    element("tr", {},
      element("td", {}, state(HEALTH[rule.health], rule.health)),
      element("td", {}, rule.type === "alerting" ? "alert" : "record"),
      element("td", { class: "grow" }, element("span", { class: "wide" }, rule.name),
        rule.lastError ? element("span", { class: "problem" }, rule.lastError) : null),
      element("td", {}, expression(rule.query), rule.duration > 0 ? element("span", { class: "sub" }, `for ${duration(rule.duration)}`) : null),
      element("td", { class: "when" }, when(rule.lastEvaluation)),
      element("td", { class: "number" }, duration(rule.evaluationTime)));
  const head = ["State", "Kind", "Name", "Expression", "Evaluated", "Took"].map((name) => element("th", { scope: "col", class: name === "Took" ? "number" : "" }, name));
  return element("section", {},
    element("div", { class: "head" }, element("h2", {}, group.name),
      element("p", { class: "count" }, `every ${duration(group.interval)}, ${group.file}`)),
    element("div", { class: "frame" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...group.rules.map(row)))));
}

function alertRule(rule) {
  const alerts = rule.alerts.map((alert) =>
    element("tr", {},
      element("td", {}, state(STATES[alert.state], alert.state)),
      element("td", { class: "grow" }, element("span", { class: "mono wide" }, labelText(alert.labels)),
        ...Object.entries(alert.annotations).map(([name, text]) => element("span", { class: "sub" }, `${name}: ${text}`))),
      element("td", { class: "when" }, when(alert.activeAt)),
      element("td", { class: "number" }, String(Number(Number(alert.value).toPrecision(6))))));
  const summary = element("summary", {}, state(STATES[rule.state], rule.state), element("strong", {}, rule.name),
    element("span", { class: "count" }, [rule.alerts.length > 0 ? count(rule.alerts.length) : "", rule.group].filter(Boolean).join(" · ")));
  const facts = element("div", { class: "facts" }, expression(rule.query),
    rule.duration > 0 ? element("span", { class: "sub" }, `for ${duration(rule.duration)}`) : null,
    Object.keys(rule.labels).length > 0 ? element("span", { class: "sub mono" }, labelText(rule.labels)) : null,
    rule.lastError ? element("span", { class: "problem" }, rule.lastError) : null);
  const table = alerts.length > 0 ? element("table", {}, element("tbody", {}, ...alerts)) : null;
  return element("details", { class: "frame fold", open: rule.state !== "inactive" }, summary, facts, table);
}

/** An expression that leads to its graph. */
function expression(query) {
  return element("a", { class: "mono expression", href: `graph?${new URLSearchParams([["g0.expr", query], ["g0.tab", "1"]])}` }, query);
}

function when(moment) {
  return moment.startsWith("0001") ? "never" : ago(Date.parse(moment), Date.now());
}

/** A coloured dot with its word. */
export const state = (kind, word) => element("span", { class: "state", "data-state": kind }, element("i", { class: "dot" }), word);

/** The title of a page. */
export const heading = (title, note = "") => element("div", { class: "head" }, element("h1", {}, title), element("p", { class: "count" }, note));

/** What stands where nothing is. */
export const empty = (text) => element("div", { class: "frame" }, element("p", { class: "empty" }, text));
