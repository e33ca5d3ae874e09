// The pages /rules and /alerts: every rule with its health, every alert with its state.

import { ask } from "./api.js";
import { cardTable, element } from "./dom.js";
import { ago, count, duration, exactDuration, labelText, plural } from "./words.js";

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
  const failed = rules.filter((rule) => rule.lastError).length;
  const amounts = [...order.map((state) => `${count(amount(state))} ${state}`), failed > 0 ? `${count(failed)} cannot be evaluated` : ""];
  page.append(heading("Alerts", amounts.filter(Boolean).join(", ")));
  if (rules.length === 0) page.append(empty("No alerting rule is configured: see rule_files."));
  for (const rule of rules) page.append(alertRule(rule));
}

function groupSection(group) {
  const columns = [
    { heading: "State", class: "slim", cell: (rule) => [state(HEALTH[rule.health], rule.health)] },
    { heading: "Kind", class: "slim", cell: (rule) => [rule.type === "alerting" ? "alert" : "record"] },
    { heading: "Name", class: "grow", cell: (rule) => [element("span", { class: "wide" }, rule.name), problem(rule)] },
    { heading: "Expression", cell: (rule) => [expression(rule.query), holds(rule)] },
    { heading: "Evaluated", class: "when", cell: (rule) => [when(rule.lastEvaluation)] },
    { heading: "Took", class: "number", cell: (rule) => [duration(rule.evaluationTime)] },
  ];
  return element("section", {},
    element("div", { class: "head" }, element("h2", {}, group.name),
      element("p", { class: "count" }, `every ${exactDuration(group.interval)}, ${group.file}`)),
    element("div", { class: "frame cards even" }, cardTable(columns, group.rules)));
}

function alertRule(rule) {
  const columns = [
    { heading: "State", class: "slim", cell: (alert) => [state(STATES[alert.state], alert.state)] },
    { heading: "Alert", cell: (alert) => [element("span", { class: "mono wide" }, labelText(alert.labels)), ...annotations(alert)] },
    { heading: "Since", class: "when", cell: (alert) => [when(alert.activeAt)] },
    { heading: "Value", class: "number", cell: (alert) => [String(Number(Number(alert.value).toPrecision(6)))] },
  ];
  const about = [rule.alerts.length > 0 ? count(rule.alerts.length) : "", rule.group].filter(Boolean).join(" · ");
  const summary = element("summary", {}, rule.lastError ? state("bad", "error") : state(STATES[rule.state], rule.state),
    element("strong", {}, rule.name), element("span", { class: "count" }, about));
  const facts = element("div", { class: "facts" }, expression(rule.query), holds(rule),
    Object.keys(rule.labels).length > 0 ? element("span", { class: "sub mono" }, labelText(rule.labels)) : null, problem(rule));
  const isOpen = rule.state !== "inactive" || Boolean(rule.lastError);
  const table = rule.alerts.length > 0 ? cardTable(columns, rule.alerts) : null;
  return element("details", { class: "frame cards even fold", open: isOpen }, summary, facts, table);
}

const annotations = (alert) => Object.entries(alert.annotations).map(([name, text]) => element("span", { class: "sub" }, `${name}: ${text}`));

const problem = (rule) => (rule.lastError ? element("span", { class: "problem" }, rule.lastError) : null);

/** How long an alert has to hold before it fires. */
const holds = (rule) => (rule.duration > 0 ? element("span", { class: "sub" }, `for ${exactDuration(rule.duration)}`) : null);

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
