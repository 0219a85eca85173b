"""Prompt templates of a model: declared in prompts.yaml, written in Jinja, checked both ways."""

from pathlib import Path
from typing import Annotated, Literal

from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment
from pydantic import Field

from tidegate.catalog.objects import Metadata, Name, Strict
from tidegate.catalog.reading import collect, read_object
from tidegate.findings import Finding

_ENVIRONMENT = SandboxedEnvironment(autoescape=False)
Variable = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]


class Template(Strict):
    """One template and the variables that a caller must give."""

    name: Name
    file: Annotated[str, Field(pattern=r"^[\w.-]+\.jinja$")]
    variables: list[Variable]


class PromptSetSpec(Strict):
    """The templates of a model."""

    templates: Annotated[list[Template], Field(min_length=1)]


class PromptSet(Strict):
    """models/<model>/prompts/prompts.yaml."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["PromptSet"]
    metadata: Metadata
    spec: PromptSetSpec


def check_prompts(folder: Path, *, name: str) -> list[Finding]:
    """Findings for a model's prompts; a model without a prompts folder has none to check.

    Args:
        folder: `models/<model>/prompts`.
        name: how findings call the folder.
    """
    if not folder.is_dir():
        return []
    findings: list[Finding] = []
    declared = collect(
        findings,
        lambda: read_object(folder / "prompts.yaml", PromptSet, name=f"{name}/prompts.yaml"),
    )
    if declared is None:
        return findings
    for template in declared.spec.templates:
        findings += _check_template(folder / template.file, template, name)
    undeclared = {path.name for path in folder.glob("*.jinja")} - {
        template.file for template in declared.spec.templates
    }
    findings += [
        Finding(
            f"{name}/{file}",
            "template",
            "not declared",
            "an entry in prompts.yaml",
            "none",
            "declare it in prompts.yaml or delete it",
        )
        for file in sorted(undeclared)
    ]
    return findings


def _check_template(path: Path, template: Template, name: str) -> list[Finding]:
    file = f"{name}/{template.file}"
    if not path.is_file():
        return [
            Finding(
                file,
                template.name,
                "missing file",
                "a Jinja template",
                "no file",
                "add the file or drop it from prompts.yaml",
            )
        ]
    try:
        used = meta.find_undeclared_variables(_ENVIRONMENT.parse(path.read_text(encoding="utf-8")))
    except TemplateSyntaxError as error:
        return [
            Finding(
                file,
                f"line {error.lineno}",
                "does not parse",
                "a Jinja template",
                str(error.message),
                "correct the syntax",
            )
        ]
    wanted = set(template.variables)
    if used == wanted:
        return []
    return [
        Finding(
            file,
            template.name,
            "variables differ from prompts.yaml",
            ", ".join(sorted(wanted)) or "none",
            ", ".join(sorted(used)) or "none",
            "correct the template or its declaration",
        )
    ]
