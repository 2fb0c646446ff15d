//! Exports that give what is had for less: by another operation, by one call for several formats, or from the run
//! itself, which saves every clip it makes.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::catalog::{Catalog, OperationId, PriceList};
use crate::manifest::Draft;
use crate::model::{CreditError, Credits, Input};

use super::super::advice::{Advice, CheaperExport};
use super::Earlier;

/// Clips whose exports are compared with each other: beyond it nothing is said of the rest, so that memory stays small.
const COMPARED: usize = 50_000;

/// What is exported of one clip.
#[derive(Default)]
struct Clip {
    /// What its WAV costs by itself.
    wav: Option<Credits>,
    /// Another call gives it in formats of one's choice.
    is_downloaded: bool,
}

/// What was seen of exports so far.
pub(super) struct Exports {
    wav: Option<OperationId>,
    download: Option<OperationId>,
    producer_download: Option<OperationId>,
    wav_price: Option<Credits>,
    found: BTreeMap<CheaperExport, (u64, Credits)>,
    /// By their inputs as they are written.
    clips: HashMap<String, Clip>,
}

impl Exports {
    pub(super) fn new(catalog: &Catalog, prices: &PriceList) -> Self {
        let wav = catalog.find("suno.wav");
        Self {
            wav,
            download: catalog.find("suno.download"),
            producer_download: catalog.find("producer.download"),
            wav_price: wav.and_then(|wav| Some(prices.flat(wav)?.credits)),
            found: BTreeMap::new(),
            clips: HashMap::new(),
        }
    }

    /// Notes a job that is to be bought.
    pub(super) fn note(
        &mut self,
        draft: &Draft<'_>,
        price: Credits,
        earlier: &Earlier<'_>,
    ) -> Result<(), CreditError> {
        let asked = Some(draft.operation);
        if asked == self.wav {
            self.note_clip(draft, |clip| clip.wav = Some(price));
            return Ok(());
        }
        if asked != self.download && asked != self.producer_download {
            return Ok(());
        }
        let formats = formats(draft);
        if formats == ["mp3"] && is_clip_of_the_plan(draft, earlier) {
            return self.add(CheaperExport::SavedAnyway, price);
        }
        if asked == self.producer_download {
            return Ok(());
        }
        let by_wav = self.wav_price.map(|wav| wav.short_of(price));
        match by_wav {
            Some(saving) if formats == ["wav"] && !saving.is_zero() => {
                self.add(CheaperExport::WavAlone, saving)
            }
            _ => {
                self.note_clip(draft, |clip| clip.is_downloaded = true);
                Ok(())
            }
        }
    }

    /// Returns the advice there is to give.
    pub(super) fn finish(mut self) -> Result<Vec<Advice>, CreditError> {
        let clips = std::mem::take(&mut self.clips);
        for price in clips
            .into_values()
            .filter_map(|clip| clip.wav.filter(|_| clip.is_downloaded))
        {
            self.add(CheaperExport::OneCall, price)?;
        }
        let found = self.found.into_iter();
        let hints = found.map(|(way, (jobs, saving))| Advice::CheaperExport { way, jobs, saving });
        Ok(hints.collect())
    }

    /// Counts a job that could cost less; what saves nothing is not told.
    fn add(&mut self, way: CheaperExport, saving: Credits) -> Result<(), CreditError> {
        if !saving.is_zero() {
            let (jobs, sum) = self.found.entry(way).or_default();
            *jobs += 1;
            *sum = sum.plus(saving)?;
        }
        Ok(())
    }

    fn note_clip(&mut self, draft: &Draft<'_>, note: impl FnOnce(&mut Clip)) {
        let inputs = serde_json::from_str::<Map<String, Value>>(draft.inputs);
        let clip = inputs.ok().and_then(|mut inputs| inputs.remove("clip"));
        let Some(clip) = clip.map(|clip| clip.to_string()) else {
            return;
        };
        if self.clips.len() < COMPARED || self.clips.contains_key(&clip) {
            note(self.clips.entry(clip).or_default());
        }
    }
}

/// Returns the formats that a download asks for.
fn formats<'a>(draft: &'a Draft<'_>) -> Vec<&'a str> {
    let asked = (draft.input)("formats").or_else(|| (draft.input)("format"));
    match asked {
        Some(Value::Array(formats)) => formats.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(format)) => vec![format],
        _ => Vec::new(),
    }
}

/// Tells whether the clip comes from a job of this plan, whose audio is saved in any case.
fn is_clip_of_the_plan(draft: &Draft<'_>, earlier: &Earlier<'_>) -> bool {
    let clip = match Input::from_canonical(draft.inputs) {
        Ok(Input::Table(mut inputs)) => inputs.remove("clip"),
        _ => None,
    };
    let Some(Input::Ref(clip)) = clip else {
        return false;
    };
    let jobs = draft.needs.iter().filter_map(|need| earlier.job(*need));
    jobs.into_iter().any(|job| job.fingerprint == clip.job)
}
