#!/usr/bin/env python3
"""Says what is in a program that scripts/build has made: a CycloneDX 1.5 list (JSON) of the crates that are compiled into it for a
target, of Rust's standard library, and of the C library where the program is static.

  sbom.py --target TRIPLE [--program FILE] [--no-default-features]    prints the list
  sbom.py --check FILE...                                             checks lists for what the standard asks of them

Nothing in it depends on when or where it is made: the time is SOURCE_DATE_EPOCH, the serial number follows from the content.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid

TREE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


def output(*command):
    return subprocess.run(command, cwd=TREE, check=True, stdout=subprocess.PIPE, text=True).stdout


def features(args):
    return ["--no-default-features"] if args.no_default_features else []


def metadata(args):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", args.target]
    return json.loads(output(*command, *features(args)))


def linked(args, meta):
    """The packages in the program, and for each the ones that it uses itself: normal dependencies, from the root on.

    As cargo tree tells, because the list of cargo metadata also has what no enabled feature asks for."""
    ids = {(package["name"], package["version"]): package["id"] for package in meta["packages"]}
    tree = output("cargo", "tree", "--locked", "--edges", "normal", "--prefix", "depth", "--no-dedupe", "--format", " {p}",
                  "--target", args.target, *features(args))
    uses, way = {}, []
    for line in tree.splitlines():
        depth, name, version = line.split()[:3]
        at = ids[name, version.removeprefix("v")]
        way = way[:int(depth)] + [at]
        uses.setdefault(at, set())
        if len(way) > 1:
            uses[way[-2]].add(at)
    return uses


def checksums():
    with open(os.path.join(TREE, "Cargo.lock"), "rb") as lock:
        return {(p["name"], p["version"]): p.get("checksum") for p in tomllib.load(lock)["package"]}


def licence(expression):
    # Crates of old wrote "MIT/Apache-2.0".
    return [{"expression": expression.replace("/", " OR ")}]


def crate(package, sums):
    name, version = package["name"], package["version"]
    purl = f"pkg:cargo/{name}@{version}"
    component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "scope": "required"}
    if package.get("description"):
        component["description"] = " ".join(package["description"].split())
    checksum = sums[name, version]
    if checksum:
        component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    component["licenses"] = licence(package["license"])
    component["purl"] = purl
    if package.get("repository"):
        component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return component


def toolchain():
    found = dict(line.split(": ", 1) for line in output("rustc", "-vV").splitlines() if ": " in line)
    return found["release"], found["commit-hash"]


def generic(name, version, expression, url):
    purl = f"pkg:generic/{name}@{version}"
    return {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "scope": "required",
        "licenses": licence(expression), "purl": purl, "externalReferences": [{"type": "website", "url": url}],
    }


def runtime(target):
    """The standard library, and musl, which Rust brings for its static targets."""
    release, commit = toolchain()
    std = generic("rust-std", release, "MIT OR Apache-2.0", "https://www.rust-lang.org/")
    std["properties"] = [{"name": "rust:commit", "value": commit}]
    found = [std]
    if "-musl" in target:
        library = f"{output('rustc', '--print', 'sysroot').strip()}/lib/rustlib/{target}/lib/self-contained/libc.a"
        with open(library, "rb") as file:
            versions = set(re.findall(rb"\0(1\.\d+\.\d+)\0", file.read()))
        if len(versions) != 1:
            sys.exit(f"sbom.py: {library} does not say its version")
        found.append(generic("musl", versions.pop().decode(), "MIT", "https://musl.libc.org/"))
    return found


def sbom(args):
    meta, sums = metadata(args), checksums()
    packages = {package["id"]: package for package in meta["packages"]}
    uses, root = linked(args, meta), meta["resolve"]["root"]
    reference = {at: f"pkg:cargo/{packages[at]['name']}@{packages[at]['version']}" for at in uses}

    program = crate(packages[root], sums)
    program["type"] = "application"
    del program["scope"]
    program["properties"] = [{"name": "rust:target", "value": args.target}]
    if args.program:
        with open(args.program, "rb") as file:
            program["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(file.read()).hexdigest()}]

    base = runtime(args.target)
    components = sorted([crate(packages[at], sums) for at in uses if at != root] + base, key=lambda c: c["bom-ref"])
    below = {base[0]["bom-ref"]: [c["bom-ref"] for c in base[1:]]}
    dependencies = [
        {"ref": reference[at], "dependsOn": sorted([reference[to] for to in uses[at]] + [base[0]["bom-ref"]])} for at in uses
    ]
    dependencies += [{"ref": c["bom-ref"], "dependsOn": below.get(c["bom-ref"], [])} for c in base]
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct"))
    stamp = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": stamp,
            "tools": {"components": [{"type": "application", "name": "sbom.py", "version": program["version"]}]},
            "component": program,
        },
        "components": components,
        "dependencies": sorted(dependencies, key=lambda d: d["ref"]),
    }
    content = json.dumps(found, sort_keys=True)
    found["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, content).urn
    return found


def faults(bom):
    """What the standard (1.5) or this list's own promises are broken by."""
    top = {"$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "dependencies"}
    if set(bom) != top:
        yield f"fields at the top: {sorted(set(bom) ^ top)}"
        return
    if (bom["bomFormat"], bom["specVersion"], bom["version"]) != ("CycloneDX", "1.5", 1):
        yield "not a first version of CycloneDX 1.5"
    if not re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", bom["serialNumber"]):
        yield "serialNumber is no URN of a UUID"
    try:
        datetime.datetime.strptime(bom["metadata"]["timestamp"], "%Y-%m-%dT%H:%M:%SZ")
    except ValueError as error:
        yield f"timestamp: {error}"
    root = bom["metadata"]["component"]
    if root["type"] != "application":
        yield "the root is no application"
    everything = [root] + bom["components"]
    for component in everything:
        name = component.get("name") or "?"
        for field in ("type", "bom-ref", "name", "version", "licenses", "purl"):
            if not component.get(field):
                yield f"{name}: {field} is missing"
        if not re.fullmatch(r"pkg:(cargo|generic)/[a-z0-9_.-]+@[0-9][0-9A-Za-z.+-]*", component.get("purl", "")):
            yield f"{name}: purl {component.get('purl')}"
        if component is not root and component.get("purl", "").startswith("pkg:cargo/") and not component.get("hashes"):
            yield f"{name}: a crate without a hash"
        for entry in component.get("hashes", []):
            if entry["alg"] != "SHA-256" or not re.fullmatch("[0-9a-f]{64}", entry["content"]):
                yield f"{name}: hash {entry}"
        for entry in component.get("licenses", []):
            expression = entry.get("expression", "").translate({ord("("): None, ord(")"): None})
            if not re.fullmatch(r"[A-Za-z0-9.+-]+( (OR|AND|WITH) [A-Za-z0-9.+-]+)*", expression):
                yield f"{name}: licence {entry}"
    references = [component.get("bom-ref") for component in everything]
    if len(references) != len(set(references)):
        yield "two components have one bom-ref"
    refs = [dependency["ref"] for dependency in bom["dependencies"]]
    if sorted(refs) != sorted(references):
        yield "components and dependencies are not of the same things"
    for dependency in bom["dependencies"]:
        for to in dependency["dependsOn"]:
            if to not in references:
                yield f"{dependency['ref']} depends on {to}, which is not listed"
    reached, todo = set(), [root["bom-ref"]]
    below = {dependency["ref"]: dependency["dependsOn"] for dependency in bom["dependencies"]}
    while todo:
        at = todo.pop()
        if at not in reached:
            reached.add(at)
            todo += below.get(at, [])
    for missing in sorted(set(references) - reached):
        yield f"nothing depends on {missing}"
    if not any(component.get("name") == "rust-std" for component in bom["components"]):
        yield "the standard library is not listed"


def validate(names):
    broken = False
    for name in names:
        with open(name) as file:
            bom = json.load(file)
        for fault in faults(bom):
            broken = True
            print(f"{name}: {fault}", file=sys.stderr)
        try:
            from cyclonedx.schema import SchemaVersion
            from cyclonedx.validation.json import JsonStrictValidator
        except ImportError:
            continue
        fault = JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(bom))
        if fault:
            broken = True
            print(f"{name}: {fault}", file=sys.stderr)
    return broken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target")
    parser.add_argument("--program")
    parser.add_argument("--no-default-features", action="store_true")
    parser.add_argument("--check", nargs="+", metavar="FILE")
    args = parser.parse_args()
    if args.check:
        return 1 if validate(args.check) else 0
    if not args.target:
        parser.error("--target or --check")
    json.dump(sbom(args), sys.stdout, indent=2, ensure_ascii=False)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
