"""One YAML file becomes one validated object, or one finding for each fault."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.catalog.samples import model_data

from tidegate.catalog.evals import EvalSet
from tidegate.catalog.objects import Model, Source, Task
from tidegate.catalog.reading import collect, read_object, read_yaml
from tidegate.findings import Finding, FindingsError

REVISION = "b968826d9c46dd6066d109eabc6255188de91218"


def faults(data: object, folder: Path, kind: type[Model] | type[EvalSet] = Model) -> list[Finding]:
    """The findings of a file with this content."""
    path = folder / "file.yaml"
    path.write_text(json.dumps(data))
    with pytest.raises(FindingsError) as refused:
        read_object(path, kind, name="models/m/model.yaml")
    return list(refused.value.findings)


def test_a_file_is_read_as_its_object(tmp_path: Path) -> None:
    """Enumerations are read from their words."""
    path = tmp_path / "model.yaml"
    path.write_text(json.dumps(model_data()))

    model = read_object(path, Model, name="model.yaml")

    assert model.metadata.name == "qwen3-8b"
    assert model.spec.task is Task.GENERATE


@pytest.mark.parametrize(
    ("content", "what", "found"),
    [
        pytest.param(b"a: [", "unreadable", "in line 1", id="syntax"),
        pytest.param(b"a: 1\nb: 2\na: 3\n", "unreadable", "in line 3", id="a key twice"),
        pytest.param(b"a: 1\n---\nb: 2\n", "unreadable", "in line 2", id="two documents"),
        pytest.param(b"\xff\xfe", "unreadable", "utf-8", id="bytes"),
        pytest.param(b"a: !!python/object:os.system {}", "unreadable", "tag", id="a tag"),
    ],
)
def test_what_is_no_yaml_is_one_finding(
    tmp_path: Path, content: bytes, what: str, found: str
) -> None:
    """It says where, and nothing is executed."""
    path = tmp_path / "file.yaml"
    path.write_bytes(content)

    with pytest.raises(FindingsError) as refused:
        read_yaml(path, name="models/m/model.yaml")

    (finding,) = refused.value.findings
    assert (finding.file, finding.object, finding.what) == ("models/m/model.yaml", "file", what)
    assert found in finding.found
    assert "\n" not in str(finding)


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    """Not an exception of the system."""
    with pytest.raises(FindingsError, match="file: missing file; wanted a YAML file, found no"):
        read_yaml(tmp_path / "none.yaml", name="models/m/model.yaml")


@pytest.mark.parametrize(
    ("change", "where", "what", "found"),
    [
        ({"colour": "red"}, "spec.colour", "unknown key", "'red'"),
        ({"context_length": 5}, "spec.context_length", "unknown key", "5"),
        ({"contextLength": "16384"}, "spec.contextLength", "invalid value", "'16384'"),
        ({"contextLength": 16384.5}, "spec.contextLength", "invalid value", "16384.5"),
        ({"contextLength": True}, "spec.contextLength", "invalid value", "True"),
        ({"parameters": -1}, "spec.parameters", "invalid value", "-1"),
        ({"task": "paint"}, "spec.task", "invalid value", "'paint'"),
        ({"owner": "ML Platform"}, "spec.owner", "invalid value", "'ML Platform'"),
        ({"engineConfig": "../engine.yaml"}, "spec.engineConfig", "invalid value", "'../"),
        ({"licence": ""}, "spec.licence", "invalid value", "''"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_found(
    tmp_path: Path, change: dict[str, Any], where: str, what: str, found: str
) -> None:
    """Nothing is converted silently: a number in quotes is no number."""
    (finding,) = faults(model_data(**change), tmp_path)

    assert (finding.object, finding.what) == (where, what)
    assert finding.found.startswith(found)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    """Found: nothing."""
    data = model_data()
    del data["spec"]["slo"]["availability"]

    (finding,) = faults(data, tmp_path)

    assert (finding.object, finding.found) == ("spec.slo.availability", "nothing")
    assert finding.next_step == "add the key"


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """A person corrects them together."""
    found = faults(model_data(task="paint", colour="red", parameters=0), tmp_path)

    assert sorted(f.object for f in found) == ["spec.colour", "spec.parameters", "spec.task"]


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_another_kind_of_document_is_a_finding(tmp_path: Path, data: object) -> None:
    """An empty file is not an empty object."""
    (finding,) = faults(data, tmp_path)

    assert finding.object == "Model"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (
            {"limits": {"concurrency": 1, "inputTokens": 16000, "outputTokens": 385}},
            "limits promise 16385 tokens, more than contextLength 16384",
        ),
        (
            {"limits": {"concurrency": 1, "inputTokens": 16000, "outputTokens": 0}},
            "task generate wants slo.timeToFirstToken, slo.interTokenLatency and outputTokens",
        ),
        (
            {
                "slo": {
                    "endToEnd": {"objective": 0.9, "seconds": 1},
                    "availability": {"objective": 0.9},
                }
            },
            "task generate wants slo.timeToFirstToken, slo.interTokenLatency and outputTokens",
        ),
        ({"source": {}}, "exactly one of huggingFace and oci"),
        (
            {
                "source": {
                    "huggingFace": {"repository": "a/b", "revision": "main"},
                    "oci": {"repository": "registry.example/b"},
                }
            },
            "exactly one of huggingFace and oci",
        ),
    ],
)
def test_fields_that_contradict_each_other_are_a_finding(
    tmp_path: Path, change: dict[str, Any], wanted: str
) -> None:
    """Each is right alone, together they are not."""
    (finding,) = faults(model_data(**change), tmp_path)

    assert finding.wanted == wanted


@pytest.mark.parametrize(
    ("source", "pinned"),
    [
        ({"huggingFace": {"repository": "a/b", "revision": REVISION}}, True),
        ({"huggingFace": {"repository": "a/b", "revision": "main"}}, False),
        ({"huggingFace": {"repository": "a/b", "revision": REVISION[:-1]}}, False),
        ({"huggingFace": {"repository": "a/b", "revision": REVISION.upper()}}, False),
        ({"huggingFace": {"repository": "a/b", "revision": f"{REVISION}0"}}, False),
        ({"oci": {"repository": "registry.example:5000/models/b"}}, True),
    ],
)
def test_a_source_is_pinned_by_forty_digits(source: dict[str, Any], *, pinned: bool) -> None:
    """An OCI source is pinned by the digest of its release."""
    assert Source.model_validate(source).pinned is pinned


@pytest.mark.parametrize("value", ["x" * 200, "two\nlines", "word " * 50])
def test_a_long_value_is_shown_short(tmp_path: Path, value: str) -> None:
    """The line stays a line, whatever a file holds."""
    (finding,) = faults(model_data(task=value), tmp_path)

    assert len(finding.found) <= 60
    assert "\n" not in str(finding)


def test_what_cannot_be_read_is_collected() -> None:
    """The caller goes on with the next file and tells everything at the end."""
    findings: list[Finding] = []
    fault = Finding("f", "o", "w", "a", "b", "n")

    def fail() -> Model:
        raise FindingsError([fault])

    assert collect(findings, fail) is None
    assert findings == [fault]
