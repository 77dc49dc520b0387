//! Prints the market measures of recordings side by side: `cargo run --release --example market_stats -- FILE[:TICK] …`.

use std::path::Path;

use phoenix::capture::{CaptureReader, stats};

fn main() -> anyhow::Result<()> {
    let mut columns = Vec::new();
    for argument in std::env::args().skip(1) {
        let (file, tick) = argument.rsplit_once(':').unwrap_or((&argument, "0.01"));
        columns.push(measure(Path::new(file), tick.parse()?)?);
    }
    print!("{}", stats::side_by_side(&columns));
    Ok(())
}

fn measure(file: &Path, tick: f64) -> anyhow::Result<(String, stats::MarketStats)> {
    let mut reader = CaptureReader::open(file)?;
    let mut collector = stats::StatsCollector::new((tick * 1e8).round() as i64);
    for record in &mut reader {
        collector.on_record(&record?);
    }
    let name = reader.symbol().unwrap_or("?").to_owned();
    Ok((name, collector.finish()))
}
