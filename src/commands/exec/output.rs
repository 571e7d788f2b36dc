//! What a command has printed on one host, within a limit: the beginning is kept, the rest is counted.

use std::borrow::Cow;

/// Bytes that are kept of each stream of a host.
pub const KEPT: usize = 1 << 20;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    kept: Vec<u8>,
    /// Bytes that came, or were counted on the host, beyond those.
    left_out: u64,
}

impl Output {
    /// The next bytes of the stream. The host sends no more than `KEPT`; it is not trusted to.
    pub fn push(&mut self, bytes: &[u8]) {
        let (kept, rest) = bytes.split_at(bytes.len().min(KEPT - self.kept.len()));
        self.kept.extend_from_slice(kept);
        self.leave_out(rest.len() as u64);
    }

    pub fn leave_out(&mut self, bytes: u64) {
        self.left_out = self.left_out.saturating_add(bytes);
    }

    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Bytes in all.
    pub fn total(&self) -> u64 {
        self.left_out.saturating_add(self.kept.len() as u64)
    }

    /// What was kept; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p7_of_a_stream_the_beginning_is_kept_and_the_rest_counted() {
        let mut output = Output::default();
        output.push(b"begin ");
        for _ in 0..3 {
            output.push(&vec![b'x'; KEPT]);
        }
        assert_eq!((output.kept.len(), output.total()), (KEPT, 3 * KEPT as u64 + 6));
        assert!(output.text().starts_with("begin xxx"));
        output.leave_out(u64::MAX);
        output.push(b"more");
        assert_eq!((output.left_out(), output.total()), (u64::MAX, u64::MAX));
        assert_eq!(output.kept.len(), KEPT);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_end_it() {
        let mut output = Output::default();
        output.push(b"a\xffb\xc3");
        output.push(b"\xbc");
        assert_eq!((output.text().as_ref(), output.total(), output.left_out()), ("a\u{fffd}bü", 5, 0));
    }
}
