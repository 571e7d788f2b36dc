//! The systemd unit of a node: the profile's template filled with encoded values, then the inventory's `unit:`.

mod overrides;

use super::{encode, fill::fill, profile::Profile, systemd};
use crate::types::{
    diagnostic::Diagnostic,
    ids::{Invalid, NodeName, RemotePath, ServiceName, UnitName, UserName},
};

pub use overrides::{UnitOverrides, apply};

/// What a unit template may use; every value is encoded for the directive of its name.
pub const CONTEXT: &[&str] = &[
    "description",
    "user",
    "working_directory",
    "environment_home",
    "bind_paths",
    "exec_start_pre",
    "exec_start",
];

#[derive(Debug, Clone, Copy)]
pub struct UnitAsk<'a> {
    pub node: &'a NodeName,
    /// Whose unit it is; `None`: the chain's own program's.
    pub service: Option<&'a ServiceName>,
    /// Units of the same node that are to run when this one is started.
    pub after: &'a [UnitName],
    pub user: &'a UserName,
    pub working_directory: &'a RemotePath,
    /// What systemd shows it of people's homes: that folder, or one above it that systemd can look at.
    pub shown: &'a RemotePath,
    /// Whole command lines, the binary first, that go before it.
    pub before: &'a [Vec<String>],
    pub argv: &'a [String],
    pub overrides: &'a UnitOverrides,
    /// For the systemd of a user without root.
    pub rootless: bool,
    /// The version of the systemd that reads it; `None`: not known.
    pub systemd: Option<u32>,
}

/// The unit file's text.
pub fn unit_text(profile: &Profile, ask: UnitAsk<'_>) -> Result<String, Vec<Diagnostic>> {
    let refuse = |error: Invalid| vec![Diagnostic::error(format!("unit of {}: {error}", ask.node))];
    let mut context = tera::Context::new();
    let description = match ask.service {
        None => format!("{} node {}", profile.name, ask.node),
        Some(service) => format!("{} node {}: {service}", profile.name, ask.node),
    };
    let description = encode::text(&description).map_err(refuse)?;
    context.insert("description", &description);
    context.insert("user", ask.user.as_str());
    let home = encode::bare_path(ask.working_directory.as_str()).map_err(refuse)?;
    context.insert("working_directory", &home);
    let own = encode::environment("HOME", ask.working_directory.as_str()).map_err(refuse)?;
    context.insert("environment_home", &own);
    let bound = encode::bind_paths(ask.shown.as_str()).map_err(refuse)?;
    context.insert("bind_paths", &bound);
    let before: Result<Vec<_>, _> = ask.before.iter().map(|argv| encode::exec_start(argv)).collect();
    // More than one are more than one line.
    context.insert("exec_start_pre", &before.map_err(refuse)?.join("\nExecStartPre="));
    context.insert("exec_start", &encode::exec_start(ask.argv).map_err(refuse)?);
    let [template, user_template] = match ask.service.and_then(|service| profile.services.get(service)) {
        None => [&profile.unit.template, &profile.unit.user_template],
        Some(service) => [&service.unit.template, &service.unit.user_template],
    };
    let template = if ask.rootless { user_template } else { template };
    let text = fill(profile, template, &context).map_err(|problem| vec![problem])?;
    let (text, _) = systemd::fit(&text, ask.systemd, ask.shown);
    apply(&after(&text, ask.after), ask.overrides)
}

/// The unit starts when those run, and pulls them up; it goes on without one that has failed.
fn after(text: &str, units: &[UnitName]) -> String {
    let names: Vec<String> = units.iter().map(|unit| format!("{unit}.service")).collect();
    let line = |line: &str| match (line.trim(), names.as_slice()) {
        ("[Unit]", [_, ..]) => format!("{line}\nAfter={0}\nWants={0}\n", names.join(" ")),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// What begins the names of directives that say what a process is, may do and sees.
const CONFINING: [&str; 27] = [
    "Ambient",
    "AppArmor",
    "BindPaths",
    "BindReadOnlyPaths",
    "Capability",
    "Device",
    "ExecPaths",
    "Group",
    "IPAddress",
    "Inaccessible",
    "KeyringMode",
    "Limit",
    "Lock",
    "MemoryDeny",
    "NoExecPaths",
    "Personality",
    "Private",
    "ProcSubset",
    "Protect",
    "ReadOnly",
    "ReadWrite",
    "Restrict",
    "SELinux",
    "SupplementaryGroups",
    "SystemCall",
    "TemporaryFileSystem",
    "User",
];

/// Of a unit's text the lines that confine its process: the chain's programs that run before it are held to them too.
pub fn sandbox(unit: &str) -> String {
    let service = unit.lines().skip_while(|line| line.trim() != "[Service]").skip(1);
    let confining = |line: &&str| CONFINING.iter().any(|name| line.trim_start().starts_with(name));
    service
        .take_while(|line| !line.starts_with('['))
        .filter(confining)
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// The unit of a program of the chain that runs once, in `folder`, in the sandbox of the node's own unit; whatever that
/// allows, it gains no privileges. `home`: its `$HOME`.
pub fn once(
    sandbox: &str,
    folder: &RemotePath,
    home: &RemotePath,
    argv: &[String],
) -> Result<String, Invalid> {
    Ok(format!(
        "[Unit]\nDescription=A program of the chain, run once by loomctl\n\n[Service]\nType=oneshot\n{sandbox}\
         NoNewPrivileges=yes\nLimitCORE=0\nWorkingDirectory={}\nEnvironment={}\nExecStart={}\n",
        encode::bare_path(folder.as_str())?,
        encode::environment("HOME", home.as_str())?,
        encode::exec_start(argv)?,
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use indexmap::IndexMap;
    use serde_json::Value;

    use super::*;

    fn overrides(section: &str, key: &str, value: Value) -> UnitOverrides {
        UnitOverrides::from_iter([(section.to_owned(), IndexMap::from_iter([(key.to_owned(), value)]))])
    }

    fn unit(overrides: &UnitOverrides) -> Result<String, String> {
        unit_of(overrides, false)
    }

    fn unit_of(overrides: &UnitOverrides, rootless: bool) -> Result<String, String> {
        let argv = ["/home/ubuntu/loom", "run", "--persistent-peers", "tcp://a@10.0.0.1:26656"];
        let ask = UnitAsk {
            node: &NodeName::new("loom-0").unwrap(),
            service: None,
            after: &[],
            user: &UserName::new("ubuntu").unwrap(),
            working_directory: &RemotePath::new("/home/ubuntu/100% node").unwrap(),
            shown: &RemotePath::new("/home/ubuntu/100% node").unwrap(),
            before: &[],
            argv: &argv.map(str::to_owned),
            overrides,
            rootless,
            systemd: None,
        };
        unit_text(&Profile::builtin("loom").unwrap(), ask).map_err(|p| format!("{p:?}"))
    }

    #[test]
    fn the_unit_of_a_node() {
        let text = unit(&UnitOverrides::new()).unwrap();
        let expected = "\
# Written by loomctl: change the inventory (`unit: {Service: {…}}`), not this file.
[Unit]
Description=loom node loom-0
After=network-online.target time-sync.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=simple
User=ubuntu
WorkingDirectory=/home/ubuntu/100%% node
ExecStart=/home/ubuntu/loom run --persistent-peers tcp://a@10.0.0.1:26656
Restart=always
RestartSec=2
LimitNOFILE=500000
# Time to close its databases before it is killed.
TimeoutStopSec=120
# What the node may do and see: itself, its own folder, the network (docs/hardening.md).
CapabilityBoundingSet=
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateIPC=yes
PrivateTmp=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
ProtectHome=tmpfs
BindPaths=\"/home/ubuntu/100%% node\"
# AF_UNIX: a build's contracts may be programs of their own, which it talks to over sockets in /tmp.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
UMask=0027

[Install]
WantedBy=multi-user.target
";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_unit_of_a_node_without_root() {
        let expected = "\
# Written by loomctl: change the inventory (`unit: {Service: {…}}`), not this file.
[Unit]
Description=loom node loom-0
StartLimitIntervalSec=0

[Service]
Type=simple
WorkingDirectory=/home/ubuntu/100%% node
ExecStart=/home/ubuntu/loom run --persistent-peers tcp://a@10.0.0.1:26656
Restart=always
RestartSec=2
LimitNOFILE=500000
# Time to close its databases before it is killed.
TimeoutStopSec=120
# What a user's own systemd can hold it to on every host: what it may ask of the kernel (docs/hardening.md).
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
# AF_UNIX: a build's contracts may be programs of their own, which it talks to over sockets in /tmp.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
UMask=0027

[Install]
WantedBy=default.target
";
        assert_eq!(unit_of(&UnitOverrides::new(), true).unwrap(), expected);
        let more = unit_of(&overrides("Service", "PrivateUsers", json!(true)), true).unwrap();
        assert_eq!(more, expected.replace("UMask=0027\n", "UMask=0027\nPrivateUsers=true\n"));
    }

    /// What a user's systemd cannot do: some of it stops the unit from starting, some is silently without effect.
    #[test]
    fn no_chain_asks_a_users_systemd_for_what_it_cannot_do() {
        let never =
            ["User=", "Group=", "CapabilityBoundingSet", "Private", "Protect", "ProcSubset", "BindPaths"];
        for chain in crate::chain::profile::builtin_names() {
            let profile = Profile::builtin(chain).unwrap();
            let template = &profile.templates[&profile.unit.user_template];
            let bad = template.lines().find(|line| never.iter().any(|word| line.starts_with(word)));
            assert_eq!(bad, None, "{chain}");
            assert!(!template.contains(".target\nWants") && !template.contains("After="), "{chain}");
            assert!(
                template.contains("NoNewPrivileges=yes\n") && template.ends_with("WantedBy=default.target\n")
            );
        }
    }

    /// P3
    #[test]
    fn what_runs_once_is_confined_as_the_node_is() {
        let text = unit(&overrides("Service", "ReadWritePaths", json!("/mnt/disk"))).unwrap();
        let lines = sandbox(&text);
        for line in [
            "User=ubuntu",
            "BindPaths=\"/home/ubuntu/100%% node\"",
            "ProtectSystem=strict",
            "ReadWritePaths=/mnt/disk",
        ] {
            assert!(lines.contains(&format!("{line}\n")), "{line}: {lines}");
        }
        for other in ["Exec", "Restart", "Working", "UMask", "Type", "WantedBy", "#"] {
            assert!(!lines.lines().any(|line| line.starts_with(other)), "{other}: {lines}");
        }
        let path = |text: &str| RemotePath::new(text).unwrap();
        let argv = ["/bin/sh", "-c", "exec \"$@\""].map(str::to_owned);
        let unit = once(&lines, &path("/s/100%"), &path("/s/h h"), &argv).unwrap();
        assert!(
            unit.contains("Type=oneshot\nUser=ubuntu\n")
                && unit.contains("NoNewPrivileges=yes\nLimitCORE=0\n")
        );
        assert!(unit.ends_with(
            "WorkingDirectory=/s/100%%\nEnvironment=\"HOME=/s/h h\"\nExecStart=/bin/sh -c \"exec \\\"$$@\\\"\"\n"
        ), "{unit}");
    }

    #[test]
    fn directives_are_replaced_added_repeated_and_dropped() {
        let plain = unit(&UnitOverrides::new()).unwrap();
        let changed = |section: &str, key: &str, value: Value| unit(&overrides(section, key, value)).unwrap();
        assert_eq!(changed("Service", "RestartSec", json!(5)), plain.replace("RestartSec=2", "RestartSec=5"));
        assert_eq!(changed("Service", "LimitNOFILE", Value::Null), plain.replace("LimitNOFILE=500000\n", ""));
        let environment = changed("Service", "Environment", json!(["A=1", "B=2"]));
        let expected = plain.replace("UMask=0027\n", "UMask=0027\nEnvironment=A=1\nEnvironment=B=2\n");
        assert_eq!(environment, expected);
        let after = changed("Unit", "After", json!(["a.service", "b.service"]));
        assert!(after.contains("loom-0\nAfter=a.service\nAfter=b.service\nWants="), "{after}");
        let alias = changed("Install", "Alias", json!("l.service"));
        assert!(alias.ends_with("WantedBy=multi-user.target\nAlias=l.service\n"), "{alias}");
    }

    #[test]
    fn a_nodes_own_folder_stays_bound() {
        let ours = "BindPaths=\"/home/ubuntu/100%% node\"\n";
        for (given, lines) in [
            (json!("/home/ubuntu/more"), "BindPaths=/home/ubuntu/more\n"),
            (json!(["", "/a:/b"]), "BindPaths=\nBindPaths=/a:/b\n"),
            (Value::Null, ""),
        ] {
            let expected = unit(&UnitOverrides::new()).unwrap().replace(ours, &format!("{lines}{ours}"));
            assert_eq!(unit(&overrides("Service", "BindPaths", given)).unwrap(), expected);
        }
    }

    /// A new chain is hardened too, or says in its template why not.
    #[test]
    fn every_chain_is_hardened() {
        let always = [
            "CapabilityBoundingSet=\n",
            "NoNewPrivileges=yes\n",
            "ProtectSystem=strict\n",
            "ProtectHome=tmpfs\nBindPaths={{ bind_paths }}\n",
            "RestrictNamespaces=yes\n",
            "SystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\n",
            "Restart=always\n",
            "After=network-online.target time-sync.target\n",
        ];
        for chain in crate::chain::profile::builtin_names() {
            let profile = Profile::builtin(chain).unwrap();
            let template = &profile.templates[&profile.unit.template];
            for lines in always {
                assert!(template.contains(lines), "{chain}: {lines}");
            }
        }
    }

    #[test]
    fn s9_what_would_break_out_of_a_directive_is_refused() {
        let refused =
            |section: &str, key: &str, value: Value| unit(&overrides(section, key, value)).unwrap_err();
        assert!(refused("Service", "Nice", json!("1\nExecStartPre=/bin/x")).contains("newline"));
        assert!(refused("Service", "Nice", json!("1\\")).contains("backslash"));
        assert!(refused("Service", "Nice=1\nUser", json!("root")).contains("not a directive's name"));
        assert!(refused("service", "Nice", json!(1)).contains("is `Service` meant?"));
        assert!(refused("Service", "ExecStart", json!("/bin/x")).contains("cannot be set here"));
        assert!(refused("Service", "Nice", json!({"a": 1})).contains("must be a text"));
    }
}
