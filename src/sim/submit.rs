//! The path of a submit: fault, body, retirement, rate, moderation, credits, and only then the deed.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::model::{Credits, Family};

use super::account::Charge;
use super::body::Body;
use super::desk::{Desk, Work};
use super::event::{Acceptance, Event};
use super::fault::{Effect, Fault, Target, strikes};
use super::http::{SimRequest, SimResponse};
use super::options::CreditRefusal;
use super::refusal::{NO_CREDITS, Refusal, moderation};
use super::route::Submit;
use super::seed::{Draw, RequestDigest};
use super::simulator::{Books, SimError, Simulator};
use super::state::State;
use super::task::Millis;
use super::webhook::Hook;
use super::{added, nuro, producer, sonic_create, sonic_edit, sonic_tools, spoil};

/// Why a submit was not acted on, and what the books say about it.
pub(super) struct No {
    pub(super) refusal: Refusal,
    operation: Cow<'static, str>,
    /// Whether it had passed the rate limit.
    passed: bool,
}

/// What is known of a submit when its turn comes.
pub(super) struct Turn<'a> {
    pub(super) submit: Submit,
    pub(super) path: &'a str,
    pub(super) base: &'a str,
    pub(super) now: Millis,
    pub(super) fault: Option<&'a Fault>,
}

impl Simulator {
    /// Answers a POST to the API.
    pub(super) fn submit(&self, submit: Submit, request: &SimRequest) -> SimResponse {
        let base = self.base();
        let digest = RequestDigest::of(&request.path, &request.body, &base);
        let body: Option<Map<String, Value>> = serde_json::from_slice(&request.body).ok();
        let (mut books, now) = self.books();
        self.forget(&mut books.state, now);
        let number = books.state.submits() + 1;
        let fault = strikes(&self.options.faults, Target::Submit, number);
        let turn = Turn {
            submit,
            path: &request.path,
            base: &base,
            now,
            fault,
        };
        let done = match (fault, body) {
            (Some(fault), _) if !fault.effect.acts() => {
                let answer = spoil::instead(fault);
                let dropped = fault.effect == Effect::ResetBefore;
                let status = if dropped { 0 } else { answer.status };
                let event = refused(&turn, Cow::Owned(request.path.clone()), status, false);
                return match books.commit(event) {
                    Ok(()) => answer,
                    Err(error) => broken(&error),
                };
            }
            (_, None) => Err(turn.no(Refusal::invalid("The request body is not valid JSON."))),
            (_, Some(body)) if submit == Submit::SonicBatch => {
                self.act_batch(&turn, &mut books, digest, &body)
            }
            (_, Some(body)) => self.act(&turn, &mut books, digest, &body, true),
        };
        let answer = done.unwrap_or_else(|no| {
            let event = refused(&turn, no.operation, no.refusal.status, no.passed);
            match books.commit(event) {
                Ok(()) => no.refusal.into(),
                Err(error) => broken(&error),
            }
        });
        match fault {
            Some(fault) => spoil::after(fault, answer),
            None => answer,
        }
    }

    /// Acts on one request, or on one item of a batch.
    pub(super) fn act(
        &self,
        turn: &Turn<'_>,
        books: &mut Books,
        digest: RequestDigest,
        body: &Map<String, Value>,
        counts: bool,
    ) -> Result<SimResponse, No> {
        let (work, charge) = self.decide(turn, &books.state, digest, body, counts)?;
        let answer = SimResponse::json(work.status, &work.answer);
        let lag = turn.fault.filter(|fault| fault.effect == Effect::Lag);
        let span = |fault: &Fault| Millis::try_from(fault.span.as_millis()).unwrap_or(0);
        let mut tasks = work.tasks;
        for task in tasks.iter_mut().filter(|task| Some(task.id) == work.task) {
            task.charge = charge;
        }
        let event = Event::Accepted(Box::new(Acceptance {
            at: turn.now,
            operation: work.operation.clone(),
            status: work.status,
            charge,
            digest,
            counts,
            task: work.task,
            tasks,
            note: work.note,
            lag_until: lag.map(|fault| turn.now.saturating_add(span(fault))),
        }));
        if let Err(error) = books.commit(event) {
            return Ok(broken(&error));
        }
        // No page says that stems call back (api facts, section 5).
        let calls_back = !work.operation.starts_with("suno.stems");
        let task = work.task.filter(|_| calls_back);
        if let Some(hook) = task.and_then(|task| Hook::of(task, Body(body), turn.fault)) {
            self.hook(hook);
        }
        Ok(answer)
    }

    /// Decides on a request without changing anything.
    fn decide(
        &self,
        turn: &Turn<'_>,
        state: &State,
        digest: RequestDigest,
        body: &Map<String, Value>,
        counts: bool,
    ) -> Result<(Work, Charge), No> {
        let desk = Desk {
            state,
            options: &self.options,
            base: turn.base,
            now: turn.now,
            draw: Draw::new(self.options.seed, digest, state.occurrences(digest)),
            fate: turn.fault.map(|fault| fault.effect),
        };
        let added = self.catalog.match_added(turn.path, body);
        let work = match added {
            Some(id) => added::perform(&desk, Body(body), self.catalog.get(id)),
            None => perform(turn.submit, &desk, Body(body)),
        };
        let work = work.map_err(|refusal| turn.no(refusal))?;
        let no = |refusal, passed| No {
            refusal,
            operation: work.operation.clone(),
            passed,
        };
        if counts {
            self.check_rate(state, turn.now).map_err(|r| no(r, false))?;
        }
        if work.task.is_some() {
            self.check_concurrency(state).map_err(|r| no(r, false))?;
        }
        if let Some(refusal) = moderation_of(body) {
            return Err(no(refusal, counts));
        }
        let price = match added {
            Some(id) => added::price(&self.catalog, id, body),
            None if work.free => Some(Credits::ZERO),
            None => self.tariff.price(&work.operation, body),
        };
        let Some(price) = price else {
            let text = format!("The simulator knows no price of {}.", work.operation);
            let refusal = match added {
                Some(_) => Refusal::invalid(format!("{text} Its file of operations has none.")),
                None => Refusal::new(500, "api_error", text),
            };
            return Err(no(refusal, counts));
        };
        match state.account().split(price) {
            Some(charge) => Ok((work, charge)),
            None => Err(no(self.no_credits(turn.submit.family()), counts)),
        }
    }

    pub(super) fn check_rate(&self, state: &State, now: Millis) -> Result<(), Refusal> {
        let Some(rate) = self.options.rate.0 else {
            return Ok(());
        };
        let per = Millis::try_from(rate.per.as_millis()).unwrap_or(Millis::MAX);
        let (count, first) = state.passed_after(now.saturating_sub(per));
        if count < usize::try_from(rate.count).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let free_at = first.unwrap_or(now).saturating_add(per);
        let wait_s = u64::try_from(free_at.saturating_sub(now))
            .unwrap_or(0)
            .div_ceil(1_000);
        let told = self.options.retry_after.then_some(wait_s.max(1));
        Err(Refusal::too_many("too many requests", told))
    }

    /// No page says how a full account answers; 429 is what clients treat alike (api facts, section 4).
    fn check_concurrency(&self, state: &State) -> Result<(), Refusal> {
        let cap = self
            .options
            .concurrency
            .map(|cap| usize::try_from(cap).unwrap_or(usize::MAX));
        match cap {
            Some(cap) if state.in_flight() >= cap => {
                Err(Refusal::too_many("too many concurrent tasks", None))
            }
            _ => Ok(()),
        }
    }

    fn no_credits(&self, family: Family) -> Refusal {
        let payment = match self.options.credit_refusal {
            CreditRefusal::Family => family == Family::Producer,
            CreditRefusal::Payment => true,
            CreditRefusal::Forbidden => false,
        };
        match payment {
            true => Refusal::new(402, "insufficient_credits", NO_CREDITS),
            false => Refusal::forbidden(NO_CREDITS),
        }
    }

    /// Drops what no rate window can ask for any more, so that a long run does not collect it.
    fn forget(&self, state: &mut State, now: Millis) {
        let per = self.options.rate.0.map_or(0, |rate| rate.per.as_millis());
        state.forget_passed(now.saturating_sub(Millis::try_from(per).unwrap_or(Millis::MAX)));
    }
}

impl Turn<'_> {
    /// A refusal before it is known which operation was meant.
    pub(super) fn no(&self, refusal: Refusal) -> No {
        No {
            refusal,
            operation: Cow::Owned(self.path.to_owned()),
            passed: false,
        }
    }
}

fn refused(turn: &Turn<'_>, operation: Cow<'static, str>, status: u16, passed: bool) -> Event {
    Event::Refused {
        at: turn.now,
        operation,
        status,
        passed,
    }
}

/// The state file can't be written: nothing was done, and a simulator that forgets is worse than one that stops.
pub(super) fn broken(error: &SimError) -> SimResponse {
    Refusal::new(500, "api_error", error.to_string()).into()
}

fn moderation_of(body: &Map<String, Value>) -> Option<Refusal> {
    body.values().filter_map(Value::as_str).find_map(moderation)
}

fn perform(submit: Submit, desk: &Desk<'_>, body: Body<'_>) -> Result<Work, Refusal> {
    match submit {
        Submit::SonicCreate | Submit::SonicBatch => sonic_create::create(desk, body),
        Submit::SonicUploadExtend => sonic_edit::upload_extend(desk, body),
        Submit::SonicUploadCover => sonic_edit::upload_cover(desk, body),
        Submit::SonicSample => sonic_edit::sample(desk, body),
        Submit::SonicMashup => sonic_edit::mashup(desk, body),
        Submit::SonicReplaceSection => sonic_edit::replace_section(desk, body),
        Submit::SonicStemsBasic => sonic_edit::stems_basic(desk, body),
        Submit::SonicStemsFull => sonic_edit::stems_full(desk, body),
        Submit::SonicPersona => sonic_tools::persona(desk, body),
        Submit::SonicCreateVoice => sonic_tools::create_voice(desk, body),
        Submit::SonicUpload => sonic_tools::upload(desk, body),
        Submit::SonicWav => sonic_tools::wav(desk, body),
        Submit::SonicDownload => sonic_tools::download(desk, body),
        Submit::SonicMidi => sonic_tools::midi(desk, body),
        Submit::SonicBpm => sonic_tools::bpm(desk, body),
        Submit::SonicVox => sonic_tools::vox(desk, body),
        Submit::SonicAlignedLyrics => sonic_tools::aligned_lyrics(desk, body),
        Submit::SonicUpsampleTags => sonic_tools::upsample_tags(desk, body),
        Submit::SonicLyrics => sonic_tools::lyrics(desk, body),
        Submit::ProducerCreate => producer::create(desk, body),
        Submit::ProducerLyrics => producer::lyrics(desk, body),
        Submit::ProducerVideo => producer::video(desk, body),
        Submit::ProducerUpload => producer::upload(desk, body),
        Submit::ProducerDownload => producer::download(desk, body),
        Submit::NuroCreate => nuro::create(desk, body),
        Submit::Added => Err(Refusal::invalid(
            "The request is none of an added operation.",
        )),
    }
}
