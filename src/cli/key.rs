//! Fetches the API key from where the settings say it is. The key never passes through an argument, a log or an error.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use secrecy::{SecretString, zeroize::Zeroize as _};

use super::config::KeySource;
use super::error::{CommandError, ErrorKind};

/// Fetches the key; `variable` looks a variable up in the environment.
///
/// # Errors
/// An access error that names the place and how to put a key there.
pub(crate) fn fetch(
    source: &KeySource,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<SecretString, CommandError> {
    match source {
        KeySource::Variable(name) => from_variable(name, variable(name)),
        KeySource::File(path) => from_file(path),
        KeySource::Command(command) => from_command(command),
    }
}

fn from_variable(name: &str, value: Option<OsString>) -> Result<SecretString, CommandError> {
    let missing = || {
        refuse(format!("there is no API key: `{name}` is not set"))
            .hint(format!("export {name}=…, or name a `key_file` or `key_command` in [account] of your configuration"))
            .hint("to try it without a key: --provider simulator")
    };
    let value = value.ok_or_else(missing)?;
    let text = value
        .into_string()
        .map_err(|_| refuse(format!("the API key in `{name}` is not text")))?;
    checked(text, &format!("`{name}`"))
}

fn from_file(path: &Path) -> Result<SecretString, CommandError> {
    let shown = format!("`{}`", path.display());
    let unreadable = |error: std::io::Error| {
        CommandError::new(ErrorKind::Access, error)
            .context(format!("the key file {shown} can't be read"))
    };
    // Opened once and then judged, so that what is judged is what is read.
    let file = std::fs::File::open(path).map_err(unreadable)?;
    refuse_open_to_others(&file.metadata().map_err(unreadable)?, path)?;
    let text = std::io::read_to_string(file).map_err(unreadable)?;
    checked(text, &shown)
}

#[cfg(unix)]
fn refuse_open_to_others(metadata: &std::fs::Metadata, path: &Path) -> Result<(), CommandError> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(refuse(format!(
        "others may read the key file `{}`: its mode is {mode:03o}",
        path.display()
    ))
    .hint(format!("chmod 600 {}", path.display())))
}

#[cfg(not(unix))]
fn refuse_open_to_others(_: &std::fs::Metadata, _: &Path) -> Result<(), CommandError> {
    Ok(())
}

fn from_command(command: &str) -> Result<SecretString, CommandError> {
    // Standard input and error stay the user's own: a password manager may have to ask.
    let output = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            CommandError::new(ErrorKind::Access, error).context("`key_command` can't be run")
        })?;
    if !output.status.success() {
        return Err(refuse(format!("`key_command` failed: {}", output.status)));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| refuse("what `key_command` printed is not text".to_owned()))?;
    checked(text, "what `key_command` printed")
}

/// Takes the first line; a key is printable ASCII without spaces, as a header can carry it.
fn checked(mut text: String, place: &str) -> Result<SecretString, CommandError> {
    let key = text.lines().next().unwrap_or_default().trim();
    let verdict = if key.is_empty() {
        Err(refuse(format!("there is no API key: {place} is empty")))
    } else if key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(SecretString::from(key))
    } else {
        Err(refuse(format!(
            "the API key in {place} holds characters that no key has"
        )))
    };
    text.zeroize();
    verdict
}

fn refuse(message: String) -> CommandError {
    CommandError::message(ErrorKind::Access, message)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn from_env(value: Option<&str>) -> Result<String, String> {
        let source = KeySource::Variable("MY_KEY".to_owned());
        fetch(&source, |name| {
            assert_eq!(name, "MY_KEY");
            value.map(OsString::from)
        })
        .map(|key| key.expose_secret().to_owned())
        .map_err(|failure| {
            assert_eq!(failure.kind, ErrorKind::Access);
            failure.error.to_string()
        })
    }

    #[test]
    fn a_variable_is_trimmed_and_checked() {
        assert_eq!(from_env(Some(" sk_1\n")).as_deref(), Ok("sk_1"));
        assert!(from_env(None).unwrap_err().contains("`MY_KEY` is not set"));
        assert!(from_env(Some(" ")).unwrap_err().contains("is empty"));
        let odd = from_env(Some("sk_geheim\u{7f}")).unwrap_err();
        assert!(
            odd.contains("no key has") && !odd.contains("geheim"),
            "{odd}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sk_2\n").unwrap();
        let source = KeySource::File(file.path().to_owned());
        let set = |mode| {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(0o644);
        let failure = fetch(&source, |_| None).unwrap_err();
        assert!(failure.hints[0].starts_with("chmod 600"), "{failure:?}");
        set(0o600);
        assert_eq!(fetch(&source, |_| None).unwrap().expose_secret(), "sk_2");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_gives_its_first_line() {
        let run = |command: &str| fetch(&KeySource::Command(command.to_owned()), |_| None);
        assert_eq!(
            run("printf 'sk_3\\nnote\\n'").unwrap().expose_secret(),
            "sk_3"
        );
        assert!(
            run("exit 3")
                .unwrap_err()
                .error
                .to_string()
                .contains("exit status: 3")
        );
        assert!(
            run("true")
                .unwrap_err()
                .error
                .to_string()
                .contains("is empty")
        );
    }
}
