"""Measures the promises of this project and writes docs/reference/benchmarks.md.

Each figure is the median of its runs beside the bound it is promised under. `cold` means no
trained model, no bytecode and a new environment; downloads are in the package cache, because a
network is not what is measured. `--only NAME` measures a part and keeps the rest of the page.
"""

import argparse
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
from tests.bench import gates, gpu, others, pipeline, twins
from tests.bench.figures import Figures
from tests.bench.mutations import COUNT, SEED, mutations

from tidegate.findings import CouldNotCheckError
from tidegate.lab.paths import Lab
from tidegate.lab.server import read_servers

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
TIDEGATE = str(ROOT / ".venv" / "bin" / "tidegate")
GIB = 2**30


def timed(command: list[str], runs: int = 5, **environment: str) -> float:
    """Median wall-clock seconds of a command that must succeed."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, env=os.environ | environment
        )
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def memory_of(pid: int, lab: Lab) -> int:
    """Proportional set size, in bytes, of a process, the lab's servers and their descendants."""
    total = 0
    for one in [pid, *(server.pid for server in read_servers(lab))]:
        with suppress(psutil.Error):  # it ended between being listed and being read
            for process in [psutil.Process(one), *psutil.Process(one).children(recursive=True)]:
                with suppress(psutil.Error):
                    total += process.memory_full_info().pss
    return total


def peak(command: list[str], cwd: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and peak GiB of a command and what it starts, sampled twice a second."""
    highest = 0
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)

    def watch() -> None:
        nonlocal highest
        while process.poll() is None:
            highest = max(highest, memory_of(process.pid, Lab(cwd)))
            time.sleep(0.5)

    sampler = threading.Thread(target=watch)
    sampler.start()
    code = process.wait()
    sampler.join()
    if code:
        raise subprocess.CalledProcessError(code, command)
    return time.perf_counter() - started, highest / GIB


def check() -> Figures:
    """`tidegate check`, and in the same minutes the tools that people run one after the other."""
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        new = {"PYTHONPYCACHEPREFIX": f"{empty / 'code'}", "TIDEGATE_CACHE": f"{empty / 'cache'}"}
        cold = timed([TIDEGATE, "check"], 1, **new)
        warm = timed([TIDEGATE, "check"])
        before = others.processor()
        timed([TIDEGATE, "check"], 1)
        worked = others.processor() - before
        tools = dict(others.in_turn(others.everything(), empty / "tools"))
    total = sum(tools.values())
    work = [*tools.items(), (f"{', '.join(tools)} in turn", total)]
    return [
        ("tidegate check, warm", warm, "s", 5),
        ("tidegate check, cold", cold, "s", 30),
        ("tidegate check, warm, processor time", worked, "s", total),
        *((f"{name}, processor time", took, "s", math.inf) for name, took in work),
    ]


def missed_mutations() -> Figures:
    """The share of single-field mutations of the golden files that the check lets pass."""
    listed = mutations(COUNT, SEED)
    share = 100 * sum(not one.findings for one in listed) / len(listed)
    return [(f"mutations that pass the check, of {COUNT}", share, "%", 25)]


def demo_warm() -> Figures:
    """The demo with trained models."""
    seconds, gib = peak([TIDEGATE, "demo", "--fast"], ROOT, dict(os.environ))
    return [
        ("scripts/demo --fast, warm", seconds, "s", 120),
        ("scripts/demo --fast, peak memory", gib, "GiB", 8),
    ]


@contextmanager
def clean_clone() -> Iterator[tuple[Path, dict[str, str]]]:
    """A clone of the last commit and the variables of an empty home; packages are cached."""
    cache = Path(os.environ.get("UV_CACHE_DIR", Path.home() / ".cache" / "uv"))
    with tempfile.TemporaryDirectory(dir=ROOT.parent) as folder:
        home, root = Path(folder) / "home", Path(folder) / "tidegate"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root)], check=True)
        yield root, os.environ | {"HOME": str(home), "UV_CACHE_DIR": str(cache)}


def demo_cold() -> Figures:
    """The demo from a clean clone: environments made, models trained."""
    with clean_clone() as (root, environment):
        seconds, gib = peak(["scripts/demo"], root, environment)
    return [("scripts/demo, cold", seconds, "s", 480), ("scripts/demo, peak memory", gib, "GiB", 8)]


def commands() -> Figures:
    """What a person waits for all day, on the fork that the demo left."""
    status = timed([TIDEGATE, "status", "--root", ".lab/fork"])
    return [("tidegate status, 9 units", status, "s", 1)]


def tests() -> Figures:
    """The whole of scripts/test from a clean clone, and again in the same clone."""
    with clean_clone() as (root, environment):
        cold, warm = (timed([f"{root}/scripts/test"], 1, **environment) for _ in range(2))
    return [
        ("scripts/test, cold", cold, "s", 480),
        ("scripts/test, warm", warm, "s", 240),
    ]


def fleet() -> Figures:
    """One of 2,000 units after 50,000 commits, the remote on disk: in a new clone, and later on."""
    sys.path.insert(0, str(ROOT))
    from tests.bench.fleet import make_fleet  # noqa: PLC0415 - it needs the repository's root

    with tempfile.TemporaryDirectory() as folder:
        forked, request = make_fleet(Path(folder), units=2000, commits=50_000)
        root, service = ["--root", str(forked.git.path)], request.service
        to = [TIDEGATE, "promote", service, *root, "--store", str(forked.store.layout.root), "--to"]
        back = [TIDEGATE, "rollback", service, *root, "--env", "dev"]
        status = [TIDEGATE, "status", *root]
        seconds = {
            "promote, {}, new clone": (timed([*to, "staging"], 1), 2),
            "rollback, {}, new clone": (timed(back, 1), 2),
            "status, {}, new clone": (timed(status, 1), math.inf),
            "promote, {}": (timed([*to, "production"], 1), 2),
            "rollback, {}": (timed([*back, "--undo"], 1), 2),
            "status, {}": (timed(status), 1),
        }
    size = "2,000 units and 50,000 commits"
    return [(f"tidegate {k.format(size)}", took, "s", most) for k, (took, most) in seconds.items()]


PARTS: dict[str, Callable[[], Figures]] = {
    "check": check,
    "pipeline": pipeline.pipeline,
    "mutations": missed_mutations,
    "demo-warm": demo_warm,
    "commands": commands,
    "gates-errors": gates.error_rates,
    "gates-dispatch": gates.dispatch,
    "gates-suites": gates.suites,
    "gates-twins": twins.twins,
    "fleet": fleet,
    "demo-cold": demo_cold,
    "tests": tests,
}
# Measured where they are asked for: few machines have a GPU.
ASKED = gpu.PARTS


def machine() -> str:
    """The machine in a line."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = psutil.virtual_memory().total / GIB
    cpu = model[1].strip() if model else platform.machine()
    return f"{os.cpu_count()} cores of {cpu}, {memory:.0f} GiB, Python {platform.python_version()}"


def busy() -> str:
    """What others were doing on the machine, where it was enough to count."""
    load = os.getloadavg()[0]
    return f", load {load:.0f} before" if load > 1 else ""


def rows(figures: Figures, where: str) -> dict[str, str]:
    """One table row for each figure, with the day and the machine it was measured on."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    return {
        what: f"| {what} | {value:.1f} {unit} | {promise(value, unit, bound)} | {today} | {where} |"
        for what, value, unit, bound in figures
    }


def promise(value: float, unit: str, bound: float) -> str:
    """The bound and whether it is kept; nothing is promised about what is not ours."""
    kept = "yes" if value <= bound else "**no**"
    return "- | -" if math.isinf(bound) else f"{bound:.3g} {unit} | {kept}"


def write(page: Path, new: dict[str, str]) -> None:
    """Put rows into the page's table: those measured again are replaced, the others kept."""
    head, _, tail = page.read_text().partition("<!-- figures -->\n")
    table, _, rest = tail.partition("<!-- end of figures -->\n")
    kept = {row.split("|")[1].strip(): row for row in table.splitlines()[2:] if row}
    lines = [
        "| what | measured | promised | kept | date | machine |",
        "|---|---|---|---|---|---|",
        *(kept | new).values(),
    ]
    page.write_text(
        f"{head}<!-- figures -->\n" + "\n".join(lines) + f"\n<!-- end of figures -->\n{rest}"
    )


def main() -> None:
    """Measure the parts asked for, each written as soon as it is known; exit 2 if one cannot be."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = PARTS | ASKED
    parser.add_argument("--only", choices=known, action="append")
    for name in parser.parse_args().only or PARTS:
        where = machine() + busy()
        try:
            new = rows(known[name](), where)
        except CouldNotCheckError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(2)
        write(PAGE, new)
        sys.stdout.write("\n".join(new.values()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
