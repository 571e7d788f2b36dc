//! What a URL carries beside its place: `scheme://user:PASSWORD@host`, and of what curl and wget fetch also `TOKEN@host` and
//! all of `?QUERY`: elsewhere a peer's id stands before the `@`, and what it is behind the `?`.

use std::ops::Range;

use super::spans::Next;

pub(super) fn secrets(line: &str) -> Vec<Range<usize>> {
    // A form to fill in, as chains write it into their comments: `<password>`.
    let is_form =
        |range: &Range<usize>| line[range.clone()].starts_with('<') && line[range.clone()].ends_with('>');
    let mut marks = Next::of(line.match_indices('?').map(|(at, _)| at));
    // Of all URLs in one run without white space or quotes: its end, and its last `@`.
    let (mut end, mut last_at) = (0, None);
    let parts = line.match_indices("://").flat_map(|(at, sign)| {
        let scheme = line[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let is_web = ["http", "https", "ftp", "ftps"].iter().any(|web| web.eq_ignore_ascii_case(scheme));
        let start = at + sign.len();
        if start > end {
            let stops = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
            end = line[start..].find(stops).map_or(line.len(), |length| start + length);
            last_at = line[start..end].rfind('@').map(|at| start + at);
        }
        let query = marks.from(start).filter(|mark| is_web && *mark < end).map(|mark| mark + 1..end);
        let user = user(&line[start..end], last_at.filter(|at| *at >= start).map(|at| at - start), is_web);
        user.map(|user| start + user.start..start + user.end).into_iter().chain(query)
    });
    parts.filter(|range| !range.is_empty() && !is_form(range)).collect()
}

/// What nobody may see before the `@` of a URL without its scheme; `last_at`: the last one in all of it.
fn user(url: &str, last_at: Option<usize>, is_web: bool) -> Option<Range<usize>> {
    let host = &url[..url.find('/').unwrap_or(url.len())];
    let colon = host.find(':');
    // A password with a slash in it, which is no URL: where a host would have its port, there is none.
    let is_torn = is_web
        && !host.contains('@')
        && colon.is_some_and(|at| !host.starts_with('[') && host[at + 1..].parse::<u16>().is_err());
    let end = if is_torn { last_at? } else { host.rfind('@')? };
    match colon.filter(|colon| *colon < end) {
        Some(colon) => Some(colon + 1..end),
        None => is_web.then_some(0..end),
    }
}
