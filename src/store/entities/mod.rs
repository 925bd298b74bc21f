//! The tables as sea-orm sees them; the migrations say what the columns mean. Times are microseconds
//! since 1970, UTC.

pub mod exchanges;
pub mod gateway;
pub mod held;
pub mod jobs;
pub mod performance;
pub mod reference_data;
pub mod repositories;
