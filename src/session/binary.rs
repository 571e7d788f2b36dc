//! The chain's program on the control machine: its checksum, and which machines can run it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _},
    path::{Path, PathBuf},
};

use sha2::Digest;

use super::program::{self, NoProgram, Program};
use crate::{
    cluster::{Cluster, LocalBinary, Node, Source},
    types::{code::Code, diagnostic::Diagnostic, ids::Sha256},
};

/// A local binary, and why it is no program.
pub type Measured = Result<(LocalBinary, Option<Diagnostic>), Diagnostic>;

/// Every local binary of the cluster once; blocking.
pub fn measure(paths: Vec<PathBuf>) -> BTreeMap<PathBuf, Measured> {
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// Writes what was measured into the cluster; what could not be read is a problem of the inventory, and so is what is no
/// program, where it would be `sent`: a network is stopped whatever a build on this machine has come to.
pub fn note(cluster: &mut Cluster, measured: BTreeMap<PathBuf, Measured>, sent: bool) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for (path, result) in measured {
        match result {
            Ok((local, none)) => {
                problems.extend(none.filter(|_| sent));
                let source = Source::File(path);
                let all = cluster.nodes.iter_mut().flat_map(Node::binaries_mut);
                for binary in all.filter(|binary| binary.source == source) {
                    binary.local = Some(local.clone());
                }
            }
            Err(problem) => problems.push(problem),
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

/// What is wrong with them, without reading them whole.
pub fn check(cluster: &Cluster) -> Vec<Diagnostic> {
    let problem = |path: &PathBuf| match open(path) {
        Ok((_, program)) => program.err(),
        Err(problem) => Some(problem),
    };
    named(cluster).iter().filter_map(problem).collect()
}

fn read(path: &Path) -> Measured {
    let (mut file, program) = open(path)?;
    let (sha256, size) = hash(&mut file).map_err(|why| unreadable(path, &why))?;
    let (arch, loader, none) = match program {
        Ok(Program::Elf { arch, loader }) => (arch, loader, None),
        Ok(Program::Script) => (None, None, None),
        Err(none) => (None, None, Some(none)),
    };
    Ok((LocalBinary { sha256, arch, loader, size }, none))
}

/// The inner error is of a file that is no program.
fn open(path: &Path) -> Result<(File, Result<Program, Diagnostic>), Diagnostic> {
    // A device has no end, and a pipe that nobody writes to no beginning.
    let is_file = std::fs::metadata(path).map_err(|why| unreadable(path, &why))?.is_file();
    if !is_file {
        return Err(unreadable(path, &"it is no regular file"));
    }
    let file = File::open(path).map_err(|why| unreadable(path, &why))?;
    let program = program::kind_of(&file).map_err(|why| unreadable(path, &why))?;
    let none = |none: NoProgram| {
        Diagnostic::error(format!("{}: this is no program: it is {}", path.display(), none.is))
            .coded(Code::NoProgram)
            .help(none.help)
    };
    Ok((file, program.map_err(none)))
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::error(format!("{}: {why}", path.display()))
}

fn hash(file: &mut File) -> io::Result<(Sha256, u64)> {
    let (mut hash, mut buffer, mut size) = (sha2::Sha256::new(), vec![0; 1 << 20], 0);
    file.rewind()?;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
    Ok((Sha256::new(hex::encode(hash.finalize())).map_err(io::Error::other)?, size))
}
