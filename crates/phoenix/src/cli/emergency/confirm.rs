//! Owns the typed confirmation; does not know what it confirms.

use std::io::{BufRead, IsTerminal};

use crate::cli::output::say;

/// What became of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The word was typed.
    Go,
    /// Something else was typed.
    No,
    /// There is nobody who could type it.
    Nobody,
}

/// Asks for `word` on the terminal; `what` tells what it would do, and is asked for only where somebody can read it.
pub(super) fn ask(word: &str, what: impl FnOnce() -> String) -> Answer {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Answer::Nobody;
    }
    say(&what());
    say(&format!("Type {word} to do it, anything else to leave it:"));
    judge(word, &mut input.lock())
}

fn judge(word: &str, input: &mut impl BufRead) -> Answer {
    let mut line = String::new();
    match input.read_line(&mut line) {
        Ok(_) if line.trim() == word => Answer::Go,
        Ok(_) | Err(_) => Answer::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_confirms() {
        for (typed, answer) in [
            ("CANCEL\n", Answer::Go),
            ("  CANCEL \n", Answer::Go),
            ("cancel\n", Answer::No),
            ("CANCEL it\n", Answer::No),
            ("y\n", Answer::No),
            ("", Answer::No),
        ] {
            assert_eq!(judge("CANCEL", &mut typed.as_bytes()), answer, "{typed}");
        }
    }
}
