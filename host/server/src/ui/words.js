// Numbers, sizes and times in words.

const whole = new Intl.NumberFormat("en");
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** 12345 → "12,345". */
export const count = (value) => whole.format(value);

/** One or many: "1 row", "2 rows". */
export const plural = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** 1536 → "1.5 KiB". */
export function bytes(value) {
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A length of time in seconds: "340 µs", "12 ms", "2.5 s", "4 min", "3 h", "12 d". */
export function duration(seconds) {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** A length of time as the configuration says it: "90s" → "1m30s". */
export function exactDuration(seconds) {
  let text = "";
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    const whole = Math.floor(seconds / length);
    if (whole > 0) text += `${whole}${unit}`;
    seconds -= whole * length;
  }
  return seconds >= 0.001 ? `${text}${Math.round(seconds * 1000)}ms` : text || "0s";
}

/** How long ago, by the server's clock. */
export function ago(thenMs, nowMs) {
  const seconds = Math.max(0, Math.round((nowMs - thenMs) / 1000));
  return seconds === 0 ? "now" : `${duration(seconds)} ago`;
}

/** Labels as a series text writes them: {job="node"}. */
export function labelText(labels) {
  return `{${Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ")}}`;
}
