//! Lengths that cost nothing more: a song made longer at once instead of extended, and short ones that save nothing.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use crate::catalog::{Catalog, OperationId, ParamType, PriceList};
use crate::manifest::Draft;
use crate::model::{CreditError, Credits, Fingerprint, Input, Ordinal};

use super::super::advice::Advice;
use super::Earlier;

/// The parameter that says how long a piece is to be, in seconds.
const LENGTH: &str = "duration";

/// Up to here a piece counts as a short test, in seconds; the guide's take 30.
const SHORT_S: u64 = 60;

/// Jobs with a length that are compared with each other: beyond it the comparison says nothing of the rest, so that
/// its memory stays small.
const COMPARED: usize = 50_000;

/// What holds for the operations whose length can be chosen.
#[derive(Clone, Copy)]
struct Choice {
    longest_s: u64,
    /// The price does not hang on the length.
    is_flat: bool,
}

/// The length of one piece, and what it costs.
struct Piece {
    length_s: u64,
    price: Credits,
    name: String,
}

#[derive(Clone, Copy, Default)]
struct Count {
    jobs: u64,
    credits: Credits,
}

impl Count {
    fn add(&mut self, price: Credits) -> Result<(), CreditError> {
        self.jobs += 1;
        self.credits = self.credits.plus(price)?;
        Ok(())
    }
}

/// What was seen of lengths so far.
pub(super) struct Lengths {
    choices: Vec<Option<Choice>>,
    extend: Option<OperationId>,
    concat: Option<OperationId>,
    /// Jobs whose length can't be chosen any longer.
    full: HashSet<Ordinal>,
    /// Extensions of pieces that could have been longer.
    extensions: HashSet<Ordinal>,
    extended: Count,
    joined: Count,
    reach_s: u64,
    short: Count,
    longest_short_s: u64,
    pieces: HashMap<u64, Piece>,
    same: Count,
    example: Option<[String; 2]>,
}

impl Lengths {
    pub(super) fn new(catalog: &Catalog, prices: &PriceList) -> Self {
        let choices = catalog.ids().map(|id| choice(catalog, prices, id));
        Self {
            choices: choices.collect(),
            extend: catalog.find("suno.extend"),
            concat: catalog.find("suno.concat"),
            full: HashSet::new(),
            extensions: HashSet::new(),
            extended: Count::default(),
            joined: Count::default(),
            reach_s: 0,
            short: Count::default(),
            longest_short_s: 0,
            pieces: HashMap::new(),
            same: Count::default(),
            example: None,
        }
    }

    /// Notes a job that is to be bought.
    pub(super) fn note(
        &mut self,
        draft: &Draft<'_>,
        price: Credits,
        earlier: &Earlier<'_>,
    ) -> Result<(), CreditError> {
        if Some(draft.operation) == self.concat {
            if draft
                .needs
                .iter()
                .any(|need| self.is_extension(*need, earlier))
            {
                self.joined.add(price)?;
            }
            return Ok(());
        }
        if Some(draft.operation) == self.extend {
            self.note_extension(draft, price, earlier)?;
        }
        let Some(choice) = self.choices[usize::from(draft.operation.0)] else {
            return Ok(());
        };
        let Some(length_s) = (draft.input)(LENGTH).and_then(Value::as_u64) else {
            return Ok(());
        };
        if length_s >= choice.longest_s {
            self.full.insert(draft.ordinal);
        }
        if choice.is_flat {
            self.note_short(length_s, price)?;
            self.compare(draft, length_s, price)?;
        }
        Ok(())
    }

    /// Returns the advice there is to give.
    pub(super) fn finish(self, catalog: &Catalog) -> Result<Vec<Advice>, CreditError> {
        let mut advice = Vec::new();
        let saving = self.extended.credits.plus(self.joined.credits)?;
        if let (Some(extend), false) = (self.extend, saving.is_zero()) {
            advice.push(Advice::LongerAtOnce {
                operation: catalog.get(extend).name.to_string(),
                jobs: self.extended.jobs,
                joins: self.joined.jobs,
                reach_s: self.reach_s,
                saving,
            });
        }
        if let (Some(names), false) = (self.example, self.same.credits.is_zero()) {
            advice.push(Advice::SameButLength {
                jobs: self.same.jobs,
                names,
                saving: self.same.credits,
            });
        }
        if !self.short.credits.is_zero() {
            advice.push(Advice::ShortSavesNothing {
                jobs: self.short.jobs,
                longest_s: self.longest_short_s,
                credits: self.short.credits,
            });
        }
        Ok(advice)
    }

    fn is_extension(&self, need: Ordinal, earlier: &Earlier<'_>) -> bool {
        let buyer = earlier.bought(need);
        buyer.is_some_and(|(buyer, _)| self.extensions.contains(&buyer))
    }

    /// Notes an extension whose source is bought by this plan and could be longer.
    fn note_extension(
        &mut self,
        draft: &Draft<'_>,
        price: Credits,
        earlier: &Earlier<'_>,
    ) -> Result<(), CreditError> {
        let source = draft.needs.iter().find_map(|need| {
            let (source, job) = earlier.bought(*need)?;
            let choice = self.choices[usize::from(job.operation.0)]?;
            let is_source = is_its_clip(draft, job.fingerprint);
            (is_source && !self.full.contains(&source)).then_some(choice)
        });
        if let Some(choice) = source {
            self.extensions.insert(draft.ordinal);
            self.reach_s = self.reach_s.max(choice.longest_s);
            self.extended.add(price)?;
        }
        Ok(())
    }

    fn note_short(&mut self, length_s: u64, price: Credits) -> Result<(), CreditError> {
        if length_s > SHORT_S {
            return Ok(());
        }
        self.longest_short_s = self.longest_short_s.max(length_s);
        self.short.add(price)
    }

    /// Compares a job with those that are the same but for their length.
    fn compare(
        &mut self,
        draft: &Draft<'_>,
        length_s: u64,
        price: Credits,
    ) -> Result<(), CreditError> {
        if self.pieces.len() >= COMPARED {
            return Ok(());
        }
        let Some(key) = key(draft) else {
            return Ok(());
        };
        match self.pieces.entry(key) {
            Entry::Vacant(place) => {
                place.insert(Piece {
                    length_s,
                    price,
                    name: draft.id().to_string(),
                });
            }
            Entry::Occupied(mut other) => {
                let other = other.get_mut();
                // The longest of them stays; what it costs is what all of them cost.
                let (short, long, saved) = match length_s > other.length_s {
                    true => (other.name.clone(), draft.id().to_string(), other.price),
                    false => (draft.id().to_string(), other.name.clone(), price),
                };
                self.same.add(saved)?;
                if length_s > other.length_s {
                    (other.length_s, other.price) = (length_s, price);
                    other.name.clone_from(&long);
                }
                self.example.get_or_insert([short, long]);
            }
        }
        Ok(())
    }
}

/// Returns what can be chosen of an operation's length, if anything.
fn choice(catalog: &Catalog, prices: &PriceList, id: OperationId) -> Option<Choice> {
    let param = catalog
        .get(id)
        .params
        .iter()
        .find(|param| param.name == LENGTH)?;
    let ParamType::Integer { max, .. } = param.kind else {
        return None;
    };
    Some(Choice {
        longest_s: u64::try_from(max).ok()?,
        is_flat: !prices.asks_for(id, LENGTH),
    })
}

/// Tells whether the clip that an extension goes on from is that job's.
fn is_its_clip(draft: &Draft<'_>, source: Fingerprint) -> bool {
    let Ok(Input::Table(mut inputs)) = Input::from_canonical(draft.inputs) else {
        return false;
    };
    matches!(inputs.remove("clip"), Some(Input::Ref(reference)) if reference.job == source)
}

/// Hashes all that a job is but its length.
fn key(draft: &Draft<'_>) -> Option<u64> {
    let mut inputs: Map<String, Value> = serde_json::from_str(draft.inputs).ok()?;
    inputs.remove(LENGTH);
    let mut hasher = DefaultHasher::new();
    draft.operation.hash(&mut hasher);
    draft.take.hash(&mut hasher);
    Value::Object(inputs).to_string().hash(&mut hasher);
    Some(hasher.finish())
}
