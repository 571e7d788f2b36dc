//! What one variable may cost with all that it needs. Inventories and profiles come from elsewhere, too: an expression
//! that would take gigabytes or minutes ends with an error that names the variable, on any machine at the same point.

use std::cell::Cell;

use minijinja::{Error, ErrorKind};

/// Bytes of a text, wherever in an expression.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Bytes of a list or a dictionary as text.
pub(super) const MAX_VALUE: usize = 8 << 20;
/// Items of a list or a dictionary, with those of the lists in it.
pub(super) const MAX_ITEMS: usize = 100_000;
/// Containers deeper than this are refused: they are walked by recursion.
pub(super) const MAX_DEPTH: usize = 100;
/// Bytes that are made or looked at; what is counted otherwise is counted as so many. It takes about a second.
const WORK: u64 = 1 << 27;
/// Nanoseconds for one of these bytes, where nothing else is known.
pub(super) const NANOSECONDS: u128 = 8;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// A variable's rendering begins; it stays on this thread.
pub(super) fn begin() {
    LEFT.set(WORK);
}

pub(super) fn charge(bytes: usize) -> Result<(), Error> {
    let left = LEFT.get().checked_sub(bytes as u64);
    LEFT.set(left.unwrap_or(0));
    left.map(drop).ok_or_else(|| refused("this is more work than is done for one variable".to_owned()))
}

/// A text of so many bytes, with what there is of it already.
pub(super) fn fits(bytes: usize) -> Result<(), Error> {
    within(bytes, MAX_TEXT, "a text of it has")
}

/// The same for a list or a dictionary as text.
pub(super) fn fits_value(bytes: usize) -> Result<(), Error> {
    within(bytes, MAX_VALUE, "its value has")
}

pub(super) fn fits_list(items: usize) -> Result<(), Error> {
    if items > MAX_ITEMS {
        return Err(refused(format!("a list or a dictionary of it has more than {MAX_ITEMS} items")));
    }
    Ok(())
}

fn within(bytes: usize, most: usize, what: &str) -> Result<(), Error> {
    if bytes > most {
        return Err(refused(format!("{what} more than {most} bytes")));
    }
    Ok(())
}

pub(super) fn refused(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
