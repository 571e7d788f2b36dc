//! Texts without the secrets in them (S3): what a key's name marks as nobody's business, passwords in URLs, mnemonics.
//! Rather too much than too little: this is for people and files, never for hosts.

use std::{
    ops::Range,
    sync::{PoisonError, RwLock},
};

use serde_json::Value;

/// What stands for a value; its length says nothing.
pub const STARS: &str = "********";

/// What stands for a text that was encrypted with Ansible Vault.
pub const VAULT: &str = "<vault>";
/// Shorter ones would hide half of what is said, and nobody could guess less.
const SHORTEST: usize = 4;

/// Texts that were encrypted, line by line: whatever they have become part of, they are not shown.
static LEARNT: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Remembers a text that was encrypted.
pub fn learn(text: &str) {
    let mut learnt = LEARNT.write().unwrap_or_else(PoisonError::into_inner);
    for line in text.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST) {
        if !learnt.iter().any(|known| known == line) {
            learnt.push(line.to_owned());
        }
    }
    // Of two that begin alike the longer one counts.
    learnt.sort_by_key(|line| std::cmp::Reverse(line.len()));
}

/// A text without what was encrypted.
pub fn vaulted(text: &str) -> String {
    let learnt = LEARNT.read().unwrap_or_else(PoisonError::into_inner);
    learnt.iter().fold(text.to_owned(), |text, line| {
        if text.contains(line.as_str()) { text.replace(line.as_str(), VAULT) } else { text }
    })
}

/// What a key's name must hold for its value to be a secret; `-` counts as `_`.
const SECRET: [&str; 11] = [
    "pass",
    "secret",
    "token",
    "mnemonic",
    "credential",
    "priv_key",
    "privkey",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
];
/// So many words of a mnemonic's kind in a row are one.
const WORDS: usize = 12;

/// A text of several lines: configuration, a unit, output of a program.
pub fn text(text: &str) -> String {
    lines(text).concat()
}

/// The same, line by line, each with its newline: as many as there were.
pub fn lines(text: &str) -> Vec<String> {
    let mut inside = Inside::default();
    vaulted(text).split_inclusive('\n').map(|line| inside.line(line)).collect()
}

/// One line, its secrets replaced.
pub fn line(line: &str) -> String {
    let line = &*vaulted(line);
    starred(line, secrets(line))
}

fn starred(line: &str, secrets: Vec<Range<usize>>) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for range in secrets {
        out += &line[at..range.start];
        out += STARS;
        at = range.end;
    }
    out + &line[at..]
}

/// One line, its secrets starred out one by one: carets below it keep their places.
pub fn in_place(line: &str) -> String {
    let mut out = line.to_owned();
    for range in secrets(line).into_iter().rev() {
        let stars = "*".repeat(line[range.clone()].chars().count());
        out.replace_range(range, &stars);
    }
    out
}

/// All texts in a JSON value, at any depth.
pub fn json(value: &mut Value) {
    match value {
        Value::String(found) => *found = text(found),
        Value::Array(values) => values.iter_mut().for_each(json),
        Value::Object(values) => values.values_mut().for_each(json),
        _ => {}
    }
}

/// The values of secret keys, at any depth, and the secrets of URLs; the path of a file with a secret is none.
pub fn by_key(value: &mut Value) {
    match value {
        Value::String(text) => *text = starred(text, of_urls(text)),
        Value::Array(values) => values.iter_mut().for_each(by_key),
        Value::Object(values) => values.iter_mut().for_each(|(key, value)| of_key(key, value)),
        _ => {}
    }
}

/// The value of this key: stars in its place where the key's name says that it is a secret.
pub fn of_key(key: &str, value: &mut Value) {
    let is_nothing = value.is_null() || value.as_str().is_some_and(str::is_empty);
    if is_secret(key) && !key.ends_with("_file") && !is_nothing {
        *value = STARS.into();
    } else {
        by_key(value);
    }
}

/// Where one is between the lines of a text.
#[derive(Default)]
struct Inside {
    /// A TOML table whose name is a secret's.
    table: bool,
    /// The indentation of a secret's key whose value goes on below it.
    below: Option<usize>,
    /// What ends a text of several lines.
    quotes: Option<&'static str>,
}

impl Inside {
    fn line(&mut self, whole: &str) -> String {
        let body = whole.trim_end_matches(['\n', '\r']);
        let content = body.trim_start();
        let indent = body.len() - content.len();
        let hidden = || format!("{}{STARS}{}", &body[..indent], &whole[body.len()..]);
        if let Some(quotes) = self.quotes {
            if content.contains(quotes) {
                self.quotes = None;
            }
            return hidden();
        }
        if self.below.is_some_and(|of| indent > of || content.starts_with("- ")) && !content.is_empty() {
            return hidden();
        }
        if !content.is_empty() {
            self.below = None;
        }
        if content.starts_with('[') && content.trim_end().ends_with(']') && !content.contains(['"', ',']) {
            self.table = is_secret(content);
            return whole.to_owned();
        }
        if let Some(start) = keys(body).into_iter().next() {
            let value = body[start..].trim();
            self.quotes =
                ["\"\"\"", "'''"].into_iter().find(|q| value.starts_with(q) && value.matches(q).count() == 1);
            if value.is_empty() || ["[", "{"].contains(&value) || value.starts_with(['|', '>']) {
                self.below = Some(indent);
            }
        } else if let Some(at) = body.find('=').filter(|_| self.table) {
            return format!("{} {STARS}{}", &body[..=at], &whole[body.len()..]);
        }
        format!("{}{}", line(body), &whole[body.len()..])
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    SECRET.iter().any(|part| name.contains(part))
}

/// Where the values of secret keys may begin: behind `key:`, `key=`, `--key `.
fn keys(line: &str) -> Vec<usize> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let ends = line.match_indices([':', '=', ' ']).filter_map(|(at, sign)| {
        let before =
            line[..at].trim_end_matches(if sign == " " { &[][..] } else { &['"', '\'', ' ', '\\'][..] });
        let key = before.rsplit(|c| !word(c)).next().unwrap_or_default();
        (is_secret(key) && (sign != " " || key.starts_with("--"))).then_some(at + 1)
    });
    ends.collect()
}

/// The parts of a line that nobody may see, in order, none of them empty.
fn secrets(line: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for start in keys(line) {
        let blank = line[start..].len() - line[start..].trim_start().len();
        let start = start + blank;
        let end = start + value_length(&line[..start], &line[start..]);
        // Quotes stay: what is masked can still be read by whoever reads the format.
        let quote = line[start..end].chars().next().filter(|c| matches!(c, '"' | '\''));
        let quoted = quote.is_some_and(|quote| end - start > 1 && line[..end].ends_with(quote));
        found.push(if quoted { start + 1..end - 1 } else { start..end });
    }
    found.extend(of_urls(line));
    found.extend(mnemonics(line));
    for known in LEARNT.read().unwrap_or_else(PoisonError::into_inner).iter() {
        found.extend(line.match_indices(known.as_str()).map(|(at, text)| at..at + text.len()));
    }
    found.sort_by_key(|range| (range.start, usize::MAX - range.end));
    let mut whole: Vec<Range<usize>> = Vec::new();
    for range in found.into_iter().filter(|range| !range.is_empty()) {
        match whole.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => whole.push(range),
        }
    }
    whole
}

/// Up to the quote that ends it; in braces to what can follow a value there, else to the line's end.
fn value_length(before: &str, text: &str) -> usize {
    let several = text.starts_with("\"\"\"") || text.starts_with("'''");
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'') && !several);
    let end = text.trim_end().len();
    match quote.and_then(|quote| text[1..].rfind(quote)) {
        Some(end) => end + 2,
        None if before.contains('{') => text.find(", ").or_else(|| text.rfind('}')).unwrap_or(end),
        // A JSON value that is no text: `"token": 17,`
        None if text[..end].ends_with(',') => end - 1,
        None => end,
    }
}

/// `scheme://user:PASSWORD@host`, and of what curl and wget fetch also `TOKEN@host` and all of `?QUERY`: elsewhere a peer's id
/// stands before the `@`, and what it is behind the `?`.
fn of_urls(line: &str) -> Vec<Range<usize>> {
    // A form to fill in, as chains write it into their comments: `<password>`.
    let is_form =
        |range: &Range<usize>| line[range.clone()].starts_with('<') && line[range.clone()].ends_with('>');
    let parts = line.match_indices("://").flat_map(|(at, sign)| {
        let scheme = line[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let is_web = ["http", "https", "ftp", "ftps"].iter().any(|web| web.eq_ignore_ascii_case(scheme));
        let start = at + sign.len();
        let url = &line[start..];
        let url =
            &url[..url.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(url.len())];
        let query = url.find('?').filter(|_| is_web).map(|mark| start + mark + 1..start + url.len());
        user(url, is_web).map(|user| start + user.start..start + user.end).into_iter().chain(query)
    });
    parts.filter(|range| !range.is_empty() && !is_form(range)).collect()
}

/// What nobody may see before the `@` of a URL without its scheme.
fn user(url: &str, is_web: bool) -> Option<Range<usize>> {
    let host = &url[..url.find('/').unwrap_or(url.len())];
    let colon = host.find(':');
    // A password with a slash in it, which is no URL: where a host would have its port, there is none.
    let is_torn = is_web
        && !host.contains('@')
        && colon.is_some_and(|at| !host.starts_with('[') && host[at + 1..].parse::<u16>().is_err());
    let end = if is_torn { url.rfind('@')? } else { host.rfind('@')? };
    match colon.filter(|colon| *colon < end) {
        Some(colon) => Some(colon + 1..end),
        None => is_web.then_some(0..end),
    }
}

/// Runs of lower-case words of three to eight letters, one blank between them: sentences have shorter ones, or signs.
fn mnemonics(line: &str) -> Vec<Range<usize>> {
    let (mut found, mut run, mut count) = (Vec::new(), 0..0, 0);
    let mut word = 0..0;
    for (at, c) in line.char_indices().chain([(line.len(), '.')]) {
        if c.is_ascii_lowercase() {
            let begin = if word.end == at { word.start } else { at };
            word = begin..at + 1;
            continue;
        }
        let fits = word.end == at && (3..=8).contains(&word.len());
        if fits {
            run = if count == 0 { word.start } else { run.start }..at;
            count += 1;
        }
        if !fits || c != ' ' {
            found.extend((count >= WORDS).then(|| run.clone()));
            count = 0;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

    #[test]
    fn s3_values_of_secret_keys_are_not_shown() {
        let lines = [
            ("  ansible_password: hunter2", "  ansible_password: *******"),
            ("h: {ansible_become_pass: hunter2, power: -3}", "h: {ansible_become_pass: *******, power: -3}"),
            ("h: {ansible_become_pass: hunter2}", "h: {ansible_become_pass: *******}"),
            ("\"my_secret\": \"a, ü: b\"", "\"my_secret\": \"*******\""),
            ("working_directory: /srv/x", "working_directory: /srv/x"),
        ];
        for (line, shown) in lines {
            assert_eq!(in_place(line), shown);
            assert_eq!(in_place(line).chars().count(), line.chars().count());
        }
    }

    #[test]
    fn s3_secrets_of_every_format_are_masked_and_keys_stay() {
        let phrase = format!("seed={PHRASE}");
        for (shown, hidden) in [
            ("Environment=DB_PASSWORD=", "hunter2, and more"),
            ("Environment=\"A=b\" \"RPC_TOKEN=", "x\" \"C=d\""),
            ("  auth-token: ", "abc"),
            ("\"token\": ", "17"),
            ("ExecStart=/x start --rpc-secret ", "abc"),
            ("ExecStart=/x start --rpc-secret=", "abc"),
            ("seed=", &phrase[5..]),
        ] {
            let masked = line(&format!("{shown}{hidden}"));
            assert_eq!(masked, format!("{shown}{STARS}"), "{hidden}");
        }
        assert_eq!(
            line("x = \"postgres://n:pw@h/d\" # ok"),
            format!("x = \"postgres://n:{STARS}@h/d\" # ok")
        );
        assert_eq!(line(&format!("Write it down: ({PHRASE}).")), format!("Write it down: ({STARS})."));
        assert_eq!(line(&format!("+{PHRASE}")), format!("+{STARS}"));
    }

    #[test]
    fn s3_what_a_url_carries_beside_its_place_is_masked() {
        for (url, shown) in [
            ("https://me:canary@h/x", "https://me:*@h/x"),
            ("HTTPS://me:canary@h", "HTTPS://me:*@h"),
            ("https://me:can@ary@h/x", "https://me:*@h/x"),
            ("https://me:can/ary@h/x", "https://me:*@h/x"),
            ("https://canary@h/x", "https://*@h/x"),
            ("https://h/x?t=canary&a=canary#canary", "https://h/x?*"),
            ("https://h?canary", "https://h?*"),
            ("https://me:canary@h:8443/x?canary", "https://me:*@h:8443/x?*"),
            ("https://me:canary@h/a@b", "https://me:*@h/a@b"),
        ] {
            let shown = shown.replace('*', STARS);
            for (before, after) in
                [("", ""), ("binary: ", ""), ("\"", "\","), ("fetch ", " (through this machine)")]
            {
                assert_eq!(line(&format!("{before}{url}{after}")), format!("{before}{shown}{after}"));
            }
            let starred = in_place(&format!("binary: {url}"));
            assert!(
                !starred.contains("can") && starred.chars().count() == url.chars().count() + 8,
                "{starred}"
            );
        }
        let mut values =
            serde_json::json!({"binary": "https://me:canary@h/x?canary", "list": ["https://canary@h"]});
        by_key(&mut values);
        assert!(!values.to_string().contains("canary"), "{values}");
        for kept in [
            "https://h:8443/x",
            "http://[fd00::1]:80/x@y",
            "enode://ab12@10.0.0.1:30303?discport=0",
            "kni://ab12@10.0.0.1:32323?discport=0&ntype=cn",
            "tcp://585935efd643a51a3b004e1bfb7cc8c341f7d1db@h:26656",
            "https://h/x?",
        ] {
            assert_eq!(line(kept), kept);
        }
    }

    #[test]
    fn s3_values_that_go_on_below_their_key_are_masked() {
        let given = "a: 1\npasswords:\n  - abc\n  x: abc\nb: 2\nsecret: |\n  abc\n\n  abc\nc: 3\n";
        assert_eq!(
            text(given),
            "a: 1\npasswords:\n  ********\n  ********\nb: 2\nsecret: ********\n  ********\n\n  ********\nc: 3\n"
        );
        let given = "[auth.secrets]\nrpc = \"abc\"\n[p2p]\npex = true\ntokens = [\n  \"abc\",\n]\nk_pass = \"\"\"abc\nabc\"\"\"\n";
        let masked = text(given);
        assert!(
            !masked.contains("abc") && masked.contains("rpc = ") && masked.contains("pex = true"),
            "{masked}"
        );
        assert_eq!(masked.lines().count(), given.lines().count());
    }

    #[test]
    fn what_is_no_secret_stays() {
        for kept in [
            "priv_validator_key_file = \"config/priv_validator_key.json\"",
            "private_peer_ids = \"\"",
            "PrivateTmp=yes",
            "password = \"\"",
            "# Comma separated list of nodes to keep persistent connections to",
            "laddr = \"tcp://127.0.0.1:26657\"",
            "#   postgresql://<user>:<password>@<host>:<port>/<db>?<opts>",
            "persistent_peers = \"585935efd643a51a3b004e1bfb7cc8c341f7d1db@10.77.4.11:26656\"",
            "ExecStart=/home/ubuntu/node/cometbft start --home /home/ubuntu/node",
        ] {
            assert_eq!(text(kept), kept);
        }
    }
}
