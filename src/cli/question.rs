//! A question to the person at the terminal. Without a terminal the answer is no.

use super::view::{View, out};

pub fn yes(view: &View, question: &str) -> bool {
    if !out::is_attended() {
        return false;
    }
    view.settle();
    out::ask(format!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
