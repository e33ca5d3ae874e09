// The pages that Prometheus has too, at Prometheus's paths, so that links in alert mails and bookmarks lead somewhere. Each page is a
// function that fills the frame from the HTTP API.

import { byId, element } from "./dom.js";
import { showGraph } from "./graph.js";
import { showAlerts, showRules } from "./rules.js";
import { showConfig, showFlags, showStatus, showTsdb } from "./status.js";
import { showDiscovery, showTargetPools } from "./pools.js";

/** Name in the path, name in the menu, what fills the page. */
const PAGES = [
  ["graph", "Graph", showGraph],
  ["alerts", "Alerts", showAlerts],
  ["rules", "Rules", showRules],
  ["targets", "Targets", showTargetPools],
  ["service-discovery", "Discovery", showDiscovery],
  ["status", "Status", showStatus],
  ["tsdb-status", "Cardinality", showTsdb],
  ["config", "Configuration", showConfig],
  ["flags", "Flags", showFlags],
];

/** Prometheus 3 calls its graph so. */
const OTHER_NAMES = { query: "graph" };

async function start() {
  // Something may stand before it: the server's route prefix.
  const last = location.pathname.split("/").pop();
  const here = OTHER_NAMES[last] ?? last;
  byId("pages").append(
    ...PAGES.map(([target, name]) => element("a", { href: target, "aria-current": target === here ? "page" : undefined }, name)),
  );
  const [, name, show] = PAGES.find(([target]) => target === here) ?? PAGES[0];
  document.title = `${name} · cepmon`;
  const page = byId("page");
  try {
    await show(page);
  } catch (error) {
    page.append(element("div", { class: "error", role: "alert" }, element("p", {}, error.message)));
  }
}

start();
