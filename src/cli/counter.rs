//! How far a long look at a manifest is, for a person who waits; what is over at once says nothing.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ui::Ui;

/// How long a person waits without a word.
const PATIENCE: Duration = Duration::from_millis(300);

/// How many jobs pass between two looks at the clock, which costs more than a job.
const EVERY: u64 = 4096;

/// Counts jobs on a terminal, and leaves no trace there.
pub(crate) struct Counter {
    what: &'static str,
    is_watched: bool,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Counter {
    /// Prepares to count; `what` says what is done with the jobs.
    pub(crate) fn new(ui: &Ui, what: &'static str) -> Self {
        Self {
            what,
            is_watched: ui.can_draw(),
            begun: Instant::now(),
            bar: None,
        }
    }

    /// Shows how many jobs there are so far.
    pub(crate) fn show(&mut self, jobs: u64) {
        if !self.is_watched || !jobs.is_multiple_of(EVERY) || self.begun.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| new_bar(self.what));
        bar.set_position(jobs);
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} {msg}: {human_pos} jobs so far")
        .expect("the template is valid");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar.set_message(what);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_who_waits_sees_it() {
        let shown = |is_watched, waited: Duration, jobs| {
            let mut counter = Counter {
                what: "planning",
                is_watched,
                begun: Instant::now().checked_sub(waited).unwrap(),
                bar: None,
            };
            counter.show(jobs);
            counter.bar.as_ref().map(ProgressBar::position)
        };
        let long = Duration::from_secs(1);
        assert_eq!(shown(true, long, 8 * EVERY), Some(8 * EVERY));
        assert_eq!(shown(true, long, EVERY + 1), None);
        assert_eq!(shown(true, Duration::ZERO, EVERY), None);
        assert_eq!(shown(false, long, EVERY), None);
    }
}
