//! All machines of a run at once: connected, locked and asked what they are.

mod upload_slots;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::{
    facts::{
        MachineFacts, NodeFacts,
        ask::{self, NodeQuestion},
        parse::Collector,
    },
    plan::Upload,
    remote::{
        download::Downloads,
        error::HostError,
        folder,
        host::Host,
        http::nonce,
        running::{IN_ALL, Running},
    },
    script::{compose::Script, quote::words, record::Record},
    types::{
        event::{Event, Events, Outcome},
        ids::Sha256,
        interrupt::Interrupt,
        login::Login,
        scope::Scope,
        stage::StageName,
    },
};

use upload_slots::UploadSlots;

/// So long a host waits for its own locks at the most, beyond `--lock-wait` for each of the three.
const LOCKS: Duration = Duration::from_secs(35);

/// A gather of so many nodes may take one `--step-timeout` more in all.
const NODES: usize = 8;

/// One machine of the run. `name` is what people call it: its node, or the first of them.
#[derive(Debug, Clone)]
pub struct Target {
    pub machine: usize,
    pub name: String,
    pub login: Arc<Login>,
    pub questions: Vec<NodeQuestion>,
}

/// Which lock a run takes; `who` is shown to those who find it held.
#[derive(Debug, Clone)]
pub struct Lock {
    pub cluster: String,
    /// The machine that holds the lock of the whole cluster.
    pub first: usize,
    pub who: String,
    pub wait: Duration,
}

/// A machine's facts, and those of its nodes by the number of their question.
pub type Answer = (MachineFacts, BTreeMap<usize, NodeFacts>);
pub type Answers = BTreeMap<usize, Result<Answer, HostError>>;

/// What goes up to a machine that has answered so.
pub type Early<'a> = &'a (dyn Fn(usize, &Answer) -> Vec<Upload> + Sync);

/// Of those who only look, or have something else to do.
pub fn nothing_early(_: usize, _: &Answer) -> Vec<Upload> {
    Vec::new()
}

pub struct Fleet {
    folder: TempDir,
    pub events: Events,
    pub interrupt: Interrupt,
    /// What this machine has downloaded for its hosts.
    pub downloads: Downloads,
    hosts: BTreeMap<usize, Arc<Host>>,
    locks: Vec<Running>,
    /// What this run has sent up: machine and checksum.
    sent: Mutex<BTreeSet<(usize, Sha256)>>,
    forks: Arc<Semaphore>,
    lanes: UploadSlots,
    /// How many connections were given up: each new one has a socket of its own, since an old master removes its at its end.
    forgotten: usize,
    /// Binaries are hashed whatever their stamps say.
    pub deep: bool,
    /// How long a host may be silent before it is given up.
    pub limit: Duration,
}

impl Fleet {
    /// `forks`: how many machines at once.
    pub fn new(events: Events, interrupt: Interrupt, forks: usize, limit: Duration) -> std::io::Result<Self> {
        Ok(Self {
            folder: folder::private()?,
            events,
            interrupt,
            downloads: Downloads::default(),
            hosts: BTreeMap::new(),
            locks: Vec::new(),
            sent: Mutex::default(),
            forks: Arc::new(Semaphore::new(forks.max(1))),
            lanes: UploadSlots::default(),
            forgotten: 0,
            deep: false,
            limit,
        })
    }

    pub fn host(&self, machine: usize) -> Option<&Arc<Host>> {
        self.hosts.get(&machine)
    }

    /// Ends the connection to a machine, so that the next one is new.
    pub async fn forget(&mut self, machine: usize) {
        if let Some(host) = self.hosts.remove(&machine) {
            host.close().await;
        }
        self.forgotten += 1;
    }

    pub fn forks(&self) -> Arc<Semaphore> {
        Arc::clone(&self.forks)
    }

    /// Connects to every target; those that could not be reached come back with the reason.
    pub async fn connect(&mut self, targets: &[Target]) -> BTreeMap<usize, HostError> {
        self.tell_begins(StageName::Connect, targets);
        let connected: Vec<_> = {
            let this = &*self;
            let all: FuturesUnordered<_> = targets.iter().map(|target| this.connect_one(target)).collect();
            all.collect().await
        };
        let mut errors = BTreeMap::new();
        for (machine, result) in connected {
            match result {
                Ok(host) => drop(self.hosts.insert(machine, host)),
                Err(error) => drop(errors.insert(machine, error)),
            }
        }
        errors
    }

    async fn connect_one(&self, target: &Target) -> (usize, Result<Arc<Host>, HostError>) {
        let _turn = self.forks.acquire().await;
        let start = Instant::now();
        self.tell_turn(target, StageName::Connect);
        let result = self.connected(target).await;
        let outcome = if result.is_ok() { Outcome::Ok } else { Outcome::Failed };
        self.tell_stage(target, StageName::Connect, outcome, start.elapsed());
        (target.machine, result)
    }

    /// Asks targets that are connected what they are.
    pub async fn inspect(&self, targets: &[Target]) -> Answers {
        self.tell_begins(StageName::Gather, targets);
        let all: FuturesUnordered<_> =
            targets.iter().map(|target| self.gather_one(target, None, &nothing_early)).collect();
        all.map(|(machine, _, answer)| (machine, answer.map(|(answer, _)| answer))).collect().await
    }

    /// Asks every target, which is connected first if need be; with a lock, holds it from then on. One host's failure is
    /// its own. `early`: what goes up to a machine as soon as it has answered, while others are still asked.
    pub async fn gather(&mut self, targets: &[Target], lock: Option<&Lock>, early: Early<'_>) -> Answers {
        self.tell_begins(StageName::Gather, targets);
        let asked: Vec<_> = {
            let this = &*self;
            let mut all: FuturesUnordered<_> =
                targets.iter().map(|target| this.gather_one(target, lock, early)).collect();
            let mut asked = Vec::new();
            while let Some(one) = all.next().await {
                // Where the cluster's own lock is denied, the others wait for nothing.
                let denied = matches!(&one.2, Err(HostError::Locked(lock, _)) if lock.ends_with(".cluster"));
                asked.push(one);
                if denied {
                    break;
                }
            }
            asked
        };
        let mut answers = Answers::new();
        for (machine, host, answer) in asked {
            self.hosts.extend(host.map(|host| (machine, host)));
            let answer = answer.map(|(answer, held)| {
                self.locks.extend(held);
                answer
            });
            answers.insert(machine, answer);
        }
        answers
    }

    async fn gather_one(
        &self,
        target: &Target,
        lock: Option<&Lock>,
        early: Early<'_>,
    ) -> (usize, Option<Arc<Host>>, Result<(Answer, Option<Running>), HostError>) {
        let _turn = self.forks.acquire().await;
        let host = match self.connected(target).await {
            Ok(host) => host,
            Err(error) => return (target.machine, None, Err(error)),
        };
        let start = Instant::now();
        self.tell_turn(target, StageName::Gather);
        let mut interrupt = self.interrupt.clone();
        let work = async {
            let asked = ask_host(&host, target, lock, self.limit, self.deep).await?;
            for upload in early(target.machine, &asked.0) {
                // What fails is tried again by the stage that needs it, and told then.
                let _ = self.send_up(&host, target, StageName::Gather, &upload).await;
            }
            Ok(asked)
        };
        let result = tokio::select! {
            result = work => result,
            () = interrupt.wait() => Err(HostError::Interrupted),
        };
        let outcome = if result.is_ok() { Outcome::Ok } else { Outcome::Failed };
        self.tell_stage(target, StageName::Gather, outcome, start.elapsed());
        (target.machine, Some(host), result)
    }

    async fn connected(&self, target: &Target) -> Result<Arc<Host>, HostError> {
        if let Some(host) = self.hosts.get(&target.machine) {
            return Ok(Arc::clone(host));
        }
        let (login, name) = (Arc::clone(&target.login), format!("{}r{}", target.machine, self.forgotten));
        let mut interrupt = self.interrupt.clone();
        let nonce = nonce();
        tokio::select! {
            host = Host::connect(login, self.folder.path(), &name, &nonce, self.limit) => host.map(Arc::new),
            () = interrupt.wait() => Err(HostError::Interrupted),
        }
    }

    /// Brings a file into a machine's cache of binaries, once in a run.
    pub async fn send_up(
        &self,
        host: &Host,
        target: &Target,
        stage: StageName,
        upload: &Upload,
    ) -> Result<(), HostError> {
        let what = (target.machine, upload.sha256.clone());
        if self.sent.lock().is_ok_and(|sent| sent.contains(&what)) {
            return Ok(());
        }
        let result = self.lanes.go(self.upload(host, target, stage, upload)).await;
        if let (Ok(()), Ok(mut sent)) = (&result, self.sent.lock()) {
            sent.insert(what);
        }
        result
    }

    async fn upload(
        &self,
        host: &Host,
        target: &Target,
        stage: StageName,
        upload: &Upload,
    ) -> Result<(), HostError> {
        let (start, name, step) = (Instant::now(), target.name.clone(), format!("upload {}", upload.name));
        self.events.tell(Event::Started { host: name.clone(), stage, step: step.clone() });
        let total = std::fs::metadata(&upload.source).map_or(0, |m| m.len());
        let events = &self.events;
        let progress = |sent| events.tell(Event::Sent { host: name.clone(), sent, total });
        let result =
            host.upload(&nonce(), &upload.source, upload.sha256.as_str(), &upload.name, &progress).await;
        let outcome = if result.is_ok() { Outcome::Changed } else { Outcome::Failed };
        self.events.tell(Event::Step { host: name.clone(), stage, step, outcome, took: start.elapsed() });
        result
    }

    fn tell_begins(&self, stage: StageName, targets: &[Target]) {
        let hosts = targets.iter().map(|target| target.name.clone()).collect();
        self.events.tell(Event::Begins { stage, hosts });
    }

    fn tell_turn(&self, target: &Target, stage: StageName) {
        self.events.tell(Event::Turn { host: target.name.clone(), stage });
    }

    fn tell_stage(&self, target: &Target, stage: StageName, outcome: Outcome, took: Duration) {
        self.events.tell(Event::Stage { host: target.name.clone(), stage, outcome, took });
    }

    /// Lets the locks go and ends the connections. That the hosts have noticed is not waited for, since that would cost a
    /// round trip: their life lines end with the connections, and who comes next has a second's patience (`take_locks`).
    pub async fn close(mut self) {
        for lock in &mut self.locks {
            lock.hang_up().await;
        }
        let closing: FuturesUnordered<_> = self.hosts.values().map(|host| host.close()).collect();
        closing.collect::<Vec<()>>().await;
    }
}

pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

async fn ask_host(
    host: &Host,
    target: &Target,
    lock: Option<&Lock>,
    limit: Duration,
    deep: bool,
) -> Result<(Answer, Option<Running>), HostError> {
    let mut script = Script::new(&nonce());
    script.set("deep", if deep { "1" } else { "" });
    script.line("say ready\nwatch");
    if let Some(lock) = lock {
        let first = if lock.first == target.machine { "1" } else { "0" };
        let wait = lock.wait.as_secs().to_string();
        script.line("own_uid\nfact host uid \"$uid\"\nobserve_identity");
        script.line(words(["take_locks", &lock.cluster, first, &wait, &lock.who]));
    }
    ask::gather(&mut script, &target.questions);
    script.line(if lock.is_some() { "hold" } else { "say gathered\nfinish 0" });
    let sent = now();
    let begun = tokio::time::timeout(limit, host.start(&script, "gathering facts")).await;
    let mut running =
        begun.unwrap_or_else(|_| Err(HostError::Silent(limit, "waiting for a shell".to_owned())))?;
    running.keep_alive();
    let mut collector = Collector::new(sent);
    // Until it looks at the first thing it may wait for its locks.
    let locks = lock.map_or(Duration::ZERO, |lock| LOCKS.saturating_add(lock.wait.saturating_mul(3)));
    let mut patience = limit.saturating_add(locks);
    running.ends_within(locks.saturating_add(gather_takes(limit, target.questions.len())));
    while let Some(record) = running.next_within(patience).await? {
        match record {
            Record::At { what } => {
                patience = limit;
                running.now_doing(format!("gathering facts: {what}"));
            }
            Record::Gathered => break,
            Record::Locked { lock: name, holder } => {
                let is_own = lock.is_some_and(|lock| holder.starts_with(&format!("{}, since ", lock.who)));
                let identity = collector.identity().filter(|_| is_own).map(|all| all.map(str::to_owned));
                let error = match identity {
                    Some(identity) => HostError::Twice { lock: name, holder, identity: Box::new(identity) },
                    None => HostError::Locked(name, holder),
                };
                return Err(error);
            }
            Record::End { .. } => {
                return Err(no_lock(host.scope(), collector.uid(), &running.last_words().await));
            }
            record => collector.take(record, now()),
        }
    }
    let seen = collector.finish(&target.questions).map_err(HostError::Odd)?;
    Ok((seen, lock.map(|_| running)))
}

/// How long a machine may take to say what it and its nodes are, where it may be silent for `limit`: a run holds all its locks
/// meanwhile, and one host that says a word now and then would keep them.
pub fn gather_takes(limit: Duration, nodes: usize) -> Duration {
    limit.saturating_mul(IN_ALL + u32::try_from(nodes / NODES).unwrap_or(u32::MAX - IN_ALL))
}

/// Why a script could not even make its lock file.
fn no_lock(scope: &Scope, uid: &str, stderr: &str) -> HostError {
    match scope {
        Scope::System if uid != "0" => return HostError::NotRoot(uid.to_owned()),
        // Its runtime folder is there as long as the user's systemd is.
        Scope::User(user) if stderr.contains(&format!("{}': Permission denied", user.runtime())) => {
            return HostError::NoUserManager(user.name.to_string(), user.runtime());
        }
        _ => {}
    }
    let said = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing was said");
    HostError::Lost(format!("taking the lock: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_a_gather_has_one_time_for_all_and_more_for_many_nodes() {
        let takes = |nodes| gather_takes(Duration::from_secs(600), nodes).as_secs() / 60;
        assert_eq!([0, 1, 7, 8, 128].map(takes), [30, 30, 30, 40, 190]);
        assert_eq!(gather_takes(Duration::MAX, usize::MAX), Duration::MAX);
    }
}
