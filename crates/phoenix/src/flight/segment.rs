//! Owns the bytes of a record's files: a header, then segments, each with the hash of the one before; knows nothing of
//! what is inside them.
//!
//! ```text
//! header   magic · format u16 · version (u8 length, text) · body (u32 length, bytes) · SHA-256 of all that
//! segment  mark "PHXS" · kind u8 · number u32 · first event u64 · events u32 · raw length u32 · stored length u32
//!          · hash of the segment (or header) before · own hash, of all before it and the stored bytes · stored bytes
//! ```
//! Integers are little-endian. A record's parts are files of the same form: the header of the second carries the hash of the
//! first one's last segment, so that parts cannot be exchanged or left out unseen.

use super::codec::{Bad, Code, Input, Sink, codec};
use aws_lc_rs::digest::{Context, SHA256};
use phoenix_core::params::AccountParams;

/// First bytes of a file.
pub const MAGIC: &[u8; 16] = b"phoenix flight\r\n";
/// Format that this build writes, and the only one it reads.
pub const FORMAT: u16 = 1;
/// Extension of the files.
pub const EXTENSION: &str = "flight";

const MARK: &[u8; 4] = b"PHXS";
const HASH_BYTES: usize = 32;
/// Mark, kind, number, first event, events, raw and stored length.
const FIXED_BYTES: usize = 4 + 1 + 4 + 8 + 4 + 4 + 4;
/// Bytes of a segment before what is stored.
pub const HEAD_BYTES: usize = FIXED_BYTES + 2 * HASH_BYTES;
/// Longest header's body; it holds a few numbers.
const BODY_BYTES_MAX: usize = 4_096;
/// Most bytes of one segment, unpacked: more is damage, and no memory is asked for it.
pub const RAW_BYTES_MAX: usize = 64 << 20;
/// Level of the compression: the higher ones save a tenth and take twice as long.
const LEVEL: i32 = 3;

/// SHA-256.
pub type Hash = [u8; HASH_BYTES];

/// What a file begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Version of the program that wrote it.
    pub version: String,
    /// What the record is of.
    pub body: Body,
}

/// What a record is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Number of this file in the record, from 1.
    pub part: u32,
    /// Session, as the engine was made with it.
    pub session: u32,
    /// Venue's name.
    pub venue: String,
    /// When the record began, ns since the epoch.
    pub began_wall_ns: i64,
    /// Parameters that the engine was made with.
    pub params: AccountParams,
    /// Hash of the last segment of the part before; zero in the first.
    pub previous: Previous,
}

/// A hash inside a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Previous(pub Hash);

impl Code for Previous {
    fn encode(&self, out: &mut Sink) {
        out.bytes.extend_from_slice(&self.0);
    }
    fn decode(input: &mut Input<'_>) -> Result<Self, Bad> {
        let bytes = input.take(HASH_BYTES)?;
        Ok(Self(bytes.try_into().map_err(|_| Bad)?))
    }
}

codec!(struct Body { part, session, venue, began_wall_ns, params, previous });

/// Why a file is no record that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Other bytes at the beginning.
    #[error("this is no flight record")]
    NotARecord,
    /// Another format.
    #[error(
        "written by phoenix {version} in format {format}; this phoenix {} reads format {FORMAT} only: replay it with that version",
        env!("CARGO_PKG_VERSION")
    )]
    OtherFormat {
        /// Its format.
        format: u16,
        /// Its version.
        version: String,
    },
    /// Cut short or changed.
    #[error("the header is damaged or cut short: nothing of this file can be replayed")]
    Header,
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The header's bytes, and the hash that the first segment carries.
#[must_use]
pub fn seal_header(header: &Header) -> (Vec<u8>, Hash) {
    let mut body = Sink::default();
    header.body.encode(&mut body);
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&FORMAT.to_le_bytes());
    let version = header.version.as_bytes();
    let version = version.get(..255).unwrap_or(version);
    out.push(version.len() as u8);
    out.extend_from_slice(version);
    out.extend_from_slice(&(body.bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&body.bytes);
    let hash = sha256(&[&out]);
    out.extend_from_slice(&hash);
    (out, hash)
}

/// Reads a header; also how long it is, and its hash.
///
/// # Errors
/// [`Unreadable`]
pub fn open_header(bytes: &[u8]) -> Result<(Header, usize, Hash), Unreadable> {
    let mut rest = Cut(bytes);
    if rest.next(MAGIC.len()) != Some(MAGIC) {
        return Err(Unreadable::NotARecord);
    }
    let format = rest.number(2).ok_or(Unreadable::Header)?;
    let version = rest
        .number(1)
        .and_then(|length| rest.next(length as usize))
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .ok_or(Unreadable::Header)?;
    if format != u64::from(FORMAT) {
        let format = u16::try_from(format).unwrap_or(u16::MAX);
        // The file is not to be trusted, and this is shown.
        let version = version.chars().filter(char::is_ascii_graphic).collect();
        return Err(Unreadable::OtherFormat { format, version });
    }
    let length = rest
        .number(4)
        .map(|length| length as usize)
        .filter(|length| *length <= BODY_BYTES_MAX)
        .ok_or(Unreadable::Header)?;
    let body = rest.next(length).ok_or(Unreadable::Header)?;
    let sealed = bytes.len() - rest.0.len();
    let hash = rest.next(HASH_BYTES).ok_or(Unreadable::Header)?;
    if sha256(&[bytes.get(..sealed).unwrap_or_default()]) != hash {
        return Err(Unreadable::Header);
    }
    let body = Body::decode(&mut Input::new(body)).map_err(|Bad| Unreadable::Header)?;
    let hash = hash.try_into().map_err(|_| Unreadable::Header)?;
    Ok((Header { version, body }, sealed + HASH_BYTES, hash))
}

/// What a segment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Entries.
    Entries,
    /// The record goes on in the next part.
    Turn,
    /// The record is over; it says why.
    End,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Entries => b'e',
            Self::Turn => b't',
            Self::End => b'z',
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        [Self::Entries, Self::Turn, Self::End]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// A segment's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// What it is for.
    pub kind: Kind,
    /// Number in the record, from 1, through all parts.
    pub number: u32,
    /// Number of its first event in the record, from 1.
    pub first_event: u64,
    /// How many events it has.
    pub events: u32,
}

/// Packs a segment: its bytes, and the hash that the next one carries.
///
/// # Errors
/// When there is no memory for the compression.
pub fn seal(label: Label, raw: &[u8], previous: &Hash) -> std::io::Result<(Vec<u8>, Hash)> {
    let stored = zstd::bulk::compress(raw, LEVEL)?;
    let mut out = Vec::with_capacity(HEAD_BYTES + stored.len());
    out.extend_from_slice(MARK);
    out.push(label.kind.code());
    out.extend_from_slice(&label.number.to_le_bytes());
    out.extend_from_slice(&label.first_event.to_le_bytes());
    out.extend_from_slice(&label.events.to_le_bytes());
    out.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    out.extend_from_slice(&(stored.len() as u32).to_le_bytes());
    out.extend_from_slice(previous);
    let hash = sha256(&[&out, &stored]);
    out.extend_from_slice(&hash);
    out.extend_from_slice(&stored);
    Ok((out, hash))
}

/// What is wrong with the bytes where a segment should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The file ends within it.
    #[error("the file ends within a segment")]
    Torn,
    /// Its own hash does not fit its bytes.
    #[error("a byte was changed: the segment's hash does not fit")]
    Changed,
    /// It is sound by itself and does not follow the one before.
    #[error("a segment is missing or stands in another's place")]
    OutOfOrder,
    /// It is sound, and its contents cannot be read.
    #[error("the segment's contents cannot be read")]
    Contents,
}

/// A segment that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its label.
    pub label: Label,
    /// Its bytes, unpacked.
    pub raw: Vec<u8>,
    /// Its hash.
    pub hash: Hash,
    /// Its length in the file.
    pub length: usize,
}

/// Reads the segment at the beginning of `bytes`; `None` at the end of the file.
///
/// # Errors
/// [`Flaw`]
pub fn open(bytes: &[u8], number: u32, previous: &Hash) -> Result<Option<Opened>, Flaw> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut rest = Cut(bytes);
    let head = rest.next(FIXED_BYTES).ok_or(Flaw::Torn)?;
    let carried = rest.next(HASH_BYTES).ok_or(Flaw::Torn)?;
    let hash = rest.next(HASH_BYTES).ok_or(Flaw::Torn)?;
    let mut fields = Cut(head);
    if fields.next(MARK.len()) != Some(MARK) {
        return Err(Flaw::Changed);
    }
    let mut field = |width| fields.number(width).ok_or(Flaw::Changed);
    let (kind, found) = (field(1)?, field(4)?);
    let (first_event, events) = (field(8)?, field(4)?);
    let (raw_length, stored_length) = (field(4)? as usize, field(4)? as usize);
    let stored = rest.next(stored_length).ok_or(Flaw::Torn)?;
    if sha256(&[head, carried, stored]) != hash {
        return Err(Flaw::Changed);
    }
    if carried != previous || found != u64::from(number) {
        return Err(Flaw::OutOfOrder);
    }
    let kind = u8::try_from(kind).ok().and_then(Kind::of_code);
    let raw = (raw_length <= RAW_BYTES_MAX)
        .then(|| zstd::bulk::decompress(stored, raw_length).ok())
        .flatten()
        .filter(|raw| raw.len() == raw_length)
        .ok_or(Flaw::Contents)?;
    Ok(Some(Opened {
        label: Label {
            kind: kind.ok_or(Flaw::Contents)?,
            number,
            first_event,
            events: u32::try_from(events).map_err(|_| Flaw::Contents)?,
        },
        raw,
        hash: hash.try_into().map_err(|_| Flaw::Contents)?,
        length: HEAD_BYTES + stored_length,
    }))
}

/// Bytes that are taken from the front.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn next(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<u64> {
        let mut bytes = [0; 8];
        bytes.get_mut(..width)?.copy_from_slice(self.next(width)?);
        Some(u64::from_le_bytes(bytes))
    }
}
