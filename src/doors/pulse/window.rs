//! The deliveries of a channel that are not acknowledged, in the order in which they came.

use super::received::Received;
use crate::telemetry::Metrics;
use std::collections::VecDeque;
use std::sync::Arc;

/// Acknowledged is only a prefix without gaps, so that one acknowledgement says it for all and a lost
/// connection gives back everything that is not decided.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Position of the first slot, counted from the beginning of the channel.
    first: u64,
    slots: VecDeque<Slot>,
    undecided_bytes: usize,
}

#[derive(Debug)]
struct Slot {
    tag: u64,
    /// Gone once it is decided: then only its place is needed.
    undecided: Option<Arc<Received>>,
}

impl Window {
    /// Takes a delivery in; gives its position.
    pub(super) fn push(&mut self, received: Arc<Received>) -> u64 {
        Metrics::global().pulse_unacked(1);
        self.undecided_bytes += received.bytes();
        self.slots.push_back(Slot { tag: received.tag, undecided: Some(received) });
        self.first + self.slots.len() as u64 - 1
    }

    /// A delivery has its verdict.
    pub(super) fn decide(&mut self, position: u64) {
        let index = position.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let slot = index.and_then(|index| self.slots.get_mut(index));
        if let Some(decided) = slot.and_then(|slot| slot.undecided.take()) {
            self.undecided_bytes -= decided.bytes();
        }
    }

    /// Takes away what is decided without a gap; gives the tag of its last, which is acknowledged with
    /// all before it.
    pub(super) fn take_decided(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some(slot) = self.slots.pop_front_if(|slot| slot.undecided.is_none()) {
            self.first += 1;
            last = Some(slot.tag);
            Metrics::global().pulse_unacked(-1);
        }
        last
    }

    /// What has no verdict, with its positions, in order.
    pub(super) fn undecided(&self) -> Vec<(u64, Arc<Received>)> {
        let positioned = (self.first..).zip(&self.slots);
        positioned.filter_map(|(position, slot)| Some((position, slot.undecided.clone()?))).collect()
    }

    /// Size of the decompressed bodies that have no verdict.
    pub(super) fn undecided_bytes(&self) -> usize {
        self.undecided_bytes
    }

    /// Nothing waits to be acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        Metrics::global().pulse_unacked(-i64::try_from(self.slots.len()).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RegistrationOrigin;
    use crate::formats::registration::RegistrationForm;
    use lapin::message::Delivery;

    fn received(tag: u64) -> Arc<Received> {
        sized(tag, 0)
    }

    fn sized(tag: u64, bytes: usize) -> Arc<Received> {
        let form = RegistrationForm { exchange: "exchange/kiln/jobs".into(), ..Default::default() };
        let registration = form.check(RegistrationOrigin::Command).unwrap();
        let delivery =
            Delivery::mock(tag, "exchange/kiln/jobs".into(), "a.b".into(), false, vec![b' '; bytes]);
        Arc::new(Received::new(delivery, &registration, chrono::Utc::now()))
    }

    #[test]
    fn only_a_prefix_without_gaps_is_acknowledged() {
        let mut window = Window::default();
        let positions: Vec<u64> = (11..=15).map(|tag| window.push(received(tag))).collect();
        window.decide(positions[1]);
        assert_eq!(window.take_decided(), None, "the first is not decided");
        window.decide(positions[0]);
        assert_eq!(window.take_decided(), Some(12));
        window.decide(positions[3]);
        assert_eq!(window.take_decided(), None);
        let undecided: Vec<u64> = window.undecided().iter().map(|(_, received)| received.tag).collect();
        assert_eq!(undecided, [13, 15]);
        window.decide(positions[2]);
        assert_eq!(window.take_decided(), Some(14));
        let last = window.push(received(16));
        window.decide(last);
        window.decide(positions[4]);
        assert_eq!(window.take_decided(), Some(16));
        assert!(window.is_empty());
    }

    #[test]
    fn the_bytes_of_what_is_decided_are_free_though_something_before_it_is_not() {
        let mut window = Window::default();
        let positions = [window.push(sized(1, 10)), window.push(sized(2, 200))];
        assert_eq!(window.undecided_bytes(), 210);
        window.decide(positions[1]);
        window.decide(positions[1]);
        assert_eq!((window.take_decided(), window.undecided_bytes()), (None, 10));
        window.decide(positions[0]);
        assert_eq!((window.take_decided(), window.undecided_bytes()), (Some(2), 0));
    }

    #[test]
    fn a_position_that_is_gone_is_passed_over() {
        let mut window = Window::default();
        let position = window.push(received(1));
        window.decide(position);
        assert_eq!(window.take_decided(), Some(1));
        window.push(received(2));
        window.decide(position);
        assert_eq!(window.undecided().len(), 1);
    }
}
