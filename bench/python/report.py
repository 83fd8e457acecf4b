"""Makes the tables, the list of targets and the plots out of the samples of a run."""

from __future__ import annotations

import json
import pathlib
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from harness import spread

from python.catalogue import (
    CREATE_TARGET_US,
    IMPORT_TARGET_MS,
    OURS_BLOCKING,
    TARGETS,
    Numbers,
    Shape,
    Target,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass
class Sample:
    """One run of one client: requests done, wall and CPU seconds, latencies, peak memory."""

    requests: int
    seconds: float
    cpu: float
    p50_us: float = 0.0
    p99_us: float = 0.0
    rss_kib: int = 0
    cut: bool = False  # stopped at its time limit, and rated by what was done

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu * 1e6 / self.requests


Row = dict[str, list[Sample]]
MEASURES: dict[str, Callable[[Sample], float]] = {
    "rate": lambda s: s.rate,
    "cpu": lambda s: s.cpu_us,
    "p99": lambda s: s.p99_us,
    "tail": lambda s: s.p99_us / s.p50_us,
    "rss": lambda s: s.rss_kib / 1024,
}


def ratios(row: Row, ours: str, peer: str, what: str) -> list[float]:
    """Ours to the peer's, round by round."""
    value = MEASURES[what]
    return [value(a) / value(b) for a, b in zip(row[ours], row[peer], strict=False) if value(b)]


def middle(samples: list[Sample], value: Callable[[Sample], float]) -> float:
    return statistics.median(map(value, samples))


def number(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}" if value else "–"


def shape_table(shape: Shape, row: Row, failed: dict[str, str]) -> list[str]:
    lines = [f"## {shape.title}", "",
             "| client | requests/s | CPU µs a request | p50 µs | p99 µs | peak MB | our rate : its rate | "
             "our CPU : its CPU |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for label, samples in row.items():
        compared = ["", ""]
        if label != shape.ours and shape.ours in row:
            compared = [spread(ratios(row, shape.ours, label, what)) for what in ("rate", "cpu")]
        cut = " (cut short)" if any(s.cut for s in samples) else ""
        lines.append(
            f"| {label} | {number(middle(samples, MEASURES['rate']))}{cut} "
            f"| {number(middle(samples, MEASURES['cpu']), 1)} "
            f"| {number(middle(samples, lambda s: s.p50_us))} "
            f"| {number(middle(samples, MEASURES['p99']))} "
            f"| {number(middle(samples, MEASURES['rss']), 1)} | {compared[0]} | {compared[1]} |")
    lines += [f"| {label} | {why} | | | | | | |" for label, why in failed.items()]
    return [*lines, ""]


def judge(target: Target, row: Row | None, ours: str) -> str:
    """What came out, and whether it is reached, as the last two cells of the target's line."""
    if row is None or ours not in row or (target.peer is not None and target.peer not in row):
        return "– | not measured"
    if target.peer is None:
        values = [MEASURES[target.what](sample) for sample in row[ours]]
    else:
        values = ratios(row, ours, target.peer, target.what)
    value = statistics.median(values)
    reached = value >= target.bound if target.what == "rate" else value <= target.bound
    return f"{spread(values)} | {'reached' if reached else '**not reached**'}"


def judge_number(value: float | None, bound: float) -> str:
    if value is None:
        return "– | not measured"
    return f"{value:.1f} | {'reached' if value <= bound else '**not reached**'}"


def ahead_of_all(samples: dict[str, Row], shapes: list[Shape]) -> list[str]:
    """For each shape, the nearest Python peer and by how much we are ahead of it."""
    lines = []
    for shape in shapes:
        row = samples.get(shape.key, {})
        peers = [client.label for client in shape.clients
                 if client.label in row and not client.label.startswith("hyperhttp")]
        if shape.ours not in row or not peers:
            continue
        values = {peer: ratios(row, shape.ours, peer, "rate") for peer in peers}
        nearest = min(values, key=lambda peer: statistics.median(values[peer]))
        reached = statistics.median(values[nearest]) > 1
        lines.append(f"| {shape.title}: rate to the nearest Python peer's ({nearest}) | above 1 | "
                     f"{spread(values[nearest])} | {'reached' if reached else '**not reached**'} |")
    return lines


def target_table(samples: dict[str, Row], shapes: list[Shape], numbers: Numbers) -> list[str]:
    ours = {shape.key: shape.ours for shape in shapes}
    lines = ["## Targets", "", "| work | target | measured | |", "| --- | --- | --- | --- |"]
    for target in TARGETS:
        if target.shape in ours:
            bound = f"{'at least' if target.what == 'rate' else 'at most'} {target.bound:g}"
            cells = judge(target, samples.get(target.shape), ours[target.shape])
            lines.append(f"| {target.work} | {bound} | {cells} |")
    lines += ahead_of_all(samples, shapes)
    if numbers.import_ms or numbers.create_us:
        lines.append(f"| `import hyperhttp` over `import asyncio`, ms | at most {IMPORT_TARGET_MS} | "
                     f"{judge_number(numbers.import_ms.get('hyperhttp'), IMPORT_TARGET_MS)} |")
        for label in ("hyperhttp Client", OURS_BLOCKING):
            lines.append(f"| creating a client ({label}), µs | at most {CREATE_TARGET_US} | "
                         f"{judge_number(numbers.create_us.get(label), CREATE_TARGET_US)} |")
    return [*lines, ""]


def number_table(numbers: Numbers, failed: dict[str, dict[str, str]]) -> list[str]:
    lines = ["## Import, creation, bare Python", "", "| what | value |", "| --- | --- |"]
    lines += [f"| `import {name}` over `import asyncio` | {value:.1f} ms |"
              for name, value in numbers.import_ms.items()]
    lines += [f"| `import {name}` | {why} |" for name, why in failed.get("import", {}).items()]
    lines += [f"| creating {label} | {value:,.1f} µs |" for label, value in numbers.create_us.items()]
    lines += [f"| creating {label} | {why} |" for label, why in failed.get("create", {}).items()]
    lines += [f"| peak memory of bare asyncio with {label} | {kib / 1024:.1f} MB |"
              for label, kib in numbers.idle_kib.items()]
    return [*lines, ""]


def draw(axes: Axes, unit: str, heights: dict[str, float]) -> None:
    """A bar a client, from zero: what differs by a hundred is to look it."""
    names = list(heights)[::-1]
    colours = ["tab:orange" if name.startswith("hyperhttp") else
               "tab:gray" if "yardstick" in name or "bare" in name else "tab:blue" for name in names]
    drawn = axes.barh(names, [heights[name] for name in names], color=colours)
    axes.bar_label(drawn, [f"{heights[name]:,.3g}" if heights[name] < 100 else f"{heights[name]:,.0f}"
                           for name in names], padding=3, fontsize=8)
    axes.margins(x=0.15)
    axes.set_xlabel(unit)


def save(path: pathlib.Path, title: str, panels: dict[str, dict[str, float]]) -> None:
    """One picture, with a panel for each unit."""
    from matplotlib import pyplot

    rows = max(map(len, panels.values()))
    figure, axes = pyplot.subplots(1, len(panels), figsize=(6 * len(panels), 1.4 + 0.32 * rows),
                                   squeeze=False)
    for panel, (unit, heights) in zip(axes[0], panels.items(), strict=True):
        draw(panel, unit, heights)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def plot(folder: pathlib.Path, shapes: list[Shape], samples: dict[str, Row], numbers: Numbers) -> None:
    try:
        import matplotlib
    except ImportError:
        print("bench: no matplotlib, so no plots", file=sys.stderr)
        return
    matplotlib.use("Agg")
    for shape in shapes:
        row = samples.get(shape.key)
        if not row:
            continue
        panels = {unit: {label: middle(found, MEASURES[what]) for label, found in row.items()}
                  for what, unit in (("rate", "requests/s, median"), ("cpu", "CPU µs a request, median"))}
        if shape.kind == "gather":
            memory = {label: middle(found, MEASURES["rss"]) for label, found in row.items()
                      if found[0].rss_kib}
            memory |= {f"bare asyncio, {label}": kib / 1024 for label, kib in numbers.idle_kib.items()}
            panels["peak memory, MB"] = memory
        save(folder / f"python-{shape.key}.png", shape.title, panels)
    if numbers.import_ms and numbers.create_us:
        save(folder / "python-start.png", "Import over asyncio, and creating a client",
             {"ms to import": numbers.import_ms, "µs to create": numbers.create_us})


def write(folder: pathlib.Path, shapes: list[Shape], samples: dict[str, Row],
          failed: dict[str, dict[str, str]], numbers: Numbers, versions: str) -> None:
    """Writes python.md, python.json and the plots to a folder, and prints the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# Python benchmarks", "", versions, "",
             "Server and client on a core each, every measurement a process of its own; medians of "
             "interleaved rounds; ratios are taken within a round, with their smallest and largest value.",
             ""]
    lines += target_table(samples, shapes, numbers)
    for shape in shapes:
        lines += shape_table(shape, samples.get(shape.key, {}), failed.get(shape.key, {}))
    if numbers.import_ms or numbers.create_us:
        lines += number_table(numbers, failed)
    (folder / "python.md").write_text("\n".join(lines))
    plain = {shape: {label: [asdict(sample) for sample in found] for label, found in row.items()}
             for shape, row in samples.items()}
    (folder / "python.json").write_text(json.dumps(
        {"versions": versions, "samples": plain, "failed": failed, "numbers": asdict(numbers)},
        indent=1))
    plot(folder, shapes, samples, numbers)
    print("\n".join(lines))
