"""Reads an exposition from standard input with Prometheus's own parser for Python, checks what the parser does not, and prints
each sample on a line: name{label="value",...} value, the labels sorted by name."""

import math
import sys

from prometheus_client.parser import text_string_to_metric_families


def series(name, labels):
    inner = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))
    return f"{name}{{{inner}}}" if inner else name


def check_histogram(family):
    """Buckets of each series: bounds rise, counts do not fall, the last is +Inf and as many as the count says."""
    buckets, counts, sums = {}, {}, {}
    for sample in family.samples:
        labels = {k: v for k, v in sample.labels.items() if k != "le"}
        key = series("", labels)
        if sample.name.endswith("_bucket"):
            buckets.setdefault(key, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_count"):
            counts[key] = sample.value
        elif sample.name.endswith("_sum"):
            sums[key] = sample.value
        else:
            sys.exit(f"{sample.name} in a histogram")
    assert buckets.keys() == counts.keys() == sums.keys(), (family.name, buckets.keys(), counts.keys())
    for key, pairs in buckets.items():
        assert pairs == sorted(pairs), (family.name, key, pairs)
        assert [count for _, count in pairs] == sorted(count for _, count in pairs), (family.name, key, pairs)
        assert pairs[-1] == (math.inf, counts[key]), (family.name, key, pairs)
        assert len({bound for bound, _ in pairs}) == len(pairs)
        assert sums[key] >= 0


def main():
    found = {}
    names = set()
    for family in text_string_to_metric_families(sys.stdin.buffer.read().decode()):
        assert family.name.startswith("scgate_") and family.documentation, family.name
        assert family.name not in names, f"{family.name} is there twice"
        names.add(family.name)
        assert family.type in ("counter", "gauge", "histogram"), (family.name, family.type)
        if family.type == "histogram":
            check_histogram(family)
        for sample in family.samples:
            key = series(sample.name, sample.labels)
            assert key not in found, f"{key} is there twice"
            assert family.type == "gauge" or sample.value >= 0, key
            found[key] = sample.value
    for key, value in found.items():
        print(key, f"{value:g}")


main()
