//! The text form of Prometheus' metrics: numbers that a program says of itself, by name and labels.
//!
//! Only samples of the names that the profile asks for are read. A value is a floating number: what is to be counted has to be
//! whole, finite and not negative.

use std::collections::BTreeMap;

use super::{Answer, Dialect, ProbeError, Question, Request, WrongProbe, missing, text_of};
use crate::chain::{MOST_VALIDATORS, profile::Probe};

/// Lines of an answer; a large node has ten thousand.
const MOST_LINES: usize = 200_000;
/// Bytes of a line.
const LONGEST_LINE: usize = 1 << 16;
const MOST_LABELS: usize = 64;
/// Bytes of a name, and of a label's value.
const LONGEST_NAME: usize = 256;
const LONGEST_LABEL: usize = 1024;
/// Up to here a floating number has every whole number.
const LARGEST: f64 = 9_007_199_254_740_992.0;

pub struct Prometheus {
    port: String,
    path: String,
    height: Option<Metric>,
    peers: Option<Metric>,
    catching_up: Option<Metric>,
}

impl Prometheus {
    pub fn of(probe: &Probe) -> Result<Self, WrongProbe> {
        let metrics = probe.metrics.clone().unwrap_or_default();
        let metric = |text: Option<String>| text.map(|text| Metric::parse(&text)).transpose();
        let made = Self {
            port: probe.port.clone(),
            path: probe.path.clone().unwrap_or_else(|| "/metrics".to_owned()),
            height: metric(metrics.height)?,
            peers: metric(metrics.peers)?,
            catching_up: metric(metrics.catching_up)?,
        };
        if made.height.is_none() && made.peers.is_none() && made.catching_up.is_none() {
            let why = "`kind: prometheus` needs `metrics`: one of `height`, `peers` and `catching_up`";
            return Err(("prometheus".to_owned(), why.to_owned()));
        }
        Ok(made)
    }

    fn metric(&self, question: Question) -> Option<&Metric> {
        match question {
            Question::Height => self.height.as_ref(),
            Question::PeerCount => self.peers.as_ref(),
            Question::CatchingUp => self.catching_up.as_ref(),
            _ => None,
        }
    }
}

impl Dialect for Prometheus {
    fn request(&self, question: Question) -> Option<Request> {
        self.metric(question)?;
        Some(Request::to(&self.port, self.path.clone(), None))
    }

    fn read(&self, question: Question, body: &[u8]) -> Result<Answer, ProbeError> {
        let metric = self.metric(question).ok_or_else(|| missing(question.subject()))?;
        let value = metric.value(text_of(body)?)?;
        match question {
            Question::Height => Ok(Answer::Height(whole(metric, value)?)),
            Question::PeerCount => match whole(metric, value)? {
                count if count <= MOST_VALIDATORS as u64 => Ok(Answer::PeerCount(count)),
                count => Err(metric.wrong(&format!("{count} peers, more than {MOST_VALIDATORS}"))),
            },
            Question::CatchingUp => match whole(metric, value)? {
                flag @ (0 | 1) => Ok(Answer::CatchingUp(flag == 1)),
                other => Err(metric.wrong(&format!("{other}, neither 0 nor 1"))),
            },
            _ => Err(missing(question.subject())),
        }
    }

    fn says_when_behind(&self) -> bool {
        self.catching_up.is_some()
    }
}

/// Which sample is meant: its name, and labels that it has among others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Metric {
    text: String,
    name: String,
    labels: BTreeMap<String, String>,
}

impl Metric {
    /// `NAME` or `NAME{label="value", …}`.
    fn parse(text: &str) -> Result<Self, WrongProbe> {
        let wrong = |why: String| (text.to_owned(), format!("`metrics`: {text:?} {why}"));
        let (name, rest) = name_of(text);
        if name.is_empty() || text.len() > LONGEST_LINE {
            return Err(wrong("is not of the form NAME{label=\"value\"}".to_owned()));
        }
        let (labels, rest) = labels_of(rest).map_err(&wrong)?;
        if !rest.trim().is_empty() {
            return Err(wrong(format!("has {:?} behind its name and labels", rest.trim())));
        }
        Ok(Self { text: text.to_owned(), name: name.to_owned(), labels })
    }

    fn wrong(&self, why: &str) -> ProbeError {
        ProbeError::Unreadable(format!("metric {} is {why}", self.text))
    }

    /// The value of the one sample that it means.
    fn value<'a>(&self, body: &'a str) -> Result<&'a str, ProbeError> {
        let mut found = None;
        for (number, line) in body.lines().enumerate() {
            if number == MOST_LINES {
                return Err(ProbeError::Unreadable(format!(
                    "it has more than {MOST_LINES} lines of metrics"
                )));
            }
            if line.len() > LONGEST_LINE {
                let why = format!("line {} of its metrics has {} bytes", number + 1, line.len());
                return Err(ProbeError::Unreadable(why));
            }
            let Some(value) =
                self.of_line(line).map_err(|why| self.wrong(&format!("not read: its sample {why}")))?
            else {
                continue;
            };
            if found.replace(value).is_some() {
                return Err(
                    self.wrong("there more than once: the profile has to name labels that tell them apart")
                );
            }
        }
        found.ok_or_else(|| missing(&self.text))
    }

    /// The value, where the line is a sample of it.
    fn of_line<'a>(&self, line: &'a str) -> Result<Option<&'a str>, String> {
        let (name, rest) = name_of(line.trim_start());
        if name != self.name || line.trim_start().starts_with('#') {
            return Ok(None);
        }
        let (labels, rest) = labels_of(rest)?;
        if self.labels.iter().any(|(label, value)| labels.get(label) != Some(value)) {
            return Ok(None);
        }
        // Behind the value there may be a time.
        rest.split_whitespace().next().map(Some).ok_or_else(|| "has no value".to_owned())
    }
}

/// Letters, digits, `_` and `:`, no digit first; and what follows.
fn name_of(text: &str) -> (&str, &str) {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
    let (name, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    if name.len() > LONGEST_NAME || name.starts_with(|c: char| c.is_ascii_digit()) {
        ("", text)
    } else {
        (name, rest)
    }
}

/// `{a="b",c="d",}`, if there is such; and what follows.
fn labels_of(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.trim_start().strip_prefix('{') else { return Ok((labels, text)) };
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok((labels, behind));
        }
        let (name, behind) = name_of(rest);
        let value =
            behind.trim_start().strip_prefix('=').and_then(|rest| rest.trim_start().strip_prefix('"'));
        let value = value.filter(|_| !name.is_empty()).ok_or("has no label=\"value\" between { and }")?;
        let (value, behind) = quoted(value)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("has the label {name} twice"));
        }
        if labels.len() > MOST_LABELS {
            return Err(format!("has more than {MOST_LABELS} labels"));
        }
        rest = behind.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// Up to the closing quote; `\\`, `\"` and `\n` stand for what they stand for.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let (mut value, mut signs) = (String::new(), text.char_indices());
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match signs.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, sign @ ('\\' | '"'))) => value.push(sign),
                _ => return Err("has an unknown escape in a label".to_owned()),
            },
            sign => value.push(sign),
        }
        if value.len() > LONGEST_LABEL {
            return Err(format!("has a label of more than {LONGEST_LABEL} bytes"));
        }
    }
    Err("has a label without an end".to_owned())
}

/// A count: `12`, `1.2e+01`; neither `NaN` nor `+Inf`, nothing negative and no fraction.
fn whole(metric: &Metric, text: &str) -> Result<u64, ProbeError> {
    let shown: String = text.chars().take(40).collect();
    let plain = text.len() <= 40
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    let number = text.parse::<f64>().ok().filter(|_| plain);
    match number.filter(|number| (0.0..=LARGEST).contains(number) && number.fract() == 0.0) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Just looked at.
        Some(number) => Ok(number as u64),
        None => Err(metric.wrong(&format!("{shown:?}, which is no count"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chain::profile::{ProbeKind, ProbeMetrics};

    /// As CometBFT and Go's runtime write them.
    const METRICS: &str = r#"# HELP cometbft_consensus_height Height of the chain.
# TYPE cometbft_consensus_height gauge
cometbft_consensus_height{chain_id="rec"} 1.234567e+06
# HELP cometbft_blocksync_syncing Whether or not a node is block syncing.
# TYPE cometbft_blocksync_syncing gauge
cometbft_blocksync_syncing{chain_id="rec"} 0
cometbft_p2p_peers{chain_id="rec"} 3 1764570000000
cometbft_p2p_message_send_bytes_total{chain_id="rec",message_type="consensus \"x\", {y}\n"} 517
go_gc_duration_seconds{quantile="0"} 1.9e-05
go_gc_duration_seconds{quantile="1"} NaN
store_height{store="a"} 7
store_height{store="b"} +Inf

process_max_fds 1.048576e+06
"#;

    fn probe(height: &str) -> Probe {
        let metrics = ProbeMetrics {
            height: Some(height.to_owned()),
            peers: Some("cometbft_p2p_peers".to_owned()),
            catching_up: Some("cometbft_blocksync_syncing{chain_id=\"rec\"}".to_owned()),
        };
        let mut probe = Probe::of(ProbeKind::Prometheus, "prometheus");
        probe.metrics = Some(metrics);
        probe
    }

    fn height(metric: &str, body: &str) -> Result<Answer, String> {
        let dialect = Prometheus::of(&probe(metric)).map_err(|(_, why)| why)?;
        dialect.read(Question::Height, body.as_bytes()).map_err(|error| error.to_string())
    }

    /// V3
    #[test]
    fn named_metrics_answer_questions() {
        let dialect = Prometheus::of(&probe("cometbft_consensus_height")).unwrap();
        let asked = dialect.request(Question::Height).unwrap();
        assert_eq!((asked.port.as_str(), asked.path.as_str(), asked.body), ("prometheus", "/metrics", None));
        let read = |question| dialect.read(question, METRICS.as_bytes()).unwrap();
        assert_eq!(read(Question::Height), Answer::Height(1_234_567));
        assert_eq!(read(Question::PeerCount), Answer::PeerCount(3));
        assert_eq!(read(Question::CatchingUp), Answer::CatchingUp(false));
        for other in [Question::Status, Question::Peers, Question::Block(7), Question::Genesis] {
            assert!(dialect.request(other).is_none() && dialect.read(other, METRICS.as_bytes()).is_err());
        }
        assert_eq!(height("store_height{store=\"a\"}", METRICS), Ok(Answer::Height(7)));
        let quoted = "cometbft_p2p_message_send_bytes_total{message_type=\"consensus \\\"x\\\", {y}\\n\"}";
        assert_eq!(height(quoted, METRICS), Ok(Answer::Height(517)));
    }

    #[test]
    fn p7_what_is_no_count_is_none() {
        let wrong = |metric: &str| height(metric, METRICS).unwrap_err();
        assert!(wrong("go_gc_duration_seconds{quantile=\"1\"}").contains("\"NaN\", which is no count"));
        assert!(wrong("store_height{store=\"b\"}").contains("\"+Inf\", which is no count"));
        assert!(wrong("go_gc_duration_seconds{quantile=\"0\"}").contains("no count"), "a fraction");
        assert!(wrong("store_height").contains("more than once"));
        assert!(wrong("nothing").contains("it has no `nothing`"));
        for (text, is) in
            [("0", Some(0)), ("12", Some(12)), ("1e3", Some(1000)), ("9007199254740992", Some(1 << 53))]
        {
            assert_eq!(height("h", &format!("h {text}")).ok(), is.map(Answer::Height), "{text}");
        }
        for text in ["-1", "1.5", "1e300", "inf", "nan", "0x10", "9.1e15", "", "12abc", "-Inf", "1_000"] {
            assert!(height("h", &format!("h {text}")).is_err(), "{text}");
        }
        let dialect = Prometheus::of(&probe("h")).unwrap();
        let read = |question, body: &str| dialect.read(question, body.as_bytes());
        assert!(read(Question::PeerCount, "cometbft_p2p_peers 10001").is_err());
        assert!(read(Question::CatchingUp, "cometbft_blocksync_syncing{chain_id=\"rec\"} 2").is_err());
        assert!(dialect.read(Question::Height, b"h \xff").is_err(), "no text");
    }

    #[test]
    fn p7_metrics_have_an_end() {
        let long = |text: String| height("h", &text).unwrap_err();
        assert!(long("x 1\n".repeat(MOST_LINES + 1)).contains("lines of metrics"));
        assert!(long(format!("x {}\nh 1", "1".repeat(LONGEST_LINE))).contains("bytes"));
        assert!(long(format!("h{{a=\"{}\"}} 1", "x".repeat(LONGEST_LABEL + 1))).contains("1024 bytes"));
        let labels: Vec<String> = (0..=MOST_LABELS).map(|n| format!("l{n}=\"\"")).collect();
        assert!(long(format!("h{{{}}} 1", labels.join(","))).contains("labels"));
        assert!(long(format!("h {}", "1".repeat(5000))).len() < 200);
        for broken in
            ["h{a=\"b} 1", "h{a=b} 1", "h{a=\"\\x\"} 1", "h{a=\"1\",a=\"2\"} 1", "h", "h{a=\"b\"}", "h{"]
        {
            assert!(height("h", broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_metric_that_is_none_is_refused() {
        let refused = |text: &str| Prometheus::of(&probe(text)).err().unwrap().1;
        assert!(refused("").contains("is not of the form") && refused("9h").contains("is not of the form"));
        assert!(refused("h 1").contains("behind its name") && refused("h{a=1}").contains("has no label"));
        let mut none = probe("h");
        none.metrics = None;
        assert!(Prometheus::of(&none).err().unwrap().1.contains("needs `metrics`"));
    }

    /// P7
    #[test]
    fn fuzz_prometheus() {
        let dialect = Prometheus::of(&probe("store_height{store=\"a\"}")).unwrap();
        crate::fuzz::fuzz(
            "prometheus",
            &[METRICS.as_bytes(), b"store_height{store=\"a\"} 1e3 5\n"],
            |bytes| {
                [Question::Height, Question::PeerCount, Question::CatchingUp]
                    .map(|question| dialect.read(question, bytes).is_ok())
            },
        );
    }
}
