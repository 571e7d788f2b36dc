//! The contents of several files in one stream, as `head -v` writes them: a line with the path in front of each.

use super::LARGEST_TEXT;

/// The files of `paths` whose content is in the stream, which holds them in this order. `size`: what `stat` has said of one;
/// a file that holds what looks like the beginning of the next is told from that.
pub fn split<'a, P: AsRef<str>>(
    stream: &'a [u8],
    paths: &'a [P],
    size: impl Fn(&str) -> Option<u64>,
) -> Vec<(&'a str, &'a [u8])> {
    let mut found = Vec::new();
    let (mut rest, mut paths) = (stream, paths);
    while let Some((first, others)) = paths.split_first() {
        paths = others;
        let Some(content) = rest.strip_prefix(head(first.as_ref()).as_bytes()) else { continue };
        let nexts: Vec<String> = others.iter().map(|other| format!("\n{}", head(other.as_ref()))).collect();
        let ends_at = |end: &usize| {
            let after = content.get(*end..).unwrap_or(b"?");
            after.is_empty() || nexts.iter().any(|next| after.starts_with(next.as_bytes()))
        };
        let told = size(first.as_ref()).and_then(|size| usize::try_from(size).ok()).filter(ends_at);
        let end = told.or_else(|| find(content, &nexts));
        let end = end.unwrap_or(content.len());
        rest = content.get(end + 1..).unwrap_or_default();
        if end as u64 <= LARGEST_TEXT {
            found.push((first.as_ref(), &content[..end]));
        }
    }
    found
}

/// Where the first of them begins, in one go: they all begin with the end of a line.
fn find(text: &[u8], nexts: &[String]) -> Option<usize> {
    let begins = |at: &usize| {
        text[*at..].starts_with(b"\n==> ")
            && nexts.iter().any(|next| text[*at..].starts_with(next.as_bytes()))
    };
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at).find(begins)
}

fn head(path: &str) -> String {
    format!("==> {path} <==\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, process::Command};

    use super::*;

    /// The stream as a host writes it, and what is read from it.
    fn read(files: &[(&str, &[u8])], sizes: bool) -> Vec<(String, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (name, content) in files {
            fs::write(path(name), content).unwrap();
        }
        let paths: Vec<String> = files.iter().map(|(name, _)| path(name)).collect();
        let stream =
            Command::new("head").args(["-v", "-c", "4194305", "--"]).args(&paths).output().unwrap().stdout;
        let size = |path: &str| sizes.then(|| fs::metadata(path).unwrap().len());
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        split(&stream, &paths, size).into_iter().map(|(path, text)| (name(path), text.to_vec())).collect()
    }

    #[test]
    fn contents_are_what_was_written() {
        let files: [(&str, &[u8]); 5] = [
            ("a", b"{}\n"),
            ("empty", b""),
            ("no end", b"x\ny"),
            ("b", b"\n\n==> x <==\n"),
            ("raw", b"\xff\0"),
        ];
        let whole: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), text.to_vec())).collect();
        for sizes in [true, false] {
            assert_eq!(read(&files, sizes), whole, "sizes {sizes}");
        }
        assert!(read(&[], true).is_empty());
    }

    #[test]
    fn what_cannot_be_read_or_is_too_large_is_left_out() {
        let large = vec![b'x'; usize::try_from(LARGEST_TEXT).unwrap() + 1];
        let seen = read(&[("a", b"1"), ("large", &large), ("b", b"2")], true);
        assert_eq!(seen, [("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec())]);
        let paths = ["/gone", "/here"];
        assert_eq!(split(b"==> /here <==\ntext", &paths, |_| None), [("/here", &b"text"[..])]);
    }

    #[test]
    fn a_file_cannot_pass_for_another() {
        let paths = ["/a", "/b"];
        let stream = b"==> /a <==\nmine\n==> /b <==\nforged\n==> /b <==\nreal";
        let size = |path: &str| (path == "/a").then_some(b"mine\n==> /b <==\nforged".len() as u64);
        assert_eq!(split(stream, &paths, size)[1], ("/b", &b"real"[..]));
    }
}
