//! The lines that come back from a script: everything without the run's nonce in front is somebody else's.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The status of a step whose host could not pull a file (`pull` in pull.sh): a fact, and no failure yet.
pub const UNPULLED: i32 = 75;

/// Characters of the text in a lock's file: `me@here, loomctl up, since …`.
const LONGEST_HOLDER: usize = 500;

/// Bytes of what a failed step has said: its end tells why.
const LONGEST_OUTPUT: usize = 64 << 10;

/// One line of ours. `ms` are added where it is read, not on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Ready,
    Begin {
        step: usize,
    },
    Done {
        step: usize,
        changed: bool,
    },
    Failed {
        step: usize,
        status: i32,
        output: String,
    },
    Fact {
        scope: String,
        key: String,
        value: String,
    },
    Blob {
        scope: String,
        key: String,
        bytes: Vec<u8>,
    },
    /// Another run holds a lock: its `who/when/why` file.
    Locked {
        lock: String,
        holder: String,
    },
    /// The lock that this run held is held no more, or by another run.
    Unlocked,
    /// What is being looked at from here on: for the message, should it hang.
    At {
        what: String,
    },
    /// All facts are there; the script goes on holding its lock.
    Gathered,
    End {
        status: i32,
    },
}

/// `None`: not a line of ours (or one that a dying host cut short).
pub fn parse(nonce: &str, line: &str) -> Option<Record> {
    let rest = line.strip_prefix(nonce)?.strip_prefix(' ')?;
    let (kind, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match kind {
        "ready" => Some(Record::Ready),
        "begin" => Some(Record::Begin { step: rest.parse().ok()? }),
        "done" => {
            let (step, result) = rest.split_once(' ')?;
            let changed = match result {
                "ok" => false,
                "changed" => true,
                _ => return None,
            };
            Some(Record::Done { step: step.parse().ok()?, changed })
        }
        "failed" => {
            let mut parts = rest.splitn(3, ' ');
            let (step, status) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let output = decode(parts.next().unwrap_or(""))?;
            let output = text(&output[output.len().saturating_sub(LONGEST_OUTPUT)..]);
            Some(Record::Failed { step, status, output })
        }
        "fact" => {
            let (scope, key, value) = three(rest)?;
            Some(Record::Fact { scope, key, value })
        }
        "blob" => {
            let (scope, key, value) = three(rest)?;
            Some(Record::Blob { scope, key, bytes: decode(&value)? })
        }
        "locked" => {
            let (lock, holder) = rest.split_once(' ')?;
            let holder: String = text(&decode(holder)?).trim().chars().take(LONGEST_HOLDER).collect();
            Some(Record::Locked { lock: lock.to_owned(), holder: holder.replace(['\n', '\r'], " ") })
        }
        "unlocked" => Some(Record::Unlocked),
        "at" => Some(Record::At { what: rest.to_owned() }),
        "gathered" => Some(Record::Gathered),
        "end" => Some(Record::End { status: rest.parse().ok()? }),
        _ => None,
    }
}

fn three(rest: &str) -> Option<(String, String, String)> {
    let mut parts = rest.splitn(3, ' ');
    Some((parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next().unwrap_or("").to_owned()))
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    STANDARD.decode(base64.trim()).ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_the_nonce_count() {
        assert_eq!(parse("n1", "n1 ready"), Some(Record::Ready));
        assert_eq!(parse("n1", "n2 ready"), None);
        assert_eq!(parse("n1", "Welcome! n1 ready"), None);
        assert_eq!(parse("n1", "n1 done 3 changed"), Some(Record::Done { step: 3, changed: true }));
        assert_eq!(
            parse("n1", "n1 fact 0 stat a b c"),
            Some(Record::Fact { scope: "0".into(), key: "stat".into(), value: "a b c".into() })
        );
        assert_eq!(
            parse("n1", "n1 failed 2 1 ZGlzayBmdWxs"),
            Some(Record::Failed { step: 2, status: 1, output: "disk full".into() })
        );
        assert_eq!(parse("n1", "n1 blob 0 doc !!"), None);
        assert_eq!(parse("n1", "n1 begin 18446744073709551616"), None);
        assert_eq!(parse("n1", "n1 end -2147483649"), None);
    }

    #[test]
    fn p4_a_holder_is_one_line_and_an_output_has_an_end() {
        let said = |kind: &str, text: &str| parse("n", &format!("n {kind} {}", STANDARD.encode(text)));
        let Some(Record::Locked { holder, .. }) =
            said("locked c.lock", &format!("me\nok{}", "x".repeat(9000)))
        else {
            panic!("a lock")
        };
        assert!(holder.starts_with("me okxx") && holder.len() == LONGEST_HOLDER);
        let long = format!("{}why", "x".repeat(1 << 20));
        let Some(Record::Failed { output, .. }) = said("failed 1 1", &long) else { panic!("a failure") };
        assert!(output.ends_with("why") && output.len() == LONGEST_OUTPUT);
    }
}
