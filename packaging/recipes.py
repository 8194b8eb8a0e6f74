"""Makes what needs the checksums of a whole release: SHA256SUMS, server.json, the Homebrew formula.

    python recipes.py OUT        (with the archives and bundles of every platform in OUT)
"""

import hashlib
import json
import pathlib
import re
import sys

import project


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def formula(package, out):
    """packaging/formula.rb, filled in."""

    def filled(found):
        what, _, target = found[1].partition(" ")
        if not target:
            return package[what]
        name, _, url = project.archive(package, target)
        return url if what == "url" else checksum(out / name)

    form = (project.ROOT / "packaging/formula.rb").read_text("utf-8")
    # Ruby's own braces follow a `#`.
    return re.sub(r"(?<!#)\{([a-z0-9_ -]+)\}", filled, form)


def registry_entry(package, out):
    """server.json, with the bundles beside the wheel."""
    entry = json.loads((project.ROOT / "server.json").read_text("utf-8"))
    for platform in project.PLATFORMS:
        if not platform.bundle:
            continue
        name = project.bundle(package, platform.target)
        _, _, url = project.archive(package, platform.target)
        entry["packages"].append({
            "registryType": "mcpb",
            "identifier": url.rsplit("/", 1)[0] + "/" + name,
            "version": package["version"],
            "fileSha256": checksum(out / name),
            "transport": {"type": "stdio"},
        })
    return json.dumps(entry, indent=2, ensure_ascii=False) + "\n"


def main():
    out = pathlib.Path(sys.argv[1])
    package = project.cargo()
    (out / f"{package['name']}.rb").write_text(formula(package, out), "utf-8")
    (out / "server.json").write_text(registry_entry(package, out), "utf-8")
    sums = [f"{checksum(path)}  {path.name}\n" for path in sorted(out.iterdir()) if path.name != "SHA256SUMS"]
    (out / "SHA256SUMS").write_text("".join(sums), "utf-8")


main()
