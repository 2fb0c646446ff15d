//! What a plan's reader should know besides its price: prices that may be wrong, and ways to spend less.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Credits;

/// A reason to look twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// Prices that no page of the provider states.
    InferredPrice {
        /// The operation's name.
        operation: String,
        /// Jobs that are bought at such a price.
        jobs: u64,
        /// What they cost together.
        credits: Credits,
    },
    /// Built-in lists price the jobs differently: only one can be what the account is charged.
    ListsDiffer {
        /// The list in use.
        used: String,
        /// The lists that differ.
        others: Vec<String>,
    },
    /// Jobs whose `save` names the same path: the later file gets a name of its own.
    SharedPath {
        /// The path.
        path: String,
        /// The first two jobs that have it.
        names: [String; 2],
        /// Jobs whose path an earlier one has, these two's and all others.
        jobs: u64,
    },
}

/// A way to spend less, or a saving already made, with its figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// Identical jobs are bought once.
    Twins {
        /// Jobs that share an earlier job's result.
        jobs: u64,
        /// What they would have cost.
        saved: Credits,
    },
    /// Full stems of which later jobs use at most two tracks.
    BasicStems {
        /// The operation asked for.
        full: String,
        /// The cheaper one.
        basic: String,
        /// How many jobs.
        jobs: u64,
        /// What the cheaper one would save.
        saving: Credits,
    },
    /// Songs of the plan are extended that could have been made longer at once.
    LongerAtOnce {
        /// The operation that extends.
        operation: String,
        /// How many jobs extend.
        jobs: u64,
        /// Jobs that join such an extension to its song.
        joins: u64,
        /// How long a song may be made at once, in seconds.
        reach_s: u64,
        /// What extending and joining cost.
        saving: Credits,
    },
    /// Jobs differ from another in their length alone, and the price is the same.
    SameButLength {
        /// The shorter ones.
        jobs: u64,
        /// A shorter one and its longer one.
        names: [String; 2],
        /// What the shorter ones cost.
        saving: Credits,
    },
    /// Short pieces cost what long ones do.
    ShortSavesNothing {
        /// How many jobs ask for a short piece.
        jobs: u64,
        /// The longest of them, in seconds.
        longest_s: u64,
        /// What they cost.
        credits: Credits,
    },
    /// Exports that can be had for less.
    CheaperExport {
        /// How.
        way: CheaperExport,
        /// How many jobs.
        jobs: u64,
        /// What it saves.
        saving: Credits,
    },
    /// Operations that a provider has retired: this batch would be refused there.
    Retired {
        /// The operation.
        operation: String,
        /// The provider.
        provider: String,
        /// What to use instead, as a sentence.
        instead: String,
        /// How many jobs.
        jobs: u64,
        /// What they cost here.
        credits: Credits,
    },
    /// Another built-in list asks other prices for these jobs.
    OtherList(ListComparison),
}

/// How an export can be had for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheaperExport {
    /// The run saves the clip in that format without it.
    SavedAnyway,
    /// `suno.wav` gives a WAV for less than `suno.download` does.
    WavAlone,
    /// The clip is downloaded besides, and one download can give several formats.
    OneCall,
}

/// The jobs to be bought, by the prices of another list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListComparison {
    /// The list in use.
    pub used: String,
    /// The other list.
    pub other: String,
    /// When its prices held, `YYYY-MM`.
    pub dated: String,
    /// What the jobs that have a price in both cost by the list in use.
    pub here: Credits,
    /// What they cost by the other.
    pub there: Credits,
    /// Jobs without a price in the other.
    pub unpriced: u64,
    /// The operations that differ, the largest difference first.
    pub operations: Vec<OperationDifference>,
}

/// One operation's jobs by two lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationDifference {
    /// The operation's name.
    pub operation: String,
    /// Jobs with a price in both.
    pub jobs: u64,
    /// What they cost by the list in use.
    pub here: Credits,
    /// What they cost by the other.
    pub there: Credits,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InferredPrice {
                operation,
                jobs,
                credits,
            } => write!(
                f,
                "the price of `{operation}` is inferred, no page states it: {}, {credits} credits",
                count(*jobs)
            ),
            Self::SharedPath { path, names, jobs } => {
                let [first, second] = names;
                write!(
                    f,
                    "`{first}` and `{second}` save to the same path `{path}`, where the later file becomes `…~2`"
                )?;
                match jobs {
                    1 => Ok(()),
                    more => write!(f, "; {more} jobs share a path with an earlier one"),
                }
            }
            Self::ListsDiffer { used, others } => {
                let others: Vec<_> = others.iter().map(|name| format!("`{name}`")).collect();
                write!(
                    f,
                    "`{used}` prices these jobs unlike {}: `--prices` chooses the list your account is charged by",
                    others.join(" and ")
                )
            }
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twins { jobs, saved } => write!(
                f,
                "identical jobs are bought once: {} at no cost, {saved} credits saved",
                count(*jobs)
            ),
            Self::BasicStems {
                full,
                basic,
                jobs,
                saving,
            } => write!(
                f,
                "of `{full}` ({}) later jobs use at most 2 tracks: `{basic}` costs {saving} credits less, \
                 if vocals and instrumental are the tracks you need",
                count(*jobs)
            ),
            Self::LongerAtOnce {
                operation,
                jobs,
                joins,
                reach_s,
                saving,
            } => {
                write!(f, "`{operation}` ({})", count(*jobs))?;
                if *joins > 0 {
                    write!(f, " and {} to the song", joined(*joins))?;
                }
                write!(
                    f,
                    " cost {}: a `duration` of up to {reach_s} s in the song's own job makes it as long \
                     at no extra cost, where one text serves the whole",
                    credits(*saving)
                )
            }
            Self::SameButLength {
                jobs,
                names: [short, long],
                saving,
            } => write!(
                f,
                "`{short}` is `{long}` but shorter, at the same price: without what is only shorter ({}) the plan \
                 costs {} less",
                count(*jobs),
                credits(*saving)
            ),
            Self::ShortSavesNothing {
                jobs,
                longest_s,
                credits,
            } => write!(
                f,
                "short pieces save nothing: {} of up to {longest_s} s cost {}, as at full length; \
                 `--sample N` tries fewer jobs, and the simulator costs nothing",
                count(*jobs),
                self::credits(*credits)
            ),
            Self::CheaperExport { way, jobs, saving } => {
                let words = match way {
                    CheaperExport::SavedAnyway => {
                        "the run saves each clip it makes as MP3: without downloads of that"
                    }
                    CheaperExport::WavAlone => {
                        "`suno.wav` gives a WAV for less than `suno.download`: with it"
                    }
                    CheaperExport::OneCall => {
                        "one `suno.download` gives several formats: with `wav` among its `formats`, and no `suno.wav` for that clip,"
                    }
                };
                write!(
                    f,
                    "{words} the plan costs {} less ({})",
                    credits(*saving),
                    count(*jobs)
                )
            }
            Self::Retired {
                operation,
                provider,
                instead,
                jobs,
                credits,
            } => write!(
                f,
                "`{operation}` ({}, {}) is retired at `{provider}`, where this plan is refused; \
                 there, {instead}",
                count(*jobs),
                self::credits(*credits)
            ),
            Self::OtherList(comparison) => comparison.fmt(f),
        }
    }
}

impl fmt::Display for ListComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Operations named in one line; the rest is in the JSON form.
        const NAMED: usize = 4;
        let (more, less) = (
            self.here.short_of(self.there),
            self.there.short_of(self.here),
        );
        write!(
            f,
            "by `{}` ({}) these jobs cost {}",
            self.other, self.dated, self.there
        )?;
        match (more.is_zero(), less.is_zero()) {
            (true, true) => write!(f, ", as by `{}`:", self.used)?,
            (false, _) => write!(f, ", {more} more than by `{}`:", self.used)?,
            (true, false) => write!(f, ", {less} less than by `{}`:", self.used)?,
        }
        for (at, operation) in self.operations.iter().take(NAMED).enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(
                f,
                "{comma} `{}` {} → {} ({})",
                operation.operation,
                operation.here,
                operation.there,
                count(operation.jobs)
            )?;
        }
        if self.operations.len() > NAMED {
            write!(f, ", and {} more", self.operations.len() - NAMED)?;
        }
        if self.unpriced > 0 {
            write!(f, "; without a price there: {}", count(self.unpriced))?;
        }
        Ok(())
    }
}

/// Writes an amount: `1 credit`, `2 credits`.
fn credits(amount: Credits) -> String {
    format!(
        "{amount} {}",
        if amount.get() == 1 {
            "credit"
        } else {
            "credits"
        }
    )
}

/// Writes a count of joins: `joining it`, `joining them (2 jobs)`.
fn joined(joins: u64) -> String {
    match joins {
        1 => "joining it".to_owned(),
        more => format!("joining them ({more} jobs)"),
    }
}

/// Writes a count of jobs: `1 job`, `2 jobs`.
fn count(jobs: u64) -> String {
    format!("{jobs} {}", if jobs == 1 { "job" } else { "jobs" })
}
