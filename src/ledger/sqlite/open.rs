//! Opens the file: its folder and rights, the settings that make a commit durable, and its format.

use std::fs::DirBuilder;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::ledger::command::LedgerError;

use super::error::storage;
use super::{log, place};

/// The migrations in order; a file of format `n` has had the first `n`.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001.sql")];

/// Marks the file as ours: "setl" in ASCII.
const APPLICATION_ID: i64 = 0x7365_746c;

/// How long a commit waits for another process's; each of theirs takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How often, and after what pause, the switch to the write-ahead log is tried: for ten seconds.
const SWITCH_ATTEMPTS: u32 = 1_000;
const SWITCH_PAUSE: Duration = Duration::from_millis(10);

/// Prepared statements kept by a connection: more than there are in this room.
const STATEMENT_CACHE: usize = 64;

/// Opens the connection that writes, and brings the file to our format.
pub(super) fn open_writer(path: &Path) -> Result<Connection, LedgerError> {
    make_folder(path).map_err(|error| no_rights(path, &error))?;
    place::check_name(path)?;
    log::check(path)?;
    let is_new = !path.exists();
    let fail = |error: rusqlite::Error| storage(path, &error);
    let mut connection = connect(path, OpenFlags::default()).map_err(fail)?;
    if is_new {
        keep_private(path).map_err(|error| no_rights(path, &error))?;
    }
    // In one snapshot: another process may be making the tables just now.
    let snapshot = connection.unchecked_transaction().map_err(fail)?;
    check_ours(&snapshot, path)?;
    snapshot.finish().map_err(fail)?;
    let mode = switch_to_wal(&connection).map_err(fail)?;
    if mode != "wal" {
        return Err(LedgerError::Storage {
            path: path.display().to_string(),
            message: format!("keeps its journal as `{mode}`, not `wal`; choose a local disk"),
        });
    }
    // FULL: a commit returns after its log was synced, so what was answered survives a power cut.
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
        )
        .map_err(fail)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Opens a connection that reads what was committed.
pub(super) fn open_reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    // Never makes a file: one that is gone must not look like one that is empty.
    let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
    let connection = connect(path, flags)?;
    connection.execute_batch("PRAGMA query_only = ON;")?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    // Plans that do not depend on bound values: else each binding beside a partial index prepares its statement anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Makes the folder, for the user alone.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut folder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => folder.recursive(true).create(parent),
        _ => Ok(()),
    }
}

/// Makes a new file the user's alone; the log beside it gets the same rights when it is made.
///
/// The file is still empty. It must not be opened here: closing it would drop the locks that other connections of
/// this process hold on it, as POSIX has it.
#[cfg(unix)]
fn keep_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn no_rights(path: &Path, error: &std::io::Error) -> LedgerError {
    LedgerError::Storage {
        path: path.display().to_string(),
        message: format!("can't be made; check the rights of its folder ({error})"),
    }
}

/// Switches to the write-ahead log; returns the mode that the file now has.
///
/// SQLite does not wait here when another process switches the same file, so this does.
fn switch_to_wal(connection: &Connection) -> Result<String, rusqlite::Error> {
    for _ in 0..SWITCH_ATTEMPTS {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        match mode {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                std::thread::sleep(SWITCH_PAUSE);
            }
            decided => return decided,
        }
    }
    connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, rusqlite::Error> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

/// Refuses another program's database before anything is changed in it, and formats that we can't know.
fn check_ours(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let fail = |error: rusqlite::Error| storage(path, &error);
    let found = pragma(connection, "user_version").map_err(fail)?;
    let owner = pragma(connection, "application_id").map_err(fail)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(fail)?;
    if tables > 0 && owner != APPLICATION_ID {
        return Err(LedgerError::Storage {
            path: path.display().to_string(),
            message: "is another program's database; choose another place".to_owned(),
        });
    }
    if found > known_format() {
        return Err(LedgerError::NewerFormat {
            path: path.display().to_string(),
            found,
            known: known_format(),
        });
    }
    Ok(())
}

fn known_format() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("there are few migrations")
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let fail = |error: rusqlite::Error| storage(path, &error);
    if pragma(connection, "user_version").map_err(fail)? == known_format() {
        return Ok(());
    }
    // Two processes may find the same old file: the second sees, inside its transaction, what the first did.
    let step = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fail)?;
    check_ours(&step, path)?;
    let found = pragma(&step, "user_version").map_err(fail)?;
    let done = usize::try_from(found).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        step.execute_batch(migration).map_err(fail)?;
    }
    step.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};",
        known_format()
    ))
    .map_err(fail)?;
    step.commit().map_err(fail)
}
