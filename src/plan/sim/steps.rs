//! The steps over a host in memory, said a second time; every change is one tick, and may be the last.

use super::{BOOT, Host, Killed, Sim, init, plain};
use crate::{
    cluster::{Cluster, Node, Program},
    facts::{FileFact, FileKind, UnitFacts, manifest::Manifest},
    steps::{
        self, Account, Binary, Disabled, EmptyGone, Fetch, File, Folder, Gone, Init, KEY_MODE, Key, Link,
        Reload, Run, Step, Stopped, Unit, Unsigned, Unused, staging,
    },
    types::ids::{RemotePath, Sha256, UnitName, name_of},
};

type Result<T = ()> = std::result::Result<T, Killed>;

impl Sim {
    fn tick(&mut self) -> Result {
        if let Some(fuel) = &mut self.fuel {
            *fuel = fuel.checked_sub(1).ok_or(Killed)?;
        }
        self.ticks += 1;
        Ok(())
    }

    /// Something new at a path, with an inode and times of its own.
    pub(super) fn put(&mut self, address: &str, at: &RemotePath, file: FileFact) -> Result {
        self.tick()?;
        let (inode, ctime) = (u64::from(self.ticks), format!("{:.9}", self.clock()));
        let host = self.hosts.get_mut(address).unwrap();
        let mut parent = at.parent();
        while let Some(folder) = parent.filter(|folder| folder.as_str() != "/") {
            // As whoever makes the file; a link says of nobody whose it is.
            let owner = if file.kind == FileKind::Link { host.scope.owner() } else { file.owner.clone() };
            host.files.entry(folder.clone()).or_insert_with(|| folder_of(&owner, 0o755));
            parent = folder.parent();
        }
        host.files.insert(at.clone(), FileFact { inode, mtime: ctime.clone(), ctime, ..file });
        for (name, unit) in &mut host.units {
            if *at == host.scope.unit_path(name) && unit.load == "loaded" {
                unit.needs_reload = true;
            }
        }
        Ok(())
    }

    /// Who owns what is ours and not the node's.
    fn ours(&self, address: &str) -> String {
        self.hosts[address].scope.owner()
    }

    pub fn put_binary(&mut self, address: &str, at: &RemotePath, sha256: &Sha256) -> Result {
        let there = self.hosts[address].files.get(at).and_then(|file| file.sha256.as_ref());
        if there == Some(sha256) {
            return Ok(());
        }
        let file =
            FileFact { sha256: Some(sha256.clone()), content: None, ..plain("", &self.ours(address), 0o755) };
        self.put(address, at, file)
    }

    pub(super) fn change(&mut self, address: &str, change: impl FnOnce(&mut Host)) -> Result {
        self.tick()?;
        change(self.hosts.get_mut(address).unwrap());
        Ok(())
    }

    pub fn step(&mut self, cluster: &Cluster, node: &Node, step: &Step) -> Result {
        self.host(cluster, node);
        let address = &Self::address(&cluster.machines[node.machine]);
        let there = |at: &RemotePath| self.hosts[address].files.get(at).cloned();
        match step {
            Step::Account(Account { user }) => {
                self.change(address, |host| host.strangers.retain(|name| name != user))
            }
            Step::Folder(Folder { path, owner, mode, strict }) => match there(path) {
                Some(file) if file.kind == FileKind::Link => Ok(()),
                Some(file) if file.owner == *owner && (!strict || file.mode == *mode) => Ok(()),
                Some(file) => {
                    let mode = if *strict { *mode } else { file.mode };
                    self.put(address, path, FileFact { owner: owner.clone(), mode, ..file })
                }
                None => self.put(address, path, folder_of(owner, *mode)),
            },
            Step::File(File { path, owner, mode, content }) => {
                self.file(address, path, plain(content.clone(), owner, *mode))
            }
            Step::Key(Key { path, owner, content }) => {
                self.file(address, path, plain(content.reveal(), owner, KEY_MODE))
            }
            Step::Link(Link { path, target }) => match there(path) {
                Some(file) if file.target.as_deref() == Some(target.as_str()) => Ok(()),
                _ => self.put(address, path, link_to(target)),
            },
            Step::Binary(Binary { path, sha256, url, .. }) => {
                let found = there(path).and_then(|file| file.sha256);
                assert!(url.is_some() || found.as_ref() == Some(sha256), "{path} was not uploaded");
                self.put_binary(address, path, sha256)
            }
            Step::Fetch(Fetch { name, url, .. }) => {
                let sum = Sha256::of(url);
                self.put_binary(address, &cluster.scope(node).path_of(&format!("bin/{sum}/{name}")), &sum)?;
                self.change(address, |host| drop(host.pulled.insert(name_of(url), sum)))
            }
            Step::Init(init) => self.init(cluster, node, address, init),
            Step::Tool(tool) => self.tool(node, address, tool),
            Step::Trial(_) => Ok(()),
            Step::Adopt(adopt) => {
                for (name, below) in &adopt.keep {
                    if let Some(file) =
                        self.hosts[address].files.get(&adopt.home.join(below).unwrap()).cloned()
                    {
                        let kept = adopt.state.join(&format!("pristine/{name}")).unwrap();
                        self.put(address, &kept, FileFact { owner: self.ours(address), ..file })?;
                    }
                }
                self.put(
                    address,
                    &adopt.state.join("initialised").unwrap(),
                    plain("adopted\n", &self.ours(address), 0o644),
                )
            }
            Step::Manifest(steps::Manifest { path, manifest }) => self.manifest(address, path, manifest),
            Step::Unit(Unit { name, run, reload, first: _, state, record, runs }) => {
                self.enable(address, name, *reload)?;
                let program = cluster.programs(node).find(|program| program.unit_name == name).unwrap();
                self.run(cluster, node, address, program, *run, &state.join(record).unwrap(), runs.as_ref())
            }
            Step::Stopped(Stopped { unit }) => self.change(address, |host| {
                let unit = host.units.entry(unit.clone()).or_default();
                "inactive".clone_into(&mut unit.active);
                unit.main_pid = 0;
            }),
            Step::Disabled(Disabled { unit }) => self.change(address, |host| {
                "disabled".clone_into(&mut host.units.entry(unit.clone()).or_default().file_state);
            }),
            Step::Unsigned(Unsigned { path, .. }) => self.unsign(cluster, address, path),
            Step::Gone(Gone { path }) => self.change(address, |host| {
                host.files.retain(|at, _| at != path && !at.is_below(path));
            }),
            Step::EmptyGone(EmptyGone { path }) => self.change(address, |host| {
                if !host.files.keys().any(|at| at.is_below(path)) {
                    host.files.remove(path);
                }
            }),
            Step::Unused(Unused { path }) => self.change(address, |host| drop(host.files.remove(path))),
            Step::Tombstone(steps::Tombstone { path, owner, stone }) => {
                self.file(address, path, plain(stone.text(), owner, 0o644))
            }
            Step::Reload(Reload) => self.change(address, |host| {
                host.units.values_mut().for_each(|unit| unit.needs_reload = false);
            }),
        }
    }

    fn file(&mut self, address: &str, path: &RemotePath, wanted: FileFact) -> Result {
        match self.hosts[address].files.get(path) {
            Some(file) if same(file, &wanted) => Ok(()),
            file => {
                assert!(file.is_none_or(|file| file.kind != FileKind::Folder), "{path} is a folder");
                self.put(address, path, wanted)
            }
        }
    }

    fn manifest(&mut self, address: &str, at: &RemotePath, manifest: &Manifest) -> Result {
        let files = &self.hosts[address].files;
        let mut manifest = manifest.planned();
        for entry in &mut manifest.paths {
            if let Some(file) = files.get(&entry.path) {
                entry.inode = Some(file.inode);
                entry.size = Some(file.size);
                entry.mtime = Some(file.mtime.clone());
                entry.ctime = Some(file.ctime.clone());
            }
        }
        let text = serde_json::to_string_pretty(&manifest).unwrap();
        if files.get(at).and_then(|file| file.content.as_deref()) == Some(&text) {
            return Ok(());
        }
        self.put(address, at, plain(text, &self.ours(address), 0o644))
    }

    fn enable(&mut self, address: &str, name: &UnitName, reload: bool) -> Result {
        let file = self.hosts[address].scope.unit_path(name);
        assert!(self.hosts[address].files.contains_key(&file), "{name} has no file");
        let seen = self.hosts[address].units.get(name).cloned().unwrap_or_default();
        let enable = seen.file_state != "enabled";
        if enable {
            self.change(address, |host| {
                "enabled".clone_into(&mut host.units.entry(name.clone()).or_default().file_state);
            })?;
        }
        if enable || reload {
            self.change(address, |host| {
                host.units.values_mut().for_each(|unit| unit.needs_reload = false);
                "loaded".clone_into(&mut host.units.entry(name.clone()).or_default().load);
            })?;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn run(
        &mut self,
        cluster: &Cluster,
        node: &Node,
        address: &str,
        program: Program<'_>,
        run: Run,
        record: &RemotePath,
        runs: Option<&Sha256>,
    ) -> Result {
        let unit = &self.hosts[address].units[program.unit_name];
        assert!(!unit.needs_reload || run == Run::Leave, "started without a reload");
        if run == Run::Leave || (run == Run::Start && unit.is_running()) {
            return Ok(());
        }
        self.tick()?;
        let (pid, since) = (self.ticks, self.clock() - BOOT);
        let home = super::home_of(node);
        let host = self.hosts.get_mut(address).unwrap();
        let link = &host.files[&cluster.started(node, program)];
        let exe = &host.files[&super::path(link.target.as_ref().unwrap())];
        let running = UnitFacts {
            active: "active".into(),
            sub: "running".into(),
            main_pid: pid,
            invocation: format!("{pid:032x}"),
            started_monotonic: since,
            exe_sha256: exe.sha256.clone(),
            ..host.units[program.unit_name].clone()
        };
        for document in cluster.profile.documents.values() {
            assert!(host.files.contains_key(&document.path.under(&home)), "it starts without a genesis");
        }
        if program.service.is_none() {
            for service in &node.services {
                assert!(host.units[&service.unit_name].is_running(), "it starts before {}", service.name);
            }
        }
        host.units.insert(program.unit_name.clone(), running);
        let store = cluster.profile.started.under(&home);
        if program.service.is_none() && !self.hosts[address].files.contains_key(&store) {
            self.put(address, &store, folder_of(node.user.as_str(), 0o700))?;
        }
        let line = format!("{pid:032x} {}\n", runs.map_or("-", Sha256::as_str));
        self.put(address, record, plain(line, &self.ours(address), 0o644))
    }

    /// Each stop is one that `step_init` names harmless.
    fn init(&mut self, cluster: &Cluster, node: &Node, address: &str, init: &Init) -> Result {
        let marker = init.state.join("initialised").unwrap();
        if self.hosts[address].files.contains_key(&marker) {
            return Ok(());
        }
        let owner = format!("{0}:{0}", node.user);
        let staged = staging(&init.home);
        let complete = staged.join(".complete").unwrap();
        if !self.hosts[address].files.contains_key(&complete) {
            self.change(address, |host| host.files.retain(|at, _| *at != staged && !at.is_below(&staged)))?;
            self.put(address, &staged, folder_of(&owner, 0o700))?;
            self.inits += 1;
            for (name, content) in init::made(cluster, init, self.inits) {
                let mode = if name.contains("key") || name.contains("priv") { 0o600 } else { 0o644 };
                self.put(address, &staged.join(&name).unwrap(), plain(content, &owner, mode))?;
            }
            for made in &init.makes {
                let at = staged.join(made).unwrap();
                assert!(self.hosts[address].files.contains_key(&at), "init has not made {made}");
            }
            self.put(address, &complete, plain("", &owner, 0o644))?;
        }
        let restored = self.hosts[address].files.get(&init.state.join("restored").unwrap()).cloned();
        for (name, below) in &init.keep {
            if let Some(file) = self.hosts[address].files.get(&staged.join(below).unwrap()).cloned() {
                let kept = init.state.join(&format!("pristine/{name}")).unwrap();
                if restored.is_none() || !self.hosts[address].files.contains_key(&kept) {
                    self.put(address, &kept, FileFact { owner: self.ours(address), ..file })?;
                }
                if restored.is_some() {
                    self.change(address, |host| drop(host.files.remove(&staged.join(below).unwrap())))?;
                }
            }
        }
        for key in restored.iter().flat_map(|file| file.content.as_deref().unwrap().lines()) {
            let host = self.hosts.get_mut(address).unwrap();
            assert!(
                host.files.contains_key(&init.home.join(key).unwrap()),
                "{key} was restored, and is gone"
            );
            host.files.remove(&staged.join(key).unwrap());
        }
        let moved: Vec<RemotePath> = self.hosts[address]
            .files
            .iter()
            .filter(|(at, file)| at.is_below(&staged) && **at != complete && file.kind == FileKind::File)
            .map(|(at, _)| at.clone())
            .collect();
        for from in moved {
            let to = init.home.join(&from.as_str()[staged.as_str().len()..]).unwrap();
            let file = self.hosts[address].files[&from].clone();
            assert!(!self.hosts[address].files.contains_key(&to), "{to} is there already");
            self.put(address, &to, file)?;
            self.hosts.get_mut(address).unwrap().files.remove(&from);
        }
        self.put(address, &marker, plain("now\n", &self.ours(address), 0o644))?;
        self.hosts.get_mut(address).unwrap().files.remove(&init.state.join("restored").unwrap());
        self.change(address, |host| host.files.retain(|at, _| *at != staged && !at.is_below(&staged)))
    }

    fn unsign(&mut self, cluster: &Cluster, address: &str, at: &RemotePath) -> Result {
        let key = format!("{}height", cluster.profile.sign_state.as_ref().unwrap().prefix);
        self.change(address, |host| {
            let Some(file) = host.files.get_mut(at) else { return };
            let mut json: serde_json::Value = serde_json::from_str(file.content.as_ref().unwrap()).unwrap();
            json[key] = "0".into();
            file.content = Some(json.to_string().into());
        })
    }
}

fn same(a: &FileFact, b: &FileFact) -> bool {
    (a.kind, &a.sha256, &a.owner, a.mode) == (b.kind, &b.sha256, &b.owner, b.mode)
}

fn folder_of(owner: &str, mode: u32) -> FileFact {
    FileFact { kind: FileKind::Folder, sha256: None, content: None, ..plain("", owner, mode) }
}

pub fn link_to(target: &RemotePath) -> FileFact {
    FileFact {
        kind: FileKind::Link,
        target: Some(target.to_string()),
        sha256: None,
        content: None,
        ..plain("", "root:root", 0o777)
    }
}
