"""The Prometheus configuration that puts the rule files to use: what is scraped, and how often."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

INSTANCE = "HOST:PORT"  # nobody can know where a system will run: a wrong address would be scraped without a word
EVERY = "15s"  # twenty readings in the shortest window of the rules, 5 minutes


def scrape_yaml(job: str, metrics_url: str, rule_files: Sequence[str]) -> str:
    """Return prometheus.yml for one job; only the addresses of the instances are left to be written in.

    `metrics_url`: where the system's file says that its metrics are; host and port are those of a trial and are left
    out, scheme and path stay.
    """
    at = urlsplit(metrics_url)
    lines = [
        f"# Write the host and port of each instance in place of {INSTANCE}.",
        "global:",
        f"  scrape_interval: {EVERY}",
        "rule_files:",
        *(f"  - {json.dumps(name)}" for name in rule_files),
        "scrape_configs:",
        f"  - job_name: {json.dumps(job)}",
        f"    metrics_path: {json.dumps(at.path or '/metrics')}",
        f"    scheme: {at.scheme or 'http'}",
        "    static_configs:",
        f"      - targets: [{json.dumps(INSTANCE)}]",
    ]
    return "\n".join(lines) + "\n"
