"""What a plan costs at size, on hosts in memory (`plan::tests::size`), by a release build."""

import os
import re
import subprocess

from labs import ROOT

# Hosts, and seconds at most.
SIZES = {1000: 0.3, 10000: 3.0}
MOMENTS = ["bare hosts", "hosts with keys", "a chain that runs"]


def measured():
    command = ["cargo", "test", "--release", "--locked", "--lib", "plan::tests::size", "--", "--nocapture"]
    env = os.environ | {"LOOMCTL_PLAN": ",".join(map(str, SIZES))}
    said = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    found = re.findall(r"(?m)^plan (\d+) (\S+) (\S+) (\S+)$", said)
    return {int(hosts): [float(time) for time in times] for hosts, *times in found}


def rows():
    """The most that one of the moments takes counts."""
    for hosts, times in measured().items():
        shown = ", ".join(f"{time:.2f} s ({moment})" for time, moment in zip(times, MOMENTS))
        good = "yes" if max(times) <= SIZES[hosts] else "**no**"
        yield [f"plan for {hosts:,} hosts", shown, "best of three, by the clock", "", f"≤ {SIZES[hosts]} s", good]
