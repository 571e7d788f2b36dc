//! One row of what was looked at on a host: a check of `verify`, a subject of `doctor`.

use super::code::Code;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    /// It works, and may trouble later.
    Warning,
    Failed,
    /// Nothing can be said of it: the host has no means, or another row has failed.
    NotKnown,
    /// The cluster has not what the row is about.
    NotApplicable,
}

/// `Id` is the enum of the command's subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<Id> {
    pub id: Id,
    /// The node's name.
    pub host: String,
    pub verdict: Verdict,
    /// What is wrong, the first being the one that the row is known by. None where nothing is.
    pub codes: Vec<Code>,
    pub what: String,
    pub expected: String,
    pub seen: String,
    /// The likely cause, and what to do.
    pub help: Option<String>,
    /// The unit's last lines; on one of a node's failures only.
    pub journal: Vec<String>,
}

impl<Id> Row<Id> {
    pub fn new(id: Id, host: &(impl ToString + ?Sized), what: &str) -> Self {
        Self {
            id,
            host: host.to_string(),
            verdict: Verdict::Ok,
            codes: Vec::new(),
            what: what.to_owned(),
            expected: String::new(),
            seen: String::new(),
            help: None,
            journal: Vec::new(),
        }
    }

    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    #[must_use]
    pub fn help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into);
        self
    }

    #[must_use]
    pub fn ok(self, seen: impl Into<String>) -> Self {
        self.found(Verdict::Ok, &[], seen)
    }

    #[must_use]
    pub fn failed(self, code: Code, seen: impl Into<String>) -> Self {
        self.found(Verdict::Failed, &[code], seen)
    }

    /// What follows from another row that fails.
    #[must_use]
    pub fn not_known(self, seen: impl Into<String>) -> Self {
        self.found(Verdict::NotKnown, &[Code::NotKnown], seen)
    }

    /// Neither held nor failed, and why there is nothing to look at.
    #[must_use]
    pub fn not_applicable(self, why: impl Into<String>) -> Self {
        self.found(Verdict::NotApplicable, &[], why)
    }

    /// Fails by each of these, or holds where there are none.
    #[must_use]
    pub fn judged(self, wrong: Vec<(Code, String)>, between: &str, ok: impl Into<String>) -> Self {
        if wrong.is_empty() {
            return self.ok(ok);
        }
        let (codes, texts): (Vec<Code>, Vec<String>) = wrong.into_iter().unzip();
        self.found(Verdict::Failed, &codes, texts.join(between))
    }

    #[must_use]
    pub fn found(mut self, verdict: Verdict, codes: &[Code], seen: impl Into<String>) -> Self {
        (self.verdict, self.codes, self.seen) = (verdict, codes.to_vec(), seen.into());
        self
    }

    pub fn code(&self) -> Option<Code> {
        self.codes.first().copied()
    }

    pub fn is_wrong(&self, code: Code) -> bool {
        self.codes.contains(&code)
    }

    /// For a run that has to prove it: what is not known is not so.
    pub fn holds(&self) -> bool {
        !matches!(self.verdict, Verdict::Failed | Verdict::NotKnown)
    }
}
