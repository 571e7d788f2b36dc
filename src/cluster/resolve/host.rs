//! How a host is reached: Ansible's own variables.

use std::path::Path;

use super::Supplied;
use crate::{
    cluster::{
        profiles::controller_path,
        read::{Reader, unfit},
    },
    types::{
        diagnostic::Diagnostic,
        ids::{HostAddr, UserName},
        login::{Login, Secret, Via},
    },
};

pub(super) fn login(reader: &mut Reader, base: &Path, supplied: &Supplied) -> Option<Login> {
    refuse_unsupported(reader);
    let via = match reader.text(&["ansible_connection"]).as_deref() {
        None | Some("ssh" | "smart" | "paramiko" | "openssh" | "ansible.builtin.ssh") => Via::Ssh,
        Some("local" | "ansible.builtin.local") => Via::Local,
        Some(other) => {
            reader.wrong(
                "ansible_connection",
                format!("ansible_connection {other:?}: ssh and local are supported"),
            );
            return None;
        }
    };
    let host = match reader.any(&["ansible_host", "ansible_ssh_host"]) {
        Some(_) => reader.typed(&["ansible_host", "ansible_ssh_host"], HostAddr::new)?,
        None => match HostAddr::new(reader.host.name.as_str()) {
            Ok(host) => host,
            Err(why) => {
                reader.problems.push(Diagnostic::error(why.to_string()).at(reader.host.place.as_ref()));
                return None;
            }
        },
    };
    let mut ssh_args = Vec::new();
    for name in ["ansible_ssh_common_args", "ansible_ssh_extra_args"] {
        ssh_args.extend(
            reader.typed(&[name], |text| shell_words::split(&text).map_err(unfit)).unwrap_or_default(),
        );
    }
    let password = reader.text(&["ansible_become_password", "ansible_become_pass"]).map(Secret::new);
    let user = reader.typed(&["ansible_user", "ansible_ssh_user"], UserName::new);
    let root = user.as_ref().is_some_and(|user| user.as_str() == "root");
    Some(Login {
        via,
        host,
        port: reader.port(&["ansible_port", "ansible_ssh_port"]),
        sudo: !root && reader.truth("ansible_become") != Some(false),
        user,
        identity: reader
            .text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])
            .map(|path| controller_path(base, &path)),
        ssh_args,
        sudo_password: password.or_else(|| supplied.become_password.clone()),
        connect_timeout: supplied.connect_timeout,
    })
}

fn refuse_unsupported(reader: &mut Reader) {
    for name in ["ansible_password", "ansible_ssh_pass"] {
        if reader.host.vars.contains_key(name) {
            reader.wrong(
                name,
                format!("{name}: passwords for ssh are not supported; use a key (`ssh-copy-id`) or an agent"),
            );
        }
    }
    if let Some(user) = reader.text(&["ansible_become_user"])
        && user != "root"
    {
        reader.wrong(
            "ansible_become_user",
            "ansible_become_user must be root; `user` is what the node runs as",
        );
    }
    if let Some(method) = reader.text(&["ansible_become_method"])
        && !matches!(method.as_str(), "sudo" | "ansible.builtin.sudo")
    {
        reader.wrong(
            "ansible_become_method",
            format!("ansible_become_method {method:?}: only sudo is supported"),
        );
    }
}
