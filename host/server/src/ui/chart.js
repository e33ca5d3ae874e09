// A line chart in SVG: axes, one line per series, a legend that hides and shows lines, and the values under the pointer or the arrow keys.

import { element } from "./dom.js";

const MAX_WIDTH = 1140;
const HEIGHT = 340;
/** Room for a time below the chart. */
const TIME_WIDTH = 110;
const LEFT = 64;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 26;
/** Colours of style sheets, as classes `line-0` and so on. */
const COLOURS = 8;
/** Series named beside the pointer. */
const MAX_READINGS = 12;

/** As many units wide as the page has pixels, so that letters have their size on a telephone too. */
let width = MAX_WIDTH;

/** Draws series `{name, points: [[seconds, value]]}` over `{start, end, step}` in seconds. */
export function chart(series, span) {
  if (series.length === 0) return element("p", { class: "empty" }, "No series has values in this range.");
  const hidden = new Set();
  const frame = element("div", { class: "frame chart" });
  width = Math.max(340, Math.min(MAX_WIDTH, document.documentElement.clientWidth - 56));
  const draw = () => frame.replaceChildren(plot(series, hidden, span), legend(series, hidden, draw));
  draw();
  return frame;
}

function plot(series, hidden, span) {
  const visible = series.map((one, index) => ({ ...one, index })).filter(({ index }) => !hidden.has(index));
  const [low, high] = extent(visible);
  const x = (time) => LEFT + ((time - span.start) / (span.end - span.start)) * (width - LEFT - RIGHT);
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const root = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", tabindex: "0", "aria-label": `${visible.length} series over time` });
  for (const value of ticks(low, high)) {
    root.append(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
    root.append(svg("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, number(value)));
  }
  for (const time of timeTicks(span)) {
    root.append(svg("text", { class: "tick", x: x(time), y: HEIGHT - 8, "text-anchor": "middle" }, clock(time, span)));
  }
  for (const { points, index } of visible) {
    root.append(svg("path", { class: `line line-${index % COLOURS}`, d: path(points, span.step, x, y) }));
  }
  readings(root, visible, span, x, y);
  return root;
}

/** A gap of more than a step and values that are no number interrupt the line; a lonely point becomes a dot. */
function path(points, step, x, y) {
  let drawn = "";
  let before = null;
  for (const [time, value] of points) {
    if (!Number.isFinite(value)) {
      before = null;
      continue;
    }
    const isConnected = before !== null && time - before <= step * 1.5;
    drawn += isConnected ? `L${x(time).toFixed(1)} ${y(value).toFixed(1)}` : `M${x(time).toFixed(1)} ${y(value).toFixed(1)}h0`;
    before = time;
  }
  return drawn;
}

function readings(root, visible, span, x, y) {
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  const panel = svg("g", { class: "readings", visibility: "hidden" });
  root.append(cursor, panel);
  let at = null;
  const show = (time) => {
    at = Math.min(span.end, Math.max(span.start, span.start + Math.round((time - span.start) / span.step) * span.step));
    const found = visible
      .map(({ name, points, index }) => ({ name, index, point: points.find(([when]) => Math.abs(when - at) < span.step / 2) }))
      .filter(({ point }) => point)
      .sort((a, b) => b.point[1] - a.point[1]);
    const lines = found.slice(0, MAX_READINGS).map(({ name, index, point }) => [`line-${index % COLOURS}`, `${number(point[1])}  ${short(name)}`]);
    if (found.length > MAX_READINGS) lines.push(["", `and ${found.length - MAX_READINGS} more`]);
    cursor.setAttribute("x1", x(at));
    cursor.setAttribute("x2", x(at));
    const isLeft = x(at) < width / 2;
    const left = isLeft ? x(at) + 12 : LEFT;
    const anchor = isLeft ? "start" : "end";
    const place = isLeft ? left : x(at) - 12;
    panel.replaceChildren(
      svg("text", { class: "when", x: place, y: TOP + 12, "text-anchor": anchor }, `${new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`),
      ...lines.map(([colour, text], row) => svg("text", { class: `reading ${colour}`, x: place, y: TOP + 30 + row * 17, "text-anchor": anchor }, text)),
    );
    for (const mark of [cursor, panel]) mark.setAttribute("visibility", "visible");
  };
  const hide = () => [cursor, panel].forEach((mark) => mark.setAttribute("visibility", "hidden"));
  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * width;
    show(span.start + ((place - LEFT) / (width - LEFT - RIGHT)) * (span.end - span.start));
  });
  root.addEventListener("pointerleave", hide);
  root.addEventListener("blur", hide);
  root.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (!steps) return;
    event.preventDefault();
    show((at ?? span.end) + steps * span.step);
  });
}

function legend(series, hidden, draw) {
  const item = ({ name }, index) => {
    const button = element("button", { type: "button", class: "series", "aria-pressed": String(!hidden.has(index)) },
      element("i", { class: `dot line-${index % COLOURS}` }), name);
    button.addEventListener("click", (event) => {
      if (event.shiftKey || event.ctrlKey) {
        // Alone, or all again when it is alone already.
        const isAlone = !hidden.has(index) && hidden.size === series.length - 1;
        hidden.clear();
        if (!isAlone) series.forEach((_, other) => other !== index && hidden.add(other));
      } else if (!hidden.delete(index)) {
        hidden.add(index);
      }
      draw();
    });
    return button;
  };
  return element("div", { class: "legend", title: "Click hides a line; with Shift, all others" }, ...series.map(item));
}

function extent(visible) {
  let [low, high] = [Infinity, -Infinity];
  for (const { points } of visible) {
    for (const [, value] of points) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return [0, 1];
  // Values near zero show zero, and a flat line lies in the middle.
  if (low > 0 && low < high / 2) low = 0;
  if (low === high) return low === 0 ? [-1, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2];
  const room = (high - low) * 0.05;
  return [low === 0 ? 0 : low - room, high + room];
}

function ticks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  return found;
}

function timeTicks({ start, end }) {
  const steps = [1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 31536000];
  const step = steps.find((candidate) => (end - start) / candidate <= width / TIME_WIDTH) ?? steps.at(-1);
  const found = [];
  for (let time = Math.ceil(start / step) * step; time <= end; time += step) found.push(time);
  return found;
}

function clock(time, { start, end }) {
  const text = new Date(time * 1000).toISOString();
  if (end - start > 2 * 86400) return text.slice(5, 10);
  return end - start > 600 ? text.slice(11, 16) : text.slice(11, 19);
}

function number(value) {
  const size = Math.abs(value);
  if (size === 0 || !Number.isFinite(value)) return String(value);
  if (size >= 1e15 || size < 1e-4) return value.toExponential(2);
  const unit = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k", 1e3]].find(([least]) => size >= least);
  const scaled = unit ? value / (unit[2] ?? unit[0]) : value;
  return `${Number(scaled.toPrecision(4))}${unit ? unit[1] : ""}`;
}

const short = (name) => (name.length > 70 ? `${name.slice(0, 68)}…` : name);

function svg(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
