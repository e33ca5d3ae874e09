// Makes elements. Text becomes text nodes and nothing else: names, labels and log lines are written by strangers.

/** An element with attributes, `class` among them, and children: elements or text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The element of the page with that id. */
export const byId = (id) => document.getElementById(id);

/**
 * A table whose rows become cards on a telephone. `columns` are `{heading, class, cell(row)}`; a cell is a list of children.
 */
export function cardTable(columns, rows) {
  const heading = (column) => element("th", { scope: "col", class: column.class }, column.heading);
  const cell = (column, row) =>
    element("td", { class: column.class, "data-heading": column.heading }, element("div", {}, ...column.cell(row)));
  const body = rows.map((row) => element("tr", {}, ...columns.map((column) => cell(column, row))));
  return element("table", {}, element("thead", {}, element("tr", {}, ...columns.map(heading))), element("tbody", {}, ...body));
}

/** Puts new content into a frame, unless somebody is marking text in it, has the keyboard there or has unfolded something. */
export function refill(frame, ...content) {
  const selection = document.getSelection();
  const isMarking = selection && !selection.isCollapsed && selection.containsNode(frame, true);
  if (isMarking || frame.contains(document.activeElement) || frame.querySelector("details[open]")) return;
  const left = frame.scrollLeft;
  frame.replaceChildren(...content);
  frame.scrollLeft = left;
}
