//! A binary from a URL: each host pulls it for itself, and only the right bytes get a name.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::support::{Lab, Suite, chain_binary, command, tests};

pub fn register(suite: &mut Suite) {
    suite.on_lab(tests![a_binary_from_a_url]);
}

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Serves,
    /// Promises the whole file and hangs up in the middle.
    Dies,
    /// Another build for each who asks.
    Differs,
}

/// A web server of one file, on the lab's side of this machine; its thread ends with the test program.
struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
    mood: Arc<Mutex<Mood>>,
}

impl Server {
    fn start(lab: &Lab, file: &Path) -> Self {
        let listener = TcpListener::bind((lab.gateway(), 0)).expect("the lab's bridge has its address");
        let url = format!("http://{}/cometbft", listener.local_addr().unwrap());
        let content: Arc<[u8]> = fs::read(file).expect("the chain's binary can be read").into();
        let (asked, mood) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Mood::Serves)));
        let (count, moods) = (Arc::clone(&asked), Arc::clone(&mood));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let (content, mood) = (Arc::clone(&content), *moods.lock().unwrap());
                // Who hangs up on us is no matter of ours.
                thread::spawn(move || answer(stream, &content, mood, number).unwrap_or_default());
            }
        });
        Self { url, asked, mood }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

fn answer(mut stream: TcpStream, content: &[u8], mood: Mood, number: usize) -> std::io::Result<()> {
    let request = BufReader::new(stream.try_clone()?);
    for line in request.lines() {
        if line?.is_empty() {
            break;
        }
    }
    let own = match mood {
        Mood::Differs => format!("build {number}"),
        Mood::Serves | Mood::Dies => String::new(),
    };
    let end = if matches!(mood, Mood::Dies) { content.len() / 2 } else { content.len() };
    write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", content.len() + own.len())?;
    stream.write_all(&content[..end])?;
    stream.write_all(own.as_bytes())
}

/// What a refused download may have left: nothing that could be run, no folder, no unit, no keys.
fn nothing_came_of_it(lab: &Lab) {
    for host in 0..lab.hosts() {
        let left = "find /var/lib/loomctl/bin -type f 2>/dev/null; \
                    ls -d /home/ubuntu/node /etc/systemd/system/cometbft.service 2>/dev/null; true";
        assert_eq!(lab.root(host, left).ok(), "", "on host {host}");
    }
}

fn a_binary_from_a_url(lab: &Lab) {
    let file = chain_binary("COMETBFT");
    let server = Server::start(lab, &file);
    let base = lab.inventory("cometbft").var("binary", server.url.as_str());
    let inventory = base.write(lab);
    let inventory = inventory.to_str().unwrap();
    let fails = |code: i32, words: &[&str]| {
        let run = lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(code);
        for word in words {
            assert!(run.stderr.contains(word), "{word:?} is not in\n{run}");
        }
        nothing_came_of_it(lab);
    };

    fails(1, &["node-2: fetch", "neither curl nor wget", "install one of them"]);
    assert_eq!(server.asked(), 0);

    // Either tool will do.
    for host in 0..lab.hosts() {
        lab.lend(host, if host % 2 == 0 { "curl" } else { "wget" });
    }
    server.becomes(Mood::Dies);
    fails(1, &["node-0: fetch", &format!("could not download {}", server.url), "can the host reach"]);
    assert!(server.asked() >= lab.hosts(), "every host has asked");

    // S11: the checksum is a person's, and the download is not what it names.
    server.becomes(Mood::Serves);
    base.clone().var("binary_sha256", "0".repeat(64)).write(lab);
    fails(1, &["the binary that arrived has sha256", &format!("expected {}", "0".repeat(64)), "thrown away"]);

    base.write(lab);
    let sum = command::run(Command::new("sha256sum").arg(&file)).ok();
    let sum = sum.split_whitespace().next().unwrap();
    let before = server.asked();
    lab.loomctl(&["up", "-i", inventory]).ok();
    assert_eq!(server.asked(), before + lab.hosts(), "once a host");
    for host in 0..lab.hosts() {
        let seen = lab.root(host, "sha256sum </proc/$(systemctl show -p MainPID --value cometbft)/exe").ok();
        assert_eq!(seen.split_whitespace().next().unwrap(), sum, "what runs on host {host}");
        let left = lab.root(host, "find /var/lib/loomctl/bin \\( -name '*.new' -o -name .pull \\)").ok();
        assert_eq!(left, "");
    }
    let again = lab.loomctl(&["up", "-i", inventory, "--json"]).exits(0);
    assert_eq!((again.summary()["changed"].clone(), server.asked()), (0.into(), before + lab.hosts()));

    // S11: what nobody has pinned must be the same everywhere, or none of it is run.
    lab.loomctl(&["down", "-i", inventory, "--destroy", "--delete-keys", "--yes"]).ok();
    server.becomes(Mood::Differs);
    let run = lab.loomctl(&["up", "-i", inventory, "--no-verify"]).exits(3);
    assert!(
        run.stderr.contains("node-1: its binary has sha256") && run.stderr.contains("pin what you"),
        "{run}"
    );
    for host in 0..lab.hosts() {
        lab.root(host, "test ! -e /home/ubuntu/node/config/node_key.json && ! systemctl cat cometbft 2>&1")
            .ok();
    }
    server.becomes(Mood::Serves);
    base.var("binary_sha256", sum).write(lab);
    lab.loomctl(&["up", "-i", inventory, "--no-verify"]).ok();
}
