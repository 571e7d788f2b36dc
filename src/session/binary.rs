//! The chain's program on the control machine: its checksum, and which machines can run it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::Digest;

use crate::{
    cluster::{Cluster, LocalBinary, Node, Source},
    types::{diagnostic::Diagnostic, ids::Sha256},
};

/// Every local binary of the cluster once; blocking.
pub fn measure(paths: Vec<PathBuf>) -> BTreeMap<PathBuf, io::Result<LocalBinary>> {
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// Writes what was measured into the cluster; what could not be read is a problem of the inventory.
pub fn note(cluster: &mut Cluster, measured: BTreeMap<PathBuf, io::Result<LocalBinary>>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (path, result) in measured {
        match result {
            Ok(local) => {
                let source = Source::File(path);
                let all = cluster.nodes.iter_mut().flat_map(Node::binaries_mut);
                for binary in all.filter(|binary| binary.source == source) {
                    binary.local = Some(local.clone());
                }
            }
            Err(e) => problems.push(Diagnostic::error(format!("{}: {e}", path.display()))),
        }
    }
    problems
}

/// The local binaries that a cluster names, each once.
pub fn named(cluster: &Cluster) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = cluster
        .nodes
        .iter()
        .flat_map(Node::binaries)
        .filter_map(|binary| match &binary.source {
            Source::File(path) => Some(path.clone()),
            Source::Url(_) => None,
        })
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

fn read(path: &Path) -> io::Result<LocalBinary> {
    // A device has no end, and a pipe that nobody writes to no beginning.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut file = File::open(path)?;
    let (mut hash, mut buffer, mut size, mut head) = (sha2::Sha256::new(), vec![0; 1 << 20], 0, Vec::new());
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        if head.is_empty() {
            head = buffer[..read.min(20)].to_vec();
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
    let sha256 = Sha256::new(hex::encode(hash.finalize())).map_err(io::Error::other)?;
    Ok(LocalBinary { sha256, arch: elf_arch(&head), size })
}

/// ELF's `e_machine` as `uname -m` calls it.
fn elf_arch(head: &[u8]) -> Option<&'static str> {
    if head.len() < 20 || !head.starts_with(b"\x7fELF") {
        return None;
    }
    let machine = [head[18], head[19]];
    let number = if head[5] == 2 { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) };
    match number {
        0x3e => Some("x86_64"),
        0xb7 => Some("aarch64"),
        0x28 => Some("armv7l"),
        0xf3 => Some("riscv64"),
        0x03 => Some("i686"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_elf_header_names_its_machine() {
        let mut head = [0_u8; 20];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[18] = 0xb7;
        assert_eq!(elf_arch(&head), Some("aarch64"));
        assert_eq!(elf_arch(b"#!/bin/sh\n0123456789"), None);
    }
}
