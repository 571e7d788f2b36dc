"""Other tools that do the same work (bench/rivals), each set up as somebody who knows it well would."""

import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

from labs import ROOT, Failed, inventory, note, seconds

# What was set, for the page.
SET = {
    "ansible": "forks 64, pipelining, ControlPersist (its second run uses the first one's connections), no compression, no gathering of facts",
    "mitogen": "the same playbook and settings with strategy `mitogen_linear`, no compression",
    "pyinfra": "all hosts at once (its default), files by SFTP; hashes what has arrived and syncs it, as loomctl does and its files.put does not",
    "pyinfra unchecked": "the same without that",
}
# What no file of one's own can do in a template language, the chain's own configuration with six values taken out.
VALUES = {
    "moniker": '"{{ moniker }}"', "proxy_app": '"kvstore"', "addr_book_strict": "false", "allow_duplicate_ip": "true",
    "external_address": '"{{ address }}:26656"', "persistent_peers": '"{{ peers }}"',
}


class Rival:
    def __init__(self, name, command, env):
        self.name, self.command, self.env, self.failed = name, command, env, None

    def run(self, lab, work, times):
        """One fresh and one second run; both are proven to end in the same state. One that fails is not tried again."""
        lab("fresh")
        # A connection to hosts that are no more would only hang.
        with tempfile.TemporaryDirectory(prefix="lb") as sockets:
            env = os.environ | {"ANSIBLE_SSH_CONTROL_PATH_DIR": sockets} | self.env
            try:
                fresh = seconds(self.command, env=env, cwd=work)
                state = lab.proven()
                again = seconds(self.command, env=env, cwd=work)
                if lab.proven() != state:
                    raise Failed(f"its second run has changed something: {state}, then {lab.proven()}")
                note(times, f"{self.name} fresh", fresh)
                note(times, f"{self.name} again", again)
            except Failed as why:
                self.failed = str(why)
            finally:
                for socket in Path(sockets).iterdir():
                    subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "x"], stderr=subprocess.DEVNULL, check=False)
                lab.rest()


def configuration(binary, work):
    """config.toml as the chain makes it, with expressions that Ansible and pyinfra fill in alike."""
    home = work / "made"
    subprocess.run([binary, "init", "--home", home], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    text = (home / "config/config.toml").read_text()
    for key, value in VALUES.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text, count=1)
    path = work / "config.toml.j2"
    path.write_text(text)
    return path


def setup():
    said = subprocess.run([ROOT / "bench/rivals/setup"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(said.strip().split("=", 1)[1])


def versions(folder):
    said = subprocess.run([folder / "bin/pip", "list", "--disable-pip-version-check"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: found[1] for name in ("ansible-core", "mitogen", "pyinfra") if (found := re.search(rf"(?m)^{name} +(\S+)", said))}


def rivals(lab, binary, work, folder):
    template = configuration(binary, work)
    where = inventory(lab, binary, work / "rich.yaml", configuration=str(template), mitogen_ssh_compression=False)
    strategy = next(folder.glob("lib/python3*/site-packages/ansible_mitogen/plugins/strategy"))
    path = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    ansible = path | {
        "ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": "64", "ANSIBLE_HOST_KEY_CHECKING": "0", "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3", "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s",
    }
    playbook = [folder / "bin/ansible-playbook", "-i", where, ROOT / "bench/rivals/site.yaml"]
    data = {
        "binary": binary, "configuration": str(template), "ssh_user": "ubuntu", "ssh_key": f"{lab.folder}/key",
        "ssh_strict_host_key_checking": "no", "ssh_known_hosts_file": "/dev/null",
    }
    pyinfra = []
    for name, sha256 in (("pyinfra", hashlib.sha256(Path(binary).read_bytes()).hexdigest()), ("pyinfra unchecked", "")):
        hosts = [(f"node-{i}", data | {"ssh_hostname": address, "sha256": sha256}) for i, address in enumerate(lab.address)]
        where = work / f"{name.replace(' ', '-')}.py"
        where.write_text(f"hosts = {hosts!r}\n")
        pyinfra.append(Rival(name, [folder / "bin/pyinfra", "-y", where, ROOT / "bench/rivals/deploy.py"], path))
    return [
        Rival("ansible", playbook, ansible),
        Rival("mitogen", playbook, ansible | {"ANSIBLE_STRATEGY_PLUGINS": str(strategy), "ANSIBLE_STRATEGY": "mitogen_linear"}),
        *pyinfra,
    ]
