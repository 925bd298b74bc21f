//! The parser alone, on one core.

use super::ALLOCATIONS;
use super::samples::Sample;
use flate2::read::MultiGzDecoder;
use herdgate::formats::check_performance;
use herdgate::logs::{LogParser, ParsedLog};
use stats_alloc::Region;
use std::hint::black_box;
use std::io::Read;
use std::time::{Duration, Instant};

/// Bytes that come at once, as from the network.
const BLOCK: usize = 64 * 1024;

fn parse(sample: &Sample) -> ParsedLog {
    let mut parser = LogParser::new(sample.profile, check_performance);
    sample.text.chunks(BLOCK).for_each(|block| parser.feed(block));
    parser.finish()
}

fn unpack_and_parse(sample: &Sample, block: &mut [u8]) -> ParsedLog {
    let mut parser = LogParser::new(sample.profile, check_performance);
    let mut unpacked = MultiGzDecoder::new(&*sample.gzipped);
    loop {
        match unpacked.read(block).expect("the log was unpacked before") {
            0 => return parser.finish(),
            length => parser.feed(&block[..length]),
        }
    }
}

/// The median of the times that `once` takes, run until `bytes` have gone through.
fn median(sample: &Sample, bytes: usize, mut once: impl FnMut() -> ParsedLog) -> Duration {
    black_box(once());
    let times = (bytes / sample.text.len().max(1)).clamp(3, 1000);
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let started = Instant::now();
            black_box(once());
            started.elapsed()
        })
        .collect();
    taken.sort_unstable();
    taken[taken.len() / 2]
}

/// Prints a line for each log, and the sums.
pub fn measure(samples: &[Sample], bytes: usize) {
    println!("\nparsing, one core, blocks of {BLOCK} bytes; MB are 10^6 decoded bytes; medians");
    println!("{:>9} {:>10} {:>7} {:>12}  log", "MB/s", "MB/s gzip", "errors", "allocs/line");
    let mut block = vec![0; BLOCK];
    let (mut all_bytes, mut plain_time, mut gzip_time) = (0, Duration::ZERO, Duration::ZERO);
    for sample in samples {
        let plain = median(sample, bytes, || parse(sample));
        let gzipped = median(sample, bytes, || unpack_and_parse(sample, &mut block));
        let region = Region::new(ALLOCATIONS);
        let log = parse(sample);
        let change = region.change();
        let allocations = change.allocations + change.reallocations;
        println!(
            "{:9.0} {:10.0} {:7} {:12.4}  {}",
            rate(sample.text.len(), plain),
            rate(sample.text.len(), gzipped),
            errors(&log),
            allocations as f64 / sample.lines().max(1) as f64,
            sample.name,
        );
        all_bytes += sample.text.len();
        plain_time += plain;
        gzip_time += gzipped;
    }
    println!(
        "{:9.0} {:10.0} {:>20}  all together",
        rate(all_bytes, plain_time),
        rate(all_bytes, gzip_time),
        ""
    );
}

/// Megabytes a second.
fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

fn errors(log: &ParsedLog) -> usize {
    match &log.summary {
        herdgate::logs::Summary::Steps { steps, .. } => steps.iter().map(|step| step.errors.len()).sum(),
        herdgate::logs::Summary::Errors(errors) => errors.len(),
    }
}
