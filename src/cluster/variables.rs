//! The inventory variables that mean something to loomctl: names, and what each is for.

/// What a value has to look like; the schema for editors says it, and the readers of `resolve` refuse the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    OneOf(&'static [&'static str]),
    Sha256,
    /// An absolute path on the host.
    Folder,
    Flag,
    /// A list of texts, or one text.
    List,
    /// A whole number above 0, as a number or a text.
    Power,
    /// Numbers from 1 to 65535 by name.
    Ports,
    /// Texts or numbers by name.
    Words,
    /// Dictionaries by name.
    Tables,
    /// `{joined: {genesis, sha256, peers, seeds}}`, or `{joined: NAME}`
    Network,
    /// `{NAME: {binary, binary_sha256, unit_name, unit}}`
    Services,
}

/// `(name, what it looks like, what it is)`; the order is the one of the documentation.
pub const VARIABLES: &[(&str, Kind, &str)] = &[
    ("cluster", Kind::Text, "name of the cluster (default: the chain id)"),
    ("chain", Kind::Text, "chain profile (default: loom)"),
    ("chain_id", Kind::Text, "chain id (default: the profile's)"),
    ("binary", Kind::Text, "the chain's program: a path on this machine, or a URL that each host pulls"),
    ("binary_sha256", Kind::Sha256, "the checksum that the binary must have"),
    ("loom_build", Kind::Text, "a build's name, a path, or a URL: as in the playbook"),
    ("working_directory", Kind::Folder, "the node's folder (default: the home of `user`)"),
    ("user", Kind::Text, "the account that the node runs as (default: ansible_user)"),
    (
        "create_user",
        Kind::Flag,
        "true: where the account is missing it is made, as a system account with a home",
    ),
    ("private_ip", Kind::Text, "where the other nodes connect to (default: ansible_host)"),
    ("public_ip", Kind::Text, "address under which the node is known outside"),
    (
        "role",
        Kind::OneOf(&["validator", "full", "sentry", "seed"]),
        "validator (default), full, sentry or seed",
    ),
    (
        "sentries",
        Kind::List,
        "of a validator: the sentries that it stays behind (default: all, where there are any; [] for none)",
    ),
    ("power", Kind::Power, "voting power (default: as init wrote it, 10)"),
    (
        "state_sync",
        Kind::Flag,
        "true: a node that joins a living chain begins with a snapshot instead of all blocks",
    ),
    ("ports", Kind::Ports, "ports by name: {p2p: 26656, rpc: 26657}"),
    ("rpc_bind", Kind::Text, "address that the RPC listens on"),
    ("genesis", Kind::Tables, "values set in the genesis documents: {DOCUMENT: {dotted.path: value}}"),
    (
        "genesis_values",
        Kind::Words,
        "words of the profile for its genesis tool: {denom: stake, balance: 1000000000000}",
    ),
    ("settings", Kind::Tables, "values set in the node's own files: {FILE: {dotted.key: value}}"),
    (
        "network",
        Kind::Network,
        "a network that exists and is joined: {joined: NAME} of the profile's, or {joined: {genesis: FILE or URL, sha256: …, peers: […], seeds: […]}}",
    ),
    ("peers_strategy", Kind::OneOf(&["auto", "mesh", "ring"]), "auto (default), mesh or ring"),
    ("unit", Kind::Tables, "directives of the systemd unit: {Section: {Directive: value}}"),
    (
        "services",
        Kind::Services,
        "a node's other processes, as its profile names them: {NAME: {binary: FILE or URL, binary_sha256: …, unit: {…}}}",
    ),
    ("unit_name", Kind::Text, "the unit's name (default: the profile's)"),
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
    VARIABLES.iter().map(|(name, _, _)| *name).chain(ANSIBLE.iter().copied())
}
