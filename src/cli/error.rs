//! A command's failure: its kind (and so the exit code), its causes, and what would help. One function prints it.
//!
//! `from` says how each library's errors become such a failure.

use std::fmt::Write as _;

use annotate_snippets::Renderer;
use serde_json::{Value, json};

use super::exit;
use super::ui::Ui;

/// What went wrong, by what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The command line, the manifest or the configuration.
    Usage,
    /// The key or the subscription.
    Access,
    /// Credits or budget; nothing was started.
    Short,
    /// The balance is not what the books say, and that was to stop the run.
    Drift,
    /// Another process works on the same thing.
    Busy,
    /// The ledger, a folder or a file.
    Storage,
    /// The provider.
    Unreachable,
    /// Ourselves.
    Bug,
    /// Whoever read our output went away; says nothing and is no failure.
    ClosedPipe,
}

impl ErrorKind {
    /// Returns the exit code.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Usage => exit::USAGE,
            Self::Access => exit::ACCESS,
            Self::Short => exit::SHORT,
            Self::Drift => exit::IN_DOUBT,
            Self::Busy => exit::BUSY,
            Self::Storage => exit::STORAGE,
            Self::Unreachable => exit::UNREACHABLE,
            Self::Bug => exit::BUG,
            Self::ClosedPipe => exit::DONE,
        }
    }
}

/// A command's failure.
#[derive(Debug)]
pub(crate) struct CommandError {
    /// What kind.
    pub(crate) kind: ErrorKind,
    /// What went wrong, and why.
    pub(crate) error: anyhow::Error,
    /// What would help.
    pub(crate) hints: Vec<String>,
    /// The excerpt of a file to show instead of the bare words.
    pub(crate) illustration: Option<Box<Illustration>>,
    /// More for programs, by name.
    pub(crate) details: Vec<(String, Value)>,
}

/// A problem drawn with the lines of the file it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Illustration {
    /// For a file or a pipe.
    pub(crate) plain: String,
    /// For a terminal.
    pub(crate) coloured: String,
}

impl Illustration {
    /// Draws once without colour and once with it.
    pub(crate) fn new(draw: impl Fn(&Renderer) -> String) -> Self {
        Self {
            plain: draw(&Renderer::plain()),
            coloured: draw(&Renderer::styled()),
        }
    }
}

impl CommandError {
    /// Makes one of any error.
    pub(crate) fn new(kind: ErrorKind, error: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            error: error.into(),
            hints: Vec::new(),
            illustration: None,
            details: Vec::new(),
        }
    }

    /// Makes one of a sentence.
    pub(crate) fn message(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, anyhow::Error::msg(message.into()))
    }

    /// Makes one for a wrong command line, manifest or configuration.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::message(ErrorKind::Usage, message)
    }

    /// Adds what would help.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the excerpt to show instead of the bare words.
    #[must_use]
    pub(crate) fn illustrated(mut self, illustration: Illustration) -> Self {
        self.illustration = Some(Box::new(illustration));
        self
    }

    /// Adds more for programs.
    #[must_use]
    pub(crate) fn detailed(mut self, name: &str, value: Value) -> Self {
        self.details.push((name.to_owned(), value));
        self
    }

    /// Says what was being done when it went wrong.
    #[must_use]
    pub(crate) fn context(mut self, doing: impl Into<String>) -> Self {
        self.error = self.error.context(doing.into());
        self
    }
}

/// Prints a failure on standard error and returns its exit code.
pub(crate) fn report(failure: &CommandError, ui: &Ui) -> u8 {
    let code = failure.kind.exit_code();
    if failure.kind != ErrorKind::ClosedPipe {
        let text = if ui.json() {
            as_json(failure)
        } else {
            as_text(failure, ui)
        };
        ui.talk_always(&text);
    }
    code
}

fn as_text(failure: &CommandError, ui: &Ui) -> String {
    let style = ui.stderr_style();
    let mut text = match &failure.illustration {
        Some(drawn) if ui.stderr_colour() => format!("{}\n", drawn.coloured),
        Some(drawn) => format!("{}\n", drawn.plain),
        None => format!("{} {}\n", style.error("error:"), failure.error),
    };
    for cause in causes(failure) {
        let _ = writeln!(text, "{} {cause}", style.error("caused by:"));
    }
    for hint in &failure.hints {
        let _ = writeln!(text, "{} {hint}", style.hint("hint:"));
    }
    text
}

fn as_json(failure: &CommandError) -> String {
    let mut object = json!({
        "error": failure.error.to_string(),
        "causes": causes(failure),
        "hints": failure.hints,
        "exit_code": failure.kind.exit_code(),
    });
    if let Some(object) = object.as_object_mut() {
        object.extend(failure.details.clone());
    }
    format!("{object}\n")
}

/// Lists the causes, without those whose words the message above them already holds.
fn causes(failure: &CommandError) -> Vec<String> {
    let mut said = failure.error.to_string();
    let mut causes = Vec::new();
    for cause in failure.error.chain().skip(1) {
        let words = cause.to_string();
        if !said.contains(&words) {
            causes.push(words.clone());
        }
        said = words;
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::super::args::ColorChoice;
    use super::super::ui::ColorHints;
    use super::*;
    use crate::api::{Fault, FaultKind, Refusal};
    use crate::ledger::LedgerError;
    use crate::model::RunId;

    fn ui(color: ColorChoice) -> Ui {
        Ui::new(color, ColorHints::default(), false, false)
    }

    fn fault(kind: FaultKind) -> CommandError {
        Fault {
            kind,
            status: None,
            message: "no answer".to_owned(),
            retry_after: None,
        }
        .into()
    }

    #[test]
    fn every_kind_of_failure_has_its_code() {
        for (failure, code) in [
            (CommandError::usage("x"), 2),
            (fault(FaultKind::Refused(Refusal::Key)), 3),
            (fault(FaultKind::Refused(Refusal::Subscription)), 3),
            (fault(FaultKind::Refused(Refusal::Credits)), 4),
            (fault(FaultKind::NotSent), 75),
            (fault(FaultKind::Unknown), 75),
            (LedgerError::Leased(RunId::new("r")).into(), 11),
            (LedgerError::Corrupt("x".to_owned()).into(), 74),
            (CommandError::message(ErrorKind::Bug, "x"), 70),
            (CommandError::message(ErrorKind::ClosedPipe, "x"), 0),
        ] {
            assert_eq!(failure.kind.exit_code(), code, "{failure:?}");
        }
    }

    #[test]
    fn causes_and_hints_follow_the_error() {
        let failure = fault(FaultKind::NotSent)
            .context("the balance can't be read")
            .hint("look at the cable");
        assert_eq!(
            as_text(&failure, &ui(ColorChoice::Never)),
            "error: the balance can't be read\n\
             caused by: no answer\n\
             hint: the same command may work later\n\
             hint: look at the cable\n"
        );
        let coloured = as_text(&failure, &ui(ColorChoice::Always));
        assert!(coloured.starts_with("\u{1b}[1;31merror:\u{1b}[0m the balance"));
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let inner = anyhow::anyhow!("disk full");
        let failure = CommandError::new(ErrorKind::Storage, inner.context("ledger: disk full"));
        let text = as_text(&failure, &ui(ColorChoice::Never));
        assert_eq!(text, "error: ledger: disk full\n");
    }

    #[test]
    fn programs_get_the_same_as_json() {
        let failure = CommandError::usage("x").detailed("short_by", json!(5));
        let value: Value = serde_json::from_str(&as_json(&failure)).unwrap();
        assert_eq!(
            value,
            json!({ "error": "x", "causes": [], "hints": [], "exit_code": 2, "short_by": 5 })
        );
    }
}
