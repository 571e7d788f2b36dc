//! Names of hosts in the inventory's own notation: `node-[0:3]`.

/// So many names are written out.
const MOST_NAMES: usize = 10;

/// Names of hosts, ranges as an inventory has them: `node-[0:3], seed`.
pub fn named(names: &[String]) -> String {
    let parts = written(names);
    let more: usize = parts.iter().skip(MOST_NAMES).map(|(_, count)| count).sum();
    let shown: Vec<&str> = parts.iter().take(MOST_NAMES).map(|(part, _)| part.as_str()).collect();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

/// Names and ranges, and how many names each stands for.
fn written(names: &[String]) -> Vec<(String, usize)> {
    let mut parts: Vec<(String, usize)> = Vec::new();
    let mut rest = names;
    while let Some(first) = rest.first() {
        let run = range(rest);
        let part = if run > 2 { ranged(first, &rest[run - 1]) } else { first.clone() };
        let taken = if run > 2 { run } else { 1 };
        parts.push((part, taken));
        rest = &rest[taken..];
    }
    parts
}

/// All of them, where none may be left out.
pub fn all_named(names: &[String]) -> String {
    written(names).into_iter().map(|(part, _)| part).collect::<Vec<_>>().join(", ")
}

/// By what comes before the number, then by the number: so `n-2` comes before `n-10`, and ranges are found.
pub fn in_order(names: &mut [String]) {
    let key = |name: &String| {
        let parts =
            split(name).map(|(before, digits, _)| (before.to_owned(), digits.parse().unwrap_or(u64::MAX)));
        (parts.unwrap_or_else(|| (name.clone(), 0)), name.clone())
    };
    names.sort_by_cached_key(key);
}

/// What stands before and behind the last number in a name, and that number's digits.
fn split(name: &str) -> Option<(&str, &str, &str)> {
    let end = name.rfind(|c: char| c.is_ascii_digit())? + 1;
    let begin = name[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
    Some((&name[..begin], &name[begin..end], &name[end..]))
}

/// How many of these, from the first on, count up by one.
fn range(names: &[String]) -> usize {
    let number = |name: &String| {
        let (before, digits, behind) = split(name)?;
        let fixed = digits.len() > 1 && digits.starts_with('0');
        Some((before.to_owned(), behind.to_owned(), digits.len(), fixed, digits.parse::<u64>().ok()?))
    };
    let follows = |pair: &&[String]| {
        let (Some(last), Some(next)) = (number(&pair[0]), number(&pair[1])) else { return false };
        let wide = next.2 == last.2 || (!next.3 && !last.3);
        (&next.0, &next.1) == (&last.0, &last.1) && wide && next.4.checked_sub(1) == Some(last.4)
    };
    1 + names.windows(2).take_while(follows).count()
}

fn ranged(first: &str, last: &str) -> String {
    match (split(first), split(last)) {
        (Some((before, from, behind)), Some((_, to, _))) => format!("{before}[{from}:{to}]{behind}"),
        _ => format!("{first}, {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> String {
        named(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_ranges_as_an_inventory_has_them() {
        assert_eq!(names("node-0"), "node-0");
        assert_eq!(names("node-0 node-1"), "node-0, node-1");
        assert_eq!(names("node-0 node-1 node-2 seed node-4"), "node-[0:2], seed, node-4");
        assert_eq!(names("n-8 n-9 n-10 n-11"), "n-[8:11]");
        assert_eq!(names("n08.eu n09.eu n10.eu"), "n[08:10].eu");
        assert_eq!(names("n8 n9 n010"), "n8, n9, n010");
        assert_eq!(names("é1 é2 é3"), "é[1:3]");
        let many: Vec<String> = (0..64).map(|n| format!("h{}", n * 2)).collect();
        assert!(named(&many).ends_with("h18 and 54 more"), "{}", named(&many));
        assert_eq!(all_named(&many).matches(", ").count(), 63);
        assert_eq!(named(&[format!("n{}", u64::MAX), "n0".into(), "n".into()]).split(", ").count(), 3);
    }

    #[test]
    fn names_are_ordered_by_their_numbers() {
        let mut names = ["n-10", "seed", "n-2", "n-9", "n-1", "n-11"].map(str::to_owned);
        in_order(&mut names);
        assert_eq!(names, ["n-1", "n-2", "n-9", "n-10", "n-11", "seed"]);
    }
}
