//! Hosts where the login has no root: the same plan, in the login user's own places.

use super::*;
use crate::{
    facts::Facts,
    plan::{
        sim::{path, try_cluster},
        unfold,
    },
    types::{
        ids::{RemotePath, UserName},
        scope::{LoginUser, Scope},
    },
};

/// These machines, as their logins would say when they are connected to.
fn rootless(mut cluster: Cluster, machines: &[usize]) -> Cluster {
    for &machine in machines {
        cluster.machines[machine].scope = Scope::User(LoginUser {
            uid: 1000,
            name: UserName::new("ubuntu").unwrap(),
            group: "ubuntu".into(),
            home: path("/home/ubuntu"),
        });
    }
    cluster
}

fn paths(world: &Sim, host: usize) -> Vec<&RemotePath> {
    let (_, host) = world.hosts.iter().nth(host).unwrap();
    host.files.keys().collect()
}

#[test]
fn a_cluster_is_born_in_its_users_places_and_then_left_alone() {
    for (chain, url) in [("cometbft", false), ("loom", true)] {
        let cluster = rootless(Wishes { url, ..plain(chain, 3) }.cluster(), &[0, 1, 2]);
        let predicted = unfold(&cluster, &Sim::default().gather(&cluster), &Options::default());
        assert!(!matches!(predicted.end, Next::Refused(_)) && !predicted.stages.is_empty());
        let (mut world, outcome) = born(&cluster, 5);
        assert_eq!(inits(&outcome.stages), 3);
        for host in 0..3 {
            let unit = path(&format!("/home/ubuntu/.config/systemd/user/{chain}.service"));
            let all = paths(&world, host);
            assert!(
                all.contains(&&unit) && all.iter().any(|at| at.as_str().contains("/.local/state/loomctl/"))
            );
            let outside = all.iter().find(|at| !at.as_str().starts_with("/home"));
            assert_eq!(outside, None);
            let host = world.hosts.values().nth(host).unwrap();
            assert!(
                host.files.values().all(|file| file.owner.starts_with("ubuntu") || file.target.is_some())
            );
            let text = host.files[&unit].content.as_ref().unwrap();
            assert!(text.contains("WantedBy=default.target") && !text.contains("User="), "{text}");
        }
        let before = world.fingerprint();
        assert!(again(&mut world, &cluster).stages.is_empty() && world.fingerprint() == before);
    }
}

/// `loomctl render` on facts that were written down.
#[test]
fn facts_that_were_saved_say_who_logged_in() {
    let yaml = Wishes::yaml(&plain("cometbft", 2)).replace("{chain: ", "{ansible_become: false, chain: ");
    let connected = rootless(try_cluster(&yaml).unwrap(), &[0, 1]);
    let facts = Sim::default().gather(&connected);
    let mut offline = try_cluster(&yaml).unwrap();
    crate::facts::saved::scopes(&mut offline, &facts);
    let scopes = |cluster: &Cluster| cluster.machines.iter().map(|m| m.scope.clone()).collect::<Vec<_>>();
    assert_eq!(scopes(&offline), scopes(&connected));
    let mut root = plain("cometbft", 2).cluster();
    crate::facts::saved::scopes(&mut root, &facts);
    assert_eq!(scopes(&root), [Scope::System, Scope::System], "what a run with sudo would do");
}

#[test]
fn s7_a_run_killed_anywhere_without_root_converges_with_the_same_keys() {
    let cluster = rootless(plain("cometbft", 2).cluster(), &[0, 1]);
    let (whole, _) = born(&cluster, 0);
    for fuel in 1.. {
        let mut world = Sim::dying(fuel);
        if world.up(&cluster, &Options::default()).is_ok() {
            assert!(fuel > 20);
            break;
        }
        world.fuel = None;
        let outcome = again(&mut world, &cluster);
        assert!(outcome.is_done(), "after {fuel} changes: {:?}", outcome.end);
        // What init has staged may stay behind, empty, where only its last clean-up was cut off; a start that was
        // cut off (its record, the store that the node makes) counts as one of systemd's own.
        let made = |world| -> Vec<RemotePath> {
            paths(world, 0)
                .into_iter()
                .filter(|at| {
                    !at.as_str().contains("/.loomctl-init")
                        && !["started", "blockstore.db"].contains(&at.file_name())
                })
                .cloned()
                .collect()
        };
        assert_eq!(made(&world), made(&whole), "after {fuel} changes");
    }
}

#[test]
fn some_hosts_with_root_and_some_without() {
    let cluster = rootless(plain("cometbft", 3).cluster(), &[1]);
    let (mut world, outcome) = born(&cluster, 5);
    assert!(outcome.is_done() && again(&mut world, &cluster).stages.is_empty());
    let has = |host: usize, at: &str| paths(&world, host).contains(&&path(at));
    assert!(has(0, "/etc/systemd/system/cometbft.service") && has(2, "/etc/systemd/system/cometbft.service"));
    assert!(has(1, "/home/ubuntu/.config/systemd/user/cometbft.service"));
    let destroy = Goal::DestroyKeys;
    let all = Options::default();
    let down = world.converge(&cluster, |c, f| toward(c, f, &all, destroy)).unwrap();
    assert!(down.is_done(), "{:?}", down.end);
    for host in 0..3 {
        let left = |at: &&&RemotePath| at.as_str().ends_with(".service") || at.as_str().contains("/n-");
        assert_eq!(paths(&world, host).iter().find(left), None);
    }
}

/// What one thing that only root could do is refused with.
fn said(yaml: &str, change: impl FnOnce(&mut Facts)) -> String {
    let cluster = rootless(try_cluster(yaml).unwrap(), &[0]);
    let mut facts = Sim::default().gather(&cluster);
    change(&mut facts);
    refused(&super::super::next(&cluster, &facts, &Options::default()))
}

#[test]
fn what_only_root_could_do_is_refused_with_the_reason() {
    // Without ansible_user: who logs in is known only there.
    let yaml = |more: &str| {
        format!(
            "all: {{hosts: {{n: {{chain: cometbft, binary: /bin/sh, ansible_become: false, ansible_host: h, user: ubuntu{more}}}}}}}"
        )
    };
    let node = |facts: &mut Facts, change: fn(&mut crate::facts::NodeFacts)| {
        change(facts.nodes.values_mut().next().unwrap());
    };
    let lingers = said(&yaml(""), |facts| facts.machines.get_mut(&0).unwrap().lingers = false);
    assert!(
        lingers.starts_with("Host n: ") && lingers.contains("loginctl enable-linger ubuntu"),
        "{lingers}"
    );
    let port = said(&yaml(", ports: {p2p: 443}"), |_| {});
    assert!(port.starts_with("Host n: port 443 (p2p) is below 1024"), "{port}");
    let closed = said(&yaml(", working_directory: /srv/n"), |facts| {
        node(facts, |seen| seen.closed = Some(path("/srv")));
    });
    assert!(
        closed.starts_with("Host n: /srv/n is not there, and ubuntu may make nothing in /srv"),
        "{closed}"
    );
    let theirs = said(&yaml(""), |facts| {
        node(facts, |seen| {
            let folder = crate::facts::FileFact {
                kind: crate::facts::FileKind::Folder,
                owner: "root:root".into(),
                target: None,
                ..crate::plan::sim::link_to(&path("/x"))
            };
            seen.files.insert(path("/home/ubuntu/data"), folder.into());
        });
    });
    assert!(
        theirs.contains("/home/ubuntu/data belongs to root:root") && theirs.contains("chown"),
        "{theirs}"
    );
    let account = said(&yaml(", create_user: true"), |_| {});
    assert!(account.starts_with("Input n: create_user: only root makes accounts"), "{account}");
    let other = said(&yaml("").replace("ubuntu", "chain"), |_| {});
    assert!(
        other.starts_with("Input n: without root a node runs as who logs in, ubuntu; `user` is chain"),
        "{other}"
    );
    let free = rootless(try_cluster(&yaml(", ports: {p2p: 443}")).unwrap(), &[0]);
    let mut facts = Sim::default().gather(&free);
    facts.machines.get_mut(&0).unwrap().first_port = Some(0);
    assert!(matches!(super::super::next(&free, &facts, &Options::default()), Next::Stage(_)));
}

#[test]
fn s13_a_node_that_another_systemd_of_its_host_keeps_is_not_started_twice() {
    for machines in [&[0, 1][..], &[]] {
        let cluster = rootless(plain("cometbft", 2).cluster(), machines);
        let mut facts = Sim::default().gather(&cluster);
        facts.nodes.values_mut().next().unwrap().elsewhere = Some(path("/there/n-0"));
        let said = refused(&super::super::next(&cluster, &facts, &Options::default()));
        assert!(
            said.starts_with("Safety n-0: ") && said.contains("has this node already: /there/n-0"),
            "{said}"
        );
    }
    // A process of that name under the other systemd holds the node's ports.
    let cluster = plain("cometbft", 1).cluster();
    let (mut world, _) = born(&rootless(cluster.clone(), &[0]), 3);
    let users = world.gather(&rootless(cluster.clone(), &[0]));
    let mut facts = Sim::default().gather(&cluster);
    facts.machines.get_mut(&0).unwrap().listeners.clone_from(&users.machines[&0].listeners);
    let said = refused(&super::super::next(&cluster, &facts, &Options::default()));
    assert!(said.contains("is taken by cometbft"), "{said}");
}

#[test]
fn what_root_would_be_needed_for_is_refused_before_anything_is_connected() {
    let of = |more: &str| {
        let yaml = format!(
            "all: {{hosts: {{n: {{chain: cometbft, binary: /bin/sh, ansible_user: ubuntu, ansible_become: false{more}}}}}}}"
        );
        try_cluster(&yaml).map_err(|problems| {
            let line = |p: &crate::types::diagnostic::Diagnostic| {
                format!("{} | {}", p.message, p.help.clone().unwrap_or_default())
            };
            problems.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    };
    let user = of(", user: chain").unwrap_err();
    assert!(user.contains("`user` is chain | set `user: ubuntu`"), "{user}");
    assert!(of(", create_user: true").unwrap_err().contains("only root makes accounts"));
    assert!(of("").is_ok() && of(", user: ubuntu").is_ok());
    // As root it is what it was, and who this machine's loomctl runs as is not for the inventory to say.
    let root = "all: {hosts: {n: {chain: cometbft, binary: /bin/sh, ansible_user: root, ansible_become: false, user: chain, create_user: true}}}";
    assert!(try_cluster(root).is_ok());
    assert!(of(", ansible_connection: local, user: chain").is_ok());
}
