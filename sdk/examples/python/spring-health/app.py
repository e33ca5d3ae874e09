"""Spring Boot's health endpoint: up when the service says so, with a sample for each of its parts."""

import json

from cepmon import get, probe


@probe
def check(target, batch):
    # The endpoint answers 503 with the same page when something is down.
    page = json.loads(get(f"http://{target.address}{target.settings['path']}").body)
    components = page.get("components", {})
    part_up = batch.gauge("probe_spring_component_up", "Whether a part of the service is up.")
    for name, component in components.items():
        part_up.sample(component["status"] == "UP", component=name)
    down = [name for name, component in components.items() if component["status"] != "UP"]
    return page["status"] == "UP", f"status {page['status']}" + (f": {', '.join(down)}" if down else "")
