//! A small catalog, two price lists, and drafts made by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::catalog::{
    Availability, Basis, Catalog, Condition, Kind, Method, Operation, OperationId, PollShape,
    PriceEntry, PriceList, PriceLists, ResultKind,
};
use crate::manifest::{Draft, EntryInfo};
use crate::model::{Credits, Family, Fingerprint, Ordinal, PaidJob, PaidJobs};

use super::{Builder, Plan, PlanError, PlanOptions, Sources};

pub(crate) const CREATE: OperationId = OperationId(0);
pub(crate) const LYRICS: OperationId = OperationId(1);
pub(crate) const STEMS_FULL: OperationId = OperationId(2);
pub(crate) const STEMS_BASIC: OperationId = OperationId(3);
pub(crate) const PRODUCER_EXTEND: OperationId = OperationId(4);
pub(crate) const UNPRICED: OperationId = OperationId(5);

pub(crate) fn catalog() -> Catalog {
    let sonic = Kind::Task(PollShape::Sonic);
    let mut extend = operation(
        "producer.extend",
        Family::Producer,
        Kind::Task(PollShape::Producer),
    );
    extend.availability = vec![(
        "aimusicapi".to_owned(),
        Availability::Retired {
            instead: "use `suno.extend`".to_owned(),
        },
    )];
    Catalog {
        operations: vec![
            operation("suno.create", Family::Suno, sonic),
            operation("lyrics.generate", Family::Lyrics, Kind::Sync),
            operation("suno.stems-full", Family::Suno, sonic),
            operation("suno.stems-basic", Family::Suno, sonic),
            extend,
            operation("suno.bpm", Family::Suno, Kind::Sync),
        ],
        choices: Vec::new(),
        source: "made by hand".to_owned(),
        dated: "2026-11".to_owned(),
        digest: "ca7a".to_owned(),
        added: None,
    }
}

fn operation(name: &str, family: Family, kind: Kind) -> Operation {
    Operation {
        name: name.into(),
        title: String::new(),
        family,
        method: Method::Post,
        path: String::new(),
        fixed: Map::new(),
        kind,
        result: ResultKind::Clips,
        clips: 1,
        params: Vec::new(),
        any_of: Vec::new(),
        conflicts: Vec::new(),
        guide: None,
        availability: Vec::new(),
        gives: Vec::new(),
        when_unnamed: false,
    }
}

fn price(credits: u64) -> PriceEntry {
    PriceEntry {
        credits: Credits::new(credits),
        when: Condition::default(),
        basis: Basis::Documented,
        note: String::new(),
    }
}

/// `guide`: every operation but `suno.bpm` at one price each. `today`: `suno.create` is 10 for `model = "v4"`,
/// else 14 (inferred), and `suno.bpm` is 1.
pub(crate) fn lists() -> PriceLists {
    let list = |name: &str, entries| PriceList {
        name: name.to_owned(),
        source: format!("source of {name}"),
        dated: "2026-09".to_owned(),
        digest: format!("digest of {name}"),
        entries,
    };
    let mut v4 = price(10);
    v4.when.is = vec![("model".to_owned(), vec![json!("v4")])];
    let mut newer = price(14);
    newer.basis = Basis::Inferred;
    PriceLists {
        lists: vec![
            list(
                "guide",
                vec![
                    vec![price(10)],
                    vec![price(5)],
                    vec![price(50)],
                    vec![price(20)],
                    vec![price(10)],
                    vec![],
                ],
            ),
            list(
                "today",
                vec![
                    vec![v4, newer],
                    vec![price(2)],
                    vec![price(50)],
                    vec![price(20)],
                    vec![],
                    vec![price(1)],
                ],
            ),
        ],
    }
}

/// A draft made by hand; `entry` names its entry by its first letter's place.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) entry: String,
    pub(crate) entry_index: u32,
    pub(crate) row: u32,
    pub(crate) take: u32,
    pub(crate) operation: OperationId,
    pub(crate) print: u8,
    pub(crate) needs: Vec<u32>,
    pub(crate) inputs: Value,
}

pub(crate) fn spec(
    entry: (&str, u32),
    row: u32,
    operation: OperationId,
    print: u8,
    needs: &[u32],
) -> Spec {
    Spec {
        entry: entry.0.to_owned(),
        entry_index: entry.1,
        row,
        take: 0,
        operation,
        print,
        needs: needs.to_vec(),
        inputs: json!({}),
    }
}

impl Spec {
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint([self.print; 16])
    }

    pub(crate) fn with<R>(&self, ordinal: u32, use_draft: impl FnOnce(&Draft<'_>) -> R) -> R {
        let entry = EntryInfo {
            id: self.entry.clone(),
            line: 10 * (self.entry_index + 1),
            priority: 3,
        };
        let needs: Vec<_> = self.needs.iter().copied().map(Ordinal).collect();
        let inputs = self.inputs.to_string();
        let value = |name: &str| self.inputs.get(name);
        use_draft(&Draft {
            ordinal: Ordinal(ordinal),
            entry_index: self.entry_index,
            entry: &entry,
            row: self.row,
            take: self.take,
            operation: self.operation,
            chosen_because: None,
            fingerprint: self.fingerprint(),
            inputs: &inputs,
            needs: &needs,
            save: None,
            input: &value,
        })
    }
}

/// Purchases by a draft's `print`.
#[derive(Default)]
pub(crate) struct Bought(pub(crate) BTreeMap<u8, PaidJob>);

/// Nothing was bought, as far as is known, but every operation took so long.
pub(crate) struct Took(pub(crate) Duration);

impl PaidJobs for Took {
    fn is_empty(&self) -> bool {
        true
    }

    fn find(&self, _: &Fingerprint) -> Option<PaidJob> {
        None
    }

    fn took(&self, operation: &str) -> Option<Duration> {
        (operation == "suno.create").then_some(self.0)
    }
}

impl PaidJobs for Bought {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, fingerprint: &Fingerprint) -> Option<PaidJob> {
        self.0.get(&fingerprint.0[0]).cloned()
    }
}

/// Plans drafts by one of [`lists`] at a provider.
pub(crate) fn plan_at(
    provider: &str,
    list: usize,
    specs: &[Spec],
    paid: &dyn PaidJobs,
    fresh: bool,
) -> Result<Plan, PlanError> {
    let (catalog, lists) = (catalog(), lists());
    let sources = Sources {
        provider,
        catalog: &catalog,
        prices: &lists.lists[list],
        known: &lists,
        paid,
    };
    let mut builder = Builder::new(
        "midnight-drive",
        "d1935",
        sources,
        PlanOptions {
            fresh,
            list_is_certain: false,
        },
    );
    for (ordinal, spec) in (0..).zip(specs) {
        spec.with(ordinal, |draft| builder.add(draft))?;
    }
    builder.finish()
}

/// Plans drafts by `guide` on the simulator.
pub(crate) fn plan(specs: &[Spec], paid: &dyn PaidJobs) -> Plan {
    plan_at("simulator", 0, specs, paid, false).unwrap()
}
