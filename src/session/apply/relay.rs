//! Files that a host cannot pull for itself: downloaded by this machine, once for all of them, and sent up.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use super::Work;
use crate::{
    fleet::{Fleet, Target},
    plan::Upload,
    remote::{
        download::Download,
        error::{HostError, Undelivered},
        host::Host,
    },
    steps::{Binary, Fetch, Step},
    types::{
        event::{Event, Outcome},
        ids::Sha256,
        redact,
        stage::StageName,
    },
};

/// What a step wants to be sent up before it.
pub struct Wanted<'a> {
    pub url: &'a str,
    name: &'a str,
    /// `None`: nobody knows it yet.
    sha256: Option<&'a Sha256>,
    hindrance: &'a str,
}

pub fn wanted(step: &Step) -> Option<Wanted<'_>> {
    match step {
        Step::Binary(Binary { path, sha256, url: Some(url), relayed: Some(hindrance) }) => {
            Some(Wanted { url, name: path.file_name(), sha256: Some(sha256), hindrance })
        }
        Step::Fetch(Fetch { name, url, relayed: Some(hindrance) }) => {
            Some(Wanted { url, name, sha256: None, hindrance })
        }
        _ => None,
    }
}

/// The URL that a step lets its host pull.
pub fn pulled(step: &Step) -> Option<&str> {
    match step {
        Step::Binary(Binary { url: Some(url), relayed: None, .. })
        | Step::Fetch(Fetch { url, relayed: None, .. }) => Some(url),
        _ => None,
    }
}

/// Why a host could not pull, of what its program has said: its last words before ours.
pub fn hindrance(output: &str) -> String {
    let mut said = output.lines().map(str::trim).filter(|line| !line.is_empty());
    let last = said.rfind(|line| !line.starts_with("could not download "));
    redact::line(last.unwrap_or("it could not download it"))
}

/// Everything that one machine's steps want, each file once; what comes back is the checksum of each URL.
pub async fn send<'a>(
    fleet: &Fleet,
    host: &Host,
    target: &Target,
    stage: StageName,
    work: &Work<'a>,
) -> Result<BTreeMap<&'a str, Sha256>, HostError> {
    let mut sent = BTreeMap::new();
    for (_, step) in work {
        let Some(wanted) = wanted(step).filter(|wanted| !sent.contains_key(wanted.url)) else { continue };
        let download = downloaded(fleet, target, stage, step, &wanted).await?;
        let (source, sha256) = (download.path(), download.sha256.clone());
        let upload = Upload { source, sha256, name: wanted.name.to_owned() };
        // It may have come for its checksum in one stage, and be wanted by the next.
        fleet.send_up(host, target, stage, &upload).await?;
        sent.insert(wanted.url, upload.sha256);
    }
    Ok(sent)
}

/// The file, compared with its checksum where that is known (S11). Each host that waits for it says so.
async fn downloaded(
    fleet: &Fleet,
    target: &Target,
    stage: StageName,
    step: &Step,
    wanted: &Wanted<'_>,
) -> Result<Arc<Download>, HostError> {
    let (start, host, doing) =
        (Instant::now(), &target.name, format!("download {}", redact::line(wanted.url)));
    fleet.events.tell(Event::Started { host: host.clone(), stage, step: doing.clone() });
    let failed = |reason, why: String| HostError::Download { step: step.name(), why, reason };
    let result = match fleet.downloads.get(wanted.url).await {
        Err(e) => {
            let why = format!("the host cannot pull it ({}), and {e}", wanted.hindrance);
            Err(failed(e.reason(), redact::line(&why)))
        }
        Ok(download) => match wanted.sha256.filter(|expected| **expected != download.sha256) {
            Some(expected) => {
                let arrived = &download.sha256;
                let why = format!("the binary that arrived has sha256 {arrived}, expected {expected}");
                Err(failed(Undelivered::OtherSum, why))
            }
            None => Ok(download),
        },
    };
    let outcome = if result.is_ok() { Outcome::Ok } else { Outcome::Failed };
    let took = start.elapsed();
    fleet.events.tell(Event::Step { host: host.clone(), stage, step: doing, outcome, took });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_host_could_not_pull_is_what_its_program_said_last() {
        let curl = "Warning: x\ncurl: (7) Failed to connect\ncould not download http://me:secret@h/x";
        assert_eq!(hindrance(curl), "curl: (7) Failed to connect");
        assert_eq!(hindrance("could not download http://h/x"), "it could not download it");
        assert!(!hindrance("http://me:canary@h/x:\n").contains("canary"));
    }
}
