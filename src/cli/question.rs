//! A question to the person at the terminal. Without a terminal the answer is no.

use std::io::{IsTerminal as _, Write as _};

use super::view::View;

pub fn yes(view: &View, question: &str) -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    view.settle();
    eprint!("{question} [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
