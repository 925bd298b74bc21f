//! What is read.

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use herdgate::logs::Profile;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A log.
pub struct Sample {
    pub name: String,
    pub profile: Profile,
    pub text: Vec<u8>,
    pub gzipped: Vec<u8>,
}

impl Sample {
    /// What logs of its profile are called.
    pub fn log_name(&self) -> &'static str {
        match self.profile {
            Profile::Of2018 => "builds-4h",
            Profile::Of2026 => "live_backing_log",
        }
    }

    pub fn lines(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.text).count()
    }
}

/// The logs of the corpus by name, or one that is made up.
pub fn read() -> Vec<Sample> {
    let corpus = std::env::var_os("HERDGATE_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let mut samples = of_folder(&corpus.join("logs"), Profile::Of2018);
    samples.extend(of_folder(&corpus.join("logs-2026"), Profile::Of2026));
    if samples.is_empty() {
        println!("logs: made up, for there is no corpus at {}", corpus.display());
        samples.push(made_up());
    }
    samples
}

fn of_folder(folder: &Path, profile: Profile) -> Vec<Sample> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut samples: Vec<Sample> = files
        .filter_map(|file| {
            let path = file.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".gz")?.to_owned();
            let gzipped = std::fs::read(&path).ok()?;
            let mut text = Vec::new();
            MultiGzDecoder::new(&*gzipped).read_to_end(&mut text).ok()?;
            Some(Sample { name, profile, text, gzipped })
        })
        .collect();
    samples.sort_by(|one, other| one.name.cmp(&other.name));
    samples
}

/// Twenty thousand lines of which a few are errors.
fn made_up() -> Sample {
    let mut text = Vec::new();
    for number in 0..20_000 {
        let what = if number % 4000 == 1 { "TEST-UNEXPECTED-FAIL" } else { "TEST-PASS" };
        writeln!(
            text,
            "10:{:02}:{:02}     INFO -  {what} | kiln/test_{number}.js | took 12 ms",
            number / 60 % 60,
            number % 60
        )
        .expect("memory");
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&text).expect("memory");
    let gzipped = encoder.finish().expect("memory");
    Sample { name: "made up".into(), profile: Profile::Of2018, text, gzipped }
}
