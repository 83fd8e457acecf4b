"""tools/make-venv and tools/install-python: what they do, and that they do nothing twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Installs as meson would: what the tree has, and what was built.
MESON = """#!/bin/sh
echo "$*" >>meson.log
mkdir -p site/hyperhttp/sub
cp python/hyperhttp/*.py site/hyperhttp/
cp python/hyperhttp/sub/*.py site/hyperhttp/sub/
cp build/python/ext/*.so site/hyperhttp/
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("tools", "bin", "python/hyperhttp/sub", "build/python/ext"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("make-venv", "install-python"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools" / name)
    for name in ("__init__.py", "old.py", "sub/__init__.py"):
        (tmp_path / "python/hyperhttp" / name).write_text(f"# {name}\n")
    (tmp_path / "build/python/ext/_engine.so").write_text("engine")
    (tmp_path / "bin/meson").write_text(MESON)
    (tmp_path / "bin/meson").chmod(0o755)
    return tmp_path


def run(tree: Path, name: str, *arguments: object, **environment: str) -> str:
    environment = os.environ | {"PATH": f"{tree / 'bin'}:{os.environ['PATH']}"} | environment
    done = subprocess.run(
        [str(tree / "tools" / name), *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(tree: Path) -> list[str]:
    """Installs once more; the names of what then lies in the folder."""
    assert run(tree, "install-python", "build", tree / "site") == ""
    package = tree / "site/hyperhttp"
    return sorted(str(path.relative_to(package)) for path in package.rglob("*.[ps][yo]"))


def count_installs(tree: Path) -> int:
    return len((tree / "meson.log").read_text().splitlines())


def test_the_package_is_installed_once(tree):
    names = ["__init__.py", "_engine.so", "old.py", "sub/__init__.py"]
    assert install(tree) == names
    assert install(tree) == names
    assert count_installs(tree) == 1
    assert "--tags python-runtime" in (tree / "meson.log").read_text()


@pytest.mark.parametrize("path", ["python/hyperhttp/sub/__init__.py", "build/python/ext/_engine.so"])
def test_what_changed_is_installed_again(tree, path):
    install(tree)
    (tree / path).write_text("changed")
    install(tree)
    assert count_installs(tree) == 2


def test_what_is_gone_is_removed(tree):
    install(tree)
    (tree / "python/hyperhttp/old.py").unlink()
    assert install(tree) == ["__init__.py", "_engine.so", "sub/__init__.py"]


def test_what_somebody_removed_is_put_back(tree):
    names = install(tree)
    shutil.rmtree(tree / "site/hyperhttp")
    assert install(tree) == names


def test_an_environment_is_made_once_and_anew_for_another_interpreter(tree):
    python = tree / "bin/python"
    quick = 'if [ "$1 $2" = "-m venv" ]; then set -- "$@" --without-pip; fi'
    python.write_text(f'#!/bin/sh\n{quick}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert run(tree, "make-venv", PYTHON="python") == "making .venv\n"
    assert (tree / ".venv/bin/python").exists()
    assert run(tree, "make-venv", PYTHON="python") == ""
    (tree / ".venv/.stamps/base").write_text("another")
    assert run(tree, "make-venv", PYTHON="python") == "making .venv\n"


def test_requirements_are_installed_when_they_change(tree):
    (tree / ".venv/bin").mkdir(parents=True)
    (tree / ".venv/.stamps").mkdir()
    python = tree / ".venv/bin/python"
    python.write_text('#!/bin/sh\ncase $1 in -c) echo base ;; *) echo "$*" >>pip.log ;; esac\n')
    python.chmod(0o755)
    (tree / ".venv/.stamps/base").write_text("base ")
    (tree / "wanted.txt").write_text("one==1\n")
    says = "installing wanted.txt\n"
    for text, said in [("one==1\n", says), ("one==1\n", ""), ("one==2\n", says)]:
        (tree / "wanted.txt").write_text(text)
        assert run(tree, "make-venv", "wanted.txt", PYTHON=str(python)) == said
    assert len((tree / "pip.log").read_text().splitlines()) == 2
