//! Target: any sequence of sends, replies, user events, queries and time-outs on the order tracker. The first byte decides whether
//! whoever answers makes things up (`orders/lies`) or is an honest exchange behind a bad line (`orders/honest`).

mod honest;
mod lies;

/// Each thing that happens takes a few bytes.
pub fn run(bytes: &[u8]) {
    match bytes.split_first() {
        Some((first, rest)) if first.is_multiple_of(2) => honest::run(rest),
        Some((_, rest)) => lies::run(rest),
        None => {}
    }
}
