"""PHP-FPM pools, from the JSON form of their status page."""

import json

from cepmon import exporter, get

COUNTERS = {
    "accepted conn": ("phpfpm_accepted_connections", "Requests accepted by the pool."),
    "max children reached": ("phpfpm_max_children_reached", "How often the pool wanted more processes than pm.max_children."),
    "slow requests": ("phpfpm_slow_requests", "Requests beyond request_slowlog_timeout."),
}
GAUGES = {
    "start since": ("phpfpm_start_since", "Seconds since the pool started."),
    "listen queue": ("phpfpm_listen_queue", "Requests that wait for a process."),
    "max listen queue": ("phpfpm_max_listen_queue", "The longest that the queue has been."),
    "listen queue len": ("phpfpm_listen_queue_length", "Room in the queue."),
    "idle processes": ("phpfpm_idle_processes", "Processes without work."),
    "active processes": ("phpfpm_active_processes", "Processes at work."),
    "total processes": ("phpfpm_total_processes", "All processes."),
    "max active processes": ("phpfpm_max_active_processes", "The most processes that were at work at once."),
}


@exporter
def collect(target, batch):
    answer = get(f"http://{target.address}{target.settings['path']}?json")
    if answer.status != 200:
        raise ValueError(f"the status page answered {answer.status}; does pm.status_path fit the setting path?")
    page = json.loads(answer.body)
    pool = page["pool"]
    for key, (name, help) in COUNTERS.items():
        batch.counter(name, help).sample(page[key], pool=pool)
    for key, (name, help) in GAUGES.items():
        batch.gauge(name, help).sample(page[key], pool=pool)
