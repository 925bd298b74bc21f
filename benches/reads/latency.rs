//! How long answers take.

use super::load::http::Connection;
use super::question::Question;
use super::sample::Sample;
use serde_json::Value;
use std::time::{Duration, Instant};

/// What 95 of 100 answers to a list call should take at most, with a million jobs stored.
const GOAL: Duration = Duration::from_millis(20);
/// For so many calls that are measured one is made before, to warm caches and plans up.
const WARMING: usize = 10;

/// Latencies of one question.
pub struct Latencies {
    name: &'static str,
    has_goal: bool,
    /// Rows and bytes on the wire of the last answer.
    rows: usize,
    bytes: usize,
    sorted: Vec<Duration>,
}

impl Latencies {
    /// Asks so many times. A latency counts from the request to the last byte of the answer. Panics if
    /// an answer is not what it should be.
    pub async fn of(connection: &mut Connection, question: &Question, sample: &Sample, calls: usize) -> Self {
        let mut sorted = Vec::with_capacity(calls);
        let (mut rows, mut bytes) = (0, 0);
        let warming = calls / WARMING;
        for call in 0..warming + calls {
            let path = (question.path)(sample, call);
            let asked = Instant::now();
            let answer = connection.get(&path).await;
            let latency = asked.elapsed();
            bytes = answer.size();
            rows = count(&answer.unpacked());
            assert!(rows >= question.at_least, "{path} has {rows} rows");
            if call >= warming {
                sorted.push(latency);
            }
        }
        sorted.sort_unstable();
        Self { name: question.name, has_goal: question.has_goal, rows, bytes, sorted }
    }

    /// Milliseconds that so many percent of the answers took at most.
    fn at(&self, percent: usize) -> f64 {
        let index = (self.sorted.len() * percent).div_ceil(100).saturating_sub(1);
        self.sorted.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }

    pub fn print(&self) {
        let goal = if self.has_goal {
            format!("{:.0}%", 100.0 * self.at(95) / (GOAL.as_secs_f64() * 1000.0))
        } else {
            "-".to_owned()
        };
        println!(
            "{:>22} {:>6} {:>8} {:>8.2} {:>8.2} {:>8.2} {goal:>8}",
            self.name,
            self.rows,
            self.bytes,
            self.at(50),
            self.at(95),
            self.at(99)
        );
    }
}

/// Prints what the columns are.
pub fn headings() {
    println!(
        "{:>22} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "question", "rows", "bytes", "p50 ms", "p95 ms", "p99 ms", "of goal"
    );
}

/// Rows of a list, 1 for an object, 0 for what is no JSON.
fn count(answer: &[u8]) -> usize {
    match serde_json::from_slice(answer) {
        Ok(Value::Array(rows)) => rows.len(),
        Ok(Value::Object(object)) => match object.get("results") {
            Some(Value::Array(rows)) => rows.len(),
            _ => 1,
        },
        _ => 0,
    }
}
