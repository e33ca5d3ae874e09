// cepmon's plugins as plain functions: `export const exporterApi = exporter((target, batch) => …)` in `app.js`.
//
// The builders cannot make what the host refuses: names are checked, label values escaped, and what does not fit is left out with a
// warning. What is thrown becomes the plugin's error. Capabilities are imported by their names in the contract, or as `cepmon/http`.

import { write } from 'cepmon:plugin/log@0.1.0';

import { decode, encode } from './utf8.js';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const MAX_WARNINGS = 32;
const NO_TIME = -(1n << 63n);
const NO_FIELD = 0xffffffff;
const IN_EXTRA = 0x80000000;
const NONE = { start: 0, len: 0 };

// QuickJS has none.
globalThis.console ??= Object.fromEntries(
  Object.entries({ debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error' }).map(([name, level]) => [
    name,
    (...words) => write(level, words.join(' ')),
  ]),
);

/** How serious a log line is: OpenTelemetry's numbers. */
export const severity = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };

/** An exporter: `collect(target, batch)`. */
export function exporter(collect) {
  return {
    collect(target) {
      const batch = new Batch();
      guarded(() => collect(readable(target), batch));
      return batch.columns();
    },
  };
}

/** A probe: `check(target, batch)` gives `{isUp, detail}`. */
export function probe(check) {
  return {
    check(target) {
      const batch = new Batch();
      const { isUp, detail } = guarded(() => check(readable(target), batch));
      return { isUp: Boolean(isUp), detail: String(detail ?? ''), samples: batch.columns() };
    },
  };
}

/** A log parser: `parse(line, row)`; `line` is a string. A line on which it fails keeps its row, without fields. */
export function logParser(parse) {
  return {
    parse(lines, offsets) {
      const rows = [];
      for (let index = 0; index * 2 < offsets.length; index++) {
        let row = new Row(index);
        try {
          parse(decode(lines.slice(offsets[index * 2], offsets[index * 2 + 1])), row);
        } catch (error) {
          write('warn', describe(error));
          row = new Row(index);
        }
        if (!row.isDropped) rows.push(row);
      }
      return logBatch(rows);
    },
  };
}

/** The samples of one call. */
export class Batch {
  #families = [];
  #warnings = [];

  /** A family of values that go up and down; `.sample(value, {label: '…'})` adds one. */
  gauge(name, help = '') {
    return this.family(name, 'gauge', help);
  }

  /** A family of values that only grow. */
  counter(name, help = '') {
    return this.family(name, 'counter', help);
  }

  /** A family of any kind of the contract. */
  family(name, kind, help = '') {
    const family = new Family(this, name, kind, help);
    if (METRIC_NAME.test(name)) this.#families.push(family);
    else this.warn(`cannot emit metric "${name}": names match ${METRIC_NAME.source}`);
    return family;
  }

  /** Tells the operator what went wrong without spoiling the rest. */
  warn(message) {
    if (this.#warnings.length < MAX_WARNINGS) this.#warnings.push(String(message));
  }

  columns() {
    const text = new Text();
    const families = [];
    const series = [];
    const values = [];
    for (const { name, kind, help, samples } of this.#families) {
      if (samples.length === 0) continue;
      families.push({ name: text.add(name), kind, unit: NONE, help: text.add(help), samples: samples.length });
      for (const [words, value] of samples) {
        const { start, len } = text.add(words);
        series.push(start, len);
        values.push(value);
      }
    }
    return {
      text: text.bytes(), families, series: Uint32Array.from(series), values: Float64Array.from(values), timestampsMs: [], startTimesMs: [], stale: [], exemplars: [],
      nativeHistograms: [], warnings: this.#warnings,
    };
  }
}

class Family {
  constructor(batch, name, kind, help) {
    Object.assign(this, { batch, name, kind, help, samples: [] });
  }

  /** Adds a sample at the time of the scrape. */
  sample(value, labels = {}) {
    const wrong = Object.keys(labels).find((name) => !LABEL_NAME.test(name));
    if (wrong !== undefined) {
      this.batch.warn(`cannot emit a sample of "${this.name}": label name "${wrong}" does not match ${LABEL_NAME.source}`);
      return this;
    }
    const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escaped(text)}"`);
    this.samples.push([pairs.length > 0 ? `${this.name}{${pairs.join(',')}}` : this.name, Number(value)]);
    return this;
  }
}

/** What a log parser finds in one line. */
export class Row {
  constructor(index) {
    Object.assign(this, { index, fields: new Map(), number: 0, timeNs: NO_TIME, isDropped: false });
  }

  /** A field. */
  field(name, text) {
    this.fields.set(name, String(text));
  }

  /** How serious the line is: one of `severity`. */
  severity(number) {
    this.number = number;
  }

  /** The line's own time, Unix milliseconds. */
  time(milliseconds) {
    this.timeNs = BigInt(Math.round(milliseconds * 1000)) * 1000n;
  }

  /** Leaves the line out on purpose. */
  drop() {
    this.isDropped = true;
  }
}

function logBatch(rows) {
  const keys = [...new Set(rows.flatMap((row) => [...row.fields.keys()]))];
  const extra = new Text();
  const fields = [];
  for (const row of rows) {
    for (const key of keys) {
      if (!row.fields.has(key)) {
        fields.push(0, NO_FIELD);
        continue;
      }
      const { start, len } = extra.add(row.fields.get(key));
      fields.push(start + IN_EXTRA, len);
    }
  }
  const hasTimes = rows.some((row) => row.timeNs !== NO_TIME);
  return {
    keys,
    rows: Uint32Array.from(rows, (row) => row.index),
    timesNs: hasTimes ? BigInt64Array.from(rows, (row) => row.timeNs) : [],
    severities: Uint8Array.from(rows, (row) => row.number),
    // Not a plain array: componentize-qjs takes numbers beyond 2^31 in typed arrays only.
    fields: Uint32Array.from(fields),
    extra: extra.bytes(),
  };
}

/** Words one after the other in one buffer. */
class Text {
  #pieces = [];
  #length = 0;

  add(words) {
    const piece = encode(words);
    const start = this.#length;
    this.#pieces.push(piece);
    this.#length += piece.length;
    return { start, len: piece.length };
  }

  bytes() {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
}

function readable(target) {
  return { ...target, settings: JSON.parse(target.settings || '{}'), timeoutMs: Number(target.timeoutNs) / 1e6 };
}

function guarded(call) {
  try {
    return call();
  } catch (error) {
    // An error of the contract, such as a refused request, goes on as it is.
    const known = error?.payload ?? error;
    throw known?.tag !== undefined ? known : { tag: 'other', val: describe(error) };
  }
}

function describe(error) {
  const place = /\(?([\w.-]+\.js:\d+)/.exec(error?.stack ?? '')?.[1];
  return place === undefined ? String(error) : `${error} (${place})`;
}

function escaped(text) {
  return String(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
