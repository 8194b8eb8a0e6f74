"""Builds what a release has for one kind of computer: wheel, archive and bundle, of one binary.

    python build.py TARGET OUT        (with packaging/requirements.txt installed)
"""

import gzip
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import project

# Beside the binary, in the archive and in the bundle.
COMPANIONS = ["README.md", "LICENSE", "CHANGELOG.md"]
# The same binary makes the same files, whenever it is packed.
DAY_ONE = (1980, 1, 1, 0, 0, 0)


def wheel(platform, out):
    """Builds the wheel."""
    # For `python3 -m ziglang`, which maturin starts.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "MATURIN_NO_INSTALL_RUST": "1"}
    if "windows" in platform.target:
        # No Visual C++ runtime to be installed first.
        environment["RUSTFLAGS"] = "-C target-feature=+crt-static"
    words = [sys.executable, "-m", "maturin", "build", "--release", "--locked"]
    words += ["--target", platform.target, "--out", str(out), *platform.options]
    subprocess.run(words, cwd=project.ROOT, env=environment, check=True)


def binary(package, platform, out):
    """The binary in the wheel: what the others hold too."""
    name = f"mcp_trackio-{package['version']}.data/scripts/{package['name']}{platform.suffix}"
    with zipfile.ZipFile(project.wheel(package, platform.target, out)) as file:
        return file.read(name)


def companions(folder=""):
    """What lies beside the binary: name, bytes, mode."""
    return [(folder + name, (project.ROOT / name).read_bytes(), 0o644) for name in COMPANIONS]


def pack_tar(path, files):
    with gzip.GzipFile(path, "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as file:
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            file.addfile(entry, io.BytesIO(content))


def pack_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content, mode in files:
            entry = zipfile.ZipInfo(name, DAY_ONE)
            entry.create_system, entry.external_attr = 3, (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)


def archive(package, platform, content, out):
    name, folder, _ = project.archive(package, platform.target)
    executable = f"{folder}/{package['name']}{platform.suffix}"
    files = [(executable, content, 0o755), *companions(f"{folder}/")]
    (pack_zip if name.endswith(".zip") else pack_tar)(out / name, files)


def manifest(platform):
    """packaging/manifest.json, for one platform."""
    made = json.loads((project.ROOT / "packaging/manifest.json").read_text("utf-8"))
    made["server"]["entry_point"] += platform.suffix
    made["server"]["mcp_config"]["command"] += platform.suffix
    made["compatibility"] = {"platforms": [platform.bundle]}
    return json.dumps(made, indent=2, ensure_ascii=False).encode()


def bundle(package, platform, content, out):
    executable = f"server/{package['name']}{platform.suffix}"
    files = [("manifest.json", manifest(platform), 0o644), (executable, content, 0o755), *companions()]
    pack_zip(out / project.bundle(package, platform.target), files)


def main():
    platform, out = project.platform(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    package = project.cargo()
    wheel(platform, out)
    content = binary(package, platform, out)
    archive(package, platform, content, out)
    if platform.bundle:
        bundle(package, platform, content, out)


main()
