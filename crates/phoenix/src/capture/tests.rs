use std::io::{Cursor, Write};
use std::path::PathBuf;

use phoenix_exchange::replay::record::RecordBody;

use super::*;

fn data(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: ../shared/data is absent");
    None
}

fn read(text: &str) -> (Vec<Record>, Option<CaptureError>, u64) {
    let input = Box::new(Cursor::new(text.as_bytes().to_vec()));
    let mut reader = CaptureReader::from_input(Path::new("some.jsonl"), input);
    let mut records = Vec::new();
    let mut error = None;
    for item in &mut reader {
        match item {
            Ok(record) => records.push(record),
            Err(found) => error = Some(found),
        }
    }
    (records, error, reader.skipped())
}

const TRADE: &str = r#"1723161255290656866 {"stream":"ethusdt@trade","data":{"e":"trade","E":1723161256560,"T":1723161256559,"s":"ETHUSDT","t":7,"p":"2681.62","q":"1.000","X":"MARKET","m":true,"st":1}}"#;

#[test]
fn unknown_fields_and_streams_are_tolerated() {
    let kline = r#"1723161255290656866 {"stream":"ethusdt@kline_1m","data":{"e":"kline"}}"#;
    let zero = TRADE.replace("1.000", "0");
    let insurance = TRADE.replace("MARKET", "INSURANCE_FUND");
    let (records, error, skipped) = read(&format!("{TRADE}\n{kline}\n\n{zero}\n{insurance}\n"));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(records.len(), 1);
    assert_eq!(skipped, 3);
    assert_eq!(records[0].exchange_ms, Some(1_723_161_256_559));
}

#[test]
fn malformed_lines_are_errors_with_file_and_line() {
    let bad = [
        ("blankless", "no blank"),
        (
            r#"1723161255290656866 {"stream":"a@trade"}"#,
            "missing field",
        ),
        ("1723161255290656866 {}", "neither"),
        ("1723161255290656866 {\"stream\":", "EOF"),
        (
            r#"17 {"lastUpdateId":1,"bids":[],"asks":[]}"#,
            "before 1973",
        ),
        (
            r#"1723161255290656866 {"lastUpdateId":1,"bids":[["1.x","1"]],"asks":[]}"#,
            "not a decimal",
        ),
        (
            r#"1723161255290656866 {"lastUpdateId":1,"bids":[["0","1"]],"asks":[]}"#,
            "out of range",
        ),
        (&TRADE.replace("ETHUSDT", "BTCUSDT"), "in a recording of"),
    ];
    for (line, reason) in bad {
        let (records, error, _) = read(&format!("{TRADE}\n{line}\n{TRADE}\n"));
        let error = error.expect(line).to_string();
        assert!(error.starts_with("some.jsonl:2: "), "{error}");
        assert!(error.contains(reason), "{error} should say {reason}");
        assert_eq!(records.len(), 1, "reading goes on after {line}");
    }
}

#[test]
fn a_truncated_gzip_stream_is_an_error_after_the_lines_before_it() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    for _ in 0..200 {
        writeln!(encoder, "{TRADE}").expect("writing to memory");
    }
    let mut bytes = encoder.finish().expect("writing to memory");
    bytes.truncate(bytes.len() / 2);
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&bytes).expect("writing the file");
    let items: Vec<_> = CaptureReader::open(file.path())
        .expect("it opens")
        .collect();
    let (last, good) = items.split_last().expect("some items");
    assert!(good.len() > 50 && good.iter().all(Result::is_ok));
    match last {
        Err(CaptureError::Read { line, .. }) => assert_eq!(*line, good.len() as u64 + 1),
        other => panic!("expected a read error, got {other:?}"),
    }
}

#[test]
fn a_missing_file_names_itself() {
    let error = CaptureReader::open(Path::new("absent.gz"))
        .err()
        .expect("no such file");
    assert!(error.to_string().starts_with("absent.gz: cannot open"));
}

#[test]
fn every_format_of_the_data_sheet_is_read_to_its_end() {
    // Line counts by `zcat FILE | wc -l` and by stream name.
    let files = [
        (
            "usdm/ethusdt_20240808.jsonl.gz",
            "ETHUSDT",
            [1, 6586, 14076, 53992, 0],
        ),
        (
            "usdm/btcusdt_20230404.jsonl.gz",
            "BTCUSDT",
            [1, 4322, 2197, 6765, 99],
        ),
        (
            "spot/nexousdt_20240723.jsonl.gz",
            "NEXOUSDT",
            [1, 1188, 178, 437, 0],
        ),
    ];
    for (file, symbol, expected) in files {
        let Some(path) = data(file) else { return };
        let mut reader = CaptureReader::open(&path).expect("it opens");
        let mut counts = [0; 5];
        let mut previous = None;
        for record in &mut reader {
            match record.expect("a sound record").body {
                RecordBody::Snapshot(_) => counts[0] += 1,
                RecordBody::Depth(diff) => {
                    counts[1] += 1;
                    let linked = match (previous, diff.previous_update_id) {
                        (None, _) => true,
                        (Some(last), Some(pu)) => pu == last,
                        (Some(last), None) => diff.first_update_id == last + 1,
                    };
                    assert!(linked, "{file}: the update chain breaks at {previous:?}");
                    previous = Some(diff.last_update_id);
                }
                RecordBody::Trade(_) => counts[2] += 1,
                RecordBody::Ticker(_) => counts[3] += 1,
                RecordBody::Mark(_) => counts[4] += 1,
            }
        }
        assert_eq!(counts, expected, "{file}");
        assert_eq!(reader.symbol(), Some(symbol));
    }
}
