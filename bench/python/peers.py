"""Installs the peers that bench/peers.txt pins, each into a folder of its own."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

LIST = pathlib.Path(__file__).resolve().parent.parent / "peers.txt"


class Peers:
    """The folders of what is installed, and of each peer that isn't, why."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.missing: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def install(self) -> None:
        for line in LIST.read_text().splitlines():
            if line and not line.startswith("#"):
                name, *requirements = line.split()
                self.install_one(name, requirements)

    def install_one(self, name: str, requirements: list[str]) -> None:
        self.versions[name] = requirements[0].partition("==")[2]
        target = self.folder / name
        stamp = target / ".installed"
        wanted = f"{sys.version}\n{' '.join(requirements)}"
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        shutil.rmtree(target, ignore_errors=True)
        print(f"installing {name}", file=sys.stderr)
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             "--prefer-binary", "--target", target, *requirements],
            capture_output=True, text=True, check=False)
        if done.returncode == 0:
            stamp.write_text(wanted)
        else:
            shutil.rmtree(target, ignore_errors=True)
            said = [text for text in done.stderr.splitlines() if text.startswith("ERROR")]
            self.missing[name] = (said or ["pip failed"])[-1]

    def path(self, names: tuple[str, ...]) -> str:
        """A PYTHONPATH on which these can be imported."""
        return ":".join(str(self.folder / name) for name in names)
