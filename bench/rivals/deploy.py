"""What `loomctl up --no-verify` does, as a pyinfra deploy: binary, init, identities, one genesis, peers, unit, start. With
`sha256` what has arrived is hashed and brought to the disk, as loomctl does (Ansible's copy hashes it by itself)."""

import json
from io import StringIO

from pyinfra import host, inventory
from pyinfra.operations import files, python, server, systemd

HOME = "/home/ubuntu/node"
PROGRAM = f"{HOME}/cometbft"
UNIT = f"""[Unit]
After=network-online.target
[Service]
User=ubuntu
ExecStart={PROGRAM} start --home {HOME}
Restart=always
[Install]
WantedBy=multi-user.target
"""
# What each host has said: its node id and its document. The deploy runs once a host, in one process.
said = inventory.__dict__.setdefault("said", {})


def collect():
    ok, output = host.run_shell_command(f"{PROGRAM} show-node-id --home {HOME} && cat {HOME}/pristine.json")
    assert ok, output.stderr
    node_id, *document = output.stdout.splitlines()
    said[host.name] = (node_id, json.loads("\n".join(document)))


def agree():
    documents = [said[other.name][1] for other in inventory]
    validators = [validator for document in documents for validator in document["validators"]]
    genesis = json.dumps(documents[0] | {"chain_id": "bench", "validators": validators}, indent=2)
    files.put(name="genesis", src=StringIO(genesis), dest=f"{HOME}/config/genesis.json", mode="644")
    peers = [f"{said[other.name][0]}@{other.data.ssh_hostname}:26656" for other in inventory if other.name != host.name]
    files.template(
        name="configuration",
        src=host.data.configuration,
        dest=f"{HOME}/config/config.toml",
        mode="644",
        moniker=host.name,
        address=host.data.ssh_hostname,
        peers=",".join(peers),
    )


program = files.put(name="program", src=host.data.binary, dest=PROGRAM, mode="755", create_remote_dir=True)
if host.data.sha256:
    check = f"echo '{host.data.sha256}  {PROGRAM}' | sha256sum --check --quiet && sync {PROGRAM}"
    server.shell(name="arrived as it was sent", commands=[check], _if=program.did_change)
server.shell(
    name="init",
    commands=[
        f"test -e {HOME}/pristine.json || "
        f"{{ {PROGRAM} init --home {HOME} && cp {HOME}/config/genesis.json {HOME}/pristine.json; }}"
    ],
)
python.call(name="identities", function=collect)
python.call(name="one genesis, configuration", function=agree)
unit = files.put(name="unit", src=StringIO(UNIT), dest="/etc/systemd/system/cometbft.service", mode="644", _sudo=True)
systemd.daemon_reload(name="reload", _sudo=True, _if=unit.did_change)
systemd.service(name="start", service="cometbft", running=True, enabled=True, _sudo=True)
