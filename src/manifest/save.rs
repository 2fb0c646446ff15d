//! Where a job's files go: a relative path below the output folder, safe whatever the rows hold.

use super::cell::Cell;
use super::check::Wrong;

/// The most characters of one component, before `{ext}` and `{n}` are put in.
const MAX_CHARS: usize = 100;
/// The most bytes of one component: file systems allow 255, and the extension needs some.
const MAX_BYTES: usize = 200;

/// A checked template: its components, each of fixed text and columns.
#[derive(Clone, Debug)]
pub(super) struct SavePath {
    components: Vec<Vec<Cell>>,
}

fn check_component(component: &[Cell]) -> Result<(), String> {
    let fixed: String = component.iter().map(fixed_text).collect();
    if component.is_empty() {
        return Err(
            "takes a relative path with a name between all `/`, such as `cues/a.{ext}`".to_owned(),
        );
    }
    if component.iter().all(|cell| matches!(cell, Cell::Fixed(_))) && matches!(&*fixed, "." | "..")
    {
        return Err("takes a path below the output folder, without `.` and `..`".to_owned());
    }
    if fixed.contains(['\\', ':']) || fixed.chars().any(char::is_control) {
        return Err("takes a path without `\\`, `:` and control characters".to_owned());
    }
    let mut rest = fixed.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        let after = ["{ext}", "{n}"]
            .iter()
            .find_map(|known| rest[at..].strip_prefix(known));
        rest = after.ok_or("has a `{` or `}` that is neither `{ext}` nor `{n}`")?;
    }
    if fixed.chars().count() > MAX_CHARS || fixed.len() > MAX_BYTES {
        return Err(format!("has a name longer than {MAX_CHARS} characters"));
    }
    Ok(())
}

fn fixed_text(cell: &Cell) -> &str {
    match cell {
        Cell::Fixed(serde_json::Value::String(text)) => text,
        _ => "",
    }
}

impl SavePath {
    /// Checks a template whose parts are fixed text, columns and the take.
    pub(super) fn compile(cell: &Cell) -> Result<Self, String> {
        let parts = match cell {
            Cell::Join(parts) => parts.clone(),
            other => vec![other.clone()],
        };
        if parts.iter().any(Cell::refers) {
            return Err("names a result, which is not known before the job has run".to_owned());
        }
        let mut components = vec![Vec::new()];
        for part in parts {
            let Cell::Fixed(value) = &part else {
                components
                    .last_mut()
                    .expect("there is always one")
                    .push(part);
                continue;
            };
            let text = super::cell::plain_text(value).ok_or("takes text")?;
            for (at, piece) in text.split('/').enumerate() {
                if at > 0 {
                    components.push(Vec::new());
                }
                if !piece.is_empty() {
                    let last = components.last_mut().expect("there is always one");
                    last.push(Cell::Fixed(piece.into()));
                }
            }
        }
        for component in &components {
            check_component(component)?;
        }
        Ok(Self { components })
    }

    /// Returns the first column in it.
    pub(super) fn first_column(&self) -> Option<usize> {
        self.components
            .iter()
            .flatten()
            .find_map(|cell| match cell {
                Cell::Column(at) => Some(*at),
                _ => None,
            })
    }

    /// Writes the path of one job; `text` gives the text of a part.
    ///
    /// The error is the end of a sentence.
    pub(super) fn render(
        &self,
        out: &mut String,
        mut text: impl FnMut(&Cell, &mut String) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        out.clear();
        let mut value = String::new();
        for (at, component) in self.components.iter().enumerate() {
            if at > 0 {
                out.push('/');
            }
            let start = out.len();
            let fixed = || component.iter().map(fixed_text);
            let mut chars = MAX_CHARS - fixed().map(|text| text.chars().count()).sum::<usize>();
            let mut bytes = MAX_BYTES - fixed().map(str::len).sum::<usize>();
            for cell in component {
                if let Cell::Fixed(_) = cell {
                    out.push_str(fixed_text(cell));
                    continue;
                }
                value.clear();
                text(cell, &mut value)?;
                push_safe(out, &value, &mut chars, &mut bytes);
            }
            let made = &out[start..];
            // A row without a value would make a name of an extension only, which is hidden.
            let hidden = made.starts_with('.') && !matches!(component[0], Cell::Fixed(_));
            if made.is_empty() || hidden || made.bytes().all(|byte| byte == b'.') {
                return Err(Wrong::new("has an empty name in its path"));
            }
        }
        Ok(())
    }
}

/// Appends a row's value so that it stays one piece of one name.
fn push_safe(out: &mut String, value: &str, chars: &mut usize, bytes: &mut usize) {
    let mut leading = true;
    for c in value.trim().chars() {
        leading &= c == '.';
        // Braces would be taken for places to fill in later.
        let unsafe_here = leading || c.is_control() || matches!(c, '/' | '\\' | ':' | '{' | '}');
        let c = if unsafe_here { '_' } else { c };
        if *chars == 0 || *bytes < c.len_utf8() {
            return;
        }
        *chars -= 1;
        *bytes -= c.len_utf8();
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(text: &str) -> Cell {
        Cell::Fixed(text.into())
    }

    fn render(parts: Vec<Cell>, value: &str) -> Result<String, String> {
        let mut out = String::new();
        let path = SavePath::compile(&Cell::Join(parts))?;
        path.render(&mut out, |_, text| {
            text.push_str(value);
            Ok(())
        })
        .map_err(|wrong| wrong.message)?;
        Ok(out)
    }

    #[test]
    fn only_paths_below_the_folder_are_taken() {
        for good in ["a.{ext}", "a/b/c-{n}.{ext}", "...a", "a b/ä"] {
            assert!(SavePath::compile(&fixed(good)).is_ok(), "{good}");
        }
        for bad in [
            "", "/a", "a/", "a//b", "..", "../a", "a/../b", "./a", "a/.", "C:/a", "a\\b", "a\0b",
            "a\nb", "{x}", "a{", "a}", "{ext", "{{n}}",
        ] {
            assert!(SavePath::compile(&fixed(bad)).is_err(), "{bad}");
        }
        assert!(SavePath::compile(&fixed(&"x".repeat(101))).is_err());
        assert!(SavePath::compile(&Cell::Job(0)).is_err());
    }

    #[test]
    fn rows_can_not_lead_elsewhere() {
        let parts = || vec![fixed("cues/"), Cell::Column(0), fixed(".{ext}")];
        for (value, path) in [
            ("Neon Rain", "cues/Neon Rain.{ext}"),
            ("../../etc/passwd", "cues/___.._etc_passwd.{ext}"),
            ("a/b\\c:d\n", "cues/a_b_c_d.{ext}"),
            ("{n}{ext}", "cues/_n__ext_.{ext}"),
            (".hidden", "cues/_hidden.{ext}"),
        ] {
            assert_eq!(render(parts(), value).as_deref(), Ok(path), "{value}");
        }
        assert!(render(vec![Cell::Column(0)], " ").is_err());
        assert!(render(vec![fixed("."), Cell::Column(0)], "").is_err());
        let long = render(parts(), &"é".repeat(500)).unwrap();
        assert_eq!(long.chars().count(), "cues/".len() + 100);
    }

    proptest! {
        #[test]
        fn whatever_a_row_holds_the_path_stays_below(value in "\\PC{0,300}|[./\\\\{}:]{0,20}") {
            let parts = vec![fixed("a/"), Cell::Column(0), fixed("/x."), Cell::Column(0)];
            if let Ok(path) = render(parts, &value) {
                let names: Vec<&str> = path.split('/').collect();
                prop_assert_eq!(names.len(), 3);
                prop_assert!(names.iter().all(|name| !name.is_empty() && *name != "." && *name != ".."));
                prop_assert!(names.iter().all(|name| name.chars().count() <= 100 && name.len() <= 200));
                let steering = path.contains(['\\', ':', '{', '}', '\0']);
                prop_assert!(!steering);
            }
        }
    }
}
