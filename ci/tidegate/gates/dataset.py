"""A set of rows to evaluate or to train on: its schema, its doubles, its drift from another set."""

import csv
import json
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema

from tidegate.catalog.reading import read_yaml
from tidegate.findings import CouldNotCheckError, FindingsError, cannot_check
from tidegate.gates import measure
from tidegate.gates.drift import deciles, psi
from tidegate.gates.record import Answer
from tidegate.gates.samples import chi_squared, kolmogorov_smirnov
from tidegate.gates.statistics import bootstrap
from tidegate.gates.verdict import ALPHA, Measurement

GATE = "data"
PSI = 0.2
"""A shift above it is called large by convention (Siddiqi 2006)."""
_FEWEST = 50
_RESAMPLES = 200
# A text column has more different values than this; a category has at most as many.
_CATEGORIES = 50

Row = dict[str, Any]
Value = bool | float | int | str


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSON Lines, CSV or YAML file; of an evaluation set its cases.

    Raises:
        CouldNotCheckError: it cannot be read, holds no rows, or a row is no object.
    """
    try:
        rows = _READERS[path.suffix](path)
    except KeyError:
        raise _unusable(path, " or ".join(_READERS), path.suffix or "no ending") from None
    except (OSError, ValueError, FindingsError) as error:
        raise _unusable(path, "rows", " ".join(str(error).split())) from None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise _unusable(path, "at least one row, each an object", "none, or something else")
    return rows


def _lines(path: Path) -> Any:  # noqa: ANN401 - JSON
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _table(path: Path) -> Any:  # noqa: ANN401 - rows
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{key: _number(text) for key, text in row.items()} for row in csv.DictReader(file)]


def _number(text: object) -> object:
    """A cell as a number where it is one, and as nothing where it is empty."""
    try:
        return float(str(text)) if text else None
    except ValueError:
        return text


def _cases(path: Path) -> Any:  # noqa: ANN401 - YAML
    document = read_yaml(path, name=str(path))
    return document["spec"]["cases"] if isinstance(document, dict) else document


_READERS: dict[str, Callable[[Path], Any]] = {".csv": _table, ".jsonl": _lines, ".yaml": _cases}


def _unusable(path: Path, wanted: str, found: str) -> CouldNotCheckError:
    return cannot_check(
        path, "rows", "cannot be read", wanted=wanted, found=found, next_step="correct the file"
    )


@dataclass(frozen=True, slots=True)
class Data:
    """Rows, those that they are compared with, and the JSON schema of one row."""

    rows: list[Row]
    reference: list[Row]
    """Empty where nothing is compared."""
    schema: dict[str, Any]
    seed: int = 0


def inferred(rows: Sequence[Row]) -> dict[str, Any]:
    """The schema that all of these rows keep to: their columns and the types in each."""
    types = {key: sorted({_type(row.get(key)) for row in rows}) for key in _columns(rows)}
    always = [key for key in types if all(key in row for row in rows)]
    properties = {key: {"type": found} for key, found in types.items()}
    return {"properties": properties, "required": always, "additionalProperties": False}


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _type(value: object) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


def measured(data: Data) -> Iterator[Measurement]:
    """Rows within the schema, rows that are there once, and the shift of each column."""
    yield _share("schema", list(_faulty(data)))
    yield _share("unique", list(_doubles(data.rows)))
    for column in _columns(data.reference):
        old, new = (
            [row[column] for row in rows if row.get(column) is not None]
            for rows in (data.reference, data.rows)
        )
        yield from _shift(column, old, new, data.seed)


def _share(name: str, answers: list[Answer]) -> Measurement:
    return measure.share(GATE, name, answers, threshold=1, min_samples=1)


def _faulty(data: Data) -> Iterator[Answer]:
    validator = jsonschema.Draft202012Validator(data.schema)
    for i, row in enumerate(data.rows, start=1):
        error = jsonschema.exceptions.best_match(validator.iter_errors(row))
        where = ".".join(map(str, error.absolute_path)) if error else ""
        fault = f"{where or 'row'}: {error.message[:200]}" if error else None
        yield Answer(case=str(i), asked=f"row {i}", fault=fault)


def _doubles(rows: Sequence[Row]) -> Iterator[Answer]:
    seen: dict[str, int] = {}
    for i, row in enumerate(rows, start=1):
        first = seen.setdefault(json.dumps(row, sort_keys=True, default=str), i)
        fault = None if first == i else f"the same as row {first}"
        yield Answer(case=str(i), asked=f"row {i}", fault=fault)


def _shift(column: str, old: list[Value], new: list[Value], seed: int) -> Iterator[Measurement]:
    """PSI of a column with the test that fits it; none for lists and objects."""
    kinds = {_type(value) for value in (*old, *new)}
    if not kinds <= {"boolean", "number", "string"}:
        return
    if kinds == {"number"} and len({*old, *new}) > _CATEGORIES:
        yield _numbers(column, [float(v) for v in old], [float(v) for v in new], seed)
    elif len({*old, *new}) > _CATEGORIES:
        first, second = ([float(len(str(v).split())) for v in values] for values in (old, new))
        yield _numbers(f"{column}-words", first, second, seed)
    else:
        known = sorted({str(v) for v in (*old, *new)})
        seen = [Counter(map(str, values)) for values in (old, new)]
        counts = [seen[0][k] for k in known], [seen[1][k] for k in known]
        yield _compared(column, *counts, p_value=partial(chi_squared, *counts), seed=seed)


def _numbers(column: str, old: list[float], new: list[float], seed: int) -> Measurement:
    edges = sorted(set(deciles(old))) if old else []
    counts = _binned(old, edges), _binned(new, edges)
    return _compared(column, *counts, p_value=partial(kolmogorov_smirnov, old, new), seed=seed)


def _binned(values: list[float], edges: list[float]) -> list[int]:
    """How many values each bin between the edges holds."""
    found = Counter(bisect_left(edges, value) for value in values)
    return [found[i] for i in range(len(edges) + 1)]


def _compared(
    column: str,
    old: list[int],
    new: list[int],
    *,
    p_value: Callable[[], float],
    seed: int,
) -> Measurement:
    """A column's shift: it passes within the limit, and fails where the test sees it as well."""
    enough = min(sum(old), sum(new)) > 0
    found = (
        bootstrap(partial(_resampled, old, new), seed=seed, resamples=_RESAMPLES)
        if enough
        else None
    )
    return Measurement(
        gate=GATE,
        name=f"{column}-psi",
        value=psi(_shares(old), _shares(new)) if enough else None,
        unit="nats",
        bound="at most",
        threshold=PSI,
        samples=min(sum(old), sum(new)),
        min_samples=_FEWEST,
        rule="no worse",
        interval=measure.interval_of(found.bounds(1 - 2 * ALPHA), "bootstrap", 1 - 2 * ALPHA)
        if found
        else None,
        p_value=p_value() if enough else None,
    )


def _shares(counts: Sequence[int]) -> list[float]:
    """Shares of bins, every bin a little above 0, as in `drift.histogram`."""
    return [(count + 0.5) / (sum(counts) + len(counts) / 2) for count in counts]


def _resampled(old: list[int], new: list[int], rng: random.Random) -> float:
    bins = range(len(old))
    first, second = (Counter(rng.choices(bins, counts, k=sum(counts))) for counts in (old, new))
    return psi(_shares([first[i] for i in bins]), _shares([second[i] for i in bins]))
