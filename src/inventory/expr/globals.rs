//! Names that are in every expression.

/// Functions that Ansible has, and that ask files, programs or the clock.
pub(super) const OUTSIDE: [&str; 4] = ["lookup", "query", "q", "now"];

/// Whether a name means something that no variable says.
pub(super) fn is_global(name: &str) -> bool {
    OUTSIDE.contains(&name) || ["range", "dict", "namespace", "loop"].contains(&name)
}
