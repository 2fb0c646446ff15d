//! The command line as clap reads it: global flags, and the groups of flags that several commands share.
//!
//! Each command's own flags stand with the command. Every flag can be given as `SETLIST_<FLAG>` too; a flag wins.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::manifest::{parse_duration, parse_rate};
use crate::model::{
    Credits, Cutoff, FailureLimit, ManifestOptions, OnDrift, Proof, Rate, StopRules,
};

use super::commands;
use super::values;

/// Runs batches of AI-music operations, and can be trusted with the credits they cost
#[derive(Debug, Parser)]
#[command(
    name = "setlist",
    version,
    disable_help_subcommand = true,
    after_help = "Every flag can be given as an environment variable SETLIST_<FLAG>; a flag wins over its variable.\n\
                  A first run, on the built-in simulator, without a key: setlist run manifests/album.toml"
)]
pub(crate) struct Cli {
    /// Flags of all commands.
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of all commands.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// User configuration [default: $XDG_CONFIG_HOME/setlist/config.toml]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SETLIST_CONFIG",
        hide_env = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// Ledger, the record of every credit: PATH or sqlite:PATH [default: $XDG_STATE_HOME/setlist/ledger.db]
    #[arg(
        long,
        global = true,
        value_name = "PLACE",
        env = "SETLIST_LEDGER",
        hide_env = true
    )]
    pub(crate) ledger: Option<String>,

    /// File that adds operations, with their prices, to the built-in catalog
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SETLIST_CATALOG",
        hide_env = true
    )]
    pub(crate) catalog: Option<PathBuf>,

    /// Print results as JSON on standard output, errors as JSON on standard error
    #[arg(long, global = true, env = "SETLIST_JSON", hide_env = true, value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,

    /// Colour [default: auto, which minds NO_COLOR, CLICOLOR_FORCE and TERM=dumb]
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "SETLIST_COLOR",
        hide_env = true,
        value_enum,
        default_value_t,
        hide_default_value = true
    )]
    pub(crate) color: ColorChoice,

    /// Log to standard error; twice for more. SETLIST_LOG takes a filter such as `setlist=debug`
    #[arg(short, long, global = true, action = ArgAction::Count, env = "SETLIST_VERBOSE", hide_env = true)]
    pub(crate) verbose: u8,

    /// Say nothing but errors
    #[arg(short, long, global = true, env = "SETLIST_QUIET", hide_env = true, value_parser = BoolishValueParser::new())]
    pub(crate) quiet: bool,

    /// How log lines are written [default: text]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "SETLIST_LOG_FORMAT",
        hide_env = true,
        value_enum,
        default_value_t,
        hide_default_value = true
    )]
    pub(crate) log_format: LogFormat,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The syntax of a manifest that comes without a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManifestFormat {
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
}

/// Which manifest.
#[derive(Clone, Debug, Args)]
pub(crate) struct ManifestArgs {
    /// Manifest, a TOML or YAML file, `-` reads standard input; `plan` and `run` take a saved plan too
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: PathBuf,

    /// Syntax of a manifest on standard input
    #[arg(
        long,
        value_name = "FORMAT",
        env = "SETLIST_FORMAT_IN",
        hide_env = true,
        value_enum
    )]
    pub(crate) format_in: Option<ManifestFormat>,

    #[command(flatten)]
    pub(crate) options: OptionArgs,
}

/// Which of its settings a manifest is read with.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Manifest")]
pub(crate) struct OptionArgs {
    /// Lay a profile of the manifest over its settings
    #[arg(long, value_name = "NAME", env = "SETLIST_PROFILE", hide_env = true)]
    pub(crate) profile: Option<String>,

    /// Give a variable of the manifest another value of the same type; again for more
    #[arg(long = "var", value_name = "NAME=VALUE", env = "SETLIST_VAR", hide_env = true, value_parser = values::pair)]
    pub(crate) vars: Vec<(String, String)>,

    /// Only these jobs, and what they need: `song`, `cue[17]`, `song#2`, with `*` and `?`; several with commas
    #[arg(
        long,
        value_name = "JOB",
        env = "SETLIST_ONLY",
        hide_env = true,
        value_delimiter = ','
    )]
    pub(crate) only: Vec<String>,

    /// Only jobs that have one of these tags, and what they need
    #[arg(
        long = "tag",
        value_name = "TAG",
        env = "SETLIST_TAG",
        hide_env = true,
        value_delimiter = ','
    )]
    pub(crate) tags: Vec<String>,

    /// Only the first N rows of each `for_each`, and what they refer to
    #[arg(long, value_name = "N", env = "SETLIST_SAMPLE", hide_env = true, value_parser = values::at_least_one)]
    pub(crate) sample: Option<u32>,
}

impl OptionArgs {
    /// Returns what is said beside the manifest.
    pub(crate) fn to_options(&self) -> ManifestOptions {
        ManifestOptions {
            profile: self.profile.clone(),
            vars: self.vars.clone(),
            only: self.only.clone(),
            tags: self.tags.clone(),
            sample: self.sample,
        }
    }
}

impl From<ManifestOptions> for OptionArgs {
    fn from(options: ManifestOptions) -> Self {
        let ManifestOptions {
            profile,
            vars,
            only,
            tags,
            sample,
        } = options;
        Self {
            profile,
            vars,
            only,
            tags,
            sample,
        }
    }
}

/// Which provider, and at what prices.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ProviderArgs {
    /// Provider: simulator, aimusicapi or musicapi [default: the manifest's, else simulator]
    #[arg(long, value_name = "NAME", env = "SETLIST_PROVIDER", hide_env = true)]
    pub(crate) provider: Option<String>,

    /// Another origin than the provider's own; https, or http on loopback
    #[arg(long, value_name = "URL", env = "SETLIST_BASE_URL", hide_env = true)]
    pub(crate) base_url: Option<String>,

    /// Price list, by name or as a file [default: guide]
    #[arg(long, value_name = "LIST", env = "SETLIST_PRICES", hide_env = true)]
    pub(crate) prices: Option<String>,
}

/// What a run may spend.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct SpendArgs {
    /// This run may spend at most so many credits
    #[arg(long, value_name = "N", env = "SETLIST_MAX_CREDITS", hide_env = true)]
    pub(crate) max_credits: Option<Credits>,

    /// All runs of the account may spend at most so many credits per billing period
    #[arg(long, value_name = "N", env = "SETLIST_PERIOD_BUDGET", hide_env = true)]
    pub(crate) period_budget: Option<Credits>,

    /// Never take the balance below so many credits [default: 0]
    #[arg(long, value_name = "N", env = "SETLIST_KEEP", hide_env = true)]
    pub(crate) keep: Option<Credits>,
}

/// How fast a run goes.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// Paid requests per span [default: 1/3s, the provider's documented limit]
    #[arg(long, value_name = "N/SPAN", env = "SETLIST_RATE", hide_env = true, value_parser = parse_rate)]
    pub(crate) rate: Option<Rate>,

    /// Tasks in flight [default: 10]
    #[arg(long, value_name = "N", env = "SETLIST_CONCURRENCY", hide_env = true, value_parser = values::at_least_one)]
    pub(crate) concurrency: Option<u32>,
}

/// How a run asks.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct WaitArgs {
    /// How often a task is asked for [default: by the kind of operation]
    #[arg(long, value_name = "SPAN", env = "SETLIST_POLL", hide_env = true, value_parser = parse_duration)]
    pub(crate) poll: Option<Duration>,

    /// How long one request may take; a paid one without an answer by then is in doubt [default: 60s]
    #[arg(long, value_name = "SPAN", env = "SETLIST_TIMEOUT", hide_env = true, value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// When this process stops, and what it tells meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct StopArgs {
    /// Send nothing new after this time
    #[arg(long, value_name = "SPAN", env = "SETLIST_MAX_DURATION", hide_env = true, value_parser = parse_duration)]
    pub(crate) max_duration: Option<Duration>,

    /// Send nothing new once so many jobs have failed, or such a share of those settled so far, once 20 are
    #[arg(long, value_name = "N|P%", env = "SETLIST_MAX_FAILURES", hide_env = true, value_parser = values::failure_limit)]
    pub(crate) max_failures: Option<FailureLimit>,

    /// What happens at a credit limit: hard stops at the first job, by priority, that does not fit; cautious lets cheaper
    /// ones that fit go first and stops once none does; soft also waits for refunds of what runs. None passes a limit
    /// [default: cautious]
    #[arg(
        long,
        value_name = "HOW",
        env = "SETLIST_CUTOFF",
        hide_env = true,
        value_enum,
        hide_possible_values = true
    )]
    pub(crate) cutoff: Option<CutoffChoice>,

    /// Leave payments in doubt to `setlist resolve`, also those that two readings of the balance would settle
    #[arg(long, env = "SETLIST_KEEP_DOUBTS", hide_env = true, value_parser = BoolishValueParser::new())]
    pub(crate) keep_doubts: bool,

    /// Let the first job of each operation go alone, and compare its charge with its price before the rest goes on; stops if
    /// they differ, unless --on-drift says warn
    #[arg(long, env = "SETLIST_CANARY", hide_env = true, conflicts_with = "audit", value_parser = BoolishValueParser::new())]
    pub(crate) canary: bool,

    /// Let every job go alone, with the balance read before and after it, and warn of each charge that is not its price
    #[arg(long, env = "SETLIST_AUDIT", hide_env = true, value_parser = BoolishValueParser::new())]
    pub(crate) audit: bool,

    /// What follows when a job that went alone was not charged its price: stop or warn [default: stop with --canary,
    /// warn with --audit]
    #[arg(
        long,
        value_name = "WHAT",
        env = "SETLIST_ON_DRIFT",
        hide_env = true,
        value_enum,
        hide_possible_values = true
    )]
    pub(crate) on_drift: Option<OnDriftChoice>,

    /// With --json: print every event as a line of JSON while the run goes
    #[arg(long, env = "SETLIST_EVENTS", hide_env = true, value_parser = BoolishValueParser::new())]
    pub(crate) events: bool,
}

/// What follows when a charge is not the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnDriftChoice {
    /// The run stops.
    Stop,
    /// It is told.
    Warn,
}

impl StopArgs {
    /// Returns when a run stops by itself: as asked for, else as it was made.
    pub(crate) fn rules(&self, made: StopRules) -> StopRules {
        StopRules {
            cutoff: self.cutoff.map_or(made.cutoff, Into::into),
            max_failures: self.max_failures.or(made.max_failures),
            max_duration: self.max_duration.or(made.max_duration),
            proof: match (self.canary, self.audit) {
                (true, _) => Proof::Canary,
                (false, true) => Proof::Audit,
                (false, false) => made.proof,
            },
            on_drift: self.on_drift.map(Into::into).or(made.on_drift),
            keep_doubts: self.keep_doubts || made.keep_doubts,
        }
    }
}

impl From<OnDriftChoice> for OnDrift {
    fn from(choice: OnDriftChoice) -> Self {
        match choice {
            OnDriftChoice::Stop => Self::Stop,
            OnDriftChoice::Warn => Self::Warn,
        }
    }
}

/// What a run does once a job does not fit below a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CutoffChoice {
    /// Waits for refunds too.
    Soft,
    /// Takes what fits, then stops.
    Cautious,
    /// Stops at the first that does not fit.
    Hard,
}

impl From<CutoffChoice> for Cutoff {
    fn from(choice: CutoffChoice) -> Self {
        match choice {
            CutoffChoice::Soft => Self::Soft,
            CutoffChoice::Cautious => Self::Cautious,
            CutoffChoice::Hard => Self::Hard,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a manifest to start from; on a terminal it asks what for
    Init(commands::init::InitArgs),
    /// Check a manifest: every problem, each with its place; needs no key and no network
    Check(commands::check::CheckArgs),
    /// Price a manifest and set it against the balance; sends and spends nothing
    Plan(commands::plan::PlanArgs),
    /// Explain one job of a plan: where its values come from, what it costs, and why it is bought or not
    Explain(commands::explain::ExplainArgs),
    /// Carry out a manifest; stops cleanly when credits run out
    Run(commands::run::RunArgs),
    /// Go on with a run that stopped or died; `ctl go` ends the pause of one that lives
    Resume(commands::resume::ResumeArgs),
    /// Show how a run stands
    Status(commands::status::StatusArgs),
    /// Steer a live run from another terminal: pause it, go on, change its pace, stop it
    Ctl(commands::ctl::CtlArgs),
    /// List runs, the latest first
    Runs(commands::runs::RunsArgs),
    /// Print a run's report: one row per job
    Report(commands::report::ReportArgs),
    /// Show the account's credits
    Credits(commands::credits::CreditsArgs),
    /// Show what is used, held and left of the billing period's credits, and by which runs
    Budget(commands::budget::BudgetArgs),
    /// Show what operations cost
    Costs(commands::costs::CostsArgs),
    /// List payments in doubt, and take a decision on one
    Resolve(commands::resolve::ResolveArgs),
    /// Serve the simulated provider on loopback
    Simulate(commands::simulate::SimulateArgs),
    /// Print the JSON Schema of manifests, for editors
    Schema(commands::schema::SchemaArgs),
    /// Print a shell's completions
    Completions(commands::completions::CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Decisions on single jobs, which must not be left standing in an environment.
    const FLAG_ONLY: [&str; 5] = ["help", "version", "charged", "not-charged", "task"];

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable() {
        let mut cli = Cli::command();
        cli.build();
        for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
            let prefix = match command.get_name() {
                "simulate" => "SETLIST_SIM_",
                _ => "SETLIST_",
            };
            for arg in command.get_arguments().filter(|arg| !arg.is_global_set()) {
                let Some(long) = arg.get_long() else { continue };
                if FLAG_ONLY.contains(&long) {
                    assert_eq!(arg.get_env(), None, "--{long}");
                    continue;
                }
                let variable = format!("{prefix}{}", long.to_uppercase().replace('-', "_"));
                assert_eq!(
                    arg.get_env().and_then(|name| name.to_str()),
                    Some(variable.as_str()),
                    "{} --{long}",
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn documented_defaults_are_the_constants() {
        use super::super::settings::{
            DEFAULT_CONCURRENCY, DEFAULT_KEEP, DEFAULT_PRICES, DEFAULT_PROVIDER, DEFAULT_RATE,
            DEFAULT_TIMEOUT,
        };
        let mut cli = Cli::command();
        cli.build();
        let documented = |flag: &str| {
            let run = cli.find_subcommand("run").unwrap();
            let arg = run
                .get_arguments()
                .find(|arg| arg.get_long() == Some(flag))
                .unwrap();
            let help = arg.get_help().unwrap().to_string();
            let (_, default) = help.split_once("[default: ").unwrap();
            default.split([',', ']']).next().unwrap().to_owned()
        };
        assert_eq!(parse_rate(&documented("rate")), Ok(DEFAULT_RATE));
        assert_eq!(documented("concurrency").parse(), Ok(DEFAULT_CONCURRENCY));
        assert_eq!(documented("keep").parse(), Ok(DEFAULT_KEEP));
        assert_eq!(parse_duration(&documented("timeout")), Ok(DEFAULT_TIMEOUT));
        assert_eq!(documented("prices"), DEFAULT_PRICES);
        let age = parse_duration(&documented("max-plan-age"));
        assert_eq!(age, Ok(super::super::saved::DEFAULT_MAX_AGE));
        let cutoff = CutoffChoice::from_str(&documented("cutoff"), false);
        assert_eq!(cutoff.map(Cutoff::from), Ok(Cutoff::default()));
        let provider = cli.find_subcommand("run").unwrap();
        let help = provider
            .get_arguments()
            .find(|arg| arg.get_long() == Some("provider"))
            .and_then(|arg| arg.get_help())
            .unwrap()
            .to_string();
        assert!(
            help.ends_with(&format!("else {DEFAULT_PROVIDER}]")),
            "{help}"
        );
    }
}
