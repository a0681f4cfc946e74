"""Fetch the scripts that the book serves itself, so that it needs no network.

    python book/fetch_vendor.py           download, verify, write book/vendor
    python book/fetch_vendor.py --check   compare book/vendor with its SHA256SUMS, offline

The files come from npm tarballs and one Python wheel at the versions named below. Each archive is
checked against the integrity hash written here before anything is unpacked. To move to another
version, change the version and its hash together.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent / "vendor"
SUMS = "SHA256SUMS"

WIDGET_FONT = "1551f4f60c37af51121f.woff2"  # Font Awesome 5.15.4 solid: the icons of `Play`

REQUIREJS_LICENCE = """\
RequireJS 2.3.8. Copyright jQuery Foundation and other contributors.
Released under the MIT License (the package itself carries no licence file):

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class Package:
    """One archive and the members taken from it.

    `files` maps a member's name to its place, or places, under book/vendor; a name that ends in
    "/" takes the whole folder. `integrity` is npm's `sha512-<base64>` for a tarball, the hex
    SHA-256 for a wheel.
    """

    name: str
    version: str
    integrity: str
    licence: str
    purpose: str
    files: dict[str, str | tuple[str, ...]]
    registry: str = "npm"


PACKAGES = (
    Package(
        "requirejs",
        "2.3.8",
        "sha512-7/cTSLOdYkNBNJcDMWf+luFvMriVm7eYxp4BcFCsAX0wF421Vyce5SXP17c+Jd5otXKGNehIonFlyQXSowL6Mw==",
        "MIT",
        "loads the widget modules",
        {"require.js": "widgets/require.js"},
    ),
    Package(
        "@jupyter-widgets/html-manager",
        "1.0.15",
        "sha512-5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
        "BSD-3-Clause",
        "shows Jupyter widgets on a static page",
        {
            "dist/embed-amd.js": "widgets/embed-amd.js",
            "dist/embed.js.LICENSE.txt": "licences/html-manager-bundled.txt",
            f"dist/{WIDGET_FONT}": (
                f"widgets/@jupyter-widgets/{WIDGET_FONT}",  # asked for by the controls
                f"widgets/@jupyter-widgets/html-manager/dist/{WIDGET_FONT}",  # by the manager
            ),
        },
    ),
    Package(
        "@fortawesome/fontawesome-free",
        "5.15.4",
        "sha512-eYm8vijH/hpzr/6/1CJ/V/Eb1xQFW2nnUKArb3z+yUWv7HTwj6M7SP957oMjfZjAHU6qpoNc2wQvIxBLWYa/Jg==",
        "OFL-1.1 (font)",
        "licence of the icon font in html-manager",
        {"LICENSE.txt": "licences/fontawesome.txt"},
    ),
    Package(
        "anywidget",
        "0.11.0",
        "c574d9acc6503ad27b37a9acea48f957a8ba7c9c9876cfcb37898931c098ce9d",
        "MIT",
        "runs the explorer's canvas",
        {
            "anywidget/nbextension/index.js": "widgets/anywidget.js",
            "anywidget-0.11.0.dist-info/licenses/LICENSE": "licences/anywidget.txt",
        },
        registry="PyPI",
    ),
    Package(
        "ipywidgets",
        "8.1.9",
        "f2b8cbcaae10252b809fbe4d7470db75c09b769a32cbf816d20e5ca6d3c5a79d",
        "BSD-3-Clause",
        "licence of html-manager, which carries none itself",
        {"ipywidgets-8.1.9.dist-info/licenses/LICENSE": "licences/html-manager.txt"},
        registry="PyPI",
    ),
)


def npm_members(package: Package) -> dict[str, bytes]:
    """All files of an npm tarball by name, once its hash has been verified.

    Raises ValueError if the tarball is not the one that `integrity` names.
    """
    base = package.name.rpartition("/")[2]
    url = f"https://registry.npmjs.org/{package.name}/-/{base}-{package.version}.tgz"
    with urllib.request.urlopen(url, timeout=300) as response:
        content = response.read()
    digest = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if digest != package.integrity:
        raise ValueError(f"{url}: expected {package.integrity}, got {digest}")
    members = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                members[member.name.removeprefix("package/")] = file.read()
    return members


def wheel_members(package: Package) -> dict[str, bytes]:
    """All files of a wheel by name; pip downloads it and verifies the hash.

    Raises CalledProcessError if pip finds no wheel with that hash.
    """
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "requirement.txt")
        requirement.write_text(
            f"{package.name}=={package.version} --hash=sha256:{package.integrity}\n",
            encoding="ascii",
        )
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        options = ["--only-binary", ":all:", "--require-hashes"]
        subprocess.run([*pip, *options, "-r", requirement, "-d", folder], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def wanted(package: Package, members: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """The (place under book/vendor, content) of each wanted member.

    Raises KeyError if the archive lacks one.
    """
    for name, places in package.files.items():
        folder = name.endswith("/")
        found = [member for member in sorted(members) if folder and member.startswith(name)]
        for member in found if folder else [name]:
            for place in (places,) if isinstance(places, str) else places:
                yield place + member.removeprefix(name) if folder else place, members[member]
        if folder and not found:
            raise KeyError(f"{package.name} {package.version} has no folder {name}")


def readme() -> str:
    """The text of book/vendor/README.md."""
    rows = "\n".join(
        f"| {p.name} | {p.version} | {p.registry} | {p.licence} | {p.purpose} |" for p in PACKAGES
    )
    return (
        "# Files by others\n\n"
        "The book serves these itself, so that it needs no network. `book/fetch_vendor.py` wrote\n"
        "this folder; change nothing here by hand. Licence texts are under `licences/`.\n\n"
        "| Package | Version | From | Licence | Purpose |\n|---|---|---|---|---|\n" + rows + "\n"
    )


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file under `folder` but the list of sums itself."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def differences(folder: Path = VENDOR) -> list[str]:
    """Names that were added, removed or changed since the sums were written."""
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    recorded = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    present = digests(folder)
    return sorted(
        name for name in recorded.keys() | present.keys() if recorded.get(name) != present.get(name)
    )


def fetch(folder: Path = VENDOR) -> None:
    """Download everything, then replace `folder` by it."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        fresh = Path(scratch, "vendor")
        for package in PACKAGES:
            read = npm_members if package.registry == "npm" else wheel_members
            for place, content in wanted(package, read(package)):
                path = fresh / place
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            print(f"{package.name} {package.version}")
        (fresh / "licences/requirejs.txt").write_text(REQUIREJS_LICENCE, encoding="utf-8")
        (fresh / "README.md").write_text(readme(), encoding="utf-8")
        sums = "".join(f"{digest}  {name}\n" for name, digest in digests(fresh).items())
        (fresh / SUMS).write_text(sums, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(fresh, folder)


def main() -> int:
    """Fetch, or check; the exit status is 1 if a check fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="verify book/vendor, offline")
    if not parser.parse_args().check:
        fetch()
        return 0
    changed = differences()
    for name in changed:
        print(f"book/vendor/{name} is not what {SUMS} says", file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
