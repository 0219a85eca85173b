"""What the probes of every unit do, played through: no start is cut off, no dead engine is kept.

The kubelet asks each probe once a period and counts failures in a row. Before the startup probe has
succeeded it asks no other. A probe that gets no answer in time fails, and takes that time.
Source: the Kubernetes documentation, "Configure Liveness, Readiness and Startup Probes".
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import ROOT

from tidegate.manifests.checks import read_manifests
from tidegate.manifests.pods import pods

UNITS = ("dev", "staging", "production")
ANSWER_SECONDS = 0.1


@dataclass(frozen=True)
class Probe:
    """Seconds between two questions, seconds until one has failed, and failures in a row."""

    period: float
    timeout: float
    failures: int

    def gives_up(self, start: float, answers: Callable[[float], bool], until: float) -> float:
        """When it has failed too often in a row, asked from `start` on; `until` if never."""
        now, failed = start, 0
        while now < until:
            well = answers(now) and answers(now + ANSWER_SECONDS)
            failed = 0 if well else failed + 1
            if failed == self.failures:
                return now + (0 if well else self.timeout)
            now += max(self.period, ANSWER_SECONDS if well else self.timeout)
        return until

    def succeeds(self, start: float, answers: Callable[[float], bool], until: float) -> float:
        """When it has succeeded for the first time; `until` if never."""
        now = start
        while now < until and not answers(now):
            now += max(self.period, self.timeout)
        return min(now, until)


def probe(container: dict[str, Any], name: str) -> Probe:
    """A container's probe, with the defaults of Kubernetes."""
    one = container[name]
    period, timeout = one.get("periodSeconds", 10), one.get("timeoutSeconds", 1)
    return Probe(period, timeout, one.get("failureThreshold", 3))


@cache
def engines() -> dict[str, tuple[dict[str, Any], int]]:
    """Each unit's engine container and its model's cold start in seconds."""
    return {
        rendered.unit.name: (pod.engine, rendered.unit.model.spec.cold_start.p99_seconds)
        for rendered in read_manifests(ROOT).units
        for one in rendered.objects
        for pod in pods(one)
        if pod.engine
    }


NAMES = st.sampled_from(
    [f"{place}/{service}" for place in UNITS for service in ("generator", "retriever", "reranker")]
)


def test_every_unit_has_an_engine_to_ask() -> None:
    """Nothing here is about no pod at all."""
    assert len(engines()) == 9


@given(name=NAMES, share=st.floats(0.001, 1.9), first=st.floats(0, 2))
def test_no_pod_is_killed_while_it_loads(name: str, share: float, first: float) -> None:
    """Not even one that takes nearly twice as long as 99 of 100; and it is ready soon after."""
    container, p99 = engines()[name]
    load = share * p99
    startup, readiness = probe(container, "startupProbe"), probe(container, "readinessProbe")

    def loaded(now: float) -> bool:
        return now >= load

    killed = startup.gives_up(first, loaded, until=load)
    started = startup.succeeds(first, loaded, until=load + 600)
    ready = readiness.succeeds(started, loaded, until=load + 600)

    assert killed >= load
    assert ready <= load + startup.period + startup.timeout + readiness.period


@given(name=NAMES, died=st.floats(0, 500), offset=st.floats(0, 20))
def test_a_dead_engine_is_restarted(name: str, died: float, offset: float) -> None:
    """In the time that the liveness probe says, and that is minutes, not hours."""
    liveness = probe(engines()[name][0], "livenessProbe")

    killed = liveness.gives_up(offset, lambda now: now < died, until=died + 3600)

    assert killed - died <= (liveness.failures + 1) * liveness.period + liveness.timeout
    assert killed - died <= 180


@given(name=NAMES, begun=st.floats(0, 500), offset=st.floats(0, 20))
def test_a_stall_takes_traffic_away_and_no_life(name: str, begun: float, offset: float) -> None:
    """An engine that answers nothing for 30 seconds gets no requests meanwhile, and lives on."""
    container, _ = engines()[name]
    end = begun + 30

    def answers(now: float) -> bool:
        return not begun <= now < end

    unready = probe(container, "readinessProbe").gives_up(offset, answers, until=end + 600)
    killed = probe(container, "livenessProbe").gives_up(offset, answers, until=end + 600)

    assert unready < end or offset > begun
    assert killed == end + 600


@pytest.mark.parametrize(
    ("probe", "at"),
    [
        (Probe(10, 1, 3), 121),
        (Probe(10, 1, 1), 101),
        (Probe(2, 5, 2), 110),
        (Probe(10, 1, 100), 999),
    ],
)
def test_the_model_of_a_kubelet_counts_failures_in_a_row(probe: Probe, at: float) -> None:
    """An engine that dies at 100 s, asked from 0 on."""
    assert probe.gives_up(0, lambda now: now < 100, until=999) == at
