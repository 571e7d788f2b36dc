"""What `loomctl up --no-verify` does, as a pyinfra deploy: binary, init, identities, one genesis, peers, unit, start."""

import json
from io import StringIO

from pyinfra import host, inventory
from pyinfra.facts.files import FileContents
from pyinfra.facts.server import Command
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

files.put(name="program", src=host.data.binary, dest=PROGRAM, mode="755", create_remote_dir=True)
server.shell(
    name="init",
    commands=[
        f"test -e {HOME}/pristine.json || "
        f"{{ {PROGRAM} init --home {HOME} && cp {HOME}/config/genesis.json {HOME}/pristine.json; }}"
    ],
)


def agree():
    """Once init has run everywhere: what the others have is asked of them."""
    first, validators, peers = None, [], []
    for other in inventory:
        document = json.loads("\n".join(other.get_fact(FileContents, path=f"{HOME}/pristine.json")))
        first = first or document
        validators += document["validators"]
        if other != host:
            peers.append(f"{other.get_fact(Command, command=f'{PROGRAM} show-node-id --home {HOME}')}@{other.data.ssh_hostname}:26656")
    genesis = json.dumps(first | {"chain_id": "bench", "validators": validators}, indent=2)
    files.put(name="genesis", src=StringIO(genesis), dest=f"{HOME}/config/genesis.json", mode="644")
    values = {
        "moniker": f'"{host.name}"',
        "proxy_app": '"kvstore"',
        "addr_book_strict": "false",
        "allow_duplicate_ip": "true",
        "external_address": f'"{host.data.ssh_hostname}:26656"',
        "persistent_peers": f'"{",".join(peers)}"',
    }
    for key, value in values.items():
        files.line(
            name=f"configuration: {key}",
            path=f"{HOME}/config/config.toml",
            line=f"^{key} = .*$",
            replace=f"{key} = {value}",
        )


python.call(name="one genesis, configuration", function=agree)
files.put(name="unit", src=StringIO(UNIT), dest="/etc/systemd/system/cometbft.service", mode="644", _sudo=True)
systemd.service(name="start", service="cometbft", running=True, enabled=True, daemon_reload=True, _sudo=True)
