//! What the dispatcher does when credits are short: it looks whether there are more, waits for them, or ends the run.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, OptionFuture};
use jiff::Timestamp;

use crate::ledger::LimitKind;
use crate::model::{AccountId, Cutoff, RunEvent, StopCause};

use super::super::observe::{ObserveError, observe};
use super::super::worker::{Message, Shared};
use super::{Dispatcher, limit_reached};

impl Dispatcher {
    /// Tells whether the balance is what is short, and another reading of it may show more.
    pub(super) fn may_show_more(&self) -> bool {
        let now = self.shared.engine.clock.now();
        let is_sure_now = || self.balance_sure().is_some_and(|sure| sure <= now);
        let is_new = || self.moved || (!self.read_failed && is_sure_now());
        !self.is_reading && self.is_short_of_balance() && is_new()
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

    /// Reads the balance afresh, beside everything else: refunds and top-ups may have made room, and a provider that does
    /// not answer must not keep a signal waiting.
    pub(super) fn refresh(&mut self) {
        self.moved = false;
        self.is_reading = true;
        self.spawn_save(read(self.shared.clone(), self.account.clone()));
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
        if is_cut_off && !self.stale && !self.is_reading && self.cause.is_none() {
            self.cause = Some(limit_reached(shortage));
            self.announce_stop();
        }
    }
}

/// Reads the balance, unless the run is to stop meanwhile: then nobody asks for it any more.
async fn read(shared: Arc<Shared>, account: AccountId) -> Message {
    let observed = tokio::select! {
        biased;
        () = shared.halt.cancelled() => return Message::Read(false),
        observed = observe(&shared, &account) => observed,
    };
    match observed {
        Ok(_) => Message::Read(true),
        Err(ObserveError::Ledger(error)) => Message::SaveStop(StopCause::Storage {
            message: error.to_string(),
        }),
        Err(ObserveError::Provider(fault)) => {
            let message = format!("the balance can't be read afresh: {}", fault.message);
            shared.tell(RunEvent::Warning { message });
            Message::Read(false)
        }
    }
}
