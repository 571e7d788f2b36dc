"""docs/performance.md: tables between marks, and pictures beside it."""

import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

from labs import ROOT

# Shown on light and on dark.
STYLE = (
    "<style>text{font:12px sans-serif;fill:#1f2328}.own{fill:#2f6fd0}.other{fill:#9aa7b5}.spread{stroke:#c77700;stroke-width:2}"
    ".line{fill:none;stroke:#2f6fd0;stroke-width:2}.axis{stroke:#9aa7b5}"
    "@media(prefers-color-scheme:dark){text{fill:#d8dee6}.own{fill:#6ea8ff}.other{fill:#66717d}.line{stroke:#6ea8ff}}</style>"
)


def median(values):
    return statistics.median(values)


def spread(values, unit="s"):
    digits = 2 if max(values) < 100 else 0
    return f"{median(values):.{digits}f} {unit} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(head, rows):
    return "\n".join(["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]])


def put(mark, text):
    """Puts a text between its marks."""
    page = ROOT / "docs/performance.md"
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    whole = page.read_text()
    head, rest = whole.split(begin)
    page.write_text(head + begin + text.rstrip() + "\n" + rest[rest.index(end):])


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20
    return (f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({cpu[1].strip() if cpu else platform.machine()}), {memory:.0f} GiB, "
            f"Linux {platform.release().split('-')[0]}")


def said(*command):
    """What a program says of its version, on either stream."""
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return run.stdout.strip().splitlines()[0] if run.stdout.strip() else "?"


def bars(groups):
    """Medians with a line from the fastest to the slowest round. Groups of (name, values, whether it is ours)."""
    most = max(max(values) for _, rows in groups for _, values, _ in rows)
    y, drawn, scale = 4, [], 400 / most
    for title, rows in groups:
        drawn.append(f'<text x="4" y="{y + 13}" font-weight="bold">{title}</text>')
        y += 22
        for name, values, own in rows:
            low, middle, high = min(values), median(values), max(values)
            drawn.append(
                f'<text x="210" y="{y + 13}" text-anchor="end">{name}</text>'
                f'<rect x="220" y="{y}" width="{middle * scale:.1f}" height="16" class="{"own" if own else "other"}"/>'
                f'<path d="M{220 + low * scale:.1f} {y + 8}H{220 + high * scale:.1f}" class="spread"/>'
                f'<text x="{228 + high * scale:.1f}" y="{y + 13}">{middle:.2f} s</text>'
            )
            y += 22
        y += 8
    return svg(720, y, drawn)


def curve(title, points, unit):
    """One value by the number of hosts."""
    most_x, most_y = max(x for x, _ in points), max(y for _, y in points) * 1.25
    at = lambda x, y: (60 + x / most_x * 600, 200 - y / most_y * 160)
    places = [at(*point) for point in points]
    drawn = [f'<text x="4" y="17" font-weight="bold">{title}</text>', '<path d="M60 30V200H690" class="axis" fill="none"/>']
    drawn.append('<path d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) + '" class="line"/>')
    for (x, y), (hosts, value) in zip(places, points):
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="own"/><text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{value:.1f} {unit}</text>'
                     f'<text x="{x:.1f}" y="216" text-anchor="middle">{hosts}</text>')
    return svg(720, 226, drawn)


def svg(width, height, drawn):
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{STYLE}' + "".join(drawn) + "</svg>\n"
