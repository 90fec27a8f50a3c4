#!/usr/bin/env python3
"""lint.py -- what docs/ci.md shows, tried on packages: each of its commands runs in a folder of models, and the
SARIF that comes of it is held against what the standard asks of these objects.

usage: lint.py BUILD [PACKAGES]     PACKAGES: a folder of packages, linted too where it is there
Ends with `lint: N passed, N failed`."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

from counted import build_given

BUILD = pathlib.Path(build_given(__doc__)).resolve()
PACKAGES = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
COUNT = {"passed": 0, "failed": 0}


def check(ok, what):
    COUNT["passed" if ok else "failed"] += 1
    if not ok:
        print("lint:", what)


def run(command, folder):
    path = str(BUILD) + os.pathsep + os.environ["PATH"]
    done = subprocess.run(["bash", "-ec", command], cwd=folder, capture_output=True, text=True,
                          env=dict(os.environ, PATH=path), timeout=300)
    return done.returncode, done.stdout, done.stderr


# The properties that the standard has for an object, of those that we write; others it forbids.
KEYS = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "columnKind", "results"},
    "driver": {"name", "version", "rules"},
    "rule": {"id", "shortDescription", "fullDescription", "help", "properties"},
    "result": {"ruleId", "ruleIndex", "level", "message", "locations", "properties"},
    "location": {"physicalLocation", "logicalLocations"},
    "physical": {"artifactLocation", "region"},
    "region": {"startLine", "startColumn", "endColumn"},
    "logical": {"name", "fullyQualifiedName", "kind"},
}


def foreign(kind, o):
    """Keys that an object of this kind does not have."""
    return set(o) - KEYS[kind]


def result_wrong(result, rules, folder):
    """What is wrong with a result, or None."""
    place = result["locations"][0]
    strange = foreign("result", result) | foreign("location", place) | foreign("physical", place["physicalLocation"]) \
        | foreign("region", place["physicalLocation"].get("region", {})) \
        | set().union(*(foreign("logical", l) for l in place.get("logicalLocations", [])))
    if strange:
        return "it has %s" % strange
    index = result["ruleIndex"]
    if not 0 <= index < len(rules) or rules[index]["id"] != result["ruleId"]:
        return "its rule is another"
    if result["level"] not in ("note", "warning", "error") or not result["message"]["text"]:
        return "it has no level or message"
    if not result["properties"]["targets"]:
        return "it is of no target"
    place = result["locations"][0]["physicalLocation"]
    uri = place["artifactLocation"]["uri"]
    if not re.fullmatch(r"[A-Za-z0-9\-._~/%:]+", uri):
        return "%s is no URI" % uri
    file = folder / urllib.parse.unquote(uri)
    if not file.is_file():
        return "there is no %s" % file
    region = place.get("region")
    if region:
        line = file.read_text().split("\n")[region["startLine"] - 1]
        end = region.get("endColumn", region["startColumn"])
        if not 1 <= region["startColumn"] <= end <= len(line) + 1:
            return "%s:%d has no columns %s" % (uri, region["startLine"], region)
    return None


def check_sarif(text, folder, name):
    sarif = json.loads(text)
    check(sarif["version"] == "2.1.0" and "sarif-2.1.0" in sarif["$schema"], "%s: version" % name)
    check(not foreign("log", sarif), "%s: keys" % name)
    sarif = sarif["runs"][0]
    strange = foreign("run", sarif) | foreign("driver", sarif["tool"]["driver"])
    strange = strange.union(*(foreign("rule", r) for r in sarif["tool"]["driver"]["rules"]))
    check(not strange, "%s: keys %s" % (name, strange))
    check(sarif["columnKind"] == "unicodeCodePoints", "%s: columns" % name)
    rules = sarif["tool"]["driver"]["rules"]
    check(len({r["id"] for r in rules}) == len(rules), "%s: a rule stands there twice" % name)
    check(all(r["shortDescription"]["text"] for r in rules), "%s: a rule without words" % name)
    helped = [r for r in rules if "help" in r]
    check(all("The fix: " in r["help"]["text"] and "Evidence: " in r["help"]["text"] for r in helped),
          "%s: a rule without its help" % name)
    wrong = [(r, result_wrong(r, rules, folder)) for r in sarif["results"]]
    wrong = [(r, w) for r, w in wrong if w]
    check(not wrong, "%s: %s" % (name, wrong[:1]))
    return sarif["results"]


def models(folder):
    """Two packages, a text and a program of the language; the net is not for every chip."""
    (folder / "models" / "nets").mkdir(parents=True)
    shutil.copy("examples/mlp.anedsl", folder / "models")
    status, _, err = run("anec -q -t m1,m4 %s -o '%s/models/nets/{target}.mlpackage'" %
                         (pathlib.Path("examples/mlp.anedsl").resolve(), folder), folder)
    check(status == 0, "packages are not written: " + err)
    shutil.copy("tests/golden/lint/narrow.mil", folder / "models")


def commands():
    """Those of the page: the list's, and the job's as one script."""
    page = pathlib.Path("docs/ci.md").read_text()
    for line in re.findall(r"^    (anec lint .*?)(?:   .*)?$", page, re.M):
        yield line.strip()
    job = re.search(r"- name: lint\n +run: \|\n((?: {10}.*\n)+)", page).group(1)
    yield re.sub(r"^ {10}", "", job, flags=re.M)


def try_page(folder):
    count = 0
    for command in commands():
        count += 1
        report = folder / "lint.sarif"
        if report.exists():
            report.unlink()
        status, out, err = run(command, folder)
        wanted = 0 if "--compiled" in command and "--sarif" not in command else 1
        check(status == wanted, "`%s` ends with %d: %s%s" % (command, status, out[-300:], err))
        if "--json" in command:
            found = json.loads(out)
            levels = [f["level"] for f in found["findings"]]
            check(levels.count("error") == found["error_count"] > 0, "--json counts other errors")
            check(len(found["models"]) == 4, "--json: models are %s" % found["models"])
        if "--sarif" in command:
            results = check_sarif(report.read_text(), folder, command)
            targets = {t for r in results for t in r["properties"]["targets"]}
            check({"m1", "m4"} <= targets, "no findings of both chips: %s" % targets)
            check(any("logicalLocations" in r["locations"][0] for r in results), "no logical locations")
    check(count == 7, "docs/ci.md has %d commands" % count)


def try_packages():
    found = sorted(PACKAGES.rglob("*.mlpackage"))
    status, out, err = run("anec lint --sarif %s" % PACKAGES, PACKAGES)
    check(status == 1 and not err, "%s ends with %d: %s" % (PACKAGES, status, err))
    results = json.loads(out)["runs"][0]["results"]
    check(not any(r["ruleId"] in ("invalid", "unreadable") for r in results), "a package is not valid")
    status, out, _ = run("anec lint -q -t m4 %s | tail -n 1" % PACKAGES, PACKAGES)
    check(out.startswith("%d models for m4:" % len(found)), "%d packages: %s" % (len(found), out))


with tempfile.TemporaryDirectory() as top:
    models(pathlib.Path(top))
    try_page(pathlib.Path(top))
if PACKAGES and PACKAGES.is_dir():
    try_packages()
print("lint: %(passed)d passed, %(failed)d failed" % COUNT)
sys.exit(COUNT["failed"] > 0)
