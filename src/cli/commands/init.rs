//! `setlist init`: a manifest to start from, the schema for editors beside it, and rows where it has some.
//!
//! What stands there already is never overwritten unasked; nothing is written before everything is known to be free.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::slice;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::{Value, json};

use crate::manifest::{Format, is_our_schema};
use crate::model::Credits;

use super::super::context::Context;
use super::super::error::{CommandError, ErrorKind};
use super::super::exit::{self, Exit};
use super::super::interview::{Answers, interview};
use super::super::provider::{Provider, SIMULATOR};
use super::super::reports::Replacement;
use super::super::starter::{DEFAULT_CREDITS, Make, Quality, Rows, SCHEMA_FILE, Starter};
use super::super::values;
use super::schema;

/// Flags of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// File to write, TOML or YAML by its ending; `-` writes TOML to standard output [default: manifest.toml]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// What to make: song, stems (a song and its stems) or batch (from a CSV) [default: song]
    #[arg(
        long,
        value_name = "WHAT",
        env = "SETLIST_MAKE",
        hide_env = true,
        value_enum,
        hide_possible_values = true
    )]
    make: Option<Make>,

    /// Provider: simulator, aimusicapi or musicapi [default: simulator]
    #[arg(long, value_name = "NAME", env = "SETLIST_PROVIDER", hide_env = true)]
    provider: Option<String>,

    /// Quality: highest, medium or fast [default: medium]
    #[arg(
        long,
        value_name = "HOW",
        env = "SETLIST_QUALITY",
        hide_env = true,
        value_enum,
        hide_possible_values = true
    )]
    quality: Option<Quality>,

    /// A run may spend at most so many credits [default: 50]
    #[arg(long, value_name = "N", env = "SETLIST_MAX_CREDITS", hide_env = true)]
    max_credits: Option<Credits>,

    /// The batch's name, and its folder's [default: by the file or by what is made]
    #[arg(long, value_name = "NAME", env = "SETLIST_NAME", hide_env = true, value_parser = values::name)]
    name: Option<String>,

    /// Overwrite what is there
    #[arg(long, env = "SETLIST_FORCE", hide_env = true, value_parser = BoolishValueParser::new())]
    force: bool,

    /// Write no schema for editors beside it
    #[arg(long, env = "SETLIST_NO_SCHEMA", hide_env = true, value_parser = BoolishValueParser::new())]
    no_schema: bool,
}

/// Where the manifest goes.
struct Target {
    path: PathBuf,
    format: Format,
}

/// A file to be written, with its text.
struct Output {
    path: PathBuf,
    text: Vec<u8>,
    /// Whether it takes the place of one that is there.
    replaces: bool,
}

/// Writes the starter.
pub(crate) fn run(args: &InitArgs, context: &Context) -> Result<Exit, CommandError> {
    let target = args.target()?;
    let mut answers = args.given()?;
    if args.asks(context) {
        if let Some(target) = &target {
            // Said before a person answers four questions for nothing.
            refuse_taken(slice::from_ref(&target.path), args.force)?;
        }
        answers = ask(answers, context)?;
    }
    match target {
        None => {
            let starter = args.starter(answers, None);
            context.ui.result(&starter.text(Format::Toml))?;
        }
        Some(target) => {
            let is_rehearsal = answers.provider.name == SIMULATOR;
            let outputs = args.outputs(answers, &target, context)?;
            write_all(&outputs)?;
            tell(&outputs, &next_command(&target.path, is_rehearsal), context)?;
        }
    }
    Ok(Exit(exit::DONE))
}

impl InitArgs {
    /// Returns where the manifest goes; none is standard output.
    fn target(&self) -> Result<Option<Target>, CommandError> {
        let path = self.file.as_deref().unwrap_or(Path::new("manifest.toml"));
        if path == Path::new("-") {
            return Ok(None);
        }
        if path.is_dir() {
            let example = path.join("manifest.toml");
            return Err(is_folder(path).hint(format!("name a file: {}", shell_word(&example))));
        }
        match Format::of(path) {
            Some(format) => Ok(Some(Target {
                path: path.to_owned(),
                format,
            })),
            None => Err(CommandError::usage(format!(
                "`{}` ends neither with `.toml` nor with `.yaml` or `.yml`: nothing says how to write it",
                path.display()
            ))),
        }
    }

    /// Returns what the flags say, else the defaults.
    fn given(&self) -> Result<Answers, CommandError> {
        Ok(Answers {
            make: self.make.unwrap_or_default(),
            provider: Provider::find(self.provider.as_deref().unwrap_or(SIMULATOR))?,
            quality: self.quality.unwrap_or_default(),
            max_credits: self.max_credits.unwrap_or(DEFAULT_CREDITS),
        })
    }

    /// Tells whether a person is to be asked: one is there, and no flag says what is wanted.
    fn asks(&self, context: &Context) -> bool {
        let is_told = self.make.is_some()
            || self.provider.is_some()
            || self.quality.is_some()
            || self.max_credits.is_some()
            || self.name.is_some();
        !is_told && !context.ui.json() && context.ui.can_ask()
    }

    fn starter(&self, answers: Answers, path: Option<&Path>) -> Starter {
        let Answers {
            make,
            provider,
            quality,
            max_credits,
        } = answers;
        let by_file = || {
            let stem = path?.file_stem()?.to_str()?;
            // The usual file name says nothing about the batch.
            values::name(stem).ok().filter(|name| name != "manifest")
        };
        let name = self.name.clone().or_else(by_file);
        Starter {
            make,
            provider,
            quality,
            max_credits,
            name: name.unwrap_or_else(|| make.name().to_owned()),
            rows: path.map_or(Rows::Inline, |path| Rows::File(rows_file(path))),
            names_schema: path.is_some() && !self.no_schema,
        }
    }

    /// Returns all files, the manifest last: once it is there, all is.
    fn outputs(
        &self,
        answers: Answers,
        target: &Target,
        context: &Context,
    ) -> Result<Vec<Output>, CommandError> {
        let starter = self.starter(answers, Some(&target.path));
        let mut texts = Vec::new();
        if !self.no_schema {
            let path = target.path.with_file_name(SCHEMA_FILE);
            texts.push((path, schema::text(context)?));
        }
        if let (Make::Batch, Rows::File(name)) = (starter.make, &starter.rows) {
            let path = target.path.with_file_name(name);
            texts.push((path, Starter::csv().into_bytes()));
        }
        let manifest = starter.text(target.format).into_bytes();
        texts.push((target.path.clone(), manifest));
        let foreign = texts.iter().map(|(path, _)| path.clone());
        let foreign: Vec<_> = foreign.filter(|path| !is_schema(path)).collect();
        refuse_taken(&foreign, self.force)?;
        let output = |(path, text): (PathBuf, _)| Output {
            replaces: self.force || is_schema(&path),
            path,
            text,
        };
        Ok(texts.into_iter().map(output).collect())
    }
}

fn ask(given: Answers, context: &Context) -> Result<Answers, CommandError> {
    interview(given, &mut |prompt| context.ui.ask(prompt)).ok_or_else(|| {
        context.ui.talk_always("\n");
        CommandError::usage("the questions were not answered: nothing was written")
    })
}

/// Names the row file after the manifest, where that makes a name that nobody reads otherwise.
fn rows_file(path: &Path) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    match stem {
        // `jobs.` begins the results of a job.
        Some(stem) if stem != "jobs" && stem.chars().all(is_plain) => format!("{stem}.csv"),
        _ => "songs.csv".to_owned(),
    }
}

/// Tells whether a file is a schema that we wrote, which may be written anew.
fn is_schema(path: &Path) -> bool {
    let text = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice::<Value>(&text).is_ok_and(|schema| is_our_schema(&schema))
}

/// Refuses to touch what is there.
fn refuse_taken(paths: &[PathBuf], force: bool) -> Result<(), CommandError> {
    if let Some(folder) = paths.iter().find(|path| path.is_dir()) {
        return Err(is_folder(folder));
    }
    let taken = paths.iter().filter(|path| path.symlink_metadata().is_ok());
    let taken: Vec<_> = taken.map(|path| format!("`{}`", path.display())).collect();
    if force || taken.is_empty() {
        return Ok(());
    }
    let (are, them) = if taken.len() == 1 {
        ("is", "it")
    } else {
        ("are", "them")
    };
    let failure = CommandError::usage(format!(
        "{} {are} there: nothing was written",
        taken.join(" and ")
    ))
    .hint(format!("name another file, or overwrite {them}: --force"));
    let is_schema = |path: &PathBuf| path.ends_with(SCHEMA_FILE) && path.exists();
    Err(match paths.iter().any(is_schema) {
        true => failure.hint("or write no schema: --no-schema"),
        false => failure,
    })
}

fn is_folder(path: &Path) -> CommandError {
    CommandError::usage(format!("`{}` is a folder", path.display()))
}

/// Writes all files, or leaves none that was not there before.
fn write_all(outputs: &[Output]) -> Result<(), CommandError> {
    for (at, output) in outputs.iter().enumerate() {
        if let Err(error) = output.write() {
            for written in outputs[..at].iter().filter(|output| !output.replaces) {
                // Why the rest can't be written is the failure to tell.
                drop(std::fs::remove_file(&written.path));
            }
            let doing = format!("`{}` can't be written", output.path.display());
            return Err(CommandError::new(ErrorKind::Storage, error).context(doing));
        }
    }
    Ok(())
}

impl Output {
    fn write(&self) -> io::Result<()> {
        if self.replaces {
            let mut to = Replacement::begin(&self.path)?;
            to.file.write_all(&self.text)?;
            return to.commit();
        }
        // Not even one that came this very moment is overwritten.
        let mut file = File::create_new(&self.path)?;
        file.write_all(&self.text).inspect_err(|_| {
            // Half a file is none; that it could not be written is the failure to tell.
            drop(std::fs::remove_file(&self.path));
        })
    }
}

/// Returns what to type next: a rehearsal can go at once, in earnest the price comes first.
fn next_command(path: &Path, is_rehearsal: bool) -> String {
    let path = shell_word(path);
    match is_rehearsal {
        true => format!("setlist run {path}"),
        false => format!("setlist plan {path} --offline"),
    }
}

/// Writes a path as a shell reads it.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:@%+".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn tell(outputs: &[Output], next: &str, context: &Context) -> Result<(), CommandError> {
    let written: Vec<_> = outputs
        .iter()
        .map(|output| output.path.display().to_string())
        .collect();
    if context.ui.json() {
        return context
            .ui
            .json_result(&json!({"written": written, "next": next}));
    }
    let files = written.join(", ");
    context.ui.result(&format!("wrote {files}\nnext: {next}\n"))
}
