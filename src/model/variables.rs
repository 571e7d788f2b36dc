//! The inventory variables that mean something to loomctl: names, and what each is for.

/// `(name, what it is)`; the order is the one of the documentation.
pub const VARIABLES: &[(&str, &str)] = &[
    ("cluster", "name of the cluster (default: the chain id)"),
    ("chain", "chain profile (default: loom)"),
    ("chain_id", "chain id (default: the profile's)"),
    ("binary", "the chain's program: a path on this machine, or a URL that each host pulls"),
    ("binary_sha256", "the checksum that the binary must have"),
    ("loom_build", "a build's name, a path, or a URL: as in the playbook"),
    ("working_directory", "the node's folder (default: the home of `user`)"),
    ("user", "the account that the node runs as (default: ansible_user)"),
    ("create_user", "true: where the account is missing it is made, as a system account with a home"),
    ("private_ip", "where the other nodes connect to (default: ansible_host)"),
    ("public_ip", "address under which the node is known outside"),
    ("role", "validator (default), full, sentry or seed"),
    (
        "sentries",
        "of a validator: the sentries that it stays behind (default: all, where there are any; [] for none)",
    ),
    ("power", "voting power (default: as init wrote it, 10)"),
    ("ports", "ports by name: {p2p: 26656, rpc: 26657}"),
    ("rpc_bind", "address that the RPC listens on"),
    ("genesis", "values set in the genesis documents: {DOCUMENT: {dotted.path: value}}"),
    ("genesis_values", "words of the profile for its genesis tool: {denom: stake, balance: 1000000000000}"),
    ("settings", "values set in the node's own files: {FILE: {dotted.key: value}}"),
    ("peers_strategy", "auto (default), mesh or ring"),
    ("unit", "directives of the systemd unit: {Section: {Directive: value}}"),
    ("unit_name", "the unit's name (default: the profile's)"),
];

/// Ansible's own variables that have a meaning here.
pub const ANSIBLE: &[&str] = &[
    "ansible_host",
    "ansible_port",
    "ansible_user",
    "ansible_ssh_host",
    "ansible_ssh_port",
    "ansible_ssh_user",
    "ansible_ssh_private_key_file",
    "ansible_private_key_file",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_connection",
    "ansible_become",
    "ansible_become_user",
    "ansible_become_method",
    "ansible_become_password",
    "ansible_become_pass",
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_python_interpreter",
    "ansible_group_priority",
];

/// Every name that is known here.
pub fn names() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|(name, _)| *name).chain(ANSIBLE.iter().copied())
}
