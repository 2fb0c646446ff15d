//! The only reader of environment, clock and folders: what a command needs to know of its surroundings.
//!
//! A variable of a flag is read by clap; everything else the program takes from outside passes through here.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::catalog::Catalog;
use crate::model::{RunId, SharedClock, SystemClock};

use super::args::GlobalArgs;
use super::config::{Config, KeySource};
use super::error::{CommandError, ErrorKind};
use super::ui::{ColorHints, Ui};
use super::{catalogs, key, ledger_place, prices, repeatable};

/// Threads that carry requests: all of them wait most of the time.
const WORKER_THREADS: usize = 2;
/// The variable that filters log lines, as `tracing` writes filters.
const LOG_FILTER: &str = "SETLIST_LOG";
/// The variable that sets what time it is, in RFC 3339: for tests, and for rehearsals that are to be compared.
const NOW: &str = "SETLIST_NOW";

/// The environment, as it was when the program started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: HashMap<OsString, OsString>,
}

impl Environment {
    /// Takes the process's own.
    pub(crate) fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self {
            variables: pairs
                .iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value)))
                .collect(),
        }
    }

    /// Returns a variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&OsString> {
        self.variables
            .get(std::ffi::OsStr::new(name))
            .filter(|value| !value.is_empty())
    }

    fn color_hints(&self) -> ColorHints {
        ColorHints {
            no_color: self.get("NO_COLOR").is_some(),
            force: self.get("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: self.get("TERM").is_some_and(|value| value == "dumb"),
        }
    }

    /// Returns setlist's folder of one kind: the XDG variable when it is absolute, else below the home folder.
    fn folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let given = self
            .get(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let usual = || Some(PathBuf::from(self.get("HOME")?).join(below_home));
        Some(given.or_else(usual)?.join("setlist"))
    }
}

/// What a command knows of its surroundings.
pub(crate) struct Context {
    environment: Environment,
    global: GlobalArgs,
    started_at: Timestamp,
    /// Whether the time was given instead of read.
    is_time_given: bool,
    config: OnceCell<Config>,
    catalog: OnceCell<Arc<Catalog>>,
    /// The terminal.
    pub(crate) ui: Ui,
}

impl Context {
    /// Looks around.
    ///
    /// # Errors
    /// A usage error when the time given for tests is no time.
    pub(crate) fn new(global: GlobalArgs, environment: Environment) -> Result<Self, CommandError> {
        let ui = Ui::new(
            global.color,
            environment.color_hints(),
            global.json,
            global.quiet,
        );
        let given = environment.get(NOW);
        let is_time_given = given.is_some();
        let started_at = match given {
            Some(text) => text.to_string_lossy().parse().map_err(|_| {
                CommandError::usage(format!(
                    "`{NOW}` is not a time such as `2026-11-22T10:00:00Z`"
                ))
            })?,
            None => Timestamp::now(),
        };
        Ok(Self {
            environment,
            global,
            started_at,
            is_time_given,
            config: OnceCell::new(),
            catalog: OnceCell::new(),
            ui,
        })
    }

    /// Returns the flags of all commands.
    pub(crate) fn global(&self) -> &GlobalArgs {
        &self.global
    }

    /// Returns the filter for log lines, when logging is asked for.
    pub(crate) fn log_filter(&self) -> Option<String> {
        let by_flag = match self.global.verbose {
            0 => None,
            1 => Some("setlist=info".to_owned()),
            2 => Some("setlist=debug".to_owned()),
            _ => Some("setlist=trace,info".to_owned()),
        };
        by_flag.or_else(|| {
            Some(
                self.environment
                    .get(LOG_FILTER)?
                    .to_string_lossy()
                    .into_owned(),
            )
        })
    }

    /// Returns the time of day.
    pub(crate) fn now(&self) -> Timestamp {
        self.started_at
    }

    /// Returns the time at which a repeatable rehearsal begins.
    pub(crate) fn repeatable_start(&self) -> Timestamp {
        if self.is_time_given {
            self.started_at
        } else {
            repeatable::START
        }
    }

    /// Makes the id of a new run, which sorts by the time it is made.
    pub(crate) fn new_run_id(&self) -> RunId {
        let now = self.started_at;
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds);
        RunId::new(uuid::Uuid::new_v7(time).to_string())
    }

    /// Returns a number that differs from process to process.
    #[allow(clippy::unused_self, reason = "chance is part of the surroundings")]
    pub(crate) fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    /// Starts a clock at a time of day; `speed` 1 is real time.
    #[allow(clippy::unused_self, reason = "clocks are the context's to give")]
    pub(crate) fn clock(&self, start: Timestamp, speed: f64) -> SharedClock {
        Arc::new(SystemClock::new(start, speed))
    }

    /// Returns the user's configuration, read once; a file that was not asked for may be missing.
    ///
    /// # Errors
    /// A usage error when the file can't be read or holds nonsense.
    pub(crate) fn config(&self) -> Result<&Config, CommandError> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = self.read_config()?;
        Ok(self.config.get_or_init(|| config))
    }

    /// Returns the catalog, read once: the built-in one, and what a file adds to it.
    ///
    /// # Errors
    /// A usage error when there is such a file, and it can't be read or holds nonsense.
    pub(crate) fn catalog(&self) -> Result<&Arc<Catalog>, CommandError> {
        if let Some(catalog) = self.catalog.get() {
            return Ok(catalog);
        }
        let file = self.catalog_file()?;
        let catalog = catalogs::read(file.as_deref())?;
        Ok(self.catalog.get_or_init(|| catalog))
    }

    /// Returns the file that adds to the catalog: the flag's, else the configuration's.
    ///
    /// # Errors
    /// A usage error when the configuration is wrong.
    pub(crate) fn catalog_file(&self) -> Result<Option<PathBuf>, CommandError> {
        match &self.global.catalog {
            Some(file) => Ok(Some(file.clone())),
            None => Ok(self.config()?.catalog.clone()),
        }
    }

    /// Takes this catalog for the rest of the command, whatever the configuration says; to be called before the first use.
    pub(crate) fn keep_to(&self, catalog: Arc<Catalog>) {
        self.catalog.get_or_init(|| catalog);
    }

    fn read_config(&self) -> Result<Config, CommandError> {
        let usual = || {
            Some(
                self.environment
                    .folder("XDG_CONFIG_HOME", ".config")?
                    .join("config.toml"),
            )
        };
        let Some(path) = self.global.config.clone().or_else(usual) else {
            return Ok(Config::default());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let mut config = Config::parse(&text, &path)?;
                let folder = path.parent().unwrap_or(Path::new(""));
                config.prices = config.prices.map(|name| prices::beside(name, folder));
                config.catalog = config.catalog.map(|file| folder.join(file));
                Ok(config)
            }
            Err(error)
                if self.global.config.is_none() && error.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(Config::default())
            }
            Err(error) => Err(CommandError::new(ErrorKind::Usage, error).context(format!(
                "the configuration `{}` can't be read",
                path.display()
            ))),
        }
    }

    /// Returns where the ledger is: the same path, whatever links it was named by.
    ///
    /// # Errors
    /// A usage error when it is no place of ours, a storage error when there is no way to it or no home folder.
    pub(crate) fn ledger_path(&self) -> Result<PathBuf, CommandError> {
        match self
            .global
            .ledger
            .as_ref()
            .or(self.config()?.ledger.as_ref())
        {
            Some(place) => ledger_place::of(place),
            None => ledger_place::real(&self.state_folder()?.join("ledger.db")),
        }
    }

    /// Returns the ledger's folder: its locks and the simulated account of its runs stand beside it.
    ///
    /// # Errors
    /// As [`Context::ledger_path`].
    pub(crate) fn ledger_folder(&self) -> Result<PathBuf, CommandError> {
        let ledger = self.ledger_path()?;
        Ok(ledger.parent().unwrap_or(Path::new("")).to_owned())
    }

    /// Returns the folder for what must outlive a process: ledger, locks, the simulator's account.
    ///
    /// # Errors
    /// A storage error when there is no home folder.
    pub(crate) fn state_folder(&self) -> Result<PathBuf, CommandError> {
        self.environment
            .folder("XDG_STATE_HOME", ".local/state")
            .ok_or_else(|| {
                CommandError::message(
                    ErrorKind::Storage,
                    "there is no home folder to keep the ledger in",
                )
                .hint("set HOME or XDG_STATE_HOME, or name a ledger: --ledger PATH")
            })
    }

    /// Returns the folder for what may be lost at any time, if there is a home folder.
    pub(crate) fn cache_folder(&self) -> Option<PathBuf> {
        self.environment.folder("XDG_CACHE_HOME", ".cache")
    }

    /// Makes the runtime for commands that wait; those that don't make none, and start faster.
    ///
    /// # Errors
    /// A storage error when the system gives no threads.
    #[allow(
        clippy::unused_self,
        reason = "what runs beside a command is part of its surroundings"
    )]
    pub(crate) fn runtime(&self) -> Result<tokio::runtime::Runtime, CommandError> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .enable_all()
            .build()
            .map_err(no_runtime)
    }

    /// Makes the runtime of a repeatable rehearsal: its timers jump to the next that is due once nobody has anything
    /// else to do, and files are worked on one at a time, in the order asked for.
    ///
    /// # Errors
    /// As [`Context::runtime`].
    #[allow(
        clippy::unused_self,
        reason = "what runs beside a command is part of its surroundings"
    )]
    pub(crate) fn repeatable_runtime(&self) -> Result<tokio::runtime::Runtime, CommandError> {
        tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .enable_all()
            .start_paused(true)
            .build()
            .map_err(no_runtime)
    }

    /// Tells whether a variable is set and not empty.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.environment.get(name).is_some()
    }

    /// Fetches the key.
    ///
    /// # Errors
    /// An access error that names the place.
    pub(crate) fn key(&self, source: &KeySource) -> Result<SecretString, CommandError> {
        key::fetch(source, |name| self.environment.get(name).cloned())
    }

    /// Makes an absolute path of one that may be relative to the working folder.
    ///
    /// # Errors
    /// A storage error when there is no working folder any more.
    #[allow(
        clippy::unused_self,
        reason = "the working folder is part of the surroundings"
    )]
    pub(crate) fn absolute(&self, path: &Path) -> Result<PathBuf, CommandError> {
        std::path::absolute(path).map_err(|error| {
            CommandError::new(ErrorKind::Storage, error)
                .context(format!("`{}` has no absolute path", path.display()))
        })
    }
}

fn no_runtime(error: std::io::Error) -> CommandError {
    CommandError::new(ErrorKind::Storage, error).context("the runtime can't be made")
}

/// Makes a folder that only its owner can look into, with those above it.
///
/// # Errors
/// A storage error that names the folder.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), CommandError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|error| {
        CommandError::new(ErrorKind::Storage, error)
            .context(format!("the folder `{}` can't be made", path.display()))
            .hint("another place for the ledger: --ledger PATH")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(global: GlobalArgs, pairs: &[(&str, &str)]) -> Context {
        Context::new(global, Environment::of(pairs)).unwrap()
    }

    #[test]
    fn the_ledger_is_where_flag_then_configuration_then_xdg_say() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("config.toml");
        std::fs::write(&config, "ledger = 'sqlite:/of/config.db'").unwrap();
        let by = |ledger: Option<&str>, config: Option<&Path>, pairs: &[(&str, &str)]| {
            let global = GlobalArgs {
                ledger: ledger.map(str::to_owned),
                config: config.map(Path::to_owned),
                ..GlobalArgs::default()
            };
            context(global, pairs).ledger_path().unwrap()
        };
        let home_pairs = [("HOME", "/nowhere")];
        assert_eq!(
            by(Some("/of/flag.db"), Some(&config), &[]),
            Path::new("/of/flag.db")
        );
        assert_eq!(by(None, Some(&config), &[]), Path::new("/of/config.db"));
        assert_eq!(
            by(None, None, &home_pairs),
            Path::new("/nowhere/.local/state/setlist/ledger.db")
        );
        let xdg = [("HOME", "/nowhere"), ("XDG_STATE_HOME", "/state")];
        assert_eq!(by(None, None, &xdg), Path::new("/state/setlist/ledger.db"));
        let relative = [("HOME", "/nowhere"), ("XDG_STATE_HOME", "state")];
        assert_eq!(
            by(None, None, &relative),
            Path::new("/nowhere/.local/state/setlist/ledger.db"),
            "the XDG specification ignores relative paths"
        );
    }

    #[test]
    fn a_ledger_elsewhere_and_no_home_are_said() {
        let global = GlobalArgs {
            ledger: Some("postgres://db".to_owned()),
            ..GlobalArgs::default()
        };
        let failure = context(global, &[]).ledger_path().unwrap_err();
        assert!(failure.error.to_string().contains("`postgres://`"));
        let failure = context(GlobalArgs::default(), &[])
            .ledger_path()
            .unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Storage);
    }

    #[test]
    fn a_configuration_that_was_asked_for_must_be_there() {
        let global = GlobalArgs {
            config: Some("/nowhere/config.toml".into()),
            ..GlobalArgs::default()
        };
        let failure = context(global, &[]).config().unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Usage);
        assert!(
            context(GlobalArgs::default(), &[("HOME", "/nowhere")])
                .config()
                .is_ok()
        );
    }

    #[test]
    fn the_flag_wins_over_the_variable_of_the_log() {
        let pairs = [("SETLIST_LOG", "setlist=warn")];
        let verbose = GlobalArgs {
            verbose: 2,
            ..GlobalArgs::default()
        };
        assert_eq!(
            context(verbose, &pairs).log_filter().as_deref(),
            Some("setlist=debug")
        );
        let silent = context(GlobalArgs::default(), &pairs);
        assert_eq!(silent.log_filter().as_deref(), Some("setlist=warn"));
        assert_eq!(context(GlobalArgs::default(), &[]).log_filter(), None);
    }
}
