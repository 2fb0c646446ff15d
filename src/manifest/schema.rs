//! The keys of a manifest as data: what reads them, what suggests them and the JSON Schema all use this table.

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
    pub(super) doc: &'static str,
}

/// What a key's value looks like.
#[derive(Debug)]
pub(super) enum Shape {
    /// Any text.
    Text,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// Letters, digits, `_` and `-`.
    Id,
    /// An `https` origin, or `http` on this machine.
    Origin,
    /// The name of an environment variable.
    Variable,
    /// A whole number.
    Whole { min: i64, max: i64 },
    /// A number.
    Number { min: f64, max: f64 },
    /// True or false.
    Flag,
    /// Such as `20s`.
    Duration,
    /// Such as `20/1m`.
    Rate,
    /// A table with keys of its own.
    Section(&'static [Key]),
    /// A list of tables, each with these keys.
    Sections(&'static [Key]),
    /// A table of names of the user's own.
    Values,
    /// A table of parameters for each operation, or for `*`.
    Defaults,
    /// A table of settings for each name of the user's own.
    Profiles(&'static [Key]),
    /// The name of an operation or a choice.
    Operation,
    /// A table of parameters.
    Inputs,
    /// A list of job ids.
    JobIds,
    /// A list of names.
    Names,
    /// A list of files.
    Files,
    /// A file, the results of a job, or a list of rows.
    Rows,
    /// A relative path below the output folder.
    SavePath,
    /// A list of anything.
    List,
    /// A table of lists of single values.
    Matrix,
}

const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        required: false,
        doc,
    }
}

const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        required: true,
        doc,
    }
}

/// Credits, counts and seeds: whole numbers that are not negative.
const COUNT: Shape = Shape::Whole {
    min: 0,
    max: i64::MAX,
};
/// A whole number that fits 32 bits and is not zero.
const SOME: Shape = Shape::Whole {
    min: 1,
    max: i32::MAX as i64,
};
/// More takes of one input than this are a slip of the pen.
pub(super) const MAX_TAKES: u32 = 10_000;

/// The whole manifest.
pub(super) static MANIFEST: &[Key] = &[
    optional(
        "name",
        Shape::Text,
        "The batch's name; the file's name when not given.",
    ),
    optional(
        "include",
        Shape::Files,
        "Files with `vars`, `defaults` and profiles that several manifests share; later ones win, and the manifest over all.",
    ),
    optional("provider", Shape::Section(PROVIDER), "Who does the work."),
    optional("limits", Shape::Section(LIMITS), "How fast to go."),
    optional("budget", Shape::Section(BUDGET), "What may be spent."),
    optional(
        "prices",
        Shape::Text,
        "The price list: a name such as `guide`, or a file.",
    ),
    optional(
        "vars",
        Shape::Values,
        "Values to be used as `${vars.NAME}`.",
    ),
    optional(
        "defaults",
        Shape::Defaults,
        "Parameters for all jobs of an operation; `*` is for every operation that has the parameter.",
    ),
    optional(
        "profile",
        Shape::Profiles(PROFILE),
        "Settings by name, such as `[profile.dev]`: `--profile NAME` lays one over those of the manifest.",
    ),
    required(
        "job",
        Shape::Sections(JOB),
        "one `[[job]]` for each kind of work.",
    ),
];

/// A file that manifests include.
pub(super) static INCLUDED: &[Key] = &[
    optional("include", Shape::Files, "More such files."),
    optional("vars", Shape::Values, "Values of variables."),
    optional(
        "defaults",
        Shape::Defaults,
        "Parameters for all jobs of an operation.",
    ),
    optional("profile", Shape::Profiles(PROFILE), "Settings by name."),
];

/// `[profile.NAME]`: what it says is laid over the manifest's own.
pub(super) static PROFILE: &[Key] = &[
    optional("provider", Shape::Section(PROVIDER), "Who does the work."),
    optional("limits", Shape::Section(LIMITS), "How fast to go."),
    optional("budget", Shape::Section(BUDGET), "What may be spent."),
    optional("prices", Shape::Text, "The price list."),
    optional("vars", Shape::Values, "Other values of variables."),
    optional(
        "defaults",
        Shape::Defaults,
        "Parameters for all jobs of an operation.",
    ),
    optional(
        "sample",
        SOME,
        "Of each `for_each`, only so many of the first rows; what they refer to comes along.",
    ),
];

/// `[provider]`.
pub(super) static PROVIDER: &[Key] = &[
    optional(
        "name",
        Shape::Word(&["simulator", "aimusicapi", "musicapi"]),
        "Which provider; `simulator` costs nothing and needs no key.",
    ),
    optional(
        "base_url",
        Shape::Origin,
        "Another origin for requests and the key.",
    ),
    optional(
        "key_env",
        Shape::Variable,
        "The environment variable that holds the key; never the key itself.",
    ),
    optional(
        "simulator",
        Shape::Section(SIMULATOR),
        "How the simulated provider behaves.",
    ),
];

static SIMULATOR: &[Key] = &[
    optional("credits", COUNT, "Subscription credits at the start."),
    optional("extra_credits", COUNT, "Purchased credits at the start."),
    optional("charge", Shape::Text, "The price list it charges by."),
    optional(
        "era",
        Shape::Word(&["2025", "2026"]),
        "Which year's endpoints it serves.",
    ),
    optional("task_time", Shape::Duration, "How long a task takes."),
    optional(
        "rate",
        Shape::Text,
        "The submits it lets through, e.g. `20/1m`, or `off`.",
    ),
    optional(
        "retry_after",
        Shape::Flag,
        "Whether a refusal for rate says how long to wait.",
    ),
    optional("concurrency", SOME, "The tasks it runs at a time."),
    optional(
        "failure_rate",
        Shape::Number { min: 0.0, max: 1.0 },
        "The share of tasks that fail.",
    ),
    optional("refunds", Shape::Flag, "Whether failed tasks are refunded."),
    optional(
        "seed",
        COUNT,
        "What its chances are drawn from; with one, a rehearsal is the same each time.",
    ),
    optional(
        "speed",
        Shape::Number {
            min: 0.001,
            max: 1_000_000.0,
        },
        "How much faster than real time its clock goes.",
    ),
    optional("audio_seconds", SOME, "The longest audio it makes."),
    optional(
        "credit_refusal",
        Shape::Word(&["family", "402", "403"]),
        "How it refuses when credits run out: by family, or always with one status.",
    ),
    optional(
        "chirp_names",
        Shape::Flag,
        "Whether it names models in the older spelling.",
    ),
    optional(
        "faults",
        Shape::List,
        "Faults to be played, in its own notation.",
    ),
    optional(
        "webhooks",
        Shape::Word(&["loopback", "off"]),
        "Where it sends webhooks: to this machine, or nowhere.",
    ),
    optional(
        "webhook_signature",
        Shape::Word(&["timestamped", "body"]),
        "What of a webhook is signed: time and body, or the body alone, as in 2025.",
    ),
];

static LIMITS: &[Key] = &[
    optional(
        "rate",
        Shape::Rate,
        "Requests that submit, per span, e.g. `20/1m`.",
    ),
    optional("concurrency", SOME, "Tasks in flight."),
    optional(
        "poll",
        Shape::Duration,
        "How often a task is asked for, e.g. `20s`.",
    ),
    optional(
        "timeout",
        Shape::Duration,
        "How long one request may take; a submit without an answer by then is in doubt.",
    ),
];

static BUDGET: &[Key] = &[
    optional(
        "run",
        COUNT,
        "This run may spend at most this many credits.",
    ),
    optional(
        "period",
        COUNT,
        "All runs of the account together may spend at most this per billing period.",
    ),
    optional("keep", COUNT, "The balance is never taken below this."),
    optional(
        "when_short",
        Shape::Word(&["refuse", "fit"]),
        "What to do when credits are short: start nothing, or run what fits.",
    ),
];

static JOB: &[Key] = &[
    required("id", Shape::Id, "its name: letters, digits, `_` and `-`."),
    required(
        "operation",
        Shape::Operation,
        "what is asked for, such as `suno.create`.",
    ),
    optional(
        "with",
        Shape::Inputs,
        "The operation's parameters; text may hold `${each.…}`, `${matrix.…}`, `${vars.…}`, `${take}` and `${jobs.ID.…}`.",
    ),
    optional(
        "needs",
        Shape::JobIds,
        "Entries whose jobs must succeed first.",
    ),
    optional(
        "takes",
        Shape::Whole {
            min: 1,
            max: MAX_TAKES as i64,
        },
        "How many different results of the same input.",
    ),
    optional(
        "for_each",
        Shape::Rows,
        "One job per row: a CSV or JSON Lines file, `jobs.ID.clips`, `jobs.ID.results`, or a list. A CSV cell for a list is split at `;`, an empty one is no value.",
    ),
    optional(
        "matrix",
        Shape::Matrix,
        "Lists of values: one job for each combination of them, with `${matrix.KEY}`; the first key changes slowest.",
    ),
    optional(
        "priority",
        Shape::Whole {
            min: i32::MIN as i64,
            max: i32::MAX as i64,
        },
        "Jobs with a higher number start first.",
    ),
    optional(
        "tags",
        Shape::Names,
        "Words to choose the job by: `--tag TAG`.",
    ),
    optional(
        "save",
        Shape::SavePath,
        "Where the files go, below the output folder; `{ext}` and `{n}` are put in.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(keys: &[Key], path: &str) {
        for (at, key) in keys.iter().enumerate() {
            assert!(
                !keys[..at].iter().any(|other| other.name == key.name),
                "{path}{}",
                key.name
            );
            assert!(key.doc.ends_with('.'), "{path}{}", key.name);
            if let Shape::Section(keys) | Shape::Sections(keys) | Shape::Profiles(keys) = &key.shape
            {
                visit(keys, &format!("{path}{}.", key.name));
            }
        }
    }

    #[test]
    fn every_key_is_named_once_and_documented() {
        visit(MANIFEST, "");
        visit(INCLUDED, "");
    }
}
