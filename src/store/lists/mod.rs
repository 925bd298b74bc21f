//! What the lists of the legacy clients and the dashboard read: rows with the ids and names that these
//! lists show, filtered by any of them, in a stable order.
//!
//! Each call costs a fixed number of statements, whatever it finds.

mod artifacts;
mod comparison;
mod dashboard_jobs;
mod details;
mod failures;
mod group_results;
mod job_page;
mod jobs;
mod logs;
mod performance;
mod pushes;
mod reference_data;
mod repositories;

pub use artifacts::{ArtifactCondition, ArtifactNumber, ArtifactText, ListedArtifact};
pub use comparison::{Comparison, Condition};
pub(super) use dashboard_jobs::ShownSignatures;
pub use dashboard_jobs::{
    DashboardJob, DashboardPage, DashboardQuery, JobsState, ShownSignature, TaskSelector,
};
pub use details::{DetailCondition, DetailPlace, ListedDetail};
pub use failures::{ErrorLine, JobFailures, ListedFailureLine, ListedStep};
pub use group_results::ListedGroupResult;
pub use jobs::{JobCondition, JobNumber, JobText, ListedJob};
pub use logs::ListedLog;
pub use performance::{ListedMeasurement, ListedSeries, MeasurementQuery, SeriesQuery};
pub use pushes::{NamedPush, PushCondition, StatusCount};
pub use reference_data::{
    ListedName, ListedOptionCollection, ListedPlatform, ListedSymbol, NameList, PlatformList, SymbolList,
};
pub use repositories::{ListedGroup, ListedRepository};

/// Statements whose plans are tested.
#[cfg(test)]
pub(super) mod statements {
    pub(in crate::store) use super::dashboard_jobs::{dashboard_list, state_of};
    pub(in crate::store) use super::details::detail_list;
    pub(in crate::store) use super::group_results::group_result_list;
    pub(in crate::store) use super::job_page::Share;
    pub(in crate::store) use super::jobs::job_list;
    pub(in crate::store) use super::logs::log_list;
    pub(in crate::store) use super::pushes::push_list;
}

use sea_orm::sea_query::SelectStatement;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows left out before it.
    pub offset: u64,
    /// Rows in it at most.
    pub count: u64,
}

impl Window {
    fn cut(self, select: &mut SelectStatement) -> &mut SelectStatement {
        select.limit(self.count).offset(self.offset)
    }
}

/// Which rows of a plain list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// These, by id.
    Window(Window),
    /// The one with this id.
    One(i64),
}

impl Rows {
    /// Ascending by `id`, which is a column of the only table selected from.
    fn of(self, select: &mut SelectStatement) -> &mut SelectStatement {
        use sea_orm::sea_query::{Expr, ExprTrait, Order};
        match self {
            Self::Window(window) => window.cut(select.order_by("id", Order::Asc)),
            Self::One(id) => select.and_where(Expr::col("id").eq(id)),
        }
    }
}
