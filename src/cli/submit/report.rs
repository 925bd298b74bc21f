//! What `herdgate submit` says at the end.

use super::{Item, Submitted};
use crate::cli::output::{json, line, notice};
use crate::cli::verdicts;
use crate::proto::{Outcome, Verdict};
use serde_json::{Value, json};
use std::io;

/// The verdicts of all jobs, summed up.
pub(super) struct Report<'a> {
    items: &'a [Item],
    submitted: &'a Submitted,
}

impl<'a> Report<'a> {
    pub fn new(items: &'a [Item], submitted: &'a Submitted) -> Self {
        Self { items, submitted }
    }

    /// Whether every job has a verdict that asks for nothing: neither rejected nor of an unknown kind.
    pub fn is_clean(&self) -> bool {
        self.unsent() == 0 && self.refused().next().is_none()
    }

    /// Refused jobs with their violations, then the summary.
    pub fn print(&self, as_json: bool) -> io::Result<()> {
        if as_json {
            json(&self.as_value())?;
        } else {
            for (item, verdict) in self.refused() {
                line(format!("{item}: {} {}", verdicts::outcome(verdict), verdict.job_guid).trim_end())?;
                for violation in &verdict.violations {
                    line(&format!("{item}: {}", verdicts::violation(violation)))?;
                }
            }
            line(&self.summary())?;
        }
        if let Some(failure) = &self.submitted.gave_up {
            notice(&format!("herdgate: {} jobs have no verdict: {failure}", self.unsent()));
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let counts = [
            (self.count(Outcome::Stored), "stored"),
            (self.count(Outcome::Unchanged), "unchanged"),
            (self.count(Outcome::Parked), "parked"),
            (self.count(Outcome::Rejected), "rejected"),
            (self.count(Outcome::Unspecified), "with an unknown verdict"),
            (self.unsent(), "without verdict"),
        ];
        let counts: Vec<_> = counts.into_iter().map(|(count, word)| format!("{count} {word}")).collect();
        format!("{} jobs: {}", self.items.len(), counts.join(", "))
    }

    fn as_value(&self) -> Value {
        let rejections = self.refused().map(|(item, verdict)| {
            let mut value = verdicts::verdict_json(verdict);
            value["file"] = item.file.display().to_string().into();
            value["item"] = item.index.into();
            value
        });
        json!({
            "jobs": self.items.len(),
            "stored": self.count(Outcome::Stored),
            "unchanged": self.count(Outcome::Unchanged),
            "parked": self.count(Outcome::Parked),
            "rejected": self.count(Outcome::Rejected),
            "unknown_verdict": self.count(Outcome::Unspecified),
            "without_verdict": self.unsent(),
            "rejections": rejections.collect::<Vec<_>>(),
            "error": self.submitted.gave_up.as_ref().map(ToString::to_string),
        })
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.submitted.verdicts.iter().flatten().filter(|verdict| verdict.outcome() == outcome).count()
    }

    fn unsent(&self) -> usize {
        self.submitted.verdicts.iter().filter(|verdict| verdict.is_none()).count()
    }

    fn refused(&self) -> impl Iterator<Item = (&Item, &Verdict)> {
        self.items
            .iter()
            .zip(&self.submitted.verdicts)
            .filter_map(|(item, verdict)| Some((item, verdict.as_ref()?)))
            .filter(|(_, verdict)| verdicts::is_refused(verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Failure;
    use bytes::Bytes;

    fn items(count: usize) -> Vec<Item> {
        (0..count).map(|index| Item { file: "jobs.json".into(), index, raw: Bytes::new() }).collect()
    }

    fn verdict(outcome: Outcome) -> Option<Verdict> {
        Some(Verdict { outcome: outcome.into(), ..Default::default() })
    }

    #[test]
    fn every_job_is_counted_under_one_verdict() {
        let verdicts =
            vec![verdict(Outcome::Stored), verdict(Outcome::Rejected), None, verdict(Outcome::Stored)];
        let submitted = Submitted { verdicts, gave_up: Some(Failure::Refused("x".into())) };
        let items = items(4);
        let report = Report::new(&items, &submitted);
        assert_eq!(
            report.summary(),
            "4 jobs: 2 stored, 0 unchanged, 0 parked, 1 rejected, 0 with an unknown verdict, 1 without verdict"
        );
        assert_eq!(report.as_value()["rejections"][0]["item"], 1);
        assert!(!report.is_clean());
    }

    #[test]
    fn parked_and_unchanged_jobs_are_no_failure_and_rejected_or_unknown_ones_are() {
        for (outcome, clean) in [
            (Outcome::Stored, true),
            (Outcome::Unchanged, true),
            (Outcome::Parked, true),
            (Outcome::Rejected, false),
            (Outcome::Unspecified, false),
        ] {
            let submitted = Submitted { verdicts: vec![verdict(outcome)], gave_up: None };
            assert_eq!(Report::new(&items(1), &submitted).is_clean(), clean, "{outcome:?}");
        }
    }
}
