"""Questions with known answers. Each set is judged by itself: an average hides a lost skill."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jsonschema

from tidegate.catalog.evals import Question, Questions, Structured, StructuredQuestion
from tidegate.catalog.load import ModelFolder
from tidegate.gates.client import Endpoint
from tidegate.gates.measure import fault_of, share
from tidegate.gates.verdict import Measurement


def _answer_fault(endpoint: Endpoint, case: Question) -> str | None:
    found = endpoint.chat(case.prompt).strip()
    if found == case.answer:
        return None
    return f"{case.prompt!r}: wanted {case.answer!r}, found {found!r}"


def _structure_fault(endpoint: Endpoint, case: StructuredQuestion) -> str | None:
    response_format = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": case.schema_, "strict": True},
    }
    found = endpoint.chat(case.prompt, response_format=response_format)
    try:
        value = json.loads(found)
        jsonschema.validate(value, case.schema_)
    except (ValueError, jsonschema.ValidationError) as error:
        return f"{case.prompt!r}: {str(error).splitlines()[0]}"
    if case.answer is None or value == case.answer:
        return None
    return f"{case.prompt!r}: wanted {case.answer}, found {value}"


def _faults(
    endpoint: Endpoint, model: ModelFolder, spec: Questions | Structured
) -> list[str | None]:
    """One entry a case, asked as many at a time as the model promises to take."""

    def attempt(case: Question | StructuredQuestion) -> str | None:
        if isinstance(case, Question):
            return fault_of(partial(_answer_fault, endpoint, case))
        return fault_of(partial(_structure_fault, endpoint, case))

    with ThreadPoolExecutor(model.spec.limits.concurrency) as pool:
        return list(pool.map(attempt, spec.cases))


def check_answers(endpoint: Endpoint, model: ModelFolder) -> Iterator[Measurement]:
    """One share for each of the model's question sets."""
    for evals in model.evals:
        spec = evals.spec
        if isinstance(spec, Questions | Structured):
            yield share(
                "answers",
                evals.metadata.name,
                _faults(endpoint, model, spec),
                threshold=spec.threshold,
                min_samples=spec.min_samples,
            )
