"""What `pip` makes of the source: a wheel with the package, nothing else, which works by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "hyperhttp"
ENGINE = f"hyperhttp/_engine{sysconfig.get_config_var('EXT_SUFFIX')}"

pytestmark = pytest.mark.skipif(
    "LD_PRELOAD" in os.environ, reason="compilers are not to be run under sanitizers"
)


def run(*command: object, cwd: Path | None = None) -> str:
    # Its own meson and ninja first, as where pip has installed them; no module of this run's.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    unset = ("PYTHONPATH", "MAKEFLAGS", "DESTDIR", "CFLAGS", "LDFLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as it stands, as a repository of its own: a source distribution is what git has."""
    source = tmp_path_factory.mktemp("source") / "hyperhttp"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "build", "build-*", "results", "__pycache__", ".*_cache", "*.tmp~"
    )
    shutil.copytree(ROOT, source, ignore=ignored, symlinks=True)
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@example.com")
    run("git", "init", "--quiet", cwd=source)
    run("git", "add", ".", cwd=source)
    run(*git, "commit", "--quiet", "--no-verify", "--message", "all", cwd=source)
    return source


@pytest.fixture(scope="module")
def sdist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    call = f"import mesonpy; mesonpy.build_sdist({str(folder)!r})"
    run(sys.executable, "-c", call, cwd=source)
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, so that nothing it lacks goes unseen."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    options = ("--quiet", "--no-build-isolation", "--no-deps", "--no-index")
    run(*pip, "wheel", *options, "--wheel-dir", folder, sdist)
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean virtual environment that has the wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--quiet", "--no-index", wheel)
    return python


def read_metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_a_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    files = (path for path in PACKAGE.rglob("*") if path.is_file())
    ours = {f"hyperhttp/{path.relative_to(PACKAGE)}" for path in files}
    ours = {name for name in ours if name.endswith((".py", ".pyi", "py.typed"))} | {ENGINE}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == ours
    assert {"hyperhttp/py.typed", "hyperhttp/_engine.pyi"} <= names


def test_the_metadata_is_complete(wheel: Path) -> None:
    metadata = read_metadata(wheel)
    assert metadata["Name"] == "hyperhttp"
    assert f"version: '{metadata['Version']}'" in (ROOT / "meson.build").read_text()
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Summary"] and metadata["Keywords"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text()
    assert metadata.get_all("Requires-Dist") is None


def test_the_extension_shows_the_interpreter_one_symbol(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        engine = archive.extract(ENGINE, tmp_path)
    lines = run("nm", "--dynamic", "--defined-only", engine).splitlines()
    assert [line.split()[-1] for line in lines] == ["PyInit__engine"]
    needed = run("readelf", "--dynamic", engine)
    assert "libhyperhttp" not in needed and "libpython" not in needed
    assert "RUNPATH" not in needed and "RPATH" not in needed


def test_the_source_distribution_builds_what_it_holds(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "meson.build", "README.md", "LICENSE", "PKG-INFO"} <= names
    assert {"python/ext/module.c", "src/client/client.c", "include/hyperhttp/hyperhttp.h"} <= names


def test_the_package_works_in_a_clean_environment(python: Path, tmp_path: Path) -> None:
    said = run(python, "-c", "import hyperhttp; print(hyperhttp.__file__)", cwd=tmp_path)
    assert Path(said.strip()).is_relative_to(python.parent.parent)


def test_it_runs_as_a_program(python: Path, tmp_path: Path) -> None:
    assert "usage" in run(python, "-m", "hyperhttp", "--help", cwd=tmp_path).lower()


def test_a_user_sees_its_types(python: Path, tmp_path: Path) -> None:
    sample = "import hyperhttp\n\n\nasync def f() -> int:\n"
    sample += "    async with hyperhttp.Client() as client:\n"
    sample += "        return (await client.get('http://localhost/')).status_code\n"
    (tmp_path / "sample.py").write_text(sample)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python)
    run(*mypy, "--cache-dir", tmp_path / "cache", "sample.py", cwd=tmp_path)
