//! A price list by name, or out of a user's own file.

use std::borrow::Cow;
use std::path::Path;

use crate::catalog::{Catalog, PriceList};

use super::error::{CommandError, ErrorKind};

/// Finds a price list: a built-in one by name, else a file; with the prices that came with added operations.
///
/// # Errors
/// A usage error when there is neither, or the file's list is not valid.
pub(crate) fn find(name: &str, catalog: &Catalog) -> Result<Cow<'static, PriceList>, CommandError> {
    let list = list(name, catalog)?;
    Ok(match catalog.added {
        Some(_) => Cow::Owned(list.with_added(catalog)),
        None => list,
    })
}

fn list(name: &str, catalog: &Catalog) -> Result<Cow<'static, PriceList>, CommandError> {
    match PriceList::builtin(name) {
        Ok(list) => Ok(Cow::Borrowed(list)),
        Err(unknown) if is_file(name) => read(Path::new(name), catalog).map_err(|failure| {
            if Path::new(name).exists() {
                failure
            } else {
                failure.hint(unknown.to_string())
            }
        }),
        Err(unknown) => {
            Err(CommandError::from(unknown).hint("a list of your own: --prices FILE.toml"))
        }
    }
}

/// Places the file of a price list that is named in another file, which it is relative to.
pub(crate) fn beside(name: String, folder: &Path) -> String {
    if is_file(&name) && Path::new(&name).is_relative() {
        folder.join(name).to_string_lossy().into_owned()
    } else {
        name
    }
}

fn is_file(name: &str) -> bool {
    name.contains(std::path::is_separator) || name.ends_with(".toml")
}

fn read(path: &Path, catalog: &Catalog) -> Result<Cow<'static, PriceList>, CommandError> {
    let label = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        CommandError::new(ErrorKind::Usage, error)
            .context(format!("the price list `{label}` can't be read"))
    })?;
    Ok(Cow::Owned(PriceList::parse(&text, &label, catalog)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Result<Cow<'static, PriceList>, CommandError> {
        super::find(name, Catalog::builtin())
    }

    #[test]
    fn a_list_is_a_name_or_a_file() {
        assert_eq!(find("guide").unwrap().name, "guide");
        assert!(
            find("gide")
                .unwrap_err()
                .error
                .to_string()
                .contains("`gide`")
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let text = "name = 'mine'\nsource = 'me'\ndated = '2026-11'\n\
                    prices = [{ operation = 'suno.create', credits = 7 }]";
        std::fs::write(&path, text).unwrap();
        assert_eq!(find(path.to_str().unwrap()).unwrap().name, "mine");
        let missing = find("nowhere/mine.toml").unwrap_err();
        assert!(
            missing.error.to_string().contains("can't be read"),
            "{missing:?}"
        );
    }

    #[test]
    fn a_file_named_in_a_file_is_beside_it() {
        let beside = |name: &str| beside(name.to_owned(), Path::new("/batch"));
        assert_eq!(beside("guide"), "guide");
        assert_eq!(beside("mine.toml"), "/batch/mine.toml");
        assert_eq!(beside("/etc/mine.toml"), "/etc/mine.toml");
    }

    #[test]
    fn all_that_is_wrong_is_shown_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let text = "name = 'mine'\nprices = [\n  { operation = 'suno.creat', credits = 10 },\n  \
                    { operation = 'suno.wav', credits = -3 },\n]\n";
        std::fs::write(&path, text).unwrap();
        let name = path.to_str().unwrap();
        let failure = find(name).unwrap_err();
        assert_eq!(failure.error.to_string(), "the price list has 2 problems");
        let shown = failure
            .illustration
            .unwrap()
            .plain
            .replace(name, "mine.toml");
        insta::assert_snapshot!(shown, @r"
        error: there is no operation `suno.creat`; did you mean `suno.create`?
         --> mine.toml:3:3
          |
        3 |   { operation = 'suno.creat', credits = 10 },
          |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        error: `suno.wav` costs `-3`: a price is a whole number of credits, 0 or more
         --> mine.toml:4:3
          |
        4 |   { operation = 'suno.wav', credits = -3 },
          |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        ");
    }
}
