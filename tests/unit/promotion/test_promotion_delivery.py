"""The four numbers of DORA, and the page that shows them, from records alone."""

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

from tests.conftest import Cli
from tests.unit.promotion.conftest import Fork

from tidegate.manifests.release import Release
from tidegate.oci import Reference
from tidegate.promotion.delivery import deliveries
from tidegate.promotion.history import Record
from tidegate.promotion.page import history_page
from tidegate.promotion.promote import rollback

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOW = START + timedelta(days=20)


def release(number: int) -> Release:
    """A release by number."""
    digest = f"sha256:{number:064x}"
    return Release(Reference("r/engine", "v", digest), Reference("r/model", "v", digest))


def record(
    hours: float, number: int, environment: str = "production", *, bad: int = 0, **changes: str
) -> Record:
    """A record so many hours after the start."""
    given = {
        "commit": f"{number:040x}",
        "author": "Ada",
        "service": "generator",
        "evidence": "sha256:ab",
        "gates": "pass 1/1",
        "action": "rollback" if bad else "promote",
        "reason": "why",
    } | changes
    return Record(
        time=START + timedelta(hours=hours),
        environment=environment,
        release=release(number),
        bad=release(bad) if bad else None,
        **given,
    )


# Newest first: 1 and 2 reach production after 10 and 20 hours; 2 fails and is restored in 3.
HISTORY = [
    record(53, 1, bad=2),
    record(50, 2),
    record(30, 2, "dev"),
    record(10, 1),
    record(0, 1, "dev"),
]


def test_the_four_numbers_are_medians_and_shares() -> None:
    """Two deployments, one taken away."""
    (found,) = deliveries(HISTORY, "production", now=NOW, days=28)

    assert found.as_dict() == {
        "service": "generator",
        "deployments": 2,
        "per_week": 0.5,
        "lead_time_hours": 15.0,
        "failure_rate": 0.5,
        "restore_hours": 3.0,
    }


def test_what_did_not_happen_is_no_number() -> None:
    """No deployment in the span is no rate of nought."""
    (found,) = deliveries(HISTORY, "production", now=NOW, days=1)

    assert (found.deployments, found.failure_rate, found.lead_time_hours) == (0, None, None)
    assert deliveries([], "production", now=NOW) == []
    assert deliveries(HISTORY, "nowhere", now=NOW) == []


class Text(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the element, and whatever it would fetch."""
        self.tags.append(tag)
        self.links += [str(value) for key, value in attrs if key in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


def page(found: list[Record]) -> Text:
    """The page of these records, read."""
    numbers = deliveries(found, "production", now=NOW, days=28)
    environments = ["dev", "staging", "production"]
    text = Text()
    text.feed(history_page(found, numbers, environments=environments, now=NOW, days=28))
    return text


def test_the_page_has_a_mark_for_each_change_and_fetches_nothing() -> None:
    """One timeline a service, a lane an environment, and the numbers above."""
    found = page(HISTORY)

    assert found.tags.count("circle") == 1 + 4  # the key and the promotions
    assert found.tags.count("rect") == 1 + 1
    assert found.tags.count("line") == 3
    assert found.links == []
    assert "50%" in found.text
    assert "15.0 h" in found.text


def test_what_a_person_wrote_is_text_on_the_page() -> None:
    """A reason is no markup."""
    found = page([record(1, 1, reason="<script>alert(1)</script>", author="<b>")])

    assert "script" not in found.tags
    assert "b" not in found.tags
    assert "<script>alert(1)</script>" in found.text


def test_a_page_without_records_says_so() -> None:
    """A fork that never promoted has one too."""
    assert "no promotion" in page([]).text


def test_history_is_a_table_json_and_a_page(running: Fork, cli: Cli, tmp_path: Path) -> None:
    """All three from the same records."""
    running.to_dev("v2")
    running.along("staging", "production")
    rollback(running.git, "generator", "production", "slow")
    target = tmp_path / "history.html"

    ran = cli("history", "--root", running.git.path, "--html", target)
    machine = json.loads(cli("history", "--root", running.git.path, "--json").out)

    assert (ran.code, ran.err) == (0, "")
    assert "Delivery to production in 90 days" in ran.out
    assert machine["delivery"][0]["failure_rate"] == 0.5
    assert machine["log"] == [one.as_dict() for one in running.records()]
    assert '<h2 id="generator">' in target.read_text()
