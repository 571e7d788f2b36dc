//! YAML 1.1 timestamps; they come out in ISO 8601 form, as Ansible 2.19 prints them.

/// `None` when the text is no timestamp; the error when it looks like one and names no real moment.
pub(super) fn resolve(text: &str) -> Option<Result<String, String>> {
    let mut rest = Cursor(text);
    let year = rest.digits(4, 4)?;
    rest.literal('-')?;
    let month = rest.digits(1, 2)?;
    rest.literal('-')?;
    let day = rest.digits(1, 2)?;
    let date = format!("{year:04}-{month:02}-{day:02}");
    let valid = (1..=12).contains(&month) && (1..=days(year, month)).contains(&day) && year > 0;
    if rest.0.is_empty() {
        // A date alone is written with all its digits.
        return (text.len() == 10).then(|| moment(valid, date, text));
    }
    let time = rest.time()?;
    rest.0.is_empty().then(|| moment(valid && time.valid, format!("{date}T{}", time.iso), text))
}

fn moment(valid: bool, iso: String, text: &str) -> Result<String, String> {
    if valid {
        return Ok(iso);
    }
    Err(format!("`{text}` is written like a date and is none; as a text it needs quotes"))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Time {
    iso: String,
    valid: bool,
}

/// What is left to read.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (number, rest) = (count >= least).then(|| self.0.split_at(count))?;
        self.0 = rest;
        number.parse().ok()
    }

    fn literal(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn blanks(&mut self) -> usize {
        let trimmed = self.0.trim_start_matches([' ', '\t']);
        let count = self.0.len() - trimmed.len();
        self.0 = trimmed;
        count
    }

    fn time(&mut self) -> Option<Time> {
        if self.literal('T').or_else(|| self.literal('t')).is_none() && self.blanks() == 0 {
            return None;
        }
        let hour = self.digits(1, 2)?;
        self.literal(':')?;
        let minute = self.digits(2, 2)?;
        self.literal(':')?;
        let second = self.digits(2, 2)?;
        let mut iso = format!("{hour:02}:{minute:02}:{second:02}");
        iso.push_str(&self.fraction());
        let zone = self.zone()?;
        iso.push_str(&zone.iso);
        Some(Time { iso, valid: hour < 24 && minute < 60 && second < 60 && zone.valid })
    }

    /// Microseconds, cut and not rounded; nothing when they are zero.
    fn fraction(&mut self) -> String {
        if self.literal('.').is_none() {
            return String::new();
        }
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let micros = format!("{digits:0<6.6}");
        if micros == "000000" { String::new() } else { format!(".{micros}") }
    }

    fn zone(&mut self) -> Option<Time> {
        self.blanks();
        if self.0.is_empty() {
            return Some(Time { iso: String::new(), valid: true });
        }
        if self.literal('Z').is_some() {
            return Some(Time { iso: "+00:00".to_owned(), valid: true });
        }
        let minus = self.literal('-').is_some();
        if !minus {
            self.literal('+')?;
        }
        let hours = self.digits(1, 2)?;
        let minutes = if self.literal(':').is_some() { self.digits(2, 2)? } else { 0 };
        let total = hours * 60 + minutes;
        let sign = if minus && total > 0 { '-' } else { '+' };
        Some(Time { iso: format!("{sign}{:02}:{:02}", total / 60, total % 60), valid: total < 24 * 60 })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn moments_in_iso_form() {
        for (text, iso) in [
            ("2024-02-29", "2024-02-29"),
            ("2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43.100000-05:00"),
            ("2001-12-14 21:59:43.10 -5", "2001-12-14T21:59:43.100000-05:00"),
            ("2001-12-15 2:59:43", "2001-12-15T02:59:43"),
            ("2001-1-5T02:59:43.0Z", "2001-01-05T02:59:43+00:00"),
        ] {
            assert_eq!(resolve(text), Some(Ok(iso.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        for text in ["2001-1-5", "2001-12-14x", "20011214", "2001-12-14T1:2:3", "2001-12-14T01:02:03+"] {
            assert_eq!(resolve(text), None, "{text}");
        }
        assert!(resolve("2023-02-29").unwrap().is_err());
        assert!(resolve("2023-02-20T25:00:00").unwrap().is_err());
    }
}
