"""Looks for what a WASI guest might find: variables, arguments, files, the network. What it may have is time and chance."""

# Host names are made ready with it, and at run time there is nothing to import it from.
import encodings.idna
import os
import socket
import sys
import time

from cepmon import exporter


@exporter
def collect(target, batch):
    if target.settings["do"] == "sleep":
        time.sleep(3600)
    if target.settings["do"] == "exit":
        sys.stderr.write("gives ")
        sys.stderr.write("up")
        sys.exit(3)
    host, port = target.address.rsplit(":", 1)
    attempts = {
        "variable": lambda: os.environ["CURIOUS_SECRET"],
        "file": lambda: open("/etc/passwd"),
        "relative": lambda: open("cepmon.yml"),
        "write": lambda: open("/tmp/curious", "w"),
        "list": lambda: os.listdir("/"),
        "connect": lambda: socket.create_connection((host, int(port)), timeout=1),
        "resolve": lambda: socket.getaddrinfo("localhost", 80),
        "listen": lambda: socket.socket().bind(("127.0.0.1", 0)),
    }
    found = batch.gauge("curious_found", "What it must not have.")
    for name, attempt in attempts.items():
        try:
            attempt()
        except Exception as error:
            found.sample(0, what=name)
            sys.stdout.write(f"no {name}: ")
            sys.stdout.write(f"{type(error).__name__}\n")
        else:
            found.sample(1, what=name)
    found.sample(len(os.environ), what="variables")
    found.sample(len(sys.argv), what="arguments")
    batch.gauge("curious_time_seconds").sample(time.time())
    batch.gauge("curious_chance").sample(int.from_bytes(os.urandom(6), "big"))
