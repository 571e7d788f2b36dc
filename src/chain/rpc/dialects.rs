//! Several ways to ask one node: of those that can answer a question the first does.

use super::{Answer, Dialect, ProbeError, Question, Request, Status, dialect};
use crate::chain::profile::Probe;

pub struct Dialects(Vec<Box<dyn Dialect>>);

impl Dialects {
    /// Of probes that `dialect` takes, as those of a profile that was read.
    pub fn of<'a>(probes: impl IntoIterator<Item = &'a Probe>) -> Self {
        Self(probes.into_iter().filter_map(|probe| dialect(probe).ok()).collect())
    }

    /// Who answers the question, and what is sent for it.
    pub fn answering(&self, question: Question) -> Option<(&dyn Dialect, Request)> {
        self.first(question).map(|(_, dialect, request)| (dialect, request))
    }

    /// The port that a node is asked on who it is; how high it is, where no probe says that.
    pub fn main_port(&self) -> Option<String> {
        let found = self.answering(Question::Status).or_else(|| self.answering(Question::Height));
        found.map(|(_, request)| request.port)
    }

    /// Whether a node that is behind says so itself.
    pub fn says_when_behind(&self) -> bool {
        self.answering(Question::CatchingUp).is_some_and(|(dialect, _)| dialect.says_when_behind())
    }

    /// What is sent for a status. What several questions have in common is sent once.
    pub fn status_requests(&self) -> Vec<Request> {
        let mut all: Vec<Request> = Vec::new();
        for (_, _, request) in self.of_status() {
            if !all.contains(&request) {
                all.push(request);
            }
        }
        all
    }

    /// The status by the answers to these requests: who the node is and how high, as one probe says it in one moment: a gauge
    /// stands at zero after a start, and a height that jumps from there looks like blocks. Behind is who is called so by any.
    pub fn status(&self, answers: &[(Request, Vec<u8>)]) -> Result<Status, ProbeError> {
        let mut status = Status::default();
        for (question, dialect, request) in self.of_status() {
            let body = answers.iter().find(|(asked, _)| *asked == request).map_or(&[][..], |(_, body)| body);
            match dialect.read(question, body)? {
                Answer::Status(found) => status = found,
                Answer::Height(height) => status.height = height,
                Answer::CatchingUp(behind) => status.catching_up |= behind,
                _ => return Err(ProbeError::Unreadable(nobody_says(question))),
            }
        }
        Ok(status)
    }

    fn of_status(&self) -> impl Iterator<Item = (Question, &dyn Dialect, Request)> {
        let whole = self.first(Question::Status).map(|(number, ..)| number);
        let height = if whole.is_some() { Question::Status } else { Question::Height };
        [height, Question::CatchingUp].into_iter().filter_map(move |question| {
            let (number, dialect, request) = self.first(question)?;
            (question == height || whole != Some(number)).then_some((question, dialect, request))
        })
    }

    fn first(&self, question: Question) -> Option<(usize, &dyn Dialect, Request)> {
        self.0.iter().enumerate().find_map(|(number, dialect)| {
            let request = dialect.request(question)?;
            Some((number, dialect.as_ref(), request))
        })
    }
}

pub fn nobody_says(question: Question) -> String {
    format!("no probe of the profile says {}", question.subject())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chain::profile::Profile;

    /// V3
    #[test]
    fn a_status_of_one_dialect_is_one_request() {
        for (chain, path) in [("cometbft", "/status"), ("loom", "/rpc/status"), ("kaia", "/")] {
            let dialects = Profile::builtin(chain).unwrap().dialects();
            let asked = dialects.status_requests();
            assert_eq!(asked.len(), 1, "{chain}");
            assert_eq!((asked[0].port.as_str(), asked[0].path.as_str()), ("rpc", path), "{chain}");
            assert_eq!(asked[0].body.is_some(), chain == "kaia");
        }
    }

    #[test]
    fn a_dialect_says_of_itself_whether_it_knows_that_it_is_behind() {
        let says = |chain: &str| Profile::builtin(chain).unwrap().dialects().says_when_behind();
        assert!(says("cometbft") && says("loom") && !says("kaia"));
        let kaia = Profile::builtin("kaia").unwrap().dialects();
        assert!(
            kaia.answering(Question::Genesis).is_none() && kaia.answering(Question::ConsensusStep).is_none()
        );
    }

    /// V3
    #[test]
    fn a_recorded_status_is_read_as_it_was_asked() {
        let recorded = include_bytes!("../../../tests/fixtures/rpc/cometbft-0.38/status.json");
        let dialects = Profile::builtin("cometbft").unwrap().dialects();
        let answers: Vec<_> =
            dialects.status_requests().into_iter().map(|asked| (asked, recorded.to_vec())).collect();
        let status = dialects.status(&answers).unwrap();
        assert_eq!((status.height, status.catching_up, status.is_of("rec")), (3, false, true));
        assert!(dialects.status(&[]).is_err() && !status.is_of("other"));
    }
    /// What the first probe can say it says, and the second is asked for the rest.
    #[test]
    fn metrics_first_and_the_rpc_for_the_rest() {
        let yaml = "extends: cometbft\nname: mine\nabout: mine\nprobes:\n  - {kind: prometheus, port: prometheus, \
                    metrics: {height: 'h{chain_id=\"rec\"}', peers: p}}\n  - {kind: tendermint-rpc, port: rpc}\n";
        let profile = Profile::parse("profile.yaml", yaml, std::collections::BTreeMap::new()).unwrap();
        let dialects = profile.dialects();
        assert_eq!(profile.rpc_port(), "rpc", "who a node is the metrics do not say");
        let metrics = b"h{chain_id=\"rec\"} 1.7e+01\np 3\n".to_vec();
        let recorded = include_bytes!("../../../tests/fixtures/rpc/cometbft-0.38/status.json").to_vec();
        let body = |request: Request| {
            let body = if request.path == "/metrics" { metrics.clone() } else { recorded.clone() };
            (request, body)
        };
        let answers: Vec<_> = dialects.status_requests().into_iter().map(body).collect();
        let asked: Vec<_> =
            answers.iter().map(|(asked, _)| (asked.port.as_str(), asked.path.as_str())).collect();
        assert_eq!(asked, [("rpc", "/status")], "the height of the same moment as the rest");
        let status = dialects.status(&answers).unwrap();
        assert_eq!(
            (status.height, status.is_of("rec"), status.catching_up),
            (3, true, false),
            "the gauge is at 17"
        );
        let port = |question| dialects.answering(question).unwrap().1.port;
        assert_eq!(
            (port(Question::PeerCount), port(Question::Peers)),
            ("prometheus".to_owned(), "rpc".to_owned())
        );
        assert!(dialects.says_when_behind(), "the RPC does");
    }

    /// V10
    #[test]
    fn what_the_first_does_not_say_the_next_does() {
        let yaml = "extends: cometbft\nname: mine\nabout: mine\nprobes:\n  - {kind: rest, port: rpc, path: /v1, height: \
                    /h, chain_id: /c}\n  - {kind: prometheus, port: prometheus, metrics: {catching_up: s}}\n";
        let profile = Profile::parse("profile.yaml", yaml, std::collections::BTreeMap::new()).unwrap();
        let dialects = profile.dialects();
        let body = |request: Request| {
            let body = if request.path == "/v1" { r#"{"h":"7","c":"x"}"# } else { "s 1" };
            (request, body.as_bytes().to_vec())
        };
        let answers: Vec<_> = dialects.status_requests().into_iter().map(body).collect();
        let status = dialects.status(&answers).unwrap();
        assert_eq!((status.height, status.is_of("x"), status.catching_up), (7, true, true));
        assert!(dialects.says_when_behind() && status.node_id.is_none());
    }

    #[test]
    fn profiles_whose_probes_cannot_be_are_refused() {
        let refused = |probes: &str| {
            let yaml = format!("extends: cometbft\nname: mine\nabout: mine\nprobes: [{probes}]\n");
            let problems =
                Profile::parse("profile.yaml", &yaml, std::collections::BTreeMap::new()).err().unwrap();
            assert!(problems[0].place.is_some(), "{problems:?}");
            let help = problems[0].help.clone().map_or_else(String::new, |help| format!(" ({help})"));
            format!("{}{help}", problems[0].message)
        };
        let port = refused("{kind: prometheus, port: prometeus, metrics: {height: h}}");
        assert_eq!(port, "`ports` has no `prometeus`; is `prometheus` meant?");
        let slip = refused("{kind: prometheus, port: prometheus, metrics: {heigth: h}}");
        assert_eq!(slip, "unknown key `heigth` (is `height` meant?)");
        let none = refused("{kind: prometheus, port: prometheus, metrics: {peers: p}}");
        assert!(none.contains("no entry of `probes` says the height"), "{none}");
        assert!(refused("{kind: prometheus, port: prometheus}").contains("needs `metrics`"));
        assert!(refused("{kind: rest, port: rpc}").contains("needs at least one"));
        assert!(refused("{kind: rest, port: rpc, height: h}").contains("is no JSON pointer"));
        let foreign = refused("{kind: tendermint-rpc, port: rpc, metrics: {height: h}}");
        assert_eq!(foreign, "`metrics` is not a key of this kind of probe");
        let kind = refused("{kind: prometeus, port: rpc}");
        assert!(kind.starts_with("unknown value `prometeus` (one of: tendermint-rpc"), "{kind}");
        assert!(refused(&"{kind: tendermint-rpc, port: rpc},".repeat(9)).contains("8 at most"));
    }
}
