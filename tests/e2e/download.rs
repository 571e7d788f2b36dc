//! A binary from a URL: each host pulls it for itself where it can, this machine does for the others, and only the right
//! bytes get a name.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};

use crate::support::{Lab, Suite, chain_binary, command, command::Run, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_binary_from_a_url, a_url_that_only_this_machine_reaches]);
}

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Serves,
    /// Promises the whole file and hangs up in the middle.
    Dies,
    /// Another build for each who asks.
    Differs,
    /// Goes on and on, until the other side hangs up.
    Trickles,
}

/// A web server of one file; its threads end with the test program.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) url: String,
    content: Arc<[u8]>,
    /// The addresses that have asked.
    asked: Arc<Mutex<Vec<String>>>,
    hung_up: Arc<AtomicUsize>,
    mood: Arc<Mutex<Mood>>,
}

impl Server {
    pub(super) fn start(address: &str, file: &Path) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("it is an address of this machine");
        let server = Self {
            url: format!("http://{}/cometbft", listener.local_addr().unwrap()),
            content: fs::read(file).expect("the chain's binary can be read").into(),
            asked: Arc::default(),
            hung_up: Arc::default(),
            mood: Arc::new(Mutex::new(Mood::Serves)),
        };
        let each = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let one = each.clone();
                // Who hangs up on us is no matter of ours.
                thread::spawn(move || one.answer(stream).unwrap_or_default());
            }
        });
        server
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// How often each of these has asked; forgotten then.
    fn asked_by(&self, addresses: &[String]) -> Vec<usize> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        addresses.iter().map(|address| asked.iter().filter(|by| *by == address).count()).collect()
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(stream.peer_addr()?.ip().to_string());
            asked.len()
        };
        for line in BufReader::new(stream.try_clone()?).lines() {
            if line?.is_empty() {
                break;
            }
        }
        let (mood, content) = (*self.mood.lock().unwrap(), &self.content);
        let own = if matches!(mood, Mood::Differs) { format!("build {number}") } else { String::new() };
        let end = if matches!(mood, Mood::Dies) { content.len() / 2 } else { content.len() };
        let header =
            write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", content.len() + own.len());
        // Whoever is gone before it has hung up, too.
        self.hung_up.fetch_add(usize::from(header.is_err()), Ordering::SeqCst);
        header?;
        if matches!(mood, Mood::Trickles) {
            return content.chunks(16 * 1024).try_for_each(|part| {
                sleep(Duration::from_millis(20));
                let sent = stream.write_all(part);
                self.hung_up.fetch_add(usize::from(sent.is_err()), Ordering::SeqCst);
                sent
            });
        }
        stream.write_all(&content[..end])?;
        stream.write_all(own.as_bytes())
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// What a refused download may have left: nothing that could be run, no folder, no unit, no keys.
fn nothing_came_of_it(lab: &Lab) {
    for host in 0..lab.hosts() {
        let left = "find /var/lib/loomctl/bin -type f 2>/dev/null; \
                    ls -d /home/ubuntu/node /etc/systemd/system/cometbft.service 2>/dev/null; true";
        assert_eq!(lab.root(host, left).ok(), "", "on host {host}");
    }
    assert_eq!(fs::read_dir(place(lab)).unwrap().count(), 0, "on this machine");
}

/// Where this machine keeps what it downloads.
fn place(lab: &Lab) -> std::path::PathBuf {
    let place = lab.path("downloads");
    fs::create_dir_all(&place).unwrap();
    place
}

fn loomctl(lab: &Lab, arguments: &[&str]) -> Command {
    let mut loomctl = lab.loomctl_command(arguments);
    loomctl.env("TMPDIR", place(lab));
    loomctl
}

fn run(lab: &Lab, arguments: &[&str]) -> Run {
    command::run(&mut loomctl(lab, arguments))
}

/// Every host runs these bytes, and nothing half-arrived stays.
fn runs_everywhere(lab: &Lab, sum: &str) {
    for host in 0..lab.hosts() {
        let seen = lab.root(host, "sha256sum </proc/$(systemctl show -p MainPID --value cometbft)/exe").ok();
        assert_eq!(seen.split_whitespace().next().unwrap(), sum, "what runs on host {host}");
        let left = lab.root(host, "find /var/lib/loomctl/bin \\( -name '*.new' -o -name .pull \\)").ok();
        assert_eq!(left, "");
    }
}

pub(super) fn sum_of(file: &Path) -> String {
    let sum = command::run(Command::new("sha256sum").arg(file)).ok();
    sum.split_whitespace().next().unwrap().to_owned()
}

/// The hosts' addresses, and this machine's as the server sees it.
fn addresses(lab: &Lab, here: String) -> Vec<String> {
    (0..lab.hosts()).map(|host| lab.address(host)).chain([here]).collect()
}

/// Of the events of a plan or a run: `host: step` of each fetch and binary.
fn brought(run: &Run, event: &str) -> Vec<String> {
    let events = run.events();
    let step = |e: &serde_json::Value| {
        Some((e["host"].as_str()?.to_owned(), e["step"].as_str()?.to_owned(), e["event"] == event))
    };
    let mut brought: Vec<String> = events
        .iter()
        .filter_map(step)
        .filter(|(_, step, is)| *is && (step.starts_with("fetch ") || step.starts_with("binary ")))
        .map(|(host, step, _)| format!("{host}: {step}"))
        .collect();
    brought.sort();
    brought
}

/// The hosts that something was sent up to, as often as it was.
fn uploads(run: &Run) -> Vec<String> {
    let events = run.events();
    let sent = events.iter().filter(|e| e["event"] == "step" && e["step"] == "upload cometbft");
    let mut hosts: Vec<String> = sent.map(|e| e["host"].as_str().unwrap().to_owned()).collect();
    hosts.sort();
    hosts
}

/// Two hosts pull for themselves, one with curl and one with wget; the others have neither.
/// S11: two builds, a wrong `binary_sha256`, pulled and through this machine.
fn a_binary_from_a_url(lab: &Lab) {
    let file = chain_binary("COMETBFT");
    let server = Server::start(&lab.gateway(), &file);
    let (base, addresses) =
        (lab.inventory("cometbft").var("binary", server.url.as_str()), addresses(lab, lab.gateway()));
    let inventory = base.write(lab);
    let inventory = inventory.to_str().unwrap();
    let fails = |code: i32, words: &[&str]| {
        let run = run(lab, &["up", "-i", inventory, "--no-verify"]).exits(code);
        for word in words {
            assert!(run.stderr.contains(word), "{word:?} is not in\n{run}");
        }
        nothing_came_of_it(lab);
        run
    };
    // Where nobody can: one word for all of them, before anything is begun.
    let bin = lab.path("bin");
    fs::create_dir(&bin).unwrap();
    let link = |program: &str| {
        let found = command::run(Command::new("sh").args(["-c", &format!("command -v {program}")])).ok();
        symlink(found.trim(), bin.join(program)).unwrap();
    };
    link("ssh");
    let run_without = command::run(loomctl(lab, &["up", "-i", inventory]).env("PATH", &bin)).exits(1);
    let words =
        ["node-0, node-1, node-2, node-3 cannot pull", &server.url, "this machine", "install curl or wget"];
    assert!(words.iter().all(|word| run_without.stderr.contains(word)), "{run_without}");
    nothing_came_of_it(lab);

    lab.lend(0, "curl");
    lab.lend(1, "wget");
    let plan = run(lab, &["plan", "-i", inventory, "--json"]).exits(0);
    let [own, relayed] = [String::new(), " through this machine".to_owned()];
    let ways = [&own, &own, &relayed, &relayed].into_iter().enumerate();
    let ways: Vec<String> = ways.map(|(i, way)| format!("node-{i}: fetch {}{way}", server.url)).collect();
    assert_eq!(brought(&plan, "plan"), ways, "{plan}");
    assert!(plan.stdout.contains("neither curl nor wget is there"), "{plan}");
    assert_eq!(server.asked(), 0, "nobody has asked the server");

    server.becomes(Mood::Dies);
    let died =
        fails(1, &["node-2, node-3: fetch", "this machine could not download it: ", "try the same here"]);
    let errors = died.stderr.lines().filter(|line| line.starts_with("error: "));
    let errors: Vec<&str> = errors.map(|line| &line[..line.find(": fetch ").unwrap()]).collect();
    assert_eq!(errors, ["error: node-0", "error: node-1", "error: node-2, node-3"], "{died}");
    assert!(died.stderr.contains("the host cannot pull it: curl: "), "{died}");
    let asked = server.asked_by(&addresses);
    assert!(asked[0] > 0 && asked[1] > 0 && asked[2..] == [0, 0, 1], "{asked:?}");

    // S11: the checksum is a person's, and the download is not what it names.
    server.becomes(Mood::Serves);
    base.clone().var("binary_sha256", "0".repeat(64)).write(lab);
    let expected = format!("expected {}", "0".repeat(64));
    let wrong = fails(1, &["node-0: binary", "node-2, node-3: binary", &expected, "thrown away"]);
    assert_eq!(wrong.stderr.matches("the binary that arrived has sha256").count(), 3, "{wrong}");
    assert_eq!(server.asked_by(&addresses), [1, 1, 0, 0, 1]);

    base.write(lab);
    let sum = sum_of(&file);
    let up = run(lab, &["up", "-i", inventory, "--json"]).exits(0);
    assert_eq!(server.asked_by(&addresses), [1, 1, 0, 0, 1], "once a host that can, once for all others");
    assert_eq!(uploads(&up), ["node-2", "node-3"], "{up}");
    runs_everywhere(lab, &sum);
    let again = run(lab, &["up", "-i", inventory, "--json"]).exits(0);
    assert_eq!((again.summary()["changed"].clone(), server.asked()), (0.into(), 0));

    // S11: what nobody has pinned must be the same everywhere, or none of it is run.
    run(lab, &["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();
    server.becomes(Mood::Differs);
    let differ = run(lab, &["up", "-i", inventory, "--no-verify"]).exits(3);
    for words in ["node-1: its binary has sha256", "node-3: its binary has sha256", "pin what you"] {
        assert!(differ.stderr.contains(words), "{differ}");
    }
    for host in 0..lab.hosts() {
        lab.root(host, "test ! -e /home/ubuntu/node/config/node_key.json && ! systemctl cat cometbft 2>&1")
            .ok();
    }
    // Pinned; and on this machine wget will do as well.
    server.becomes(Mood::Serves);
    server.asked_by(&addresses);
    base.var("binary_sha256", sum.as_str()).write(lab);
    link("wget");
    command::run(loomctl(lab, &["up", "-i", inventory, "--no-verify"]).env("PATH", &bin)).ok();
    assert_eq!(server.asked_by(&addresses), [1, 1, 0, 0, 1]);
    runs_everywhere(lab, &sum);
}

/// A server on this machine's loopback: hosts with curl try and fail, the others do not try, and all get the file
/// through this machine; by a saved plan as well.
fn a_url_that_only_this_machine_reaches(lab: &Lab) {
    let file = chain_binary("COMETBFT");
    let (server, sum) = (Server::start("127.0.0.1", &file), sum_of(&file));
    let base = lab.inventory("cometbft").var("binary", server.url.as_str());
    let inventory = base.write(lab);
    let inventory = inventory.to_str().unwrap();
    lab.lend(0, "curl");
    lab.lend(1, "wget");
    let here = ["127.0.0.1".to_owned()];

    // Ctrl-C ends the download, and so does the end of loomctl itself; neither leaves anything.
    server.becomes(Mood::Trickles);
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        let hung_up = server.hung_up.load(Ordering::SeqCst);
        let running = command::start(&mut loomctl(lab, &["up", "-i", inventory, "--no-verify"]));
        until("the download begins", || server.asked() > 0);
        let since = Instant::now();
        running.signal(signal);
        let ended = running.wait();
        assert_eq!(ended.code, code, "{ended}");
        until("the download ends", || server.hung_up.load(Ordering::SeqCst) > hung_up);
        assert!(since.elapsed() < Duration::from_secs(30), "{:?}: {ended}", since.elapsed());
        assert_eq!(server.asked_by(&here), [1]);
        nothing_came_of_it(lab);
    }
    server.becomes(Mood::Serves);

    // Pinned and by a saved plan: hosts that were to pull and could not are told from those that never could.
    base.clone().var("binary_sha256", sum.as_str()).write(lab);
    let plan = lab.path("plan.json");
    let plan = plan.to_str().unwrap();
    let planned = run(lab, &["plan", "-i", inventory, "--out", plan, "--json"]).exits(0);
    let short = &sum[..12];
    let way = |host: usize, way: &str| format!("node-{host}: binary cometbft {short}{way}");
    let through = " through this machine";
    assert_eq!(brought(&planned, "plan"), [way(0, ""), way(1, ""), way(2, through), way(3, through)]);
    let up = run(lab, &["up", "-i", inventory, "--plan", plan, "--json"]).exits(0);
    let steps = [way(0, ""), way(0, through), way(1, ""), way(1, through), way(2, through), way(3, through)];
    assert_eq!(brought(&up, "step"), steps, "{up}");
    assert_eq!(server.asked_by(&here), [1], "once for all four");
    runs_everywhere(lab, &sum);

    // Not pinned: this machine's own download says what it is.
    run(lab, &["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();
    base.write(lab);
    let up = run(lab, &["up", "-i", inventory, "--no-verify", "--json"]).exits(0);
    assert_eq!(server.asked_by(&here), [1]);
    assert_eq!(uploads(&up), ["node-0", "node-1", "node-2", "node-3"], "{up}");
    runs_everywhere(lab, &sum);
    let again = run(lab, &["up", "-i", inventory, "--json"]).exits(0);
    assert_eq!((again.summary()["changed"].clone(), server.asked()), (0.into(), 0));
}
