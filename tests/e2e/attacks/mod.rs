//! Attacks (docs/security.md): what a node's own account, another account of a host or a host that lies tries against a
//! run. The attacker is a real account with a program of its own (attack.c), or the chain's program itself. Each attack
//! has its control: the same against a naive script succeeds, so the test can fail.
//!
//! `make test` runs the quick ones, `make test-hostile` all of them.

mod control;
mod denial;
mod endless;
mod hands;
mod liars;
mod links;
mod nonce;
mod races;
mod reads;
mod unit;

use std::{fmt::Write as _, fs, path::PathBuf, process::Command, sync::OnceLock, thread};

use crate::support::{
    Lab, Named, Suite,
    command::{self, Run},
    in_repository,
    inventory::Inventory,
};

pub fn register(suite: &mut Suite) {
    links::register(suite);
    races::register(suite);
    reads::register(suite);
    denial::register(suite);
    hands::register(suite);
    unit::register(suite);
    nonce::register(suite);
    liars::register(suite);
    control::register(suite);
    endless::register(suite);
}

/// Those that take longer: `make test-hostile` alone.
fn long(suite: &mut Suite, tests: Vec<Named<fn(&Lab)>>) {
    if std::env::var_os("LOOMCTL_HOSTILE").is_some() {
        suite.on_lab(tests);
    }
}

const UP: &[&str] = &["up", "--no-verify"];
const DOWN: &[&str] = &["down"];
const DESTROY: &[&str] = &["down", "--destroy"];
/// Stands in every file that only root may read.
const SECRET: &str = "CANARY-of-root";

/// The chain's program in the attacker's hands: where the node's folder has `lie`, its RPC is a liar's; `say` is what it logs; its init does more.
const PROGRAM: &str = "#!/bin/sh
home=$3
if [ \"$1\" = start ] && [ -e \"$home/lie\" ]; then
  /usr/local/bin/attack lie 26657 36657 \"$home/lie\" &
  set -- \"$@\" --rpc.laddr tcp://127.0.0.1:36657
fi
[ \"$1\" = init ] || [ ! -e \"$home/say\" ] || cat \"$home/say\"
/usr/local/bin/real \"$@\" || exit
[ \"$1\" != init ] || . /usr/local/lib/hook
";

/// One host with its own cluster of one, whose node runs as `chain`. `other` has a node as well, which is none of ours;
/// `mallory` is somebody who can log in.
struct Ground<'a> {
    lab: &'a Lab,
    host: usize,
}

impl<'a> Ground<'a> {
    fn new(lab: &'a Lab, host: usize) -> Self {
        let ground = Self { lab, host };
        fs::copy(tool(), ground.path("usr/local/bin/attack"))
            .expect("a host's disk can be written from here");
        let accounts =
            "for one in chain other mallory; do useradd -m -s /bin/sh $one; done; chmod 711 /home/*";
        ground.root(accounts).ok();
        ground.clean();
        ground
    }

    /// A path of the host, seen from this machine.
    fn path(&self, below: &str) -> PathBuf {
        self.lab.folder().join(format!("h{}/root/{below}", self.host))
    }

    fn root(&self, script: &str) -> Run {
        self.lab.root(self.host, script)
    }

    /// A script of an account without any right, in its home.
    fn by(&self, user: &str, script: &str) -> Run {
        self.root(&format!("runuser -u {user} -- sh -e <<'ATTACK'\ncd /home/{user}\n{script}\nATTACK"))
    }

    /// A program of an account, which goes on until `end`.
    fn begin(&self, user: &str, name: &str, command: &str) {
        let run = format!(
            "rm -f /run/attack-{name}*; systemd-run -q --collect --unit=attack-{name} -p User={user} -p RuntimeMaxSec=300 \
             -p StandardOutput=truncate:/run/attack-{name} -p StandardError=truncate:/run/attack-{name}.err {command}"
        );
        self.root(&run).ok();
    }

    /// What it has said.
    fn end(&self, name: &str) -> String {
        self.root(&format!(
            "systemctl stop attack-{name} 2>/dev/null; cat /run/attack-{name} /run/attack-{name}.err"
        ))
        .stdout
    }

    fn inventory(&self) -> Inventory {
        let mut inventory =
            self.lab.inventory("cometbft").var("user", "chain").var("working_directory", "/home/chain/node");
        let own = format!("node-{}", self.host);
        inventory.hosts.retain(|name, _| *name == own);
        inventory
    }

    fn write(&self, inventory: &Inventory) -> String {
        let path = self.lab.path(&format!("host-{}.yaml", self.host));
        fs::write(&path, inventory.yaml()).expect("the scratch folder can be written");
        path.to_str().expect("it is ASCII").to_owned()
    }

    /// With this inventory; how it ends is a matter of who asks.
    fn loomctl_with(&self, inventory: &Inventory, arguments: &[&str]) -> Run {
        self.lab.loomctl(&[arguments, &["-i", &self.write(inventory)]].concat())
    }

    fn loomctl(&self, arguments: &[&str]) -> Run {
        self.loomctl_with(&self.inventory(), arguments)
    }

    /// An ordinary node; on a machine with much to do a birth may want a second try.
    fn born(&self) {
        let mut tries = (0..3).map(|_| self.loomctl(UP));
        let last = tries.find(|run| run.code == Some(0));
        assert!(last.is_some(), "host {} has no node:\n{}", self.host, self.loomctl(UP));
    }

    /// The chain's program is the attacker's: `hook` is done by its init, behind the real one, which has made `$home`.
    fn hostile_program(&self, hook: &str) -> Inventory {
        let inventory = self.inventory();
        let real = inventory.vars["binary"].as_str().expect("it is a path");
        if !self.path("usr/local/bin/real").exists() {
            fs::copy(real, self.path("usr/local/bin/real")).expect("a host's disk can be written from here");
        }
        fs::write(self.path("usr/local/lib/hook"), hook).expect("a host's disk can be written from here");
        let program = self.lab.path("cometbft");
        if !program.exists() {
            fs::write(&program, PROGRAM).expect("the scratch folder can be written");
        }
        inventory.var("binary", program.to_str().expect("it is ASCII"))
    }

    /// Pristine, but for the cache of binaries.
    fn clean(&self) {
        let clean = format!(
            "systemctl stop cometbft 2>/dev/null
             for p in $(find /proc -maxdepth 1 -user chain -name '[0-9]*'); do kill -9 ${{p#/proc/}} 2>/dev/null; done
             rm -rf /home/chain /home/other/node /etc/canary /var/lib/loomctl/labnet /var/lib/naive /etc/new-file /etc/node \
               /etc/systemd/system/cometbft.service /etc/systemd/system/*.wants/cometbft.service /usr/local/lib/hook
             systemctl daemon-reload
             chown root:shadow /etc/shadow; chmod 640 /etc/shadow
             mkdir /home/chain && chown chain: /home/chain && chmod 711 /home/chain
             mkdir -m 700 /etc/canary && cd /etc/canary && umask 077
             echo '{SECRET}' >file
             echo '{{\"chain_id\": \"labnet\", \"{SECRET}\": \"0\"}}' >genesis.json
             echo 'moniker = \"{SECRET}\"' >config.toml
             mkdir -p /home/other/node/config /home/other/node/data/blockstore.db && cd /home/other/node
             echo theirs >data/blockstore.db/LOCK
             echo '{{\"height\": \"1\", \"round\": 3, \"step\": 2}}' >data/priv_validator_state.json
             chown -R other: /home/other/node; chmod 711 /home/other/node /home/other/node/data"
        );
        self.root(&clean).ok();
    }

    /// Everything that no run has anything to do with: what is in /etc and in the other's node, to the last change of
    /// its owner; and where a secret of root's has come to.
    fn witness(&self) -> String {
        let units = "/etc/systemd/system";
        self.root(&format!(
            "find /etc /home/other/node -xdev \\( -path {units} -o -path '{units}/cometbft*' -o -path '{units}/*.wants' \
             -o -path '{units}/*.wants/cometbft*' -o -path /etc -o -path /etc/systemd \\) -printf '' -o -printf '%p %y %u:%g %m %i %s %C@ %l\\n' | sort
             sha256sum /etc/shadow /etc/canary/* /home/other/node/data/*.json
             grep -rlsF -e '{SECRET}' /var/lib/loomctl /var/lib/naive /home/chain /run /tmp --devices=skip | sort"
        ))
        .stdout
    }
}

/// The lines that only one of them has.
fn differences(before: &str, after: &str) -> String {
    let mut all = String::new();
    for (sign, these, those) in [('-', before, after), ('+', after, before)] {
        for line in these.lines().filter(|line| !those.lines().any(|other| other == *line)).take(12) {
            let _ = writeln!(all, "    {sign} {line}");
        }
    }
    all
}

/// Each on the next free host, several hosts at once; fails with all that got through.
fn on_all_hosts<T: Sync>(lab: &Lab, attacks: &[T], attack: impl Fn(&Ground, &T) -> Option<String> + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = |host: usize| {
        let ground = Ground::new(lab, host);
        let mut through = Vec::new();
        while let Some(one) = attacks.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
            through.extend(attack(&ground, one));
        }
        through
    };
    let through: Vec<String> = thread::scope(|scope| {
        let hosts: Vec<_> = (0..lab.hosts()).map(|host| scope.spawn(move || work(host))).collect();
        hosts.into_iter().flat_map(|host| host.join().expect("an attack or its control went wrong")).collect()
    });
    assert!(
        through.is_empty(),
        "{} of {} attacks got through:\n{}",
        through.len(),
        attacks.len(),
        through.join("\n")
    );
}

/// The attacker's program, for any Linux.
fn tool() -> PathBuf {
    static TOOL: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let made = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("attack-{}", std::process::id()));
        let mut gcc = Command::new("gcc");
        gcc.args(["-static", "-O2", "-Wall", "-Werror", "-o"]).arg(&made);
        command::run(gcc.arg(in_repository("tests/e2e/attacks/attack.c"))).ok();
        made
    };
    TOOL.get_or_init(build).clone()
}
