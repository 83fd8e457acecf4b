"""Samples, sections and how they are written, for the C parts of the benchmarks."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import dataclass, field

from harness import RESULTS, spread

OURS = "hyperhttp"


@dataclass
class Sample:
    """One run of one client: requests done, wall and CPU seconds, p99 in microseconds, bytes."""

    requests: int
    seconds: float
    cpu: float
    p99_us: float = 0.0
    bytes: int = 0
    rss_kib: int = 0

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        return self.cpu * 1e6 / self.requests


@dataclass
class Section:
    """A table: what was compared, by row (shape) and column (client)."""

    name: str
    title: str
    unit: str
    has_wide_range: bool = False
    rows: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)


def ratios(row: dict[str, list[Sample]], peer: str, what: str) -> list[float]:
    pairs = zip(row[OURS], row[peer], strict=True)
    return [getattr(ours, what) / getattr(theirs, what) for ours, theirs in pairs]


def table(section: Section) -> list[str]:
    lines = [f"## {section.title}", "",
             "| shape | client | requests/s | CPU µs a request | p99 µs | our CPU : its CPU | our rate : its rate |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for shape, row in section.rows.items():
        for client, samples in row.items():
            rate = statistics.median(s.rate for s in samples)
            cpu = statistics.median(s.cpu_us for s in samples)
            p99 = statistics.median(s.p99_us for s in samples)
            ours = client == OURS
            lines.append(
                f"| {shape} | {client} | {rate:,.2f} | {cpu:,.2f} | {f'{p99:,.0f}' if p99 else '–'} | "
                f"{'' if ours else spread(ratios(row, client, 'cpu_us'))} | "
                f"{'' if ours else spread(ratios(row, client, 'rate'))} |")
    return [*lines, ""]


def plot(section: Section) -> None:
    try:
        import matplotlib
    except ImportError:
        print("bench: no matplotlib, so no plots", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    clients = list(dict.fromkeys(client for row in section.rows.values() for client in row))
    figure, axes = pyplot.subplots(figsize=(9, 4.5))
    width = 0.8 / len(clients)
    for index, client in enumerate(clients):
        shapes = [i for i, row in enumerate(section.rows.values()) if client in row]
        heights = [statistics.median(s.cpu_us for s in row[client])
                   for row in section.rows.values() if client in row]
        axes.bar([i + index * width for i in shapes], heights, width, label=client)
    axes.set_xticks([i + 0.4 - width / 2 for i in range(len(section.rows))], list(section.rows), fontsize=7)
    axes.set_ylabel(f"{section.unit}, median")
    axes.set_title(section.title)
    axes.legend()
    if section.has_wide_range:
        axes.set_yscale("log")
    figure.tight_layout()
    figure.savefig(RESULTS / f"{section.name}.png", dpi=110)
    pyplot.close(figure)


def write(tables: str, plain: str, machine: str, sections: list[Section],
          numbers: dict[str, float]) -> None:
    """Writes bench/results/`tables`, `plain` and a plot for each section; prints the tables."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    lines = ["# Benchmarks", "", machine, "",
             "Server and client on a core each; medians of interleaved rounds; ratios are pairwise, with "
             "their smallest and largest value.", ""]
    for section in sections:
        lines += table(section)
        plot(section)
    if numbers:
        lines += ["## Small numbers", "", "| what | value |", "| --- | --- |"]
        lines += [f"| {name} | {value:,.1f} |" for name, value in numbers.items()]
    (RESULTS / tables).write_text("\n".join(lines) + "\n")
    samples = {s.name: {shape: {client: [vars(x) for x in found] for client, found in row.items()}
                        for shape, row in s.rows.items()} for s in sections}
    (RESULTS / plain).write_text(json.dumps({"sections": samples, "numbers": numbers}, indent=1))
    print("\n".join(lines))
