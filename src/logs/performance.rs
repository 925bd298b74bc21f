//! Performance data that a log prints (logs contract 6.1).

/// Anything in a line that has this is kept whole.
pub const MARKER: &str = "PERFHERDER_DATA";

/// The document of a line: from the brace after the first `PERFHERDER_DATA:` that white space and a
/// brace follow, to the last brace of the line.
pub fn document(line: &str) -> Option<&str> {
    let (at, marker) = line.match_indices("PERFHERDER_DATA:").find(|(at, marker)| {
        let rest = &line[at + marker.len()..];
        let start = rest.trim_start();
        start.len() < rest.len() && start.starts_with('{')
    })?;
    let rest = line[at + marker.len()..].trim_start();
    Some(&rest[..=rest.rfind('}')?])
}
