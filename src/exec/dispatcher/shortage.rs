//! What the dispatcher does when credits are short: it looks whether there are more, waits for them, or ends the run.

use std::time::Duration;

use futures::future::{BoxFuture, OptionFuture};
use jiff::Timestamp;

use crate::ledger::LimitKind;
use crate::model::{Cutoff, RunEvent, StopCause};

use super::super::observe::{ObserveError, observe};
use super::{Dispatcher, limit_reached};

impl Dispatcher {
    /// Tells whether the balance is what is short, and another reading of it may show more.
    pub(super) fn may_show_more(&self) -> bool {
        let now = self.shared.engine.clock.now();
        let is_sure_now = || self.balance_sure().is_some_and(|sure| sure <= now);
        self.is_short_of_balance() && (self.moved || is_sure_now())
    }

    /// Tells whether the run waits until a balance that rose can be believed.
    pub(super) fn waits_for_balance(&self) -> bool {
        let now = self.shared.engine.clock.now();
        self.cause.is_none()
            && self.is_short_of_balance()
            && self.balance_sure().is_some_and(|sure| sure > now)
    }

    /// Sleeps until a balance that rose can be believed, if the run waits for that.
    pub(super) fn until_balance_is_sure(&self) -> OptionFuture<BoxFuture<'static, ()>> {
        let clock = &self.shared.engine.clock;
        let sleep = |sure: Timestamp| {
            let wait = Duration::try_from(sure.duration_since(clock.now()));
            clock.sleep(wait.unwrap_or_default())
        };
        let sure = self.balance_sure().filter(|_| self.waits_for_balance());
        sure.map(sleep).into()
    }

    fn is_short_of_balance(&self) -> bool {
        let is_balance = |limit| limit == LimitKind::Balance;
        self.running == 0
            && self
                .answer
                .shortage
                .is_some_and(|shortage| is_balance(shortage.limit))
    }

    fn balance_sure(&self) -> Option<Timestamp> {
        self.answer.balance_sure
    }

    /// Says once that the run waits for a balance.
    pub(super) fn tell_of_wait(&mut self) {
        let sure = self.balance_sure();
        if sure == self.told_of {
            return;
        }
        self.told_of = sure;
        if let Some(sure) = sure {
            let message = format!(
                "the balance rose, but it may lag behind charges of a moment ago: it is read again at {sure:.0}"
            );
            self.shared.tell(RunEvent::Warning { message });
        }
    }

    /// Reads the balance afresh: refunds and top-ups may have made room.
    pub(super) async fn refresh(&mut self) {
        self.moved = false;
        match observe(&self.shared, &self.account).await {
            Ok(_) => self.stale = true,
            Err(ObserveError::Ledger(error)) => {
                self.stop(StopCause::Storage {
                    message: error.to_string(),
                });
            }
            Err(ObserveError::Provider(fault)) => {
                let message = format!("the balance can't be read afresh: {}", fault.message);
                self.shared.tell(RunEvent::Warning { message });
            }
        }
    }

    /// Holds nothing more once what is short ends the run, though jobs still run that may be refunded.
    ///
    /// What is held already fits, and goes its way: it is not halted.
    pub(super) fn cut_off(&mut self) {
        let Some(shortage) = self.answer.shortage else {
            return;
        };
        let is_cut_off = match self.options.cutoff {
            Cutoff::Soft => false,
            // The last reading of the balance shows less than there is, never more: a fresh one, once nothing runs,
            // decides.
            Cutoff::Cautious => !self.answer.later_fits && shortage.limit != LimitKind::Balance,
            // Unless not all of the last reading is believed.
            Cutoff::Hard => self.balance_sure().is_none(),
        };
        if is_cut_off && !self.stale && self.cause.is_none() {
            self.cause = Some(limit_reached(shortage));
            self.announce_stop();
        }
    }
}
