//! What most of several say.

/// The value that most have; of equally many, the one that comes first.
pub fn majority<T: PartialEq + Clone>(values: &[T]) -> Option<T> {
    let count = |value: &T| values.iter().filter(|other| *other == value).count();
    let mut best: Option<(&T, usize)> = None;
    for value in values {
        let n = count(value);
        if best.is_none_or(|(_, most)| n > most) {
            best = Some((value, n));
        }
    }
    best.map(|(value, _)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// V8: who is right.
    #[test]
    fn most_count_then_the_first() {
        assert_eq!(majority(&[1, 2, 2]), Some(2));
        assert_eq!(majority(&[3, 1, 1, 3]), Some(3));
        assert_eq!(majority::<u8>(&[]), None);
    }
}
