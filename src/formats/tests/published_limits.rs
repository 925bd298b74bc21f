//! The limits that the published schemas state are those of the code.

use crate::domain::RawFormat;
use crate::formats::schema_words::words_for;
use crate::limits;

#[test]
fn schemas_state_the_limits_of_the_code() {
    use RawFormat::{LegacyJobJson, LegacyPushJson, PulseJson};
    for (format, path, keyword, limit) in [
        (LegacyJobJson, "/revision", "minLength", limits::REVISION_PREFIX),
        (LegacyJobJson, "/revision", "maxLength", limits::REVISION),
        (LegacyJobJson, "/job/name", "maxLength", limits::JOB_NAME),
        (LegacyJobJson, "/job/job_symbol", "maxLength", limits::CHUNKED_SYMBOL),
        (LegacyJobJson, "/job/group_name", "maxLength", limits::GROUP_NAME),
        (LegacyJobJson, "/job/group_symbol", "maxLength", limits::SYMBOL),
        (LegacyJobJson, "/job/product_name", "maxLength", limits::PRODUCT),
        (LegacyJobJson, "/job/result", "maxLength", limits::OTHER_WORD),
        (LegacyJobJson, "/job/machine", "maxLength", limits::LEGACY_MACHINE_NAME),
        (LegacyJobJson, "/job/build_platform/os_name", "maxLength", limits::OS),
        (LegacyJobJson, "/job/build_platform/platform", "maxLength", limits::PLATFORM),
        (LegacyJobJson, "/job/build_platform/architecture", "maxLength", limits::OS),
        (LegacyJobJson, "/job/option_collection/0", "maxLength", limits::LEGACY_OPTION),
        (LegacyJobJson, "/job/build_system_type", "maxLength", limits::BUILD_SYSTEM),
        (LegacyJobJson, "/job/reference_data_name", "maxLength", limits::REFERENCE_DATA_NAME),
        (LegacyJobJson, "/job/taskcluster_task_id", "maxLength", limits::TASK_ID),
        (LegacyPushJson, "/revision", "maxLength", limits::REVISION),
        (PulseJson, "/buildSystem", "maxLength", limits::BUILD_SYSTEM),
        (PulseJson, "/display/jobName", "maxLength", limits::JOB_NAME),
        (PulseJson, "/display/jobSymbol", "maxLength", limits::SYMBOL),
        (PulseJson, "/display/groupSymbol", "maxLength", limits::SYMBOL),
        (PulseJson, "/owner", "maxLength", limits::OWNER),
        (PulseJson, "/reason", "maxLength", limits::REASON),
        (PulseJson, "/productName", "maxLength", limits::PRODUCT),
        (PulseJson, "/labels/0", "maxLength", limits::LABEL),
        (PulseJson, "/labels", "maxItems", limits::LABELS),
        (PulseJson, "/buildMachine/name", "maxLength", limits::MACHINE_NAME),
        (PulseJson, "/buildMachine/platform", "maxLength", limits::PLATFORM),
    ] {
        let words = words_for(format, path).unwrap_or_else(|| panic!("no schema for {path}"));
        let rule = format!("{keyword}: {limit}");
        assert!(
            words.rules.lines().any(|line| line.trim() == rule),
            "{path} has not {rule}:\n{}",
            words.rules
        );
    }
}
