//! What a host writes, line by line, within limits: a host that writes without end fills nobody's memory.

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::stream::Reader;

/// The longest line of ours, in bytes: all texts of a node in base64 (`LARGEST_TEXT` bounds each of them).
pub const LONGEST: usize = 64 << 20;
/// As much is kept of a line that is not ours: it is shown in the log, if at all.
const OTHERS: usize = 64 << 10;
/// So much of what is not ours is read: a login greets in less, and behind what has no end no answer comes.
pub const MOST_OTHERS: usize = 64 << 20;

pub struct Lines {
    from: BufReader<Reader>,
    nonce: Vec<u8>,
    /// Of the line that is being read; here, so that nothing is lost with whoever stops waiting for it.
    line: Vec<u8>,
    begun: bool,
    longest: usize,
    /// Bytes of lines that were not ours, and how many there may be.
    others: usize,
    most_others: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// As bytes: what a login shell greets with may be in any encoding.
    Read(Vec<u8>),
    TooLong,
    /// What is not ours has no end.
    TooMuch,
    End,
}

impl Lines {
    pub fn new(from: Reader, nonce: &str) -> Self {
        let nonce = nonce.as_bytes().to_vec();
        Self {
            from: BufReader::new(from),
            nonce,
            line: Vec::new(),
            begun: false,
            longest: LONGEST,
            others: 0,
            most_others: MOST_OTHERS,
        }
    }

    /// After `TooLong` and `TooMuch` there is nothing more to read.
    pub async fn next(&mut self) -> Line {
        loop {
            let Ok(some) = self.from.fill_buf().await else { return Line::End };
            if some.is_empty() {
                return if self.begun { self.take() } else { Line::End };
            }
            let end = some.iter().position(|byte| *byte == b'\n');
            let part = &some[..end.unwrap_or(some.len())];
            // The nonce is shorter than what is kept of any line.
            let begin = self.line.iter().chain(part).take(self.nonce.len());
            let ours = begin.eq(self.nonce.iter());
            let room = if ours { self.longest } else { OTHERS }.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let (too_long, used) = (ours && part.len() > room, part.len() + usize::from(end.is_some()));
            self.begun = true;
            self.from.consume(used);
            self.others += if ours { 0 } else { used };
            if too_long {
                self.line = Vec::new();
                return Line::TooLong;
            }
            if self.others > self.most_others {
                return Line::TooMuch;
            }
            if end.is_some() {
                return self.take();
            }
        }
    }

    fn take(&mut self) -> Line {
        self.begun = false;
        Line::Read(std::mem::take(&mut self.line))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, repeat};

    use super::*;

    async fn read(text: &'static [u8]) -> Vec<Line> {
        let mut lines = Lines::new(Box::pin(text), "n1");
        lines.longest = 20;
        let mut read = Vec::new();
        loop {
            match lines.next().await {
                Line::End => return read,
                line => read.push(line),
            }
        }
    }

    fn of(text: &str) -> Line {
        Line::Read(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn lines_end_with_a_newline_or_with_the_text() {
        assert_eq!(
            read(b"n1 ready\n\nhello\nn1 en").await,
            [of("n1 ready"), of(""), of("hello"), of("n1 en")]
        );
        assert_eq!(read(b"").await, []);
    }

    #[tokio::test]
    async fn a_line_of_ours_has_an_end() {
        assert_eq!(read(b"n1 20 bytes are fine\n").await, [of("n1 20 bytes are fine")]);
        assert_eq!(read(b"n1 and 21 are too long\n").await[0], Line::TooLong);
    }

    #[tokio::test]
    async fn an_endless_line_is_not_kept() {
        let greeting = repeat(b'x').take(3 << 20).chain(&b"\nn1 ready\n"[..]);
        let mut lines = Lines::new(Box::pin(greeting), "n1");
        assert!(matches!(lines.next().await, Line::Read(line) if line.len() == OTHERS));
        assert_eq!(lines.next().await, of("n1 ready"));
        let mut ours = Lines::new(Box::pin((&b"n1 fact "[..]).chain(repeat(b'x'))), "n1");
        ours.longest = 1 << 20;
        assert_eq!(ours.next().await, Line::TooLong);
        assert!(ours.line.capacity() == 0);
    }

    #[tokio::test]
    async fn what_is_not_ours_has_an_end() {
        for endless in [b'\n', b'x'] {
            let mut lines = Lines::new(Box::pin(repeat(endless)), "n1");
            lines.most_others = 1000;
            let mut read = 0;
            let end = loop {
                match lines.next().await {
                    Line::Read(_) => read += 1,
                    end => break end,
                }
            };
            assert_eq!((end, read), (Line::TooMuch, if endless == b'\n' { 1000 } else { 0 }));
        }
    }

    #[tokio::test]
    async fn who_stops_waiting_loses_nothing() {
        let (mut says, stdout) = duplex(64);
        let mut lines = Lines::new(Box::pin(stdout), "n1");
        drop(says.write_all(b"n1 re").await);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), lines.next()).await.is_err());
        drop(says.write_all(b"ady\n").await);
        assert_eq!(lines.next().await, of("n1 ready"));
    }
}
