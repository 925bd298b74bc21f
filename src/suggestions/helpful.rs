//! Texts that say nothing about a failure (logs contract 8.4).

use crate::logs::Profile;

/// Shorter texts, trimmed, match too much.
const SHORTEST: usize = 5;

const BOTH: [&str; 15] = [
    "automation.py",
    "remoteautomation.py",
    "Shutdown",
    "undefined",
    "Main app process exited normally",
    "Traceback (most recent call last):",
    "Return code: 0",
    "Return code: 1",
    "Return code: 2",
    "Return code: 10",
    "mozalloc_abort(char const*)",
    "mozalloc_abort",
    "CrashingThread(void *)",
    "leakcheck",
    "# TBPL FAILURE #",
];
const OF_2018: [&str; 7] = [
    "Return code: 9",
    "Exiting 1",
    "Exiting 9",
    "libSystem.B.dylib + 0xd7a",
    "linux-gate.so + 0x424",
    "TypeError: content is null",
    "ImportError: No module named pygtk",
];
const OF_2026: [&str; 3] = ["gtest", "Last test finished", "LeakSanitizer"];

/// Whether bugs are worth being searched for a text.
pub fn is_helpful(text: &str, profile: Profile) -> bool {
    let text = text.trim();
    let own: &[&str] = match profile {
        Profile::Of2018 => &OF_2018,
        Profile::Of2026 => &OF_2026,
    };
    text.chars().count() >= SHORTEST && !BOTH.iter().chain(own).any(|known| *known == text)
}
