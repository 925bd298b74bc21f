//! The state rules once more, written apart from the code: what verdicts and what end a sequence of
//! events on one job may have (ingest contract 2.4, design rules R5, R7 and R8).

use herdgate::proto::{Outcome, Reason, Verdict};
use std::collections::BTreeSet;

const COMPLETED: usize = 3;

/// One submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Rank of the state: unscheduled, pending, running, completed.
    pub state: usize,
    /// Of a completed one.
    pub result: Option<usize>,
    /// When it started.
    pub start: Option<i64>,
    /// A log that comes with it.
    pub log: Option<usize>,
}

/// What a verdict says, as far as the rules fix it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// STORED, a new job.
    Created,
    /// STORED, changed.
    Updated,
    /// STORED, parts added.
    PartsAdded,
    /// UNCHANGED: repeated, or further already. Both are true of many a repeat.
    Unchanged,
    /// UNCHANGED: completed with another result.
    Conflicting,
    /// Nothing that the rules allow here.
    Wrong,
}

impl Told {
    /// Reads a verdict.
    pub fn from_verdict(verdict: &Verdict) -> Self {
        match (verdict.outcome(), verdict.reason()) {
            (Outcome::Stored, Reason::Created) => Self::Created,
            (Outcome::Stored, Reason::Updated) => Self::Updated,
            (Outcome::Stored, Reason::PartsAdded) => Self::PartsAdded,
            (Outcome::Unchanged, Reason::Duplicate | Reason::StaleState) => Self::Unchanged,
            (Outcome::Unchanged, Reason::ConflictingResult) => Self::Conflicting,
            _ => Self::Wrong,
        }
    }
}

/// The stored job, as far as the events fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Rank of the state.
    pub state: usize,
    /// Of a completed one.
    pub result: Option<usize>,
    /// When it started.
    pub start: Option<i64>,
    /// Number of logs.
    pub logs: usize,
}

/// Whether some interleaving of the two writers' events gives these verdicts and this end.
pub fn explains(writers: &[Vec<Event>; 2], told: &[Vec<Told>; 2], seen: &Seen) -> bool {
    told.iter().zip(writers).all(|(told, events)| told.len() == events.len())
        && Run::default().continues([&writers[0], &writers[1]], [&told[0], &told[1]], seen)
}

/// A job after some of the events.
#[derive(Debug, Clone, Default)]
struct Run {
    row: Option<Event>,
    applied: Vec<Event>,
    /// Not applied but for their parts; whether a repeat of them counts as one is left open.
    parts_of: Vec<Event>,
    logs: BTreeSet<usize>,
}

impl Run {
    fn continues(&self, events: [&[Event]; 2], told: [&[Told]; 2], seen: &Seen) -> bool {
        if events.iter().all(|events| events.is_empty()) {
            return self.ends_as(seen);
        }
        (0..2).any(|writer| {
            let ([event, later @ ..], [said, rest @ ..]) = (events[writer], told[writer]) else {
                return false;
            };
            let (mut events, mut told) = (events, told);
            (events[writer], told[writer]) = (later, rest);
            self.after(event)
                .iter()
                .any(|(run, allowed)| allowed == said && run.continues(events, told, seen))
        })
    }

    fn ends_as(&self, seen: &Seen) -> bool {
        self.row.as_ref().is_some_and(|row| {
            *seen == Seen { state: row.state, result: row.result, start: row.start, logs: self.logs.len() }
        })
    }

    /// What may come of one more event: more than one thing only if the content digest decides, which
    /// the model does not know.
    fn after(&self, event: &Event) -> Vec<(Self, Told)> {
        let Some(row) = &self.row else { return vec![self.applying(event, Told::Created)] };
        if self.applied.contains(event) {
            return vec![(self.clone(), Told::Unchanged)];
        }
        let (kept, applied) = (|told| self.keeping(event, told), || self.applying(event, Told::Updated));
        let mut outcomes = match (row.state, event.state) {
            (COMPLETED, COMPLETED) if row.result != event.result => vec![kept(Told::Conflicting)],
            (COMPLETED, _) => vec![kept(Told::Unchanged)],
            (stored, submitted) if submitted > stored => vec![applied()],
            (stored, submitted) if submitted < stored => vec![kept(Told::Unchanged)],
            _ if event.start > row.start => vec![applied()],
            _ if event.start < row.start => vec![kept(Told::Unchanged)],
            _ => vec![applied(), kept(Told::Unchanged)],
        };
        if self.parts_of.contains(event) {
            outcomes.push((self.clone(), Told::Unchanged));
        }
        outcomes
    }

    fn applying(&self, event: &Event, told: Told) -> (Self, Told) {
        let mut run = self.clone();
        run.row = Some(event.clone());
        run.applied.push(event.clone());
        run.logs.extend(event.log);
        (run, told)
    }

    /// R7: what the job lacks is added all the same.
    fn keeping(&self, event: &Event, told: Told) -> (Self, Told) {
        let mut run = self.clone();
        let grown = event.log.is_some_and(|log| run.logs.insert(log));
        if grown {
            run.parts_of.push(event.clone());
        }
        (run, if grown { Told::PartsAdded } else { told })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: Event = Event { state: 2, result: None, start: Some(0), log: None };
    const DONE: Event = Event { state: COMPLETED, result: Some(0), start: Some(0), log: None };

    fn end(event: &Event) -> Seen {
        Seen { state: event.state, result: event.result, start: event.start, logs: 0 }
    }

    #[test]
    fn either_order_of_two_writers_is_an_explanation() {
        let writers = [vec![RUNNING], vec![DONE]];
        assert!(explains(&writers, &[vec![Told::Created], vec![Told::Updated]], &end(&DONE)));
        assert!(explains(&writers, &[vec![Told::Unchanged], vec![Told::Created]], &end(&DONE)));
    }

    #[test]
    fn a_state_that_went_backwards_has_no_explanation() {
        let writers = [vec![RUNNING], vec![DONE]];
        assert!(!explains(&writers, &[vec![Told::Updated], vec![Told::Created]], &end(&RUNNING)));
    }

    #[test]
    fn verdicts_that_no_order_gives_have_no_explanation() {
        let writers = [vec![RUNNING], vec![DONE]];
        assert!(!explains(&writers, &[vec![Told::Created], vec![Told::Created]], &end(&DONE)));
        assert!(!explains(&writers, &[vec![Told::Created], vec![]], &end(&DONE)));
    }
}
