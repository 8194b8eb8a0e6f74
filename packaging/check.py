"""Looks into what build.py made, and starts each of it as its users will.

    python check.py TARGET OUT        (on a computer of that kind, with packaging/requirements.txt installed)

The wheel is installed and started by `uvx`, the archive unpacked, the bundle started by its own
manifest. Each has to shake hands, list its tools and answer from a recorded directory.
"""

import json
import os
import pathlib
import stat
import sys
import tarfile
import tempfile
import zipfile

import project
from handshake import handshake

FIXTURE = project.ROOT / "tests/fixtures/0.43.0.tar.gz"


def unpacked(path, into):
    """An archive of any kind, unpacked with its modes."""
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path) as file:
            file.extractall(into)
        return into
    with zipfile.ZipFile(path) as file:
        for entry in file.infolist():
            os.chmod(file.extract(entry, into), stat.S_IMODE(entry.external_attr >> 16) or 0o755)
    return into


def check_wheel(package, platform, out):
    """The wheel's name and what is in it; answers its path."""
    version, name = package["version"], package["name"]
    path = project.wheel(package, platform.target, out)
    info = f"mcp_trackio-{version}.dist-info"
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        executable = file.getinfo(f"mcp_trackio-{version}.data/scripts/{name}{platform.suffix}")
        assert platform.suffix or (executable.external_attr >> 16) & 0o111 == 0o111, executable
        assert f"{info}/licenses/LICENSE" in names, names
        check_metadata(package, file.read(f"{info}/METADATA").decode())
        (bill,) = [each for each in names if each.startswith(f"{info}/sboms/")]
        check_bill(package, json.loads(file.read(bill)))
    print(f"  {path.name}: {path.stat().st_size:,} bytes, the binary in it {executable.file_size:,}")
    return path


def check_metadata(package, text):
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    for field, value in {
        "Name": package["name"],
        "Version": package["version"],
        "Summary": package["description"],
        "License-Expression": package["license"],
    }.items():
        assert f"\n{field}: {value}\n" in f"\n{head}\n", f"{field} is not {value}:\n{head}"
    readme = (project.ROOT / package["readme"]).read_text("utf-8")
    assert body.strip() == readme.strip(), "the wheel's description is not the README"


def check_bill(package, bill):
    """The bill of materials names the package and each dependency of Cargo.lock that it is made of."""
    assert bill["bomFormat"] == "CycloneDX", bill
    assert bill["metadata"]["component"]["version"] == package["version"], bill["metadata"]
    parts = {part["name"] for part in bill["components"]}
    direct = {need["name"] for need in package["dependencies"] if need["kind"] is None and not need["target"]}
    assert direct <= parts, f"not in the bill of materials: {direct - parts}"


def bundled(path, into, directory):
    """The command and variables of a bundle, as its host fills them in."""
    unpacked(path, into)
    server = json.loads((into / "manifest.json").read_text("utf-8"))["server"]
    assert (into / server["entry_point"]).is_file(), server
    known = {"${__dirname}": str(into), "${user_config.trackio_dir}": str(directory), "${user_config.allow_writes}": "false"}

    def filled(text):
        for name, value in known.items():
            text = text.replace(name, value)
        return text

    how = server["mcp_config"]
    return [filled(how["command"]), *how["args"]], {name: filled(value) for name, value in how["env"].items()}


def check(package, platform, out, scratch):
    directory = unpacked(FIXTURE, scratch / "data") / "0.43.0"
    plain = {"TRACKIO_DIR": str(directory)}
    wheel = check_wheel(package, platform, out)
    uvx = [sys.executable, "-m", "uv", "tool", "run", "--offline", "--from", str(wheel), package["name"]]
    # `uvx` of a package that it does not have yet, then of one that it has.
    fresh = {**plain, "UV_CACHE_DIR": str(scratch / "cache"), "UV_PYTHON": sys.executable}
    ways = [("uvx, first", uvx, fresh), ("uvx, again", uvx, fresh)]
    name, folder, _ = project.archive(package, platform.target)
    inside = unpacked(out / name, scratch / "archive") / folder
    ways.append((name, [str(inside / (package["name"] + platform.suffix))], plain))
    if platform.bundle:
        name = project.bundle(package, platform.target)
        ways.append((name, *bundled(out / name, scratch / "bundle", directory)))
    declared = json.loads((project.ROOT / "packaging/manifest.json").read_text("utf-8"))["tools"]
    for title, command, variables in ways:
        version, took, tools = handshake(command, variables)
        assert version == package["version"], f"{title} is {version}"
        assert sorted(tools) == sorted(tool["name"] for tool in declared), f"{title}: {tools}"
        print(f"  {title}: {took:.0f} ms to the handshake, {len(tools)} tools, asked")


def main():
    platform, out = project.platform(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        check(project.cargo(), platform, out, pathlib.Path(scratch).resolve())


main()
