#!/usr/bin/env python3
"""Draws `performance.svg` and prints the table of `performance.md` from what compare.py measured.

    python docs/chart.py            reads docs/measured/*.json, writes docs/performance.svg
"""

import json
import math
import pathlib

HERE = pathlib.Path(__file__).parent
LEFT, TOP, ROW, WIDTH, MOST = 60, 60, 20, 560, 4.0
COLOURS = {"fwdT": "#1b6ca8", "conv": "#7aa6c9", "gradw": "#d98e32"}
NAMES_OF = {
    "fwdT-2": "conv2d_transpose",
    "fwdT-1": "the same, 1 thread",
    "fresh-2": "the same, fresh filter",
    "conv-2": "conv2d",
    "gradw-2": "filter gradient",
    "train-2": "forward and both gradients",
}
NAMES = {"fwdT": "conv2d_transpose", "conv": "conv2d", "gradw": "filter gradient"}


def ratios(name):
    """Layer to (best peer, its median, ours, ratio)."""
    found = {}
    for layer, times in json.loads((HERE / "measured" / f"{name}.json").read_text()).items():
        medians = {peer: time["median_s"] for peer, time in times.items()}
        ours = medians.pop("tconv")
        best = min(medians, key=medians.get)
        found[layer] = (best, medians[best], ours, medians[best] / ours)
    return found


def mean(found):
    logs = [math.log(ratio) for layer, (*_, ratio) in found.items() if layer != "L13"]
    return math.exp(sum(logs) / len(logs))


def table():
    columns = {name: ratios(name) for name in NAMES_OF}
    print("| layer | " + " | ".join(NAMES_OF.values()) + " |\n|---" + "|---" * len(columns) + "|")
    for layer in columns["fwdT-2"]:
        cells = [f"{time * 1e3:.3g} ms, **{ratio:.2f}** {peer}" for peer, _, time, ratio in (c[layer] for c in columns.values())]
        print(f"| {layer} | " + " | ".join(cells) + " |")
    print("| mean | " + " | ".join(f"**{mean(found):.2f}**" for found in columns.values()) + " |")


def chart():
    all_ops = {op: ratios(f"{op}-2") for op in COLOURS}
    layers = [layer for layer in all_ops["fwdT"] if layer != "L13"]
    group = ROW * len(COLOURS) + 8
    height = TOP + group * len(layers) + 40
    scale = WIDTH / MOST
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="14">Best peer\'s time divided by tconv\'s, 2 threads '
        "(right of 1: tconv is faster)</text>",
    ]
    for i, (op, colour) in enumerate(COLOURS.items()):
        x = LEFT + i * 170
        out.append(f'<rect x="{x}" y="30" width="12" height="12" fill="{colour}"/>')
        out.append(f'<text x="{x + 18}" y="41">{NAMES[op]}</text>')
    for i in range(int(MOST) + 1):
        x = LEFT + i * scale
        stroke = "#333" if i == 1 else "#ddd"
        out.append(f'<line x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{height - 30}" stroke="{stroke}"/>')
        out.append(f'<text x="{x}" y="{height - 12}" text-anchor="middle">{i}</text>')
    for i, layer in enumerate(layers):
        y = TOP + i * group
        out.append(f'<text x="{LEFT - 8}" y="{y + group / 2}" text-anchor="end">{layer}</text>')
        for j, (op, colour) in enumerate(COLOURS.items()):
            ratio = all_ops[op][layer][3]
            length = min(ratio, MOST) * scale
            top = y + j * ROW
            out.append(f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{ROW - 4}" fill="{colour}"/>')
            out.append(f'<text x="{LEFT + length + 4:.1f}" y="{top + 13}">{ratio:.2f}</text>')
    out.append("</svg>")
    (HERE / "performance.svg").write_text("\n".join(out) + "\n")


table()
chart()
