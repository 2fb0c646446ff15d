//! What an account held when it was last asked, kept for five minutes: for showing only, never for a decision to spend.
//!
//! A file per account below the XDG cache folder, readable by its owner alone. It holds no key. A file that is not there,
//! can't be read or makes no sense is as good as none, and one that can't be written is no reason to fail.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::model::{AccountId, Balance};

use super::config::KeySource;
use super::context::make_private_folder;
use super::provider;
use super::settings::Settings;

/// How long what was read is shown.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// A balance and when it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    /// Whose it is.
    account: AccountId,
    /// When it was read.
    pub(crate) read_at: Timestamp,
    /// The two pools.
    pub(crate) balance: Balance,
}

/// The place of one account's reading.
pub(crate) struct BalanceCache {
    account: AccountId,
    file: PathBuf,
}

impl BalanceCache {
    /// Finds the place, below the folder for what may be lost.
    pub(crate) fn of(settings: &Settings, folder: &Path) -> Self {
        let label = settings.account.name.as_deref();
        let account = provider::account(&settings.provider, label, &settings.base_url);
        // Where the key comes from, which is no secret, tells apart accounts that were given no name.
        let source = match settings.key() {
            KeySource::Variable(name) => format!("variable {name}"),
            KeySource::File(path) => format!("file {}", path.display()),
            KeySource::Command(command) => format!("command {command}"),
        };
        let digest = Sha256::digest(format!("{}\n{source}", account.as_str()).as_bytes());
        let name: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            account,
            file: folder.join(format!("credits-{name}.json")),
        }
    }

    /// Returns what was read in the last five minutes.
    pub(crate) fn read(&self, now: Timestamp) -> Option<Reading> {
        let text = std::fs::read(&self.file).ok()?;
        let reading: Reading = serde_json::from_slice(&text).ok()?;
        let age = now.duration_since(reading.read_at);
        let is_fresh = age >= SignedDuration::ZERO && age < FRESH;
        (is_fresh && reading.account == self.account).then_some(reading)
    }

    /// Keeps a balance that was just read.
    pub(crate) fn write(&self, balance: Balance, now: Timestamp) {
        if let Err(error) = self.try_write(balance, now) {
            tracing::debug!(%error, "the balance is not kept");
        }
    }

    fn try_write(&self, balance: Balance, read_at: Timestamp) -> Result<(), String> {
        let reading = Reading {
            account: self.account.clone(),
            read_at,
            balance,
        };
        let text = serde_json::to_vec(&reading).map_err(|error| error.to_string())?;
        if let Some(folder) = self.file.parent() {
            make_private_folder(folder).map_err(|failure| failure.error.to_string())?;
        }
        self.replace(&text).map_err(|error| error.to_string())
    }

    fn replace(&self, text: &[u8]) -> std::io::Result<()> {
        let name = format!("part-{}", std::process::id());
        let temporary = self.file.with_extension(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        options.open(&temporary)?.write_all(text)?;
        std::fs::rename(&temporary, &self.file)
    }

    /// Forgets what was read: it is about to change.
    pub(crate) fn forget(&self) {
        // There may be none.
        drop(std::fs::remove_file(&self.file));
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::super::settings::Layer;
    use super::*;
    use crate::model::Credits;

    fn cache(folder: &Path, provider: &str) -> BalanceCache {
        let flags = Layer {
            provider: Some(provider.to_owned()),
            ..Layer::default()
        };
        let settings = Settings::resolve(flags, Layer::default(), &Config::default()).unwrap();
        BalanceCache::of(&settings, folder)
    }

    fn balance(credits: u64) -> Balance {
        Balance {
            credits: Credits::new(credits),
            extra_credits: Credits::ZERO,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_balance_is_kept_for_five_minutes_and_for_its_account() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("cache");
        let ours = cache(&folder, "aimusicapi");
        assert_eq!(ours.read(at(0)), None);
        ours.write(balance(7), at(1000));
        assert_eq!(ours.read(at(1299)).unwrap().balance, balance(7));
        assert_eq!(ours.read(at(1300)), None, "too old");
        assert_eq!(ours.read(at(999)), None, "from the future");
        assert_eq!(cache(&folder, "musicapi").read(at(1000)), None);
        ours.forget();
        assert_eq!(ours.read(at(1000)), None);
    }

    #[test]
    fn a_broken_file_is_none_and_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let ours = cache(home.path(), "aimusicapi");
        for broken in ["", "{", "[]", r#"{"account":"aimusicapi","balance":{}}"#] {
            std::fs::write(&ours.file, broken).unwrap();
            assert_eq!(ours.read(at(0)), None, "{broken}");
        }
        ours.write(balance(7), at(0));
        assert_eq!(ours.read(at(1)).unwrap().balance, balance(7));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let home = tempfile::tempdir().unwrap();
        let ours = cache(&home.path().join("cache"), "aimusicapi");
        ours.write(balance(7), at(0));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&ours.file), 0o600);
        assert_eq!(mode(ours.file.parent().unwrap()), 0o700);
    }
}
