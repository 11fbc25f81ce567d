#!/usr/bin/env python3
"""What a release is made of: an SBOM (CycloneDX 1.5) and the licences of all crates.

    scripts/bill_of_materials.py SBOM LICENCES

Of the server and of the browser's part together, without what only builds or tests them. A script instead of
cargo-cyclonedx and cargo-about: those are two more tools to compile, each knows one target at a time, and neither
finds the licences of the C libraries inside of crates.
"""

import collections
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILDS = (("ssr", "x86_64-unknown-linux-gnu"), ("hydrate", "wasm32-unknown-unknown"))
LICENCE_FILE = re.compile(r"^(licen[cs]e|copying|notice|unlicense|patents|ofl|copyright)([-_.].*)?$", re.IGNORECASE)
NO_TEXT = re.compile(r"\.(rs|py|js|ts|c|h|toml|json|html|sh|bazel|go|in)$", re.IGNORECASE)


def metadata(feature, target):
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--features={feature}", f"--filter-platform={target}"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def closure(data, roots):
    """What is linked, each with what it needs."""
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    needs, queue = {}, list(roots)
    while queue:
        this = queue.pop()
        if this in needs:
            continue
        linked = [
            dep["pkg"] for dep in nodes[this]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])
        ]
        needs[this] = linked
        queue.extend(linked)
    return needs


def collect():
    packages, needs, root = {}, collections.defaultdict(set), None
    for feature, target in BUILDS:
        data = metadata(feature, target)
        packages.update({package["id"]: package for package in data["packages"]})
        root = data["resolve"]["root"]
        for this, linked in closure(data, [root]).items():
            needs[this].update(linked)
    return {this: packages[this] for this in needs}, needs, root


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def expression(package):
    """As SPDX writes it today."""
    return re.sub(r"\s*/\s*", " OR ", package["license"]) if package["license"] else None


def component(package, checksums):
    is_ours = package["source"] is None
    result = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["description"]:
        result["description"] = " ".join(package["description"].split())
    if expression(package):
        result["licenses"] = [{"expression": expression(package)}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum and not is_ours:
        result["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        result["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return result


def sbom(packages, needs, root):
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    others = sorted((p for this, p in packages.items() if this != root), key=purl)
    main = component(packages[root], checksums) | {"type": "application"}
    main["bom-ref"] = main["purl"] = f"pkg:generic/tessera@{main['version']}"
    name = {this: purl(package) for this, package in packages.items()} | {root: main["bom-ref"]}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": main},
        "components": [component(package, checksums) for package in others],
        "dependencies": [
            {"ref": name[this], "dependsOn": sorted({name[other] for other in needs[this]})}
            for this in sorted(needs, key=name.get)
        ],
    }
    # The same for the same contents, and no time: a release is made twice alike.
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}"} | document


def texts_in(folder):
    """Every licence in a crate, those of the C libraries that it brings included."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("target", ".git", "node_modules"))
        for file in sorted(files):
            if LICENCE_FILE.match(file) and not NO_TEXT.search(file):
                path = Path(place) / file
                text = path.read_text(encoding="utf-8", errors="replace").strip()
                if text:
                    yield path.relative_to(folder), text


def licences(packages, root):
    texts, without = collections.OrderedDict(), []
    for package in sorted(packages.values(), key=purl):
        if package["id"] == root:
            continue
        folder = Path(package["manifest_path"]).parent
        found = list(texts_in(folder))
        for path, text in found:
            inside = f" ({path.parent})" if str(path.parent) != "." else ""
            texts.setdefault(text, []).append(f"{package['name']} {package['version']}{inside}")
        if not found and package["source"] is not None:
            without.append(package)
    for path in sorted(ROOT.glob("**/fonts/OFL.txt")):
        if "target" not in path.parts:
            texts.setdefault(path.read_text().strip(), []).append(f"fonts in {path.parent.relative_to(ROOT)}")
    lines = ["Tessera is under the MIT license (LICENSE). It contains the works below.", ""]
    for package in sorted(packages.values(), key=purl):
        if package["id"] != root:
            lines.append(f"{package['name']} {package['version']}: {expression(package) or 'see below'}")
    if without:
        lines += ["", "These packages come without the text of their licence, which is among those below:", ""]
        for package in without:
            by = ", ".join(package["authors"]) or package["repository"] or ""
            lines.append(f"{package['name']} {package['version']}: {expression(package)} ({by})")
    for text, names in texts.items():
        lines += ["", "=" * 80, *sorted(set(names)), "-" * 80, text]
    return "\n".join(lines) + "\n"


def main():
    packages, needs, root = collect()
    Path(sys.argv[1]).write_text(json.dumps(sbom(packages, needs, root), indent=1, ensure_ascii=False) + "\n")
    Path(sys.argv[2]).write_text(licences(packages, root))


main()
