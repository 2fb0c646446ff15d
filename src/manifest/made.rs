//! What an expansion has made of the entries so far, so that later ones can refer to it.

use crate::model::{Fingerprint, JobRef, Ordinal, ResultPath, Step};

use super::cell::Target;

/// The jobs made of one entry, which follow one another.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The place of the first.
    pub(super) first: u32,
    /// How many.
    pub(super) jobs: u32,
    /// Their fingerprints; only kept when other entries refer to them.
    pub(super) prints: Vec<Fingerprint>,
    /// How many rows and takes that is, for messages.
    pub(super) rows: u32,
    pub(super) takes: u32,
    /// How many clips, then results, each call gives.
    pub(super) counts: [Count; 2],
    /// Whether its rows are not looked at in this pass.
    pub(super) unknown: bool,
}

/// How many items of a list the jobs of an entry give.
#[derive(Debug)]
pub(super) enum Count {
    /// Each the same.
    Even(u32),
    /// Up to and with each job, since jobs take different operations.
    Ends(Vec<u32>),
}

impl Default for Count {
    fn default() -> Self {
        Self::Even(0)
    }
}

impl Made {
    fn count(&self, list: &str) -> &Count {
        &self.counts[usize::from(list == "results")]
    }

    /// Returns how many items the list has over all jobs.
    pub(super) fn total(&self, list: &str) -> u32 {
        match self.count(list) {
            Count::Even(each) => self.jobs.saturating_mul(*each),
            Count::Ends(ends) => ends.last().copied().unwrap_or(0),
        }
    }

    /// Finds the job that gives an item, and the item's place in that job's own list.
    pub(super) fn locate(&self, list: &str, index: u32) -> (u32, usize) {
        let (job, local) = match self.count(list) {
            Count::Even(each) => (index / (*each).max(1), index % (*each).max(1)),
            Count::Ends(ends) => {
                let job = ends.partition_point(|end| *end <= index);
                let before = job.checked_sub(1).map_or(0, |before| ends[before]);
                (u32::try_from(job).unwrap_or(u32::MAX), index - before)
            }
        };
        (job, usize::try_from(local).unwrap_or(usize::MAX))
    }

    /// Returns the fingerprint of one of its jobs.
    pub(super) fn print(&self, job: u32) -> Fingerprint {
        let place = usize::try_from(job).unwrap_or(usize::MAX);
        self.prints
            .get(place)
            .copied()
            .unwrap_or(Fingerprint([0; 16]))
    }

    /// Resolves a reference: the job, and the path in its own result.
    ///
    /// # Errors
    /// A message and a label, when it leads to no job or to several.
    pub(super) fn link(
        &self,
        target: &Target,
        id: &str,
    ) -> Result<(JobRef, Option<Ordinal>), (String, String)> {
        if self.unknown {
            let reference = JobRef {
                job: self.print(0),
                path: target.path.clone(),
            };
            return Ok((reference, None));
        }
        let (job, path) = match indexed(&target.path) {
            Some((list, index)) => {
                let total = self.total(list);
                let index = u32::try_from(index).ok().filter(|index| *index < total);
                let index = index.ok_or_else(|| self.beyond(id, list, &target.path))?;
                let (job, local) = self.locate(list, index);
                let mut path = target.path.clone();
                path.0[1] = Step::Index(local);
                (job, path)
            }
            None if self.jobs == 1 => (0, target.path.clone()),
            None => {
                let message = format!("`{}` of job `{id}` is not one value", target.path);
                return Err((message, format!("`{id}` makes {} jobs", self.jobs)));
            }
        };
        let reference = JobRef {
            job: self.print(job),
            path,
        };
        Ok((reference, Some(Ordinal(self.first.saturating_add(job)))))
    }

    fn beyond(&self, id: &str, list: &str, path: &ResultPath) -> (String, String) {
        let mut gives = match self.count(list) {
            Count::Even(each) => format!("`{id}` gives {each} {list} per call"),
            Count::Ends(_) => format!("`{id}` gives {list} by operation"),
        };
        if self.rows != 1 {
            gives.push_str(&format!(" × {} rows", self.rows));
        }
        gives.push_str(&format!(
            " × {} {}",
            self.takes,
            if self.takes == 1 { "take" } else { "takes" }
        ));
        let label = match self.total(list).checked_sub(1) {
            Some(last) => format!("{gives}: 0 to {last}"),
            None => format!("{gives}: none"),
        };
        (format!("there is no `{path}` of job `{id}`"), label)
    }
}

/// Takes the index off a path into the clips or results of an entry.
pub(super) fn indexed(path: &ResultPath) -> Option<(&str, usize)> {
    match path.0.as_slice() {
        [Step::Field(list), Step::Index(index), ..] if list == "clips" || list == "results" => {
            Some((list, *index))
        }
        _ => None,
    }
}
