//! `host1,host2:2222,`: a list of hosts on the command line. Ranges are not expanded in it, as in Ansible.

use std::sync::Arc;

use super::build::{Builder, UNGROUPED};
use super::names;
use crate::types::diagnostic::Place;

pub(super) fn read(list: &str, builder: &mut Builder) {
    let text: Arc<str> = list.into();
    let mut column = 1;
    for part in list.split(',') {
        let name = part.trim();
        let start = column + part.chars().take_while(|c| c.is_whitespace()).count();
        column += part.chars().count() + 1;
        if name.is_empty() {
            continue;
        }
        let (host, port) = match names::address(name) {
            Some((host, port)) if !host.contains('[') => (host, port),
            _ => (name, None),
        };
        if !builder.has_host(host) {
            let width = name.chars().count();
            let place =
                Place { file: "--inventory".into(), line: 1, column: start, width, text: text.clone() };
            builder.host(host, Some(UNGROUPED), port, &place, None);
        }
    }
}
