"""What Ansible itself makes of inventories: a JSON list of cases on stdin, one JSON result a line on stdout.

All in one process: a start of ansible-inventory costs a second. A case is {"cwd", "inventory": [...], "extra": [...],
"limits": [...], "vault": FILE, "values": BOOL}. A result holds what `--list`, `--graph` and `--graph --vars` print (the last null where
Ansible cannot open something), `--list` for each limit, the hosts of a play with `hosts: all`, those of each limit (null where nobody is
left, or Ansible refuses it), what was warned about, and
for `values` what Ansible's templar makes of each variable of each host.
"""
import json
import os
import sys

from ansible import context
from ansible._internal._datatag._tags import TrustedAsTemplate
from ansible.cli import CLI
from ansible.cli.inventory import InventoryCLI
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import AnsibleVaultError, VaultSecretsContext
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.plugins.loader import init_plugin_loader
from ansible.plugins.vars import host_group_vars
from ansible.utils.context_objects import CLIArgs
from ansible.utils.display import Display
from ansible.utils.path import unfrackpath
from ansible.vars.manager import VariableManager

warned = []
# What opens encrypted values: of each case its own.
SECRETS = []
Display.warning = lambda self, msg, *a, **k: warned.append(str(msg))
Display.error_as_warning = lambda self, msg, exception=None, *a, **k: warned.append(f"{msg} {exception}")
Display.deprecated = lambda self, *a, **k: None
Display.display = lambda self, *a, **k: None


def options(case, **more):
    """What the command line would have set."""
    common = {"export": False, "basedir": None, "subset": None, "yaml": False, "toml": False, "pattern": "all",
              "extra_vars": tuple(TrustedAsTemplate().tag(text) for text in case.get("extra", [])), "show_vars": False, "verbosity": 0}
    context.CLIARGS = CLIArgs({**common, **more})


def forget():
    """Plugins remember folders by path; the working directory has the same path in every case."""
    host_group_vars.FOUND.clear()
    host_group_vars.NAK.clear()
    host_group_vars.CANONICAL_PATHS.clear()
    warned.clear()
    from ansible.utils import vars as utils_vars
    if hasattr(utils_vars.load_extra_vars, "extra_vars"):
        del utils_vars.load_extra_vars.extra_vars


def view(case, loader, sources):
    cli = InventoryCLI.__new__(InventoryCLI)
    cli.loader, cli.inventory = loader, InventoryManager(loader=loader, sources=sources)
    cli.vm = VariableManager(loader=loader, inventory=cli.inventory, version_info=CLI.version_info(gitinfo=False))
    return cli


def read(case):
    os.chdir(case["cwd"])
    forget()
    options(case)
    loader = DataLoader()
    SECRETS.clear()
    if case.get("vault"):
        SECRETS[:] = CLI.setup_vault_secrets(loader, vault_ids=[], vault_password_files=[case["vault"]], initialize_context=False)
        loader.set_vault_secrets(SECRETS)
    sources = [s if "," in s else unfrackpath(s, follow=False) for s in case["inventory"]]
    cli = view(case, loader, sources)
    result = {"list": cli.dump(cli.json_inventory(cli._get_group("all"))), "graph": cli.inventory_graph()}
    options(case, show_vars=True)
    try:
        result["vars"] = cli.inventory_graph()
    except AnsibleVaultError:
        result["vars"] = None
    options(case)
    result["hosts"] = [host.name for host in cli.inventory.get_hosts()]
    result["depth"] = max(group.depth for group in cli.inventory.groups.values())
    result["warned"] = list(warned)
    result["listed"] = [listed(cli, limit) for limit in case.get("limits", [])]
    result["limits"] = [limited(cli.inventory, limit) for limit in case.get("limits", [])]
    if case.get("values"):
        result["values"] = values(cli, loader)
    return result


def values(cli, loader):
    HostVars(inventory=cli.inventory, variable_manager=cli.vm, loader=loader)
    found = {}
    for host in cli.inventory.get_hosts():
        known = cli.vm.get_vars(host=host)
        own = cli._get_host_variables(host)
        templar = Templar(loader=loader, variables=known)
        found[host.name] = {name: rendered(templar, known[name]) for name in own}
    return found


def rendered(templar, value):
    try:
        value = templar.template(value)
        return {"value": json.loads(json.dumps(value))}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def listed(cli, limit):
    """`--list --limit`; null where Ansible refuses it."""
    try:
        cli.inventory.subset(limit)
        return cli.dump(cli.json_inventory(cli._get_group("all")))
    except Exception:
        return None
    finally:
        cli.inventory.subset(None)
        cli.inventory.clear_caches()


def limited(inventory, limit):
    warned.clear()
    try:
        inventory.subset(limit)
        hosts = [host.name for host in inventory.get_hosts()]
    except Exception:
        return None
    finally:
        inventory.subset(None)
        inventory.clear_caches()
    return hosts or None


def main():
    init_plugin_loader([])
    VaultSecretsContext.initialize(VaultSecretsContext(SECRETS))
    for case in json.load(sys.stdin):
        try:
            result = read(case)
        except Exception as error:
            result = {"failed": f"{type(error).__name__}: {error}", "warned": list(warned)}
        print(json.dumps(result), flush=True)


main()
