"""PostgreSQL's log as `log_line_prefix = '%m [%p] '` writes it, with Debian's `%q%u@%d ` as well."""

import re
from datetime import datetime, timezone

import cepmon

LINE = re.compile(
    rb"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?P<zone>\w+) \[(?P<pid>\d+)\] (?:(?P<user>[^@ ]+)@(?P<database>\S+) )?"
    rb"(?P<level>[A-Z]+\d?):  (?P<message>.*)",
    re.DOTALL,
)
SEVERITIES = {
    b"INFO": cepmon.INFO,
    b"NOTICE": cepmon.INFO,
    b"LOG": cepmon.INFO,
    b"DETAIL": cepmon.INFO,
    b"HINT": cepmon.INFO,
    b"CONTEXT": cepmon.INFO,
    b"STATEMENT": cepmon.INFO,
    b"WARNING": cepmon.WARN,
    b"ERROR": cepmon.ERROR,
    b"FATAL": cepmon.FATAL,
    b"PANIC": cepmon.FATAL,
}


@cepmon.log_parser
def parse(line, row):
    match = LINE.fullmatch(line)
    if match is None:
        return
    row.groups(match)
    row.severity(SEVERITIES.get(match["level"], cepmon.DEBUG))
    # Of another zone only the server knows the offset, so such a line keeps the time at which it was read.
    if match["zone"] in (b"UTC", b"GMT"):
        row.time(datetime.fromisoformat(match["time"].decode()).replace(tzinfo=timezone.utc).timestamp())
