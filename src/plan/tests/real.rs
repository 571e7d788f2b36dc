//! Random steps through the real shell, in a folder of their own, over a systemd of files: what the host says after each is
//! what the prediction says, and what the hosts in memory say.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    process::Command,
};

use tempfile::TempDir;

use super::*;
use crate::{
    cluster::Node,
    facts::{Facts, FileKind, NodeFacts, UnitFacts, ask, parse::Collector},
    plan::{
        ask::question,
        predict,
        sim::{path, try_cluster},
    },
    script::{compose::Script, quote::words, record::parse},
    steps::{Disabled, EmptyGone, File, Folder, Gone, Key, Link, Reload, Stopped, Unit},
    types::{
        ids::{RemotePath, Sha256, UserName},
        scope::{LoginUser, Scope},
        stage::StageName,
    },
};

/// Of systemd what the scripts use: units are files, what it has read of them lies beside, and a unit runs as the script itself.
const SYSTEMD: &str = r#"systemctl() {
  case $1 in
    daemon-reload) mkdir -p "$fake/read" && rm -f "$fake/read/"* && cp "$units/"*.service "$fake/read/" 2>/dev/null; return 0 ;;
    enable) mkdir -p "$units/default.target.wants" && ln -sf "$units/$4" "$units/default.target.wants/$4" ;;
    disable) rm -f "$units/default.target.wants/$3" ;;
    is-enabled) [ ! -e "$units/default.target.wants/$2" ] || { echo enabled; return 0; }; echo disabled ;;
    is-active) [ -e "$fake/runs/$2" ] && echo active || echo inactive ;;
    start | restart) mkdir -p "$fake/runs" "$run/../systemd/units"; echo x >>"$fake/count"; echo "i$(wc -l <"$fake/count")" >"$fake/runs/$2" ;;
    stop) rm -f "$fake/runs/$2" ;;
    show) shows "$@" ;;
  esac
}
shows() {
  shift
  shown='' of=''
  for word in "$@"; do case $word in *.service) of=$word ;; --value) shown=value ;; esac; done
  case " $* " in *" --value "*) cat "$fake/runs/$of" 2>/dev/null; return ;; esac
  [ -e "$fake/read/$of" ] && echo LoadState=loaded && echo "FragmentPath=$units/$of" || echo LoadState=not-found
  if [ -e "$fake/runs/$of" ]; then
    printf 'ActiveState=active\nMainPID=%s\nInvocationID=%s\n' "$me" "$(cat "$fake/runs/$of")"
  else
    printf 'ActiveState=inactive\nMainPID=0\n'
  fi
  cmp -s "$units/$of" "$fake/read/$of" || [ ! -e "$fake/read/$of" ] || echo NeedDaemonReload=yes
}"#;

/// A host that is a folder of this machine, and the same in memory.
struct Host {
    folder: TempDir,
    cluster: Cluster,
    world: Sim,
}

/// Whoever runs the scripts is no root: as root another account.
fn account() -> (u32, u32) {
    let own = fs::metadata("/proc/self").unwrap();
    if own.uid() == 0 { (65534, 65534) } else { (own.uid(), own.gid()) }
}

fn name_of(option: &str) -> String {
    let (uid, _) = account();
    let said = Command::new("id").args([option, &uid.to_string()]).output().unwrap().stdout;
    String::from_utf8(said).unwrap().trim().to_owned()
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let (uid, gid) = account();
        chown(folder.path(), Some(uid), Some(gid)).unwrap();
        let home = folder.path().to_str().unwrap();
        let user = name_of("-un");
        let yaml = format!(
            "all:\n  vars: {{chain: cometbft, user: {user}, ansible_user: {user}, ansible_become: false, binary: /bin/sh, \
             working_directory: {home}/node}}\n  hosts: {{n-0: {{ansible_host: 10.0.0.1}}}}\n"
        );
        let mut cluster = try_cluster(&yaml).unwrap();
        cluster.machines[0].scope = Scope::User(LoginUser {
            uid,
            name: UserName::new(user).unwrap(),
            group: name_of("-gn"),
            home: path(home),
        });
        Self { folder, cluster, world: Sim::default() }
    }

    fn node(&self) -> &Node {
        &self.cluster.nodes[0]
    }

    fn run(&self, body: impl FnOnce(&mut Script)) -> Collector {
        let mut script = Script::new("n");
        script.set("fake", self.folder.path().join("fake").to_str().unwrap());
        // The scope's own would be the machine's.
        script.set("run", self.folder.path().join("run/loomctl").to_str().unwrap());
        script.line(SYSTEMD).line("say ready");
        body(&mut script);
        script.line("finish 0");
        let text = script.text(&self.cluster.machines[0].scope);
        let file = self.folder.path().join("script");
        fs::write(&file, text).unwrap();
        let (uid, gid) = account();
        let mut shell = Command::new("sh");
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            shell = Command::new("setpriv");
            shell.args([
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
                "--clear-groups".into(),
                "sh".into(),
            ]);
        }
        let out = shell.arg(&file).env("HOME", self.folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        let mut collector = Collector::new(0.0);
        let mut ended = false;
        for line in said.lines() {
            ended |= line == "n end 0";
            if let Some(record) = parse("n", line) {
                collector.take(record, 0.0);
            }
        }
        assert!(ended, "{said}{}", String::from_utf8_lossy(&out.stderr));
        collector
    }

    /// What gather.sh says of the node.
    fn look(&self) -> NodeFacts {
        let asked = vec![question(&self.cluster, self.node(), &Facts::default())];
        let collector = self.run(|script| ask::nodes(script, &asked));
        let (_, mut nodes) = collector.finish(&asked).unwrap();
        nodes.remove(&0).unwrap()
    }

    fn take(&mut self, step: &Step) {
        let asked = question(&self.cluster, self.node(), &Facts::default());
        self.run(|script| {
            script.set("node_user", self.node().user.as_str()).line(ask::hand_is(&asked));
            step.add_to(script, 0);
        });
        let (cluster, node) = (self.cluster.clone(), self.node().clone());
        self.world.step(&cluster, &node, step).unwrap();
    }

    fn remembered(&mut self) -> NodeFacts {
        let cluster = self.cluster.clone();
        self.world.gather(&cluster).nodes.remove(&self.node().name).unwrap()
    }
}

/// Without what only the one that says it can know: inodes, times, numbers of processes.
fn plain_facts(seen: &NodeFacts, asked: &[RemotePath]) -> Vec<String> {
    let mut all: Vec<String> = seen
        .files
        .iter()
        .filter(|(at, _)| asked.contains(at))
        .map(|(at, file)| {
            let mode = if file.kind == FileKind::Link { 0 } else { file.mode };
            // Nobody looks at whose our own folders are.
            let is_own =
                file.kind == FileKind::Folder && !at.is_at_or_below(seen.home.as_ref().unwrap().as_str());
            let owner = if is_own || file.kind == FileKind::Link { "" } else { &file.owner };
            format!("{at} {:?} {mode:o} {owner} {:?} {:?}", file.kind, file.sha256, file.target)
        })
        .collect();
    all.sort();
    let unit = |unit: &UnitFacts| {
        format!(
            "runs {} enabled {} reload {}",
            unit.is_running(),
            unit.file_state == "enabled",
            unit.needs_reload
        )
    };
    all.push(unit(&seen.unit));
    all.push(format!("started {:?}", seen.started.as_ref().map(|(_, runs)| runs)));
    all.push(format!("manifest {:?}", seen.manifest.as_ref().map(|manifest| manifest.planned())));
    all.push(format!("signed {:?}", seen.signed_height.unwrap_or(0)));
    all
}

/// A step by a number, over the places that a plan asks about; files stay files, and folders folders.
fn step(host: &Host, seen: &NodeFacts, number: u32, word: u8) -> Option<Step> {
    let (cluster, node) = (&host.cluster, host.node());
    let scope = cluster.scope(node);
    let home = seen.home.clone().unwrap();
    let at = |below: &str| home.join(below).unwrap();
    let (owner, content) = (scope.owner(), Text::from(format!("text {word}\n")));
    let mode = if word.is_multiple_of(2) { 0o644 } else { 0o640 };
    let file =
        |path: RemotePath| Step::File(File { path, owner: owner.clone(), mode, content: content.clone() });
    let unit = cluster.unit_path(node);
    let started = cluster.started(node, cluster.main(node));
    let binary = cluster.binary_path(node, cluster.main(node), node.binary.sha256().unwrap());
    let runs = Sha256::of([word]);
    let may_run = seen.has(&unit) && seen.has(&started) && seen.has(&at("config/genesis.json"));
    let units =
        |run| crate::plan::node::unit_step(cluster, node, None, cluster.main(node), run, true, Some(&runs));
    Some(match number % 18 {
        0 => Step::Folder(Folder { path: home.clone(), owner, mode: 0o755, strict: false }),
        1 => Step::Folder(Folder {
            path: at("data"),
            owner,
            mode: 0o700 | (u32::from(word % 2) * 0o50),
            strict: true,
        }),
        2 => file(at("config/config.toml")),
        3 => file(at("config/genesis.json")),
        4 => file(unit),
        5 => Step::Key(Key {
            path: at("config/priv_validator_key.json"),
            owner,
            content: crate::types::login::Secret::new(content.to_string()),
        }),
        6 => Step::Link(Link { path: started, target: binary }),
        // A link says of no folder whose it is: a plan has made it before.
        7 if seen.has(&home) => Step::Link(Link {
            path: at("cometbft"),
            target: if word.is_multiple_of(2) { binary } else { home },
        }),
        8 => Step::Gone(Gone { path: at("config/config.toml") }),
        9 => Step::Gone(Gone { path: at("data") }),
        10 => Step::Gone(Gone { path: started.parent().unwrap() }),
        11 => Step::EmptyGone(EmptyGone { path: at("config") }),
        12 if may_run => units(Run::Start),
        13 if may_run => units(Run::Restart),
        14 if seen.has(&unit) => units(Run::Leave),
        15 => Step::Stopped(Stopped { unit: node.unit_name.clone() }),
        16 if seen.has(&unit) => Step::Disabled(Disabled { unit: node.unit_name.clone() }),
        17 => Step::Reload(Reload),
        _ => return None,
    })
}

/// Each step alone, from what the host says it is: in the shell, in memory, and as it is predicted.
fn holds(numbers: &[(u32, u8)]) {
    let mut host = Host::new();
    let (cluster, node) = (host.cluster.clone(), host.node().clone());
    let binary = cluster.binary_path(&node, cluster.main(&node), node.binary.sha256().unwrap());
    let address = Sim::address(&cluster.machines[0]);
    host.world.gather(&cluster);
    // A run's first manifest has made it before any unit is started.
    host.run(|script| {
        script.line(words(["mkdir", "-p", cluster.state_folder(&node).as_str()]));
    });
    host.world.put_binary(&address, &binary, node.binary.sha256().unwrap()).unwrap();
    let mut asked: Vec<RemotePath> = {
        let question = question(&cluster, &node, &Facts::default());
        let home = question.folder.clone().unwrap();
        let started = cluster.started(&node, cluster.main(&node));
        let below = question.paths.iter().map(|name| home.join(name).unwrap());
        let own =
            [cluster.unit_path(&node), started.parent().unwrap(), started, home.join("cometbft").unwrap()];
        below.chain(own).chain([home.clone()]).collect()
    };
    let mut done: Vec<String> = Vec::new();
    for (number, word) in numbers {
        let seen = host.look();
        let Some(step) = step(&host, &seen, *number, *word).filter(|step| step.wanted(&seen).is_some())
        else {
            continue;
        };
        let planned = Planned { step: step.clone(), why: String::new() };
        let mut facts = Facts { nodes: BTreeMap::from([(node.name.clone(), seen)]), ..Facts::default() };
        let stage = Stage::of(StageName::Prepare, [(node.name.clone(), vec![planned])].into()).unwrap();
        predict::apply(&stage, &mut facts, |_, _| {});
        host.take(&step);
        done.push(step.name());
        if matches!(step, Step::Unit(Unit { run: Run::Start | Run::Restart, .. })) {
            // The node in memory makes its database, and here no node runs.
            let data = host.look().home.unwrap().join("data").unwrap();
            asked.retain(|at| !at.is_at_or_below(data.as_str()));
        }
        let (said, remembered) = (plain_facts(&host.look(), &asked), plain_facts(&host.remembered(), &asked));
        assert_eq!(said, plain_facts(&facts.nodes[&node.name], &asked), "predicted after {done:#?}");
        assert_eq!(said, remembered, "in memory after {done:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn steps_through_a_real_shell_are_what_is_predicted_and_what_is_remembered(
        numbers in prop::collection::vec((any::<u32>(), any::<u8>()), 1..14)
    ) {
        holds(&numbers);
    }
}
