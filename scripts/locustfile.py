"""The gates' load as Locust users: TIDEGATE_MODEL=tiny-chat locust -f scripts/locustfile.py -H URL.

Locust waits for an answer before a user asks again, so a slow server slows the questions down; the
load gate does not. Install it beside Tidegate: it is no dependency.
"""

import os
from itertools import cycle
from pathlib import Path

from locust import FastHttpUser, between, task

from tidegate.catalog.load import find_root, load_valid
from tidegate.gates.scenarios import scenarios

NAME = os.environ["TIDEGATE_MODEL"]
MODEL = load_valid(find_root(Path(__file__))).models[NAME]
SCENARIOS = cycle(scenarios(MODEL, os.environ.get("TIDEGATE_SERVED_NAME", NAME)))


class Caller(FastHttpUser):
    """Someone who asks the model's own evaluation prompts, one after the other."""

    wait_time = between(0.5, 2)

    @task
    def ask(self) -> None:
        """One request; a stream is read to its end."""
        scenario = next(SCENARIOS)
        with self.client.post(
            scenario.path, json=scenario.body, name=scenario.path, catch_response=True
        ) as answer:
            if scenario.body.get("stream") and "[DONE]" not in (answer.text or ""):
                answer.failure("the stream did not end")
