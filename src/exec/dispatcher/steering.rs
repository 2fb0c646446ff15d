//! How the dispatcher takes orders: it changes what it goes by, and says how the run stands.

use super::super::control::{Ask, Order, Snapshot};
use super::{Dispatcher, slots};

impl Dispatcher {
    /// Tells whether a pause keeps jobs back that may be left to do.
    pub(super) fn waits_for_go(&self) -> bool {
        // What can't be read now is asked for again once the pause is over.
        let is_anything_left = || {
            let run = self.shared.engine.ledger.run(&self.shared.run);
            run.map_or(true, |run| run.totals.ended < run.totals.jobs)
        };
        let is_kept_back = self.stale || self.prover.blocks();
        self.cause.is_none() && self.is_paused() && is_kept_back && is_anything_left()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.shared.limiter.is_paused()
    }

    /// Carries out an order, and answers with how the run stands now; that nobody waits for it is no fault.
    pub(super) fn obey(&mut self, ask: Ask) {
        let limiter = &self.shared.limiter;
        match ask.order {
            Order::Look => {}
            Order::Pause => limiter.pause(true),
            Order::GoOn => limiter.pause(false),
            Order::Rate(rate) => limiter.set_rate(rate),
            Order::Concurrency(count) => self.slots = slots(count),
        }
        drop(ask.answer.send(self.snapshot()));
    }

    fn snapshot(&self) -> Snapshot {
        let count = |jobs| u64::try_from(jobs).unwrap_or(u64::MAX);
        Snapshot {
            in_flight: count(self.running),
            saving: count(self.saving),
            rate: self.shared.limiter.rate(),
            concurrency: u32::try_from(self.slots).unwrap_or(u32::MAX),
            is_paused: self.is_paused(),
            stopping: self.cause.clone(),
        }
    }
}
