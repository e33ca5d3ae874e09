// JSON lines of pino: numbers for levels, milliseconds for times.

import { logParser, severity } from 'cepmon';

const LEVELS = { 10: severity.trace, 20: severity.debug, 30: severity.info, 40: severity.warn, 50: severity.error, 60: severity.fatal };

export const logParserApi = logParser((line, row) => {
  if (!line.startsWith('{')) return;
  const { level, time, ...fields } = JSON.parse(line);
  row.severity(LEVELS[level] ?? 0);
  if (Number.isFinite(time)) row.time(time);
  for (const [name, value] of Object.entries(fields)) {
    row.field(name, typeof value === 'object' ? JSON.stringify(value) : value);
  }
});
