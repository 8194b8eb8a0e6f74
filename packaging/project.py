"""What the packages are called, and which computers they are made for.

    python project.py matrix [TAG]        what the release workflow builds, as JSON

Names, version and description come from Cargo.toml, file names from what it tells
`cargo binstall`. With a tag, it is checked: a release is of the version that Cargo.toml has, and
CHANGELOG.md tells of it.
"""

import dataclasses
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Platform:
    """One kind of computer, and the runner of GitHub's that is one."""

    target: str
    runner: str
    # What the wheel's name says of where it runs.
    tags: tuple
    # What maturin is told to get there. zig brings an old glibc to link with, and a musl.
    options: tuple = ()
    # The platform of the bundle for Claude Desktop; one without glibc gets none.
    bundle: str = ""

    @property
    def suffix(self):
        return ".exe" if "windows" in self.target else ""


def gnu(machine, runner):
    return Platform(
        f"{machine}-unknown-linux-gnu",
        runner,
        (f"manylinux_2_17_{machine}", f"manylinux2014_{machine}"),
        ("--zig", "--compatibility", "manylinux_2_17"),
        "linux",
    )


def musl(machine, runner):
    options = ("--zig", "--compatibility", "musllinux_1_2")
    return Platform(f"{machine}-unknown-linux-musl", runner, (f"musllinux_1_2_{machine}",), options)


PLATFORMS = [
    gnu("x86_64", "ubuntu-24.04"),
    musl("x86_64", "ubuntu-24.04"),
    gnu("aarch64", "ubuntu-24.04-arm"),
    musl("aarch64", "ubuntu-24.04-arm"),
    Platform("x86_64-apple-darwin", "macos-15-intel", ("macosx_10_12_x86_64",), bundle="darwin"),
    Platform("aarch64-apple-darwin", "macos-15", ("macosx_11_0_arm64",), bundle="darwin"),
    Platform("x86_64-pc-windows-msvc", "windows-2022", ("win_amd64",), bundle="win32"),
]


def platform(target):
    return next(platform for platform in PLATFORMS if platform.target == target)


def cargo():
    """Cargo's own reading of Cargo.toml."""
    words = ["cargo", "metadata", "--no-deps", "--format-version=1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    return json.loads(done.stdout)["packages"][0]


def wheel(package, target, out):
    """The wheel of a target: any Python 3, the platforms that it is meant for, and no others."""
    start = f"mcp_trackio-{package['version']}-py3-none-"
    wanted = set(platform(target).tags)
    found = list(out.glob("*.whl"))
    for path in found:
        if path.name.startswith(start) and set(path.stem[len(start):].split(".")) == wanted:
            return path
    sys.exit(f"no wheel {start}* for {sorted(wanted)} among {[path.name for path in found]}")


def archive(package, target):
    """The name of the archive of a target, of the directory in it, and of its address."""
    binstall = package["metadata"]["binstall"]
    form = {**binstall, **binstall.get("overrides", {}).get(target, {})}
    known = {
        "repo": package["repository"],
        "version": package["version"],
        "name": package["name"],
        "bin": package["name"],
        "target": target,
        "archive-suffix": {"tgz": ".tar.gz", "zip": ".zip"}[form["pkg-fmt"]],
        "binary-ext": platform(target).suffix,
    }
    filled = lambda text: re.sub(r"\{ ([a-z-]+) \}", lambda found: known[found[1]], text)
    url = filled(form["pkg-url"])
    return url.rsplit("/", 1)[1], filled(form["bin-dir"]).rsplit("/", 1)[0], url


def bundle(package, target):
    """The name of the bundle of a target."""
    return f"{package['name']}-{target}.mcpb"


def check_tag(package, tag):
    if tag != f"v{package['version']}":
        sys.exit(f"the tag is {tag}, and the version in Cargo.toml {package['version']}")
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if f"\n## [{package['version']}]" not in changes:
        sys.exit(f"CHANGELOG.md has no section `## [{package['version']}]`")


def main():
    package = cargo()
    if sys.argv[1:2] != ["matrix"] or len(sys.argv) > 3:
        sys.exit(__doc__)
    if len(sys.argv) == 3:
        check_tag(package, sys.argv[2])
    platforms = [{"target": each.target, "runner": each.runner} for each in PLATFORMS]
    print(json.dumps({"include": platforms}))


if __name__ == "__main__":
    main()
