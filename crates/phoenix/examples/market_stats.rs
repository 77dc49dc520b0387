//! Prints the market measures of recordings and of synthetic markets side by side, as a Markdown table.
//!
//! `cargo run --release -p phoenix --example market_stats -- FILE:TICK … REGIME[-light][:SEED[:SECONDS]] …`
//!
//! A synthetic market runs on the embedded venue with the rules of ETHUSDC from 2500.00; its column is measured from the events
//! that the venue publishes.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use phoenix::capture::{CaptureReader, stats, tap};
use phoenix_exchange::api::{ONE, StreamMask, SymbolId};
use phoenix_exchange::flow::{FlowParams, Regime, SyntheticFlow};
use phoenix_exchange::{Exchange, ExchangeConfig, SymbolSpec};

const START_US: u64 = 1_723_161_256_000_000;

fn main() -> anyhow::Result<()> {
    let mut columns = Vec::new();
    for argument in std::env::args().skip(1) {
        let mut parts = argument.split(':');
        let name = parts.next().unwrap_or_default();
        let light = name.strip_suffix("-light");
        columns.push(match Regime::from_name(light.unwrap_or(name)) {
            Some(regime) => {
                let params = FlowParams::new(regime);
                let params = if light.is_some() {
                    params.light()
                } else {
                    params
                };
                let seed = parts.next().unwrap_or("1").parse().context("seed")?;
                let seconds = parts.next().unwrap_or("3600").parse().context("seconds")?;
                (argument.clone(), synthetic(name, params, seed, seconds))
            }
            None => {
                let tick: f64 = parts.next().unwrap_or("0.01").parse().context("tick")?;
                recorded(Path::new(name), tick)?
            }
        });
    }
    print!("{}", stats::side_by_side(&columns));
    Ok(())
}

fn recorded(file: &Path, tick: f64) -> anyhow::Result<(String, stats::MarketStats)> {
    let mut reader = CaptureReader::open(file)?;
    let mut collector = stats::StatsCollector::new((tick * 1e8).round() as i64);
    for record in &mut reader {
        collector.on_record(&record?);
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split('.').next().unwrap_or_default().to_owned();
    Ok((name, collector.finish()))
}

fn synthetic(name: &str, params: FlowParams, seed: u64, seconds: u64) -> stats::MarketStats {
    let spec = SymbolSpec::ethusdc();
    let tick = spec.tick;
    let symbol = SymbolId(0);
    let mut venue = Exchange::new(
        ExchangeConfig::new(START_US, vec![(spec, 2500 * ONE)]),
        seed,
    );
    let streams = StreamMask::DEPTH_100
        .with(StreamMask::TRADE)
        .with(StreamMask::BOOK_TICKER);
    venue.publish(symbol, streams);
    let flow = SyntheticFlow::new(params, 2500 * ONE, seed);
    venue.attach_flow(symbol, Box::new(flow));
    let mut collector = stats::StatsCollector::new(tick);
    let mut events = Vec::new();
    let started = Instant::now();
    venue.advance(START_US + 1_000_000);
    venue.drain_events(&mut events);
    events.clear();
    if let Some(record) = tap::snapshot_record(&venue.depth(symbol, 5_000), venue.now_us()) {
        collector.on_record(&record);
    }
    let mut spent = started.elapsed();
    for second in 1..=seconds {
        let started = Instant::now();
        venue.advance(START_US + (second + 1) * 1_000_000);
        venue.drain_events(&mut events);
        spent += started.elapsed();
        for record in events
            .drain(..)
            .filter_map(|event| tap::record_of(&event, symbol))
        {
            collector.on_record(&record);
        }
    }
    eprintln!(
        "{name}: {:.3} ms of computing per simulated second (venue and flow)",
        spent.as_secs_f64() * 1e3 / seconds as f64
    );
    collector.finish()
}
