"""Lab hosts to measure on, and what a measurement asks of them."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "tests/lab/lab"
# Another build than that of these sources: LOOMCTL=PROGRAM.
GIVEN = os.environ.get("LOOMCTL")
LOOMCTL = Path(GIVEN).resolve() if GIVEN else ROOT / "target/release/loomctl"
SSH = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
# Nothing that is measured may take longer.
DEADLINE = 180
NODE = "/home/ubuntu/node"
# What a start has brought about on a host, in words that a second run must not change.
STATE = f"""
cd {NODE}
echo "unit $(systemctl is-active cometbft) $(systemctl is-enabled cometbft)"
echo "run $(systemctl show -p InvocationID --value cometbft)"
echo "binary $(sha256sum <cometbft)"
echo "genesis $(sha256sum <config/genesis.json)"
echo "configuration $(sha256sum <config/config.toml)"
echo "validators $(grep -c '"pub_key"' config/genesis.json)"
"""


class Failed(Exception):
    """A command or a proof that did not go as it has to."""


class Lab:
    """Hosts that end with this process: the lab ends with its stdin."""

    def __init__(self, base, hosts):
        env = os.environ | {"LAB_BASE": base}
        self.owner = subprocess.Popen([LAB, "hold", str(hosts)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        line = self.owner.stdout.readline().strip()
        if "=" not in line:
            sys.exit("bench: the lab does not come up")
        self.folder, self.hosts = line.split("=", 1)[1], range(hosts)
        self.env = env | {"LAB": self.folder}
        first = self("ip", "0").strip().rsplit(".", 1)
        self.address = [f"{first[0]}.{int(first[1]) + i}" for i in self.hosts]

    def __call__(self, *words):
        run = subprocess.run([LAB, *words], env=self.env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=DEADLINE * 3)
        if run.returncode:
            raise Failed(f"lab {shlex.join(words)}: status {run.returncode}\n{run.stdout}")
        return run.stdout

    def end(self):
        self.owner.stdin.close()
        self.owner.wait()

    def each(self, command, hosts=None):
        """What a command says as root in all hosts at once, without ssh."""
        start = lambda host: subprocess.Popen([LAB, "root", str(host), "sh", "-c", command], env=self.env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        running = [start(host) for host in hosts or self.hosts]
        said = [one.communicate(timeout=DEADLINE)[0] for one in running]
        for host, one, text in zip(hosts or self.hosts, running, said):
            if one.returncode:
                raise Failed(f"host {host}: `{command.strip()}`: status {one.returncode}\n{text}")
        return said

    def rest(self):
        """Chains that nobody measures would take the processor from those that somebody does."""
        self.each("systemctl stop cometbft floor 2>/dev/null || true")

    def ask(self, host, path):
        """What a node's RPC says; nothing where it does not answer yet."""
        said = self("in", str(host), "sh", "-c", f"curl -s -m 5 'http://127.0.0.1:26657{path}' || true")
        return json.loads(said).get("result") if said else None

    def height(self, host, least):
        """Waits for a block."""
        until = time.monotonic() + 90
        while True:
            status = self.ask(host, "/status")
            height = int(status["sync_info"]["latest_block_height"]) if status else 0
            if height >= least:
                return height
            if time.monotonic() > until:
                raise Failed(f"host {host} stands at height {height}")
            time.sleep(0.3)

    def proven(self, hosts=None, votes=None):
        """The state of the hosts, in which every rival has to end: one binary, one genesis with all validators, blocks on each."""
        hosts = hosts or self.hosts
        for host in hosts:
            self.height(host, 2)
        said = [dict(line.split(" ", 1) for line in text.splitlines()) for text in self.each(STATE, hosts)]
        same = [{state[what] for state in said} for what in ("unit", "binary", "genesis", "validators")]
        if any(len(one) != 1 for one in same) or same[0] != {"active enabled"} or same[3] != {str(votes or len(hosts))}:
            raise Failed(f"these hosts are not one network: {said}")
        return said


def seconds(command, **more):
    """How long a command takes; what it says is shown when it fails."""
    begun = time.monotonic()
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE, **more)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{shlex.join(map(str, command))}: not done in {DEADLINE} s") from late
    took = time.monotonic() - begun
    if run.returncode:
        raise Failed(f"{shlex.join(map(str, command))}: status {run.returncode}\n{run.stdout}")
    return took


def inventory(lab, binary, path, roles=None, **more):
    """Of loomctl and Ansible alike: JSON is YAML. `roles`: how many hosts, and how many of them vote."""
    variables = {
        "chain": "cometbft", "chain_id": "bench", "binary": binary, "working_directory": NODE,
        "user": "ubuntu", "ansible_user": "ubuntu", "ansible_ssh_private_key_file": f"{lab.folder}/key",
        "ansible_ssh_common_args": SSH,
    } | more
    count, votes = roles or (len(lab.hosts), len(lab.hosts))
    hosts = {f"node-{i}": {"ansible_host": a, "private_ip": a} | ({} if i < votes else {"role": "full"}) for i, a in enumerate(lab.address[:count])}
    path.write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}))
    return path


def note(times, name, took):
    """Keeps a figure, and shows it: a bench takes long."""
    times.setdefault(name, []).append(took)
    print(f"  {name} {took:.2f} s", file=sys.stderr)


def cometbft():
    """The chain's program, with everything else that the lab needs."""
    said = subprocess.run([ROOT / "tests/lab/setup"], check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True).stdout
    return dict(line.split("=", 1) for line in said.split() if "=" in line)["COMETBFT"].strip("'\"")


def build():
    if GIVEN:
        return
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
