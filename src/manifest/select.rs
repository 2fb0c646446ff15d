//! Which jobs of a batch are wanted: by name, by tag, or the first of each `for_each`; and what those refer to and need.
//!
//! Jobs are left out of the expansion's end, not of its beginning: one that stays is the same job as in the whole batch.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::catalog::Catalog;
use crate::model::Ordinal;

use super::batch::{Batch, Draft};
use super::diagnostic::{Problem, ProblemKind, Problems, did_you_mean, listed};
use super::entry::{Entry, Origin, RowSource};
use super::expand::{Sink, expand};
use super::glob::matches;
use super::source::Source;
use super::tree::Span;

/// What is said when names and tags exclude each other.
const NONE_HAS_BOTH: &str = "no job has both a name and a tag that are asked for";

/// What was asked for, each name with the place where it was said.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) only: Vec<(String, Span)>,
    pub(super) tags: Vec<(String, Span)>,
    pub(super) sample: Option<u32>,
}

impl Asked {
    /// Finds names and tags that no entry has.
    fn check(&self, entries: &[Entry], source: &Source, problems: &mut Problems) {
        let there = entries.iter().filter(|it| it.origin != Origin::IdleUpload);
        let ids: Vec<&str> = there.map(|entry| &*entry.info.id).collect();
        for (pattern, span) in &self.only {
            let of_entry = entry_part(pattern);
            if !ids.iter().any(|id| matches(of_entry, id)) {
                let message = format!("no job is called `{pattern}`");
                problems.push(unknown(message, of_entry, &ids, source, *span));
            }
        }
        let tags = entries.iter().flat_map(|entry| &entry.tags);
        let tags: Vec<&str> = tags.map(String::as_str).collect();
        for (tag, span) in &self.tags {
            if !tags.contains(&tag.as_str()) {
                let message = format!("no job has the tag `{tag}`");
                problems.push(unknown(message, tag, &tags, source, *span));
            }
        }
    }
}

/// What is asked for of a batch, in terms of its entries.
#[derive(Debug)]
pub(super) struct Selection {
    /// By entry, in the manifest's order.
    entries: Vec<Wanted>,
    /// Names of single jobs, as patterns.
    jobs: Vec<(String, Span)>,
    sample: Option<u32>,
    /// By entry: those that it waits for, and does not refer to.
    waits: Vec<Vec<usize>>,
}

/// What is asked for of one entry.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// It has a tag that is asked for, or none is.
    has_tag: bool,
    /// All of its jobs are asked for by name, or none is by name.
    is_whole: bool,
    /// Single jobs are perhaps named.
    is_named: bool,
}

impl Selection {
    /// Finds what is asked for; nothing when that is all that an expansion gives.
    ///
    /// An upload that is not named is asked for by nobody: it comes along with the jobs that use it, or not at all.
    pub(super) fn of(
        asked: Asked,
        entries: &[Entry],
        source: &Source,
        problems: &mut Problems,
    ) -> Option<Self> {
        let is_choosy = !asked.only.is_empty() || !asked.tags.is_empty() || asked.sample.is_some();
        if !is_choosy && !has_upload_in_question(entries) {
            return None;
        }
        asked.check(entries, source, problems);
        let (jobs, whole): (Vec<_>, Vec<_>) = asked
            .only
            .into_iter()
            .partition(|(pattern, _)| is_of_job(pattern));
        let is_all = jobs.is_empty() && whole.is_empty();
        let wanted = |entry: &Entry| {
            let id = entry.info.id.as_str();
            let has_tag = |(tag, _): &(String, Span)| entry.tags.contains(tag);
            Wanted {
                has_tag: asked.tags.is_empty() || asked.tags.iter().any(has_tag),
                is_whole: is_all && entry.origin == Origin::Written
                    || whole.iter().any(|(name, _)| matches(name, id)),
                is_named: jobs.iter().any(|(name, _)| matches(entry_part(name), id)),
            }
        };
        let wanted: Vec<Wanted> = entries.iter().map(wanted).collect();
        let is_some = |it: &Wanted| it.has_tag && (it.is_whole || it.is_named);
        if is_choosy && problems.is_empty() && !wanted.iter().any(is_some) {
            problems.push(Problem::new(ProblemKind::Reference, NONE_HAS_BOTH));
        }
        Some(Self {
            entries: wanted,
            jobs,
            sample: asked.sample,
            waits: entries.iter().map(waits).collect(),
        })
    }

    /// Expands the batch, and hands on what is wanted, in places of their own.
    pub(super) fn expand(
        &self,
        batch: &Batch,
        catalog: &Catalog,
        sink: &mut Sink<'_>,
    ) -> Result<(), Problems> {
        let jobs = Jobs::of(batch, catalog, self)?;
        let places = jobs.places(self);
        let (mut next, mut is_as_before, mut is_broken_off) = (0, true, false);
        let mut needs = Vec::new();
        expand(batch, catalog, true, &mut |draft| {
            // A row file that changes meanwhile must not tear a job from what it needs.
            is_as_before = draft.ordinal.index() == next && jobs.has(draft);
            if !is_as_before {
                return ControlFlow::Break(());
            }
            next += 1;
            let Some(ordinal) = places[draft.ordinal.index()] else {
                return ControlFlow::Continue(());
            };
            needs.clear();
            needs.extend(draft.needs.iter().filter_map(|need| places[need.index()]));
            let flow = sink(&draft.moved(ordinal, &needs, &|name| (draft.input)(name)));
            is_broken_off = flow.is_break();
            flow
        })?;
        if is_as_before && (is_broken_off || next == places.len()) {
            return Ok(());
        }
        let message = "a file of rows changed while it was read";
        Err(Problem::new(ProblemKind::File, message)
            .help("try again")
            .into())
    }

    /// Tells whether a job is asked for, and marks the names that mean it.
    fn is_wanted(&self, draft: &Draft<'_>, found: &mut [bool]) -> bool {
        let Wanted {
            has_tag,
            is_whole,
            is_named,
        } = self.entries[draft.entry_index as usize];
        let mut is_asked_for = is_whole;
        if is_named {
            let id = draft.id();
            for ((pattern, _), found) in self.jobs.iter().zip(found) {
                let is_meant = matches(pattern, id.as_str());
                *found |= is_meant;
                is_asked_for |= is_meant;
            }
        }
        has_tag && is_asked_for && self.is_sampled(draft.row)
    }

    /// Tells whether a row is among the first that are asked for; a job without rows always is.
    fn is_sampled(&self, row: u32) -> bool {
        self.sample.is_none_or(|first| row <= first)
    }
}

/// The jobs of a batch, in order, as far as a selection must know them.
#[derive(Default)]
struct Jobs {
    /// Entry and row of each.
    of: Vec<(u32, u32)>,
    need_ends: Vec<usize>,
    needs: Vec<Ordinal>,
    is_wanted: Vec<bool>,
}

impl Jobs {
    fn of(batch: &Batch, catalog: &Catalog, selection: &Selection) -> Result<Self, Problems> {
        let mut jobs = Self::default();
        let mut found = vec![false; selection.jobs.len()];
        expand(batch, catalog, true, &mut |draft| {
            jobs.of.push((draft.entry_index, draft.row));
            jobs.needs.extend_from_slice(draft.needs);
            jobs.need_ends.push(jobs.needs.len());
            jobs.is_wanted.push(selection.is_wanted(draft, &mut found));
            ControlFlow::Continue(())
        })?;
        let mut problems = Problems::default();
        for ((pattern, span), _) in selection.jobs.iter().zip(found).filter(|(_, found)| !found) {
            let message = format!("no job is called `{pattern}`");
            let problem = Problem::new(ProblemKind::Reference, message);
            problems.push(problem.at(batch.source.place(*span)));
        }
        if problems.is_empty() && !selection.jobs.is_empty() && !jobs.is_wanted.contains(&true) {
            let message = match selection.sample {
                Some(_) => "no job that is named is among the sample",
                None => NONE_HAS_BOTH,
            };
            problems.push(Problem::new(ProblemKind::Reference, message));
        }
        problems.or(jobs)
    }

    fn needs_of(&self, at: usize) -> &[Ordinal] {
        let start = at.checked_sub(1).map_or(0, |before| self.need_ends[before]);
        &self.needs[start..self.need_ends[at]]
    }

    /// Tells whether a job of a second expansion is the one of the first.
    fn has(&self, draft: &Draft<'_>) -> bool {
        let at = draft.ordinal.index();
        self.of.get(at) == Some(&(draft.entry_index, draft.row)) && self.needs_of(at) == draft.needs
    }

    /// Gives a place to each job that is wanted, or that such a one refers to or needs.
    fn places(&self, selection: &Selection) -> Vec<Option<Ordinal>> {
        let mut kept = self.is_wanted.clone();
        // Whatever needs a job comes behind it.
        for at in (0..self.of.len()).rev() {
            if !kept[at] {
                continue;
            }
            let waits = &selection.waits[self.of[at].0 as usize];
            for need in self.needs_of(at) {
                let (entry, row) = self.of[need.index()];
                // What is only waited for need not come whole, if a sample is asked for.
                kept[need.index()] |=
                    !waits.contains(&(entry as usize)) || selection.is_sampled(row);
            }
        }
        let mut next = 0;
        let places = kept.into_iter().map(|is_kept| {
            let place = is_kept.then_some(Ordinal(next));
            next += u32::from(is_kept);
            place
        });
        places.collect()
    }
}

/// Tells whether an upload could come without a job that uses it, since the jobs of an entry can be none.
fn has_upload_in_question(entries: &[Entry]) -> bool {
    let is_sure = |entry: &&Entry| matches!(entry.rows, RowSource::One);
    let sure: BTreeSet<usize> = entries
        .iter()
        .filter(is_sure)
        .flat_map(|entry| entry.targets.iter().map(|target| target.entry))
        .collect();
    let mut uploads = entries.iter().enumerate();
    uploads.any(|(at, entry)| entry.origin == Origin::Upload && !sure.contains(&at))
}

/// Returns the entries that one waits for as a whole, and does not refer to.
fn waits(entry: &Entry) -> Vec<usize> {
    let is_row =
        |other: usize| matches!(entry.rows, RowSource::Items { entry, .. } if entry == other);
    let is_target = |other: usize| entry.targets.iter().any(|target| target.entry == other);
    let needs = entry.needs.iter().copied();
    needs
        .filter(|other| !is_row(*other) && !is_target(*other))
        .collect()
}

/// Tells whether a pattern names single jobs: `cue[17]`, `song#2`.
fn is_of_job(pattern: &str) -> bool {
    pattern.contains(['[', '#'])
}

fn entry_part(pattern: &str) -> &str {
    pattern.split(['[', '#']).next().unwrap_or_default()
}

fn unknown(message: String, name: &str, known: &[&str], source: &Source, span: Span) -> Problem {
    let mut names = known.to_vec();
    names.sort_unstable();
    names.dedup();
    let problem = Problem::new(ProblemKind::Reference, message).at(source.place(span));
    match did_you_mean(name, names.iter().copied()) {
        Some(meant) => problem.label(format!("did you mean `{meant}`?")),
        None if names.is_empty() => problem.help("no job has any: give a job `tags = [\"…\"]`"),
        None => problem.help(format!("there are {}", listed(names, " and "))),
    }
}
