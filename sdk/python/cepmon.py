"""cepmon's plugins as plain functions: an exporter, a probe or a log parser is one decorated function in `app.py`.

The builders cannot make what the host refuses: names are checked, label values escaped, and what does not fit is left out with a
warning. An exception becomes the plugin's error, with its line. Beyond `get` no capability is wrapped: `wit_world.imports` holds a
module for each that `plugin.toml` asks for.
"""

import json
import re
import sys

from componentize_py_types import Err
from wit_world.imports import types
from wit_world.imports import log as _log

# The world holds what the manifest asks for; what is imported here must be there when the plugin is built, not when it runs.
try:
    from wit_world.imports import http as _http
except ImportError:
    _http = None

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MAX_WARNINGS = 32
_NO_TIME = -(1 << 63)
_NO_FIELD = (1 << 32) - 1
_IN_EXTRA = 1 << 31

# How serious a log line is: OpenTelemetry's numbers.
TRACE, DEBUG, INFO, WARN, ERROR, FATAL = 1, 5, 9, 13, 17, 21


def exporter(collect):
    """Makes `collect(target, batch)` the plugin's exporter."""

    class ExporterApi:
        def collect(self, target):
            batch = Batch()
            _call(collect, Target(target), batch)
            return batch._columns()

    return _export(ExporterApi, collect)


def probe(check):
    """Makes `check(target, batch)` the plugin's probe: it gives whether the target is up, and one line for people."""

    class ProbeApi:
        def check(self, target):
            batch = Batch()
            is_up, detail = _call(check, Target(target), batch)
            return types.Outcome(bool(is_up), str(detail), batch._columns())

    return _export(ProbeApi, check)


def log_parser(parse):
    """Makes `parse(line, row)` the plugin's log parser; `line` is bytes. A line on which it fails keeps its row, without fields."""

    class LogParserApi:
        def parse(self, lines, offsets, times_ns, stream):
            rows = _Rows()
            for index in range(len(offsets) // 2):
                start, end = offsets[2 * index], offsets[2 * index + 1]
                row = Row(start)
                try:
                    parse(lines[start:end], row)
                except Exception as error:
                    _log.write(_log.Level.WARN, _describe(error))
                    row = Row(start)
                rows.add(index, row)
            return rows.columns()

    return _export(LogParserApi, parse)


class Target:
    """What the plugin is asked about: `address`, `parameters` (pairs), `settings` (checked, defaults filled in), `timeout` (seconds)."""

    def __init__(self, target):
        self.address = target.address
        self.parameters = target.parameters
        self.settings = json.loads(target.settings or "{}")
        self.timeout = target.timeout_ns / 1e9


class Batch:
    """The samples of one call."""

    def __init__(self):
        self._families = []
        self._warnings = []

    def gauge(self, name, help=""):
        """A family of values that go up and down; `.sample(value, label="…")` adds one."""
        return self.family(name, types.MetricKind.GAUGE, help)

    def counter(self, name, help=""):
        """A family of values that only grow."""
        return self.family(name, types.MetricKind.COUNTER, help)

    def family(self, name, kind, help=""):
        """A family of any kind."""
        family = _Family(self, name, kind, help)
        if _METRIC_NAME.fullmatch(name):
            self._families.append(family)
        else:
            self.warn(f'cannot emit metric "{name}": names match {_METRIC_NAME.pattern}')
        return family

    def warn(self, message):
        """Tells the operator what went wrong without spoiling the rest."""
        if len(self._warnings) < _MAX_WARNINGS:
            self._warnings.append(str(message))

    def _columns(self):
        text, families, series, values = bytearray(), [], [], []

        def span(words):
            start = len(text)
            text.extend(words.encode())
            return types.Span(start, len(text) - start)

        for family in self._families:
            if not family._samples:
                continue
            name, help = span(family._name), span(family._help)
            families.append(types.Family(name, family._kind, types.Span(0, 0), help, len(family._samples)))
            for words, value in family._samples:
                place = span(words)
                series += (place.start, place.len)
                values.append(value)
        return types.Batch(bytes(text), families, series, values, [], [], [], [], [], self._warnings)


class _Family:
    def __init__(self, batch, name, kind, help):
        self._batch, self._name, self._kind, self._help = batch, name, kind, help
        self._samples = []

    def sample(self, value, labels=None, **more):
        """Adds a sample at the time of the scrape. Labels are a dictionary, keywords or both."""
        labels = {**(labels or {}), **more}
        for name in labels:
            if not _LABEL_NAME.fullmatch(name):
                self._batch.warn(f'cannot emit a sample of "{self._name}": label name "{name}" does not match {_LABEL_NAME.pattern}')
                return self
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
        self._samples.append((f"{self._name}{{{pairs}}}" if pairs else self._name, float(value)))
        return self


class Row:
    """What a log parser finds in one line."""

    def __init__(self, start):
        self._start = start
        self._fields = {}
        self._severity = 0
        self._time_ns = _NO_TIME
        self._is_dropped = False

    def groups(self, match):
        """A field for each named group that took part in a match of the line: a piece of the line, not a copy."""
        for name in match.re.groupindex:
            start, end = match.span(name)
            if start >= 0:
                try:
                    match.group(name).decode()
                    self._fields[name] = (self._start + start, end - start)
                except UnicodeDecodeError:
                    self.field(name, match.group(name).decode(errors="replace"))

    def field(self, name, text):
        """A field whose text does not stand in the line as it is."""
        self._fields[name] = str(text)

    def severity(self, number):
        """How serious the line is: one of this module's constants."""
        self._severity = number

    def time(self, seconds):
        """The line's own time, Unix seconds."""
        # A float does not hold nanoseconds of this century.
        self._time_ns = round(seconds * 1_000_000) * 1_000

    def drop(self):
        """Leaves the line out on purpose."""
        self._is_dropped = True


class _Rows:
    def __init__(self):
        self._indexes, self._rows = [], []

    def add(self, index, row):
        if not row._is_dropped:
            self._indexes.append(index)
            self._rows.append(row)

    def columns(self):
        keys = list(dict.fromkeys(name for row in self._rows for name in row._fields))
        extra, fields = bytearray(), []
        for row in self._rows:
            for key in keys:
                value = row._fields.get(key)
                if value is None:
                    fields += (0, _NO_FIELD)
                elif isinstance(value, tuple):
                    fields += value
                else:
                    start, words = len(extra) | _IN_EXTRA, value.encode(errors="replace")
                    extra.extend(words)
                    fields += (start, len(words))
        times = [row._time_ns for row in self._rows]
        if all(time == _NO_TIME for time in times):
            times = []
        return types.LogBatch(keys, self._indexes, times, bytes(row._severity for row in self._rows), fields, bytes(extra))


def get(url, headers=None, timeout=0, max_redirects=0, max_body=16 << 20):
    """The answer of a GET request: `.status`, `.body`, `.headers`. Raises `Err` when there is none."""
    if _http is None:
        raise RuntimeError("plugin.toml does not ask for http; add [capabilities.http] with a reason")
    headers = [(name, value.encode()) for name, value in (headers or {}).items()]
    family = types.IpFamily.ANY
    timeout_ns = int(timeout * 1_000_000_000)
    return _http.send(_http.Request("GET", url, headers, b"", family, timeout_ns, max_redirects, max_body, True, None))


def log(message):
    """A line for the operator."""
    _log.write(_log.Level.INFO, str(message))


def _export(api, function):
    # componentize-py looks for the class in the module of the plugin.
    setattr(sys.modules[function.__module__], api.__name__, api)
    return function


def _call(function, *arguments):
    try:
        return function(*arguments)
    except Err:
        raise
    except Exception as error:
        raise Err(types.Error_Other(_describe(error))) from error


def _describe(error):
    place = error.__traceback__
    while place.tb_next is not None:
        place = place.tb_next
    file = place.tb_frame.f_code.co_filename.rsplit("/", 1)[-1]
    return f"{type(error).__name__}: {error} ({file}, line {place.tb_lineno})"


def _escaped(value):
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
