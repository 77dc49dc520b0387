//! Writing to standard output so that a closed pipe ends nothing badly; does not know what is written.

use std::io::{self, Write};

/// Writes `text` to standard output. A reader that has gone away (`phoenix … | head`) is no error.
///
/// # Errors
/// Any other reason that the text did not get out, such as a full disk.
pub fn emit(text: &str) -> io::Result<()> {
    emit_to(&mut io::stdout().lock(), text)
}

/// Writes one JSON object and a line break to standard output.
///
/// # Errors
/// As [`emit`].
pub fn emit_json(value: &serde_json::Value) -> io::Result<()> {
    emit(&format!("{value}\n"))
}

fn emit_to(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes a line for people to standard error; one that cannot be written is lost.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_closed_pipe_is_forgiven() {
        let mut buffer = Vec::new();
        emit_to(&mut buffer, "text\n").expect("a buffer takes everything");
        assert_eq!(buffer, b"text\n");
        assert!(emit_to(&mut Fails(io::ErrorKind::BrokenPipe), "text").is_ok());
        let error =
            emit_to(&mut Fails(io::ErrorKind::StorageFull), "text").expect_err("a full disk");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
