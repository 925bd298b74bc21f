//! Command line of Herdgate.

fn main() {}
