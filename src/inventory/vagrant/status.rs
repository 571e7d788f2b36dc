//! What `vagrant status --machine-readable` prints: `time,machine,type,data…`, a line each.

/// The machines that the Vagrantfile names, in its order, with their states.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Status(Vec<(String, String)>);

pub fn read(text: &str) -> Status {
    let state = |line: &str| {
        let mut words = line.splitn(4, ',').skip(1);
        let (machine, kind, data) = (words.next()?, words.next()?, words.next()?);
        (kind == "state" && !machine.is_empty()).then(|| (machine.to_owned(), data.to_owned()))
    };
    Status(text.lines().filter_map(state).collect())
}

impl Status {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub fn running(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, state)| state == "running").map(|(name, _)| name.as_str())
    }

    /// Name and state of those that do not run.
    pub fn off(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(_, state)| state != "running").map(|(name, state)| (&**name, &**state))
    }
}

/// Why vagrant has failed, in its own words: the error that it ends with, or all that it has said.
pub fn failure(stdout: &str, stderr: &str) -> (String, String) {
    let data = |line: &str, kind: &str| {
        let rest = line.split_once(',')?.1.split_once(',')?.1;
        rest.strip_prefix(kind)?.strip_prefix(',').map(plain)
    };
    let error = stdout.lines().find_map(|line| data(line, "error-exit"));
    if let Some((class, message)) = error.as_deref().and_then(|error| error.split_once(',')) {
        return (class.to_owned(), message.to_owned());
    }
    let said: Vec<String> =
        stdout.lines().filter_map(|line| data(line, "ui,warn").or_else(|| data(line, "ui,error"))).collect();
    let said = said.iter().map(String::as_str).chain([stderr.trim()]).filter(|text| !text.is_empty());
    (String::new(), said.collect::<Vec<_>>().join("\n"))
}

/// Vagrant's own marks for newlines and commas.
fn plain(text: &str) -> String {
    text.replace("%!(VAGRANT_COMMA)", ",").replace("\\n", "\n").replace("\\r", "")
}
