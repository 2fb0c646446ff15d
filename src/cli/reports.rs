//! What a run leaves in its output folder: `spend.csv`, `run.json` and, if need be, `claims.csv`; each replaced whole.
//!
//! `run.json` comes last: it tells which run the others are of, and how that stood.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::ledger::{Ledger, LedgerError};
use crate::model::{AccountId, RunRecord};
use crate::report::{ClaimsCsv, Known, Renewals, RunJson, SpendCsv, Summary, run_of_json};

use super::drift;
use super::error::{CommandError, ErrorKind};

/// The table of the jobs.
const SPEND_CSV: &str = "spend.csv";
/// The jobs that were charged without a usable result; there only when there are any.
const CLAIMS_CSV: &str = "claims.csv";
/// The same for programs.
const RUN_JSON: &str = "run.json";

/// Makes the output folder and sees that it can be written to, before anything is spent.
///
/// # Errors
/// A storage error that names the folder.
pub(crate) fn prepare_folder(out: &Path) -> Result<(), CommandError> {
    let probe = Replacement::path_of(&out.join(SPEND_CSV));
    std::fs::create_dir_all(out)
        .and_then(|()| File::create(&probe))
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(|error| unwritable(error, out).hint("another folder: --out DIR"))
}

/// Writes the reports of a run and returns its sums.
///
/// # Errors
/// A storage error that names the folder, or the ledger's own.
pub(crate) fn write(ledger: &Ledger, run: &RunRecord, out: &Path) -> Result<Summary, CommandError> {
    let unwritable = |error| unwritable(error, out);
    let mut spend_file = Replacement::begin(&out.join(SPEND_CSV)).map_err(unwritable)?;
    let mut json_file = Replacement::begin(&out.join(RUN_JSON)).map_err(unwritable)?;
    let mut claims_file = Replacement::begin(&out.join(CLAIMS_CSV)).map_err(unwritable)?;
    let mut spend = SpendCsv::new(run, &mut spend_file.file).map_err(unwritable)?;
    let mut claims = ClaimsCsv::new(run, &mut claims_file.file).map_err(unwritable)?;
    let mut json = RunJson::new(run, &mut json_file.file).map_err(unwritable)?;
    let summary = visit(ledger, run, |job| {
        spend.add(job)?;
        claims.add(job)?;
        json.add(job)
    })?
    .map_err(unwritable)?;
    spend.finish().map_err(unwritable)?;
    claims.finish().map_err(unwritable)?;
    json.finish(&summary).map_err(unwritable)?;
    spend_file
        .commit()
        .and_then(|()| match summary.claims {
            0 => claims_file.withdraw(),
            _ => claims_file.commit(),
        })
        .and_then(|()| json_file.commit())
        .map_err(unwritable)?;
    Ok(summary)
}

/// Refuses a folder with reports of a run that spent this account's credits and that the ledger does not know.
///
/// The ledger was lost or is another one: what that run has bought would be bought again.
///
/// # Errors
/// A storage error that names run and folder, or the ledger's own.
pub(crate) fn refuse_unknown(
    ledger: &Ledger,
    account: &AccountId,
    out: &Path,
) -> Result<(), CommandError> {
    let spent = |told: &RunRecord| told.account == *account && !told.totals.charged.is_zero();
    let Some(told) = told_by(out).filter(spent) else {
        return Ok(());
    };
    match ledger.run(&told.id) {
        Err(LedgerError::NotFound { .. }) => {}
        known => return known.map(drop).map_err(CommandError::from),
    }
    let RunRecord { id, totals, .. } = told;
    let charged = totals.charged;
    let out = out.display();
    let message = format!(
        "`{out}` has the reports of run {id}, which was charged {charged} credits, and the ledger does not know that run: \
         nothing was started"
    );
    Err(CommandError::message(ErrorKind::Storage, message)
        .hint("bring the ledger back, or name it: --ledger sqlite:FILE")
        .hint("if all is to be bought again: --fresh, or another folder: --out DIR"))
}

/// Reads which run the folder's reports are of.
fn told_by(out: &Path) -> Option<RunRecord> {
    let file = File::open(out.join(RUN_JSON)).ok()?;
    run_of_json(BufReader::new(file))
}

/// Tells whether the reports are missing, or of a time before the run came to where it stands.
///
/// Those of a later run stay: one folder has the reports of its last run.
pub(crate) fn are_behind(run: &RunRecord, out: &Path) -> bool {
    let told = told_by(out);
    !out.join(SPEND_CSV).exists()
        || told.is_none_or(|told| told != *run && told.created_at <= run.created_at)
}

/// Adds up a run's jobs.
///
/// # Errors
/// The ledger's own.
pub(crate) fn sums(ledger: &Ledger, run: &RunRecord) -> Result<Summary, CommandError> {
    visit(ledger, run, |_| Ok(()))?.map_err(|error| CommandError::new(ErrorKind::Bug, error))
}

/// Adds up a run's jobs, and calls `each` for every one until it fails.
///
/// # Errors
/// The ledger's own; what `each` says is handed back inside.
pub(crate) fn visit(
    ledger: &Ledger,
    run: &RunRecord,
    mut each: impl FnMut(&crate::model::JobRecord) -> io::Result<()>,
) -> Result<io::Result<Summary>, CommandError> {
    let mut summary = Summary::new(run);
    let mut written = Ok(());
    let mut added = Ok(());
    ledger.for_each_job(&run.id, &mut |job| {
        if added.is_ok() {
            added = summary.add(&job);
        }
        if written.is_ok() {
            written = each(&job);
        }
    })?;
    added.map_err(|error| CommandError::new(ErrorKind::Storage, error))?;
    if summary.unexplained.is_some_and(|drift| drift.get() != 0) {
        summary.explain(&known(ledger, run)?);
    }
    summary.drifted = drift::seen(ledger, run)?.is_some();
    Ok(written.map(|()| summary))
}

/// Gathers what may explain a run's sums beside its own jobs.
fn known(ledger: &Ledger, run: &RunRecord) -> Result<Known, CommandError> {
    let ended = run.finished_at.unwrap_or(Timestamp::MAX);
    let mut stretches = ledger.unexplained(&run.account, run.created_at)?;
    // What reaches beyond the run's end is, in part, the next one's. And what has no length lay before the run, whose clock
    // began behind the last reading.
    stretches.retain(|stretch| stretch.since < stretch.until && stretch.until <= ended);
    let audits = ledger.audits(&run.account)?;
    let own = audits.iter().filter(|audit| audit.run == run.id);
    let limits = &run.settings.limits;
    let around = |start| Renewals::around(start, limits.month);
    Ok(Known {
        stretches,
        audited: own.cloned().collect(),
        audits,
        renewals: limits.period_start.map_or_else(Renewals::default, around),
        span: Some((run.created_at, ended)),
    })
}

fn unwritable(error: io::Error, out: &Path) -> CommandError {
    CommandError::new(ErrorKind::Storage, error).context(format!(
        "the folder `{}` can't be written to",
        out.display()
    ))
}

/// A file that takes another's place only once it is complete.
pub(crate) struct Replacement {
    /// Where it is written meanwhile.
    pub(crate) file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Replacement {
    fn path_of(path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!(".{name}.partial"))
    }

    /// Starts it beside the file whose place it is to take.
    ///
    /// # Errors
    /// When it can't be made.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        let temporary = Self::path_of(path);
        Ok(Self {
            file: BufWriter::new(File::create(&temporary)?),
            temporary,
            path: path.to_owned(),
        })
    }

    /// Takes the place, once all of it is on disk.
    ///
    /// # Errors
    /// When it can't be written or renamed.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.temporary, &self.path)
    }

    /// Leaves nothing in the place, as there is nothing to be said any more.
    ///
    /// # Errors
    /// When a file can't be removed.
    pub(crate) fn withdraw(self) -> io::Result<()> {
        drop(self.file);
        std::fs::remove_file(&self.temporary)?;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
