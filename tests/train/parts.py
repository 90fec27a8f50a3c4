#!/usr/bin/env python3
"""parts.py -- that a run learned its matrices of low rank, and nothing else.

usage: parts.py BASE TUNED LOG      checkpoints before and after, and the second one's log.csv"""
import csv
import json
import struct
import sys


def tensors(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    return {name: data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]] for name, t in head.items()
            if not name.startswith("_")}


def main():
    base, tuned = tensors(sys.argv[1]), tensors(sys.argv[2])
    weights = {n for n in tuned if not n.startswith("opt.")}
    new = {n for n in weights if ".lora_" in n}
    states = {n for n in tuned if n.startswith("opt.")}
    assert len(new) == 8 and weights - new == {n for n in base if not n.startswith("opt.")}, sorted(weights)
    assert states == {f"opt.{k}.{n}" for k in (0, 1) for n in new}, sorted(states)
    assert all(tuned[n] == base[n] for n in weights - new), "a frozen weight has moved"
    assert all(any(tuned[n]) for n in new), "a matrix is 0 still"
    losses = [float(row["eval_loss"]) for row in csv.DictReader(open(sys.argv[3])) if row["eval_loss"]]
    print("held", losses[0], losses[-1])
    assert losses[-1] < losses[0] - 0.05, "it learns nothing"


main()
