#!/usr/bin/env python3
"""arrows.py -- the graph on a page of `anec --plan --report`: whether arrows connect what they should, and stay apart.

usage: arrows.py PAGE.html NODES EDGE..   an EDGE is FROM>TO, two names of values; with any all edges have to be given
"""
import re
import sys


def box(text):
    return {k: float(v) for k, v in re.findall(r'(\w+)="([\d.]+)"', text)}


def main():
    page = open(sys.argv[1], encoding="utf-8").read()
    nodes, faults = {}, []
    for at, body in re.findall(r'<g class="node \w+" data-node="(\d+)">(.*?)</g>', page, re.S):
        b = box(re.search(r"<rect ([^>]*)>", body).group(1))
        b["name"] = re.search(r"</tspan> ([^<]*)</text>", body).group(1)
        nodes[int(at)] = b
    if len(nodes) != int(sys.argv[2]):
        faults.append(f"{len(nodes)} boxes")
    last = -1
    for at in sorted(nodes):
        if nodes[at]["y"] < last:
            faults.append(f"{nodes[at]['name']} lies over the box before")
        last = nodes[at]["y"] + nodes[at]["height"]
    edges, lanes = set(), []
    for of, to, body in re.findall(r'<g class="edge" data-from="(\d+)" data-to="(\d+)">(.*?)</g>', page, re.S):
        a, b = nodes[int(of)], nodes[int(to)]
        name = f"{a['name']}>{b['name']}"
        path = re.search(r'<path d="M([\d.]+) ([\d.]+)([^"]*)"', body)
        tip = re.search(r'<polygon points="([\d.]+),([\d.]+) ', body)
        edges.add(name)
        x, y = float(path.group(1)), float(path.group(2))
        if not (a["x"] <= x <= a["x"] + a["width"] and a["y"] <= y <= a["y"] + a["height"]):
            faults.append(f"{name} does not begin at its box")
        x, y = float(tip.group(1)), float(tip.group(2))
        if not (b["x"] <= x <= b["x"] + b["width"] and b["y"] <= y <= b["y"] + b["height"]):
            faults.append(f"the head of {name} is not at its box")
        lane = re.search(r"H(\d+)Q(\d+) ", path.group(3))
        if lane:
            lanes.append((int(lane.group(2)), int(of), a["y"] + a["height"] / 2, b["y"] + b["height"] / 2))
    for i, (x, of, top, end) in enumerate(lanes):
        for x2, of2, top2, end2 in lanes[i + 1 :]:
            if x == x2 and of != of2 and top < end2 and top2 < end:
                faults.append(f"two values share a lane at {x}")
    wanted = set(sys.argv[3:])
    if wanted:
        faults += [f"{e} is missing" for e in sorted(wanted - edges)] + [f"{e} is too many" for e in sorted(edges - wanted)]
    size = re.search(r'<svg class="graph" width="(\d+)" height="(\d+)"', page)
    if last > float(size.group(2)) or any(x >= float(size.group(1)) for x, *_ in lanes):
        faults.append("the picture is too small")
    for f in faults:
        print(f"arrows: {sys.argv[1]}: {f}")
    sys.exit(bool(faults))


main()
