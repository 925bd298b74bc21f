//! What a list of jobs is filtered by (ingest contract 6.2).

use super::filters::{Filter, Kind};
use super::parameters::{Parameters, WindowTexts};
use super::{ONCE_DOCUMENTED, Problem};
use crate::store::lists::{JobCondition, JobNumber, JobText, Window};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

type JobFilter = Filter<JobNumber, JobText>;

const fn integer(name: &'static str, column: JobNumber) -> JobFilter {
    Filter { name, kind: Kind::Integer(column) }
}

const fn seconds(name: &'static str, column: JobNumber) -> JobFilter {
    Filter { name, kind: Kind::Seconds(column) }
}

const fn time(name: &'static str, column: JobNumber) -> JobFilter {
    Filter { name, kind: Kind::Time(column) }
}

const fn text(name: &'static str, column: JobText) -> JobFilter {
    Filter { name, kind: Kind::Text(column) }
}

const FILTERS: [JobFilter; 35] = [
    integer("id", JobNumber::Id),
    integer("push_id", JobNumber::PushId),
    integer("result_set_id", JobNumber::PushId),
    integer("tier", JobNumber::Tier),
    text("job_guid", JobText::Guid),
    time("last_modified", JobNumber::LastModified),
    time("submit_time", JobNumber::SubmitTime),
    time("start_time", JobNumber::StartTime),
    time("end_time", JobNumber::EndTime),
    seconds("submit_timestamp", JobNumber::SubmitTime),
    seconds("start_timestamp", JobNumber::StartTime),
    seconds("end_timestamp", JobNumber::EndTime),
    text("state", JobText::State),
    text("result", JobText::Result),
    text("who", JobText::Who),
    text("reason", JobText::Reason),
    text("option_collection_hash", JobText::OptionCollectionHash),
    integer("build_platform_id", JobNumber::BuildPlatformId),
    integer("failure_classification_id", JobNumber::FailureClassificationId),
    integer("job_type_id", JobNumber::JobTypeId),
    integer("job_group_id", JobNumber::JobGroupId),
    text("build_architecture", JobText::BuildArchitecture),
    text("build_os", JobText::BuildOs),
    text("build_platform", JobText::BuildPlatform),
    text("build_system_type", JobText::BuildSystem),
    text("machine_name", JobText::MachineName),
    text("machine_platform_architecture", JobText::MachineArchitecture),
    text("machine_platform_os", JobText::MachineOs),
    text("platform", JobText::MachinePlatform),
    text("job_group_name", JobText::GroupName),
    text("job_group_symbol", JobText::GroupSymbol),
    text("job_type_name", JobText::TypeName),
    text("job_type_symbol", JobText::TypeSymbol),
    text("ref_data_name", JobText::ReferenceDataName),
    text("signature", JobText::Signature),
];

/// Properties of years past that no job has any more.
const GONE: [&str; 2] = ["job_coalesced_to_guid", "running_eta"];

const WINDOW: WindowTexts = WindowTexts {
    not_a_number: |_| "Invalid value for offset or count".into(),
    too_many: "Specified count exceeds API MAX_JOBS_COUNT value",
};

/// How the jobs of a list look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowForm {
    /// Objects.
    Objects,
    /// Arrays, and the names of their elements.
    Arrays,
    /// Arrays alone: what any other word has always given.
    BareArrays,
}

/// Which jobs are asked for.
#[derive(Debug)]
pub struct JobQuery {
    /// What they have to be.
    pub conditions: Vec<JobCondition>,
    /// Which part of them.
    pub window: Window,
    /// In which form.
    pub form: RowForm,
    /// About parameters that were ignored.
    pub warnings: Vec<String>,
}

impl JobQuery {
    /// # Errors
    /// If a parameter is unknown or has a value that it does not take.
    pub fn read(mut parameters: Parameters) -> Result<Self, Problem> {
        let window = parameters.take_window(&WINDOW)?;
        let form = match parameters.take("return_type").map(|word| word.to_ascii_lowercase()).as_deref() {
            None | Some("" | "dict") => RowForm::Objects,
            Some("list") => RowForm::Arrays,
            Some(_) => RowForm::BareArrays,
        };
        let conditions = parameters.take_read(|name, value| Filter::read(&FILTERS, name, value))?;
        parameters.ignore(&ONCE_DOCUMENTED);
        parameters.ignore(&GONE);
        let warnings = parameters.finish()?;
        Ok(Self { conditions: conditions.into_iter().flatten().collect(), window, form, warnings })
    }
}

impl IntoParams for JobQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Filter::describe(&FILTERS)
    }
}
