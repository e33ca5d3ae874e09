#!/usr/bin/env python3
"""Asks a real Prometheus and writes its answers to stdout, one JSON object a line. The tests only read what it wrote.

  record.py --prometheus prometheus --promtool promtool [--folder .] [--shift 4] [--port 19090] > answers.jsonl

It loads data.test of the folder, every sample so many seconds later than it says, asks every query of queries.txt as a range query
(300 s to 1740 s, step 120 s; every time is a multiple of 5 s) and as an instant query (1500 s), and stops the Prometheus that it started.
"""

import argparse, json, os, re, subprocess, sys, tempfile, time, urllib.error, urllib.parse, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def expand(values):
    for word in values.split():
        if word == "_":
            yield None
        elif word.startswith("_x"):
            yield from [None] * int(word[2:])
        elif match := re.fullmatch(r"(-?[0-9.e]+)([+-][0-9.e]+)?x(\d+)", word):
            value, step = float(match[1]), float(match[2] or 0)
            for _ in range(int(match[3]) + 1):
                yield value
                value += step
        else:
            yield float(word)


def open_metrics(path, shift):
    """OpenMetrics text; without types, so that names stay as they are."""
    for line in open(path):
        line = line.strip()
        if line.startswith("load"):
            step = float(line.split()[1].rstrip("s"))
        elif line and not line.startswith("#"):
            series, values = re.fullmatch(r"(\S+?\{.*?\})\s+(.*)", line).groups()
            series = series.replace(", ", ",")
            for index, value in enumerate(expand(values)):
                if value is not None:
                    text = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(value), repr(value))
                    yield f"{series} {text} {index * step + shift}\n"
    yield "# EOF\n"


def ask(port, path, **parameters):
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        body = urllib.request.urlopen(url).read()
    except urllib.error.HTTPError as error:
        body = error.read()
    body = json.loads(body)
    if body["status"] != "success":
        return {"error": body["error"]}
    return {"type": body["data"]["resultType"], "result": body["data"]["result"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prometheus", default="prometheus")
    parser.add_argument("--promtool", default="promtool")
    parser.add_argument("--folder", default=HERE)
    parser.add_argument("--shift", type=float, default=4.0)
    parser.add_argument("--port", type=int, default=19090)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text, data, config = (os.path.join(folder, name) for name in ["data.om", "data", "prometheus.yml"])
        open(text, "w").writelines(open_metrics(os.path.join(options.folder, "data.test"), options.shift))
        open(config, "w").write("global: {}\n")
        subprocess.run([options.promtool, "tsdb", "create-blocks-from", "openmetrics", text, data], check=True, stdout=sys.stderr)
        server = subprocess.Popen(
            [options.prometheus, f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{options.port}",
             "--storage.tsdb.retention.time=100y", "--log.level=error"])
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{options.port}/-/ready")
                    break
                except OSError:
                    time.sleep(0.1)
            for query in open(os.path.join(options.folder, "queries.txt")):
                query = query.strip()
                if query and not query.startswith("#"):
                    for answer in (
                        ask(options.port, "query_range", query=query, start=300, end=1740, step=120),
                        ask(options.port, "query", query=query, time=1500),
                    ):
                        print(json.dumps({"query": query, **answer}, separators=(",", ":")))
        finally:
            server.terminate()
            server.wait()


main()
