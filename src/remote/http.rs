//! HTTP to an address of the host itself, through the SSH connection: the node's RPC may stay on 127.0.0.1.

use std::{net::SocketAddr, sync::atomic::Ordering, time::Duration};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;

use super::{error::HostError, host::Host};
use crate::script::{compose::Script, quote::word, record::Record};

/// As much of an answer may be headers.
const HEAD_LIMIT: usize = 64 << 10;
/// An answer of this size is no answer of a node's status (16 MiB).
const BODY_LIMIT: usize = 16 << 20;

#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpError {
    /// Nobody listens there, or sshd does not let us through.
    #[error("no answer from {0}")]
    NoAnswer(SocketAddr),
    /// sshd forbids forwarding and the host has no program that could ask in our place.
    #[error("sshd forbids forwarding (AllowTcpForwarding) and the host has neither curl, wget nor bash")]
    Forbidden,
    #[error("the answer of {0} is larger than {1} MiB")]
    TooMuch(SocketAddr, usize),
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Host {
    /// Whether nothing at all can be asked there: no forward, and no program in its place.
    pub fn has_no_way(&self) -> bool {
        self.no_tool.load(Ordering::Relaxed)
    }

    /// The answer to `GET http://AT/path`, or to a POST of a JSON question, as the host itself would get it, whatever the
    /// HTTP status says (nodes answer errors with 500).
    pub async fn ask(
        &self,
        at: SocketAddr,
        path: &str,
        question: Option<&str>,
        limit: Duration,
    ) -> Result<Vec<u8>, HttpError> {
        if !self.no_forward.load(Ordering::Relaxed) {
            match tokio::time::timeout(limit, self.ask_forwarded(at, path, question)).await {
                Ok(Err(HttpError::NoAnswer(_))) => {}
                forwarded => {
                    // It was let through, answer or not.
                    self.no_tool.store(false, Ordering::Relaxed);
                    return forwarded.unwrap_or(Err(HttpError::NoAnswer(at)));
                }
            }
        }
        // A closed port and a forbidden forward look alike from here: the host itself knows which it is.
        let there = tokio::time::timeout(limit * 2, self.ask_there(at, path, question));
        let body = there.await.map_err(|_| HttpError::NoAnswer(at))??;
        // It may have begun to listen between the two; only a second refusal is the forward's.
        let again = tokio::time::timeout(limit, self.ask_forwarded(at, path, question)).await;
        if !matches!(again, Ok(Ok(_))) {
            self.no_forward.store(true, Ordering::Relaxed);
        }
        Ok(body)
    }

    /// The same, if it comes through the forward at once.
    pub async fn glance(
        &self,
        at: SocketAddr,
        path: &str,
        question: Option<&str>,
        limit: Duration,
    ) -> Result<Vec<u8>, HttpError> {
        let answer = tokio::time::timeout(limit, self.ask_forwarded(at, path, question)).await;
        answer.unwrap_or(Err(HttpError::NoAnswer(at)))
    }

    async fn ask_forwarded(
        &self,
        at: SocketAddr,
        path: &str,
        question: Option<&str>,
    ) -> Result<Vec<u8>, HttpError> {
        let stream = self.dial(at).await?;
        let silent = |_| HttpError::NoAnswer(at);
        let mut http = http1::Builder::new();
        http.max_buf_size(HEAD_LIMIT).max_headers(100);
        let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(silent)?;
        let request = match question {
            None => Request::get(path),
            Some(_) => Request::post(path).header("Content-Type", JSON),
        };
        let body = Full::new(Bytes::from(question.unwrap_or_default().to_owned()));
        let request =
            request.header("Host", at.to_string()).body(body).map_err(|_| HttpError::NoAnswer(at))?;
        let answered = async {
            let answer = sender.send_request(request).await.map_err(silent)?;
            let body = Limited::new(answer.into_body(), BODY_LIMIT).collect().await;
            body.map(|body| body.to_bytes().to_vec()).map_err(|why| {
                match why.downcast::<LengthLimitError>() {
                    Ok(_) => HttpError::TooMuch(at, BODY_LIMIT >> 20),
                    Err(_) => HttpError::NoAnswer(at),
                }
            })
        };
        // The connection goes with the answer: nobody who drips is read from any longer.
        let mut answered = std::pin::pin!(answered);
        tokio::select! {
            biased;
            answer = &mut answered => answer,
            _ = connection => answered.await,
        }
    }

    /// The same by a program of the host, where sshd forbids forwarding.
    async fn ask_there(
        &self,
        at: SocketAddr,
        path: &str,
        question: Option<&str>,
    ) -> Result<Vec<u8>, HttpError> {
        let mut script = Script::new(&nonce());
        script.set("url", &format!("http://{at}{path}")).set("path", path);
        script.set("question", question.unwrap_or_default());
        script.set("address", &at.ip().to_string()).set("port", &at.port().to_string());
        script.line(format!("most={}", BODY_LIMIT + HEAD_LIMIT));
        script.line(ASK_THERE);
        script.line(format!("bash_get={}", word(BASH_GET)));
        script.line("say ready\nask\nfinish 0");
        let mut running = self.start(&script, "asking the node on its host").await?;
        let mut answer = None;
        while let Some(record) = running.next().await? {
            match record {
                Record::Blob { key, bytes, .. } if key == "body" => answer = Some(bytes),
                Record::Blob { key, bytes, .. } if key == "response" => answer = Some(after_headers(&bytes)),
                Record::Fact { key, .. } if key == "no_tool" => {
                    self.no_tool.store(true, Ordering::Relaxed);
                    return Err(HttpError::Forbidden);
                }
                _ => {}
            }
        }
        match answer {
            Some(body) if body.len() > BODY_LIMIT => Err(HttpError::TooMuch(at, BODY_LIMIT >> 20)),
            Some(body) if !body.is_empty() => Ok(body),
            _ => Err(HttpError::NoAnswer(at)),
        }
    }
}

const JSON: &str = "application/json";

/// curl exits with 22 on HTTP errors only with -f: without it the body comes whatever the status is.
const ASK_THERE: &str = r#"ask() {
  set --
  json='Content-Type: application/json'
  if command -v curl >/dev/null; then
    [ -z "$question" ] || set -- -H "$json" --data-binary "$question"
    printf '%s blob host body %s\n' "$NONCE" "$(curl -s -m 5 "$@" "$url" | head -c "$most" | base64 -w0)"
  elif command -v wget >/dev/null; then
    [ -z "$question" ] || set -- "--header=$json" "--post-data=$question"
    printf '%s blob host body %s\n' "$NONCE" "$(timeout 5 wget -q -T 5 -O - --max-redirect=0 --content-on-error "$@" "$url" | head -c "$most" | base64 -w0)"
  elif command -v bash >/dev/null; then printf '%s blob host response %s\n' "$NONCE" "$(timeout 5 bash -c "$bash_get" bash "$address" "$port" "$path" "$question" 2>/dev/null | head -c "$most" | base64 -w0)"
  else fact host no_tool yes; fi
}"#;

/// HTTP/1.0, so that the answer is neither chunked nor kept open.
const BASH_GET: &str = r#"exec 5<>"/dev/tcp/$1/$2" || exit
if [ -z "$4" ]; then printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$3"
else
  LC_ALL=C
  printf 'POST %s HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "$3" "${#4}" "$4"
fi >&5 && cat <&5"#;

fn after_headers(response: &[u8]) -> Vec<u8> {
    let cut = response.windows(4).position(|w| w == b"\r\n\r\n").map_or(response.len(), |at| at + 4);
    response[cut..].to_vec()
}

/// A script's mark in front of each line of ours. A secret between us and that script: who knows it can say what we take
/// for the host's word, so it goes in by stdin and stands in no argument, environment or file.
pub fn nonce() -> String {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let mut bytes = [0; 16];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(16) => format!("lc{}", hex::encode(bytes)),
        // A kernel without it: what keeps the standard library's tables from being guessed.
        _ => format!("lc{:016x}", RandomState::new().build_hasher().finish()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        process::Command,
    };

    use super::*;

    /// What arrives when a host that has this program alone asks; `None`: it is not on this machine.
    fn asked(tool: &str, question: &str) -> Option<String> {
        Command::new(tool).arg("--version").output().ok()?;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = format!(
            "NONCE=n most=100\nfact() {{ :; }}\ncommand() {{ [ \"$2\" = {tool} ]; }}\nurl=http://127.0.0.1:{port}/a path=/a address=127.0.0.1 \
             port={port} question={}\n{ASK_THERE}\nbash_get={}\nask",
            word(question),
            word(BASH_GET)
        );
        let mut child =
            Command::new("sh").args(["-c", &script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut some) = (String::new(), [0; 4096]);
        while !request.contains("\r\n\r\n") || !request.ends_with(question) {
            let read = stream.read(&mut some).unwrap();
            request += std::str::from_utf8(&some[..read]).unwrap();
        }
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nfine").unwrap();
        drop(stream);
        assert!(child.wait().unwrap().success(), "{tool}");
        Some(request)
    }

    #[test]
    fn each_program_of_a_host_asks_by_get_and_by_post() {
        let question = r#"[{"id":0,"method":"it's a 'ü'"}]"#;
        for tool in ["curl", "wget", "bash"] {
            let (Some(get), Some(post)) = (asked(tool, ""), asked(tool, question)) else { continue };
            assert!(get.starts_with("GET /a HTTP/1."), "{tool}: {get}");
            assert!(post.starts_with("POST /a HTTP/1.") && post.ends_with(question), "{tool}: {post}");
            let length = format!("content-length: {}\r\n", question.len());
            assert!(post.to_lowercase().contains(&length), "{tool}: {post}");
            assert!(post.contains("Content-Type: application/json\r\n"), "{tool}: {post}");
        }
    }
}
