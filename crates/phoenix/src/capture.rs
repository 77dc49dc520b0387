//! Reads recorded market files line by line into typed replay records; knows the file formats, not what the records will drive.
//!
//! A line is `<local time> <message>`: the local time in ns, µs or ms (told apart by magnitude), the message a
//! combined-stream envelope or a REST depth snapshot. Files may be gzip (told by their first bytes) or plain.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use phoenix_exchange::replay::record::Record;

mod decode;
pub mod stats;
pub mod tap;

/// Longest line that is read; a longer one is an error, so that a damaged file cannot fill the memory.
/// A snapshot of 1000 levels a side takes about 60 kB.
pub const LINE_BYTES_MAX: u64 = 4 << 20;

/// Why a recording could not be read further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("{}: cannot open: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Reading stopped inside the file, for example because the gzip stream is cut short.
    #[error("{}:{line}: cannot read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The line that could not be completed, from 1.
        line: u64,
        /// The system's or the decompressor's reason.
        source: io::Error,
    },
    /// A line is not what the format says.
    #[error("{}:{line}: {what}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// The records of one file, in file order; ends after the first error.
pub struct CaptureReader {
    file: PathBuf,
    input: Box<dyn BufRead + Send>,
    line: u64,
    text: Vec<u8>,
    symbol: Option<String>,
    skipped: u64,
    ended: bool,
}

impl CaptureReader {
    /// Opens a recording, compressed or not.
    ///
    /// # Errors
    /// [`CaptureError::Open`] when the file cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let open_error = |source| CaptureError::Open {
            file: path.to_path_buf(),
            source,
        };
        let mut raw = BufReader::with_capacity(1 << 16, File::open(path).map_err(open_error)?);
        let gzip = raw
            .fill_buf()
            .map_err(open_error)?
            .starts_with(&[0x1f, 0x8b]);
        let input: Box<dyn BufRead + Send> = if gzip {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        Ok(Self::from_input(path, input))
    }

    /// Reads uncompressed lines from `input`; `name` stands for the file in errors.
    pub fn from_input(name: &Path, input: Box<dyn BufRead + Send>) -> Self {
        Self {
            file: name.to_path_buf(),
            input,
            line: 0,
            text: Vec::new(),
            symbol: None,
            skipped: 0,
            ended: false,
        }
    }

    /// The symbol of the stream messages seen so far, upper case.
    pub fn symbol(&self) -> Option<&str> {
        self.symbol.as_deref()
    }

    /// How many well-formed lines held nothing to replay: streams of other kinds, zero-quantity
    /// prints, and insurance-fund or ADL prints, which never touch the book.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn malformed(&self, what: impl Into<String>) -> CaptureError {
        CaptureError::Malformed {
            file: self.file.clone(),
            line: self.line,
            what: what.into(),
        }
    }

    /// Reads the next line into `text` without its end; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, CaptureError> {
        self.text.clear();
        self.line += 1;
        let read = (&mut self.input)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut self.text)
            .map_err(|source| CaptureError::Read {
                file: self.file.clone(),
                line: self.line,
                source,
            })?;
        if read as u64 == LINE_BYTES_MAX && self.text.last() != Some(&b'\n') {
            return Err(self.malformed(format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        Ok(read > 0)
    }

    /// The record of the line in `text`; `None` when it holds nothing to replay.
    fn decode_line(&mut self) -> Result<Option<Record>, CaptureError> {
        let text = std::str::from_utf8(&self.text).map_err(|_| self.malformed("not UTF-8"))?;
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            return Ok(None);
        }
        let line = decode::line(text).map_err(|what| self.malformed(what))?;
        if let Some(symbol) = line.symbol {
            match &self.symbol {
                None => self.symbol = Some(symbol.to_ascii_uppercase()),
                Some(known) if known.eq_ignore_ascii_case(symbol) => {}
                Some(known) => {
                    let what = format!("symbol {symbol} in a recording of {known}");
                    return Err(self.malformed(what));
                }
            }
        }
        if line.record.is_none() {
            self.skipped += 1;
        }
        Ok(line.record)
    }

    fn next_record(&mut self) -> Result<Option<Record>, CaptureError> {
        while self.read_line()? {
            if let Some(record) = self.decode_line()? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

impl Iterator for CaptureReader {
    type Item = Result<Record, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_record().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads a whole recording into memory.
///
/// # Errors
/// The first error of the file.
pub fn read_all(path: &Path) -> Result<Vec<Record>, CaptureError> {
    CaptureReader::open(path)?.collect()
}

#[cfg(test)]
mod tests;
