"""tools/install-packages, with an apt and a dpkg of the test's own first on the PATH."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LIST = """
# a comment
build   alpha                 command:nonesuch-alpha
build   beta|beta-ng          pkg-config:nonesuch-beta
build   gamma                 command:sh
test    libclang-rt-@clang@-dev   -
"""

# Stand-ins: what is installed, known and done lies in files beside them.
DPKG_QUERY = """#!/bin/sh
shift 2
for package; do
    if grep -qx "$package" "$STATE/installed"; then echo "installed $package"; fi
done
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$STATE/log"
for word; do
    case $word in
    update) cat "$STATE/mirror" >"$STATE/known" ;;
    -*) ;;
    install) install=yes ;;
    *) if [ "${install:-}" ]; then
        grep -qx "$word" "$STATE/mirror" || exit 100
        [ -e "$STATE/broken" ] || echo "$word" >>"$STATE/installed"
    fi ;;
    esac
done
"""
APT_CACHE = """#!/bin/sh
case $1 in
show) grep -qx "$2" "$STATE/known" ;;
depends) echo "clang"; if grep -qx clang "$STATE/known"; then echo "  Depends: clang-99"; fi ;;
esac
"""


class Machine:
    def __init__(self, base: Path):
        self.base = base
        self.bin = base / "bin"
        self.bin.mkdir()
        for name in ("installed", "known", "mirror", "log"):
            (base / name).touch()
        (base / "packages.txt").write_text(LIST)
        self.add("dpkg-query", DPKG_QUERY)
        # Everything the script itself needs, and no more: no clang, no sudo.
        for tool in ("sh", "awk", "sed", "grep", "tr", "head", "dirname", "cat", "env"):
            found = next(p for d in ("/usr/bin", "/bin") if (p := Path(d) / tool).exists())
            (self.bin / tool).symlink_to(found)
        self.add("id", "#!/bin/sh\necho 0\n")

    def add(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def add_apt(self) -> None:
        self.add("apt-get", APT_GET)
        self.add("apt-cache", APT_CACHE)

    def set(self, name: str, *packages: str) -> None:
        (self.base / name).write_text("".join(f"{package}\n" for package in packages))

    @property
    def log(self) -> list[str]:
        return (self.base / "log").read_text().splitlines()

    def run(self, *groups: str, **environment: str) -> subprocess.CompletedProcess:
        environment |= {"PATH": str(self.bin), "STATE": str(self.base)}
        environment["HH_PACKAGES"] = str(self.base / "packages.txt")
        return subprocess.run(
            ["/bin/sh", ROOT / "tools" / "install-packages", *groups],
            env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize(("headers", "missing"), [(["Python.h"], []), ([], ["    python3-dev"])])
def test_a_header_is_looked_for_where_the_interpreter_has_them(machine, headers, missing):
    folder = machine.base / "include"
    folder.mkdir()
    for name in headers:
        (folder / name).touch()
    machine.add("python-of-mine", f"#!/bin/sh\necho {folder}\n")
    (machine.base / "packages.txt").write_text("build python3-dev python-header:Python.h\n")
    done = machine.run("build", PYTHON="python-of-mine", HH_NO_INSTALL="1")
    assert (done.returncode, done.stderr.splitlines()[1:]) == (1 if missing else 0, missing)


def test_an_interpreter_that_is_not_there_has_no_headers(machine):
    (machine.base / "packages.txt").write_text("build python3-dev python-header:Python.h\n")
    done = machine.run("build", PYTHON="nonesuch-python", HH_NO_INSTALL="1")
    assert done.returncode == 1 and "python3-dev" in done.stderr


def test_with_all_there_it_is_silent_and_asks_apt_nothing(machine):
    machine.add_apt()
    machine.set("installed", "alpha", "beta-ng")  # gamma shows by its command
    done = machine.run("build")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.log == []


def test_it_installs_only_what_is_missing_without_fetching_lists(machine):
    machine.add_apt()
    machine.set("installed", "alpha")
    machine.set("known", "beta")
    machine.set("mirror", "beta")
    done = machine.run("build")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.log == ["apt-get -q -q -y install --no-install-recommends beta"]


def test_it_fetches_lists_that_do_not_know_a_package(machine):
    machine.add_apt()
    machine.set("mirror", "alpha", "beta-ng")
    done = machine.run("build")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.log == [
        "apt-get -q -q -y update",
        "apt-get -q -q -y install --no-install-recommends alpha beta-ng",
    ]


def test_the_version_in_a_name_is_that_of_the_clang_to_come(machine):
    machine.add_apt()
    machine.set("mirror", "clang", "libclang-rt-99-dev")
    done = machine.run("test")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.log[-1].endswith(" libclang-rt-99-dev")


def test_what_is_missing_afterwards_is_an_error(machine):
    machine.add_apt()
    machine.set("mirror", "alpha", "beta")
    (machine.base / "broken").touch()
    done = machine.run("build")
    assert done.returncode == 1
    assert "still missing after the installation: alpha beta" in done.stderr


@pytest.mark.parametrize("has_apt", [True, False])
def test_without_leave_or_apt_it_names_what_is_missing(machine, has_apt):
    if has_apt:
        machine.add_apt()
    done = machine.run("build", **({"HH_NO_INSTALL": "1"} if has_apt else {}))
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["    alpha", "    beta or beta-ng"]
    assert machine.log == []


def test_without_root_and_sudo_it_says_what_to_do(machine):
    machine.add_apt()
    machine.add("id", "#!/bin/sh\necho 1000\n")
    done = machine.run("build")
    assert done.returncode == 1
    assert "as root" in done.stderr and "apt-get install alpha beta" in done.stderr


@pytest.mark.parametrize("groups", [[], ["nonesuch"], ["build", "nonesuch"]])
def test_a_group_there_is_not_is_a_mistake(machine, groups):
    assert machine.run(*groups).returncode == 2


def test_each_line_of_the_real_list_has_three_words():
    groups = {"build", "run", "test", "bench"}
    for line in (ROOT / "tools" / "packages.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            group, _, probe = line.split()
            assert group in groups
            assert probe == "-" or probe.split(":")[0] in (
                "command", "pkg-config", "file", "python", "python-header",
            )  # fmt: skip
