//! The terminal: results to standard output, talk to standard error, questions only to a person.
//!
//! Nothing else in the crate prints. A reader that goes away ends a command quietly; it never breaks a run.

use std::io::{self, BufRead, IsTerminal, Write};

use super::args::ColorChoice;
use super::error::{CommandError, ErrorKind};

/// What decides about colour, as read from the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColorHints {
    /// `NO_COLOR` is set and not empty.
    pub(crate) no_color: bool,
    /// `CLICOLOR_FORCE` is set, not empty and not `0`.
    pub(crate) force: bool,
    /// `TERM` is `dumb`.
    pub(crate) dumb: bool,
}

/// The terminal, or whatever stands in its place.
#[derive(Clone, Debug)]
pub(crate) struct Ui {
    json: bool,
    quiet: bool,
    stderr_colour: bool,
    stdin_terminal: bool,
    stderr_terminal: bool,
    dumb: bool,
}

/// Puts colour around words, or leaves them as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// Marks an error's label.
    pub(crate) fn error(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// Marks a hint's label.
    pub(crate) fn hint(self, text: &str) -> String {
        self.paint("1;36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

impl Ui {
    /// Looks at the three streams once.
    pub(crate) fn new(color: ColorChoice, hints: ColorHints, json: bool, quiet: bool) -> Self {
        let stderr_terminal = io::stderr().is_terminal();
        Self {
            json,
            quiet,
            stderr_colour: is_coloured(color, hints, stderr_terminal),
            stdin_terminal: io::stdin().is_terminal(),
            stderr_terminal,
            dumb: hints.dumb,
        }
    }

    /// Tells whether results are wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Tells whether a person watches, who can be shown progress.
    pub(crate) fn is_watched(&self) -> bool {
        self.stderr_terminal && !self.quiet
    }

    /// Tells whether a bar can be drawn over itself.
    pub(crate) fn can_draw(&self) -> bool {
        self.is_watched() && !self.dumb
    }

    /// Tells whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.stdin_terminal && self.stderr_terminal
    }

    /// Tells whether standard error takes colour.
    pub(crate) fn stderr_colour(&self) -> bool {
        self.stderr_colour
    }

    /// Returns how to mark words on standard error.
    pub(crate) fn stderr_style(&self) -> Style {
        Style {
            colour: self.stderr_colour,
        }
    }

    /// Writes a result to standard output.
    ///
    /// # Errors
    /// `ClosedPipe` when the reader went away, `Storage` when the output can't be written.
    pub(crate) fn result(&self, text: &str) -> Result<(), CommandError> {
        self.results(|out| out.write_all(text.as_bytes()))
    }

    /// Writes a value as one line of JSON to standard output.
    ///
    /// # Errors
    /// As [`Ui::result`].
    pub(crate) fn json_result(&self, value: &impl serde::Serialize) -> Result<(), CommandError> {
        self.results(|out| {
            serde_json::to_writer(&mut *out, value)?;
            out.write_all(b"\n")
        })
    }

    /// Writes results to standard output, buffered.
    ///
    /// # Errors
    /// As [`Ui::result`].
    pub(crate) fn results(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), CommandError> {
        let mut out = stdout();
        write(&mut out)
            .and_then(|()| out.flush())
            .map_err(unwritten)
    }

    /// Tells a watching person something; without a terminal, or when asked to be quiet, nothing is said.
    pub(crate) fn tell(&self, text: &str) {
        if self.is_watched() {
            self.talk_always(text);
        }
    }

    /// Says something that matters without a terminal too, unless asked to be quiet.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            self.talk_always(text);
        }
    }

    /// Says something on standard error whatever was asked for.
    #[allow(
        clippy::unused_self,
        reason = "whoever talks has a terminal to talk to"
    )]
    pub(crate) fn talk_always(&self, text: &str) {
        // Nobody is left to be told when standard error itself is gone.
        drop(io::stderr().lock().write_all(text.as_bytes()));
    }

    /// Asks a person a question; anything but yes is no.
    pub(crate) fn confirm(&self, question: &str) -> bool {
        let answer = self.ask(&format!("{question} [y/N] "));
        answer.is_some_and(|line| matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks a person for a line; none when nothing more can come.
    pub(crate) fn ask(&self, prompt: &str) -> Option<String> {
        self.talk_always(prompt);
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line),
        }
    }
}

/// Returns standard output, buffered; what fails on it is told by [`unwritten`].
pub(crate) fn stdout() -> io::BufWriter<io::StdoutLock<'static>> {
    io::BufWriter::new(io::stdout().lock())
}

/// Says why a result could not be written to standard output.
pub(crate) fn unwritten(error: io::Error) -> CommandError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => CommandError::new(ErrorKind::ClosedPipe, error),
        _ => {
            CommandError::new(ErrorKind::Storage, error).context("standard output can't be written")
        }
    }
}

fn is_coloured(choice: ColorChoice, hints: ColorHints, terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if hints.no_color => false,
        ColorChoice::Auto if hints.force => true,
        ColorChoice::Auto => terminal && !hints.dumb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
        let none = ColorHints::default();
        let no_color = ColorHints {
            no_color: true,
            force: true,
            ..none
        };
        let force = ColorHints {
            force: true,
            ..none
        };
        let dumb = ColorHints { dumb: true, ..none };
        for (choice, hints, terminal, expected) in [
            (ColorChoice::Auto, none, true, true),
            (ColorChoice::Auto, none, false, false),
            (ColorChoice::Auto, no_color, true, false),
            (ColorChoice::Auto, force, false, true),
            (ColorChoice::Auto, dumb, true, false),
            (ColorChoice::Always, no_color, false, true),
            (ColorChoice::Never, force, true, false),
        ] {
            assert_eq!(
                is_coloured(choice, hints, terminal),
                expected,
                "{choice:?} {hints:?} {terminal}"
            );
        }
    }
}
