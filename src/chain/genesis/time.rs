//! RFC 3339 as Go reads and writes it, to whole seconds since 1970; the zero time of Go is the year 1.

const DAY: i64 = 86_400;

/// None where the text is no such time. As strict as Go's `time.UnmarshalJSON`: every part has its digits, a month its days.
pub fn unix_seconds(text: &str) -> Option<i64> {
    let (local, zone) = split(text)?;
    let (date, clock) = local.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(whole, ':', [2, 2, 2])?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second - offset(zone)?)
}

/// The same moment with `Z`. None where the text is no time.
pub fn in_utc(text: &str) -> Option<String> {
    let seconds = unix_seconds(text)?;
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let (clock, fraction) =
        (seconds.rem_euclid(DAY), split(text)?.0.split_once('.').map(|(_, digits)| digits));
    let fraction = fraction.map_or_else(String::new, |digits| format!(".{digits}"));
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

/// Date and clock, and the zone.
fn split(text: &str) -> Option<(&str, &str)> {
    let clock = text.find('T')?;
    text.split_at_checked(clock + text.get(clock..)?.find(['Z', '+', '-'])?)
}

fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let [hours, minutes] = numbers(rest, ':', [2, 2])?;
    let seconds = hours * 3_600 + minutes * 60;
    (hours < 24 && minutes < 60).then_some(if sign == "-" { -seconds } else { seconds })
}

fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i64; N]> {
    let number = |(part, digits): (&str, &usize)| {
        let plain = part.len() == *digits && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse().ok()).flatten()
    };
    let parts: Vec<&str> = text.split(separator).collect();
    let numbers: Vec<i64> = parts.iter().copied().zip(&digits).map(number).collect::<Option<_>>()?;
    numbers.try_into().ok().filter(|_| parts.len() == N)
}

fn days_of(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days(next_year, next, 1) - days(year, month, 1)
}

/// Days since 1970-01-01 of a day of the Gregorian calendar (Hinnant's days_from_civil).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The way back (his civil_from_days): year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_times() {
        assert_eq!(unix_seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(unix_seconds("2000-02-29T12:00:01.5+02:00"), Some(951_818_401));
        assert_eq!(unix_seconds("2026-11-21T04:11:52.319323076Z"), Some(1_795_234_312));
        assert!(unix_seconds("0001-01-01T00:00:00Z").is_some_and(|seconds| seconds < 0));
        for bad in [
            "",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "2026-11-21T04:11:52",
            "2026-11-21T4:1:Z",
            "é-T",
            "2026-02-29T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-1-21T00:00:00Z",
            "2026-11-21T04:11:60Z",
            "2026-11-21T04:11:52.Z",
            "2026-11-21T04:11:52,5Z",
            "02026-11-21T04:11:52Z",
            "2026-11-21T04:11:52Z ",
            "2026-11-21t04:11:52Z",
        ] {
            assert_eq!(unix_seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_same_moment_in_utc() {
        for (local, utc) in [
            ("2026-11-01T08:00:00+08:00", "2026-11-01T00:00:00Z"),
            ("2024-02-28T23:30:00.250-01:00", "2024-02-29T00:30:00.250Z"),
            ("2026-01-01T00:15:00+00:30", "2025-12-31T23:45:00Z"),
            ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z"),
        ] {
            assert_eq!(in_utc(local).as_deref(), Some(utc));
            assert_eq!(unix_seconds(local), unix_seconds(utc));
        }
        for day in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
        }
        assert_eq!(in_utc("soon"), None);
    }
}
