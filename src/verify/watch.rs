//! Units and ports while we wait: one small script a machine that says what changes, so that a wait can end with a
//! reason and RPC is not asked before it listens. Its last word, once the wait is over, is what the units are then.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::watch::{Receiver, Sender, channel},
    time::timeout,
};

use super::observe::Asked;
use crate::{
    facts::NodeFacts,
    remote::{error::HostError, host::Host, http::nonce},
    script::{compose::Script, quote::word, record::Record},
    types::ids::{NodeName, UnitName},
};

/// How long a host may take for its last word.
const LAST_WORD: Duration = Duration::from_secs(5);

/// What is known now.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// By machine, of the ports that were asked for, those that listen; a machine where nobody looks is not in it.
    open: BTreeMap<usize, BTreeSet<u16>>,
    units: States,
    /// The same, as the last word.
    last: States,
    /// Log lines after which a process that lives is of no use.
    dead: BTreeMap<NodeName, String>,
}

type States = BTreeMap<(NodeName, UnitName), UnitState>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct UnitState {
    active: String,
    sub: String,
    restarts: u32,
    result: String,
    status: String,
    invocation: String,
}

impl Live {
    /// Whether the port listens; yes as well where nobody looks.
    pub fn is_open(&self, machine: usize, port: u16) -> bool {
        self.open.get(&machine).is_none_or(|open| open.contains(&port))
    }

    /// Why there is nothing to wait for with this node.
    pub fn down(&self, asked: &Asked) -> Option<String> {
        if let Some(line) = self.dead.get(&asked.name) {
            return Some(format!("the log says `{line}`"));
        }
        self.unit_down(&asked.name, &asked.units)
    }

    /// Of several units that are down, the one that starts first is the one to blame.
    fn unit_down(&self, name: &NodeName, units: &[(UnitName, u32)]) -> Option<String> {
        units.iter().find_map(|(unit, restarts)| {
            let why = self.units.get(&(name.clone(), unit.clone()))?.down(*restarts)?;
            Some(if units.len() > 1 { format!("{unit}.service: {why}") } else { why })
        })
    }

    /// Whether the last word on a node's units is still what was gathered of them while we waited.
    pub fn confirms(&self, name: &NodeName, units: &[(UnitName, u32)], seen: &NodeFacts) -> bool {
        units.iter().all(|(unit, _)| {
            let now = seen.unit_of(unit);
            self.last.get(&(name.clone(), unit.clone())).is_some_and(|last| {
                (&last.active, &last.invocation, last.restarts)
                    == (&now.active, &now.invocation, now.restarts)
            })
        })
    }
}

impl UnitState {
    fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let words = text.split_whitespace().filter_map(|word| word.split_once('='));
            words
                .into_iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.to_owned())
                .unwrap_or_default()
        };
        Self {
            active: value("ActiveState"),
            sub: value("SubState"),
            restarts: value("NRestarts").parse().unwrap_or(0),
            result: value("Result"),
            status: value("ExecMainStatus"),
            invocation: value("InvocationID"),
        }
    }

    fn down(&self, restarts_before: u32) -> Option<String> {
        let how = format!("{}, status {}", self.result, self.status);
        if self.active == "failed" {
            Some(format!("the unit has failed ({how})"))
        } else if self.sub == "auto-restart" || self.restarts > restarts_before {
            Some(format!("the unit keeps restarting ({how})"))
        } else if self.active == "inactive" || self.active == "deactivating" {
            Some("the unit is not running".to_owned())
        } else {
            None
        }
    }
}

/// The looking at all machines: `look` goes on until it has been `enough`, or no machine can be looked at.
pub struct Watch<'a> {
    machines: BTreeMap<usize, Vec<&'a Asked>>,
    tell: Sender<Live>,
    enough: Sender<bool>,
}

impl<'a> Watch<'a> {
    pub fn over(asked: &'a [Asked]) -> Self {
        let mut begin = Live::default();
        let mut machines: BTreeMap<usize, Vec<&Asked>> = BTreeMap::new();
        for asked in asked {
            let open = begin.open.entry(asked.machine).or_default();
            open.extend(asked.listened.then_some(asked.client.at.port()));
            machines.entry(asked.machine).or_default().push(asked);
        }
        Self { machines, tell: channel(begin).0, enough: channel(false).0 }
    }

    pub fn live(&self) -> Receiver<Live> {
        self.tell.subscribe()
    }

    /// Each machine says its last word.
    pub fn enough(&self) {
        self.enough.send_replace(true);
    }

    pub async fn look(&self) {
        let all: FuturesUnordered<_> =
            self.machines.iter().map(|(machine, nodes)| self.machine(*machine, nodes)).collect();
        all.collect::<()>().await;
    }

    /// A machine where looking does not work is waited for without it.
    async fn machine(&self, machine: usize, nodes: &[&Asked]) {
        if let Some(first) = nodes.first()
            && let Err(error) = self.follow(&first.client.host, nodes, machine).await
        {
            tracing::debug!(machine, %error, "nobody looks at the units while we wait");
        }
        self.tell.send_modify(|live| drop(live.open.remove(&machine)));
    }

    async fn follow(&self, host: &Host, nodes: &[&Asked], machine: usize) -> Result<(), HostError> {
        let (doing, mut enough) = ("looking at the units", self.enough.subscribe());
        let mut running = host.start(&script(nodes), doing).await?;
        running.keep_alive();
        running.streams();
        loop {
            tokio::select! {
                record = running.next() => match record? {
                    Some(record) => self.take(record, nodes, machine),
                    None => return Ok(()),
                },
                _ = enough.wait_for(|enough| *enough) => break,
            }
        }
        running.hang_up().await;
        let last_word = async {
            while let Some(record) = running.next().await? {
                self.take(record, nodes, machine);
            }
            Ok(())
        };
        timeout(LAST_WORD, last_word)
            .await
            .unwrap_or_else(|_| Err(HostError::Silent(LAST_WORD, doing.to_owned())))
    }

    fn take(&self, record: Record, nodes: &[&Asked], machine: usize) {
        let (scope, key, value) = match record {
            Record::Fact { scope, key, value } => (scope, key, value),
            Record::Blob { scope, key, bytes } => {
                (scope, key, String::from_utf8_lossy(&bytes).trim().to_owned())
            }
            _ => return,
        };
        if key == "open" {
            let ports = value.split_whitespace().filter_map(|port| u16::from_str_radix(port, 16).ok());
            self.tell.send_modify(|live| drop(live.open.insert(machine, ports.collect())));
        } else if let Some((asked, unit)) = scope.parse().ok().and_then(|number| units(nodes).nth(number)) {
            let name = asked.name.clone();
            self.tell.send_modify(|live| match key.as_str() {
                "look" => drop(live.units.insert((name, unit.clone()), UnitState::parse(&value))),
                "last" => drop(live.last.insert((name, unit.clone()), UnitState::parse(&value))),
                _ => drop(live.dead.insert(name, value)),
            });
        }
    }
}

/// All units of these nodes, which the script numbers.
fn units<'a>(nodes: &'a [&Asked]) -> impl Iterator<Item = (&'a Asked, &'a UnitName)> {
    nodes.iter().flat_map(|asked| asked.units.iter().map(|(unit, _)| (*asked, unit)))
}

fn script(nodes: &[&Asked]) -> Script {
    let ports: Vec<String> = nodes.iter().map(|asked| format!("{:04X}", asked.client.at.port())).collect();
    let mut script = Script::new(&nonce());
    script.set("ports", &ports.join("|"));
    script.line(format!("wanted={}", ports.len()));
    script.line(LOOK);
    let each = |call: &str, services: bool| {
        let units = units(nodes).enumerate().filter(|(_, (asked, unit))| services || asked.unit == **unit);
        let calls = units.map(|(n, (_, unit))| format!("{call} {n} {}", word(unit.as_str())));
        calls.collect::<Vec<_>>().join("\n")
    };
    script.line(format!("look_units() {{\n{}\n}}", each("look_unit", true)));
    script.line(format!("last_word() {{\n{}\n}}", each("last_of", true)));
    script.line(format!("look_logs() {{\n{}\n}}", each("look_log", false)));
    script.line("say ready\nwatch\nlook");
    script
}

/// Ports ten times a second as long as one is closed, units each second, logs every third.
const LOOK: &str = r#"look_ports() {
  set -- $(sed -nE "s/^ *[0-9]+: [0-9A-F]+:($ports) [0-9A-F]+:0000 0A .*\$/\1/p" /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [ "$*" = "$were_open" ] || fact host open "$*"
  were_open=$*
  pause=0.1 ticks=1
  [ $# -lt "$wanted" ] || pause=1 ticks=10
}
unit_now() { systemctl show "$1.service" -p ActiveState,SubState,NRestarts,Result,ExecMainStatus,InvocationID | tr '\n' ' '; }
look_unit() {
  eval "was=\${look_$1:-}"
  is=$(unit_now "$2")
  [ "$is" = "$was" ] || fact "$1" look "$is"
  eval "look_$1=\$is"
}
last_of() { fact "$1" last "$(unit_now "$2")"; }
look_log() {
  run=$(systemctl show -p InvocationID --value "$2.service")
  [ -n "$run" ] || return 0
  said=$(journalctl -q --no-pager -n 300 -o cat "_SYSTEMD_INVOCATION_ID=$run" 2>/dev/null | grep -m1 -F 'CONSENSUS FAILURE' | head -c 200)
  [ -z "$said" ] || printf '%s blob %s dead %s\n' "$NONCE" "$1" "$(printf '%s' "$said" | base64 -w0)"
}
look() {
  tick=0 were_open=none
  while [ "$stop" = 0 ]; do
    look_ports
    [ $((tick % 10)) != 0 ] || look_units
    [ $((tick % 30)) != 20 ] || look_logs
    sleep $pause >/dev/null 2>&1 &
    wait "$!" # unlike a sleep, it ends with the wait that we are here for
    tick=$((tick + ticks))
    [ $ticks = 1 ] || tick=$((tick / 10 * 10))
  done
  kill "$!" 2>/dev/null
  last_word
  finish 0
}"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::facts::{ServiceFacts, UnitFacts};

    #[test]
    fn v1_what_was_gathered_while_we_waited_counts_as_long_as_the_unit_is_the_same() {
        let (name, [app, own]) = node();
        let unit = UnitFacts {
            active: "active".into(),
            restarts: 1,
            invocation: "ab12".into(),
            ..UnitFacts::default()
        };
        let service = ServiceFacts { unit: unit.clone(), ..ServiceFacts::default() };
        let seen = NodeFacts { unit, services: [(app.0.clone(), service)].into(), ..NodeFacts::default() };
        let good = "ActiveState=active SubState=running NRestarts=1 InvocationID=ab12";
        let of = |of: &(UnitName, u32), text: &str| ((name.clone(), of.0.clone()), UnitState::parse(text));
        let confirms = |text: &str| {
            let last = |app_says: &str, own_says: &str| Live {
                last: [of(&app, app_says), of(&own, own_says)].into(),
                ..Live::default()
            };
            let units = [app.clone(), own.clone()];
            let both = [last(good, text), last(text, good)].map(|live| live.confirms(&name, &units, &seen));
            assert_eq!(both[0], both[1], "a service counts as the node's own unit does");
            both[0]
        };
        assert!(confirms(good));
        assert!(!confirms(&good.replace("NRestarts=1", "NRestarts=2")));
        assert!(!confirms(&good.replace("ab12", "cd34")));
        assert!(!confirms(&good.replace("=active", "=deactivating")));
        let nobody = Live::default().confirms(&name, &[app.clone(), own.clone()], &seen);
        assert!(!confirms("") && !nobody, "nobody has said a last word");
    }

    /// A node, its service's unit and its own, and how often each had been restarted.
    fn node() -> (NodeName, [(UnitName, u32); 2]) {
        let unit = |name: &str| (UnitName::new(name).unwrap(), 1);
        (NodeName::new("n-0").unwrap(), [unit("n-app"), unit("n")])
    }

    #[test]
    fn a_service_that_is_down_ends_a_wait_as_the_own_unit_does() {
        let (name, [app, own]) = node();
        let good = "ActiveState=active SubState=running NRestarts=1";
        let (off, again) =
            ("ActiveState=inactive SubState=dead NRestarts=1", "ActiveState=active NRestarts=2");
        let down = |app_says: &str, own_says: &str| {
            let of =
                |of: &(UnitName, u32), text: &str| ((name.clone(), of.0.clone()), UnitState::parse(text));
            let units = [of(&app, app_says), of(&own, own_says)].into();
            Live { units, ..Live::default() }.unit_down(&name, &[app.clone(), own.clone()])
        };
        assert_eq!(down(good, good), None);
        assert_eq!(down(off, good).as_deref(), Some("n-app.service: the unit is not running"));
        assert_eq!(down(off, again), down(off, good), "the one that starts first");
        assert!(down(again, good).unwrap().starts_with("n-app.service: the unit keeps restarting"));
        assert_eq!(down(good, off).as_deref(), Some("n.service: the unit is not running"));
        let alone = Live {
            units: [((name.clone(), own.0.clone()), UnitState::parse(off))].into(),
            ..Live::default()
        };
        assert_eq!(alone.unit_down(&name, &[own]).as_deref(), Some("the unit is not running"));
    }

    #[test]
    fn a_unit_that_ends_a_wait() {
        let look = |text: &str| UnitState::parse(text).down(1);
        let good = "ActiveState=active SubState=running NRestarts=1 Result=success ExecMainStatus=0 ";
        assert_eq!(look(good), None);
        assert_eq!(
            look(
                "ActiveState=activating SubState=auto-restart NRestarts=1 Result=exit-code ExecMainStatus=1 "
            )
            .as_deref(),
            Some("the unit keeps restarting (exit-code, status 1)")
        );
        assert!(look(&good.replace("NRestarts=1", "NRestarts=2")).is_some());
        assert!(
            look("ActiveState=failed SubState=failed").is_some() && look("ActiveState=inactive").is_some()
        );
        assert_eq!(look("ActiveState=activating SubState=start"), None);
    }
}
