//! From the tree to a checked manifest: settings, variables, defaults, then every entry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::catalog::Catalog;
use crate::model::ManifestOptions;

use super::batch::{Batch, EntryInfo, SAMPLE_DATE};
use super::diagnostic::{Problem, ProblemKind, Problems};
use super::entries::{BatchReader, order, referred};
use super::entry::{Defaults, Entry, Origin};
use super::expand;
use super::include::Included;
use super::merged::Merged;
use super::schema::{MANIFEST, Shape};
use super::section::Section;
use super::select::Selection;
use super::settings::{BudgetSettings, LimitSettings, Manifest, ProviderSettings, WhenShort};
use super::shelf::Shelf;
use super::source::{Format, Source};
use super::tree::{Member, Node};
use super::uploads::{Upload, add_uploads};

impl Manifest {
    /// Reads a manifest; its extension tells the format, and its folder is where row files are looked for.
    ///
    /// # Errors
    /// All problems found, except those of rows in files, which [`Manifest::check_rows`] finds.
    pub fn read(path: &Path, catalog: &Catalog) -> Result<Self, Problems> {
        Self::read_with(path, &ManifestOptions::default(), catalog)
    }

    /// Reads a manifest as [`Manifest::read`] does, with what is said beside it.
    ///
    /// # Errors
    /// As [`Manifest::read`]; and an option that names what the manifest does not have.
    pub fn read_with(
        path: &Path,
        options: &ManifestOptions,
        catalog: &Catalog,
    ) -> Result<Self, Problems> {
        let label = path.display().to_string();
        let Some(format) = Format::of(path) else {
            let message = format!("`{label}` is neither `.toml` nor `.yaml`");
            return Err(Problem::new(ProblemKind::File, message).into());
        };
        let source = Source::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::from_source(source, format, folder, options, catalog)
    }

    /// Reads a manifest from standard input or the like, under the name `label`.
    ///
    /// # Errors
    /// As [`Manifest::read_with`].
    pub fn read_from(
        input: impl std::io::Read,
        format: Format,
        label: &str,
        folder: &Path,
        options: &ManifestOptions,
        catalog: &Catalog,
    ) -> Result<Self, Problems> {
        Self::from_source(
            Source::take(label, input)?,
            format,
            folder,
            options,
            catalog,
        )
    }

    /// Reads a manifest's text; `label` is its name in messages.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn parse(
        text: &str,
        format: Format,
        label: &str,
        folder: &Path,
        catalog: &Catalog,
    ) -> Result<Self, Problems> {
        let options = ManifestOptions::default();
        Self::from_source(Source::new(label, text), format, folder, &options, catalog)
    }

    /// Says on which date the run starts, which is what `${run.date}` stands for.
    ///
    /// It becomes part of the jobs' inputs: on another date they are other jobs.
    pub fn set_run_date(&mut self, date: Date) {
        self.batch.date = Some(date.to_string());
    }

    /// Hands every job that is asked for to `sink`, upstream first, until it breaks off; what they need comes along.
    ///
    /// Places count up from 0. Once a problem is found the sink is not called any more.
    ///
    /// # Errors
    /// All problems of the rows.
    pub fn expand(&self, catalog: &Catalog, sink: &mut expand::Sink<'_>) -> Result<(), Problems> {
        match &self.batch.selection {
            None => expand::expand(&self.batch, catalog, true, sink),
            Some(selection) => selection.expand(&self.batch, catalog, sink),
        }
    }

    /// Returns the local files that jobs name, as far as they were expanded: SHA-256 in hexadecimal, and where each is.
    #[must_use]
    pub fn local_files(&self) -> BTreeMap<String, PathBuf> {
        self.batch.shelf.files()
    }

    /// Looks at every row of every file, and makes nothing of them.
    ///
    /// # Errors
    /// All problems of the rows.
    pub fn check_rows(&self, catalog: &Catalog) -> Result<(), Problems> {
        self.expand(catalog, &mut |_| std::ops::ControlFlow::Continue(()))
    }

    /// Looks at the batch under each of its profiles but the chosen one, rows included.
    ///
    /// # Errors
    /// All problems found.
    pub fn check_profiles(&self, catalog: &Catalog) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let chosen = self.options.profile.as_ref();
        for name in self.profiles.iter().filter(|name| Some(*name) != chosen) {
            if let Err(found) = self.check_profile(name, catalog) {
                problems.join(found, &format!("this is with `--profile {name}`"));
            }
        }
        problems.or(())
    }

    fn check_profile(&self, name: &str, catalog: &Catalog) -> Result<(), Problems> {
        let written = &self.batch.source;
        let source = Source::new(&written.label, &written.text);
        let options = ManifestOptions {
            profile: Some(name.to_owned()),
            ..self.options.clone()
        };
        let format = self.batch.format;
        let mut other = Self::from_source(source, format, &self.folder, &options, catalog)?;
        other.batch.date.clone_from(&self.batch.date);
        other.check_rows(catalog)
    }

    /// Returns the entries, in the manifest's order.
    #[must_use]
    pub fn entries(&self) -> &[EntryInfo] {
        &self.batch.infos
    }

    fn from_source(
        mut source: Source,
        format: Format,
        folder: &Path,
        options: &ManifestOptions,
        catalog: &Catalog,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let Merged {
            mut root,
            profiles,
            included,
            asked,
        } = Merged::read(&mut source, format, folder, options, &mut problems)?;
        let shared = shared(&root);
        let uploads = add_uploads(&mut root, catalog);
        let top = Section::read(&source, &root, MANIFEST, "", &mut problems);
        let mut manifest = head(&source, format, &top, folder, options, &mut problems);
        manifest.digest = digest(&source, &included, options);
        let mut reader = BatchReader {
            source: &source,
            catalog,
            folder,
            vars: top.node("vars"),
            defaults: Defaults::default(),
            problems: &mut problems,
        };
        reader.check_profiles(profiles.as_ref());
        reader.check_vars();
        reader.read_defaults(top.node("defaults"));
        let (mut entries, needs) = reader.entries(top.node("job"));
        for upload in &uploads {
            explain(upload, &mut entries, &needs);
        }
        let mut order = order(&source, &entries, &needs, &mut problems);
        order.retain(|at| entries[*at].origin != Origin::IdleUpload);
        let referred = referred(&entries);
        let selection = Selection::of(asked, &entries, &source, &mut problems);
        problems.or(())?;
        manifest.batch = Batch {
            infos: entries.iter().map(|entry| entry.info.clone()).collect(),
            source,
            format,
            entries,
            order,
            referred,
            shelf: Shelf::new(folder),
            selection,
            included,
            shared,
            date: Some(SAMPLE_DATE.to_owned()),
        };
        // Rows in the manifest itself, and indexes into results, are known well enough to be looked at now.
        let mut ignore = |_: &super::Draft<'_>| std::ops::ControlFlow::Continue(());
        expand::expand(&manifest.batch, catalog, false, &mut ignore)?;
        manifest.batch.date = None;
        Ok(manifest)
    }
}

/// Says in the plan why there is a job that the manifest does not have, and finds out whether any other needs it.
fn explain(upload: &Upload, entries: &mut [Entry], needs: &[BTreeSet<usize>]) {
    let Upload { file, uses, .. } = upload;
    let uses = match uses {
        1 => "1 use".to_owned(),
        more => format!("{more} uses"),
    };
    let is_it = |entry: &Entry| entry.info.id == upload.id;
    let Some(at) = entries.iter().position(is_it) else {
        return;
    };
    entries[at].origin = match needs.iter().any(|needs| needs.contains(&at)) {
        true => Origin::Upload,
        false => Origin::IdleUpload,
    };
    for variant in &mut entries[at].variants {
        variant.chosen_because = Some(format!("uploads `{file}` once, {uses}"));
    }
}

/// Reads all but the jobs.
fn head(
    source: &Source,
    format: Format,
    top: &Section<'_>,
    folder: &Path,
    options: &ManifestOptions,
    problems: &mut Problems,
) -> Manifest {
    let stem = Path::new(&*source.label)
        .file_stem()
        .map(|stem| stem.to_string_lossy());
    let name = top.text("name").map(str::to_owned);
    let (provider, limits, budget) = settings_of(source, top, problems);
    let profiles = top.node("profile").map_or(&[][..], Node::members);
    Manifest {
        name: name.unwrap_or_else(|| stem.map_or_else(|| "-".to_owned(), Into::into)),
        path: source.label.to_string(),
        folder: folder.to_owned(),
        digest: String::new(),
        profiles: profiles.iter().map(|it| it.key.clone()).collect(),
        options: options.clone(),
        provider,
        limits,
        budget,
        prices: top.text("prices").map(str::to_owned),
        batch: Batch {
            source: source.clone(),
            format,
            entries: Vec::new(),
            infos: Vec::new(),
            order: Vec::new(),
            referred: Vec::new(),
            shelf: Shelf::default(),
            selection: None,
            included: Vec::new(),
            shared: Vec::new(),
            date: None,
        },
    }
}

/// Digests what a manifest is made of: its text alone when nothing is said beside it.
fn digest(source: &Source, included: &[Included], options: &ManifestOptions) -> String {
    let mut digest = Sha256::new();
    digest.update(source.text.as_bytes());
    for file in included {
        // No byte of UTF-8: two texts are never one.
        digest.update([0xff]);
        digest.update(file.text.as_bytes());
    }
    if !options.is_empty() {
        digest.update([0xfe]);
        digest.update(json!(options).to_string());
    }
    let bytes = digest.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns what the jobs have in common, as it holds after all options.
fn shared(root: &Node) -> Vec<Member> {
    let members = root.members().iter();
    let kept = members.filter(|member| !matches!(&*member.key, "job" | "include" | "profile"));
    kept.cloned().collect()
}

/// Reads the settings of a manifest or of a profile.
pub(super) fn settings_of(
    source: &Source,
    top: &Section<'_>,
    problems: &mut Problems,
) -> (ProviderSettings, LimitSettings, BudgetSettings) {
    let provider = provider(source, top, problems);
    let limits = limits(source, top, problems);
    (provider, limits, budget(source, top, problems))
}

/// Reads a table that the schema describes.
fn section<'a>(
    source: &Source,
    parent: &Section<'a>,
    of: &'static [super::schema::Key],
    name: &str,
    problems: &mut Problems,
) -> Option<Section<'a>> {
    let node = parent.node(name)?;
    let key = of.iter().find(|key| key.name == name)?;
    let Shape::Section(keys) = key.shape else {
        return None;
    };
    Some(Section::read(
        source,
        node,
        keys,
        &format!(" in `{name}`"),
        problems,
    ))
}

fn provider(source: &Source, top: &Section<'_>, problems: &mut Problems) -> ProviderSettings {
    let Some(provider) = section(source, top, MANIFEST, "provider", problems) else {
        return ProviderSettings::default();
    };
    let text = |key| provider.text(key).map(str::to_owned);
    let simulator = section(
        source,
        &provider,
        super::schema::PROVIDER,
        "simulator",
        problems,
    );
    ProviderSettings {
        name: text("name"),
        base_url: text("base_url"),
        key_env: text("key_env"),
        simulator: simulator
            .map(|section| section.to_map())
            .unwrap_or_default(),
    }
}

fn limits(source: &Source, top: &Section<'_>, problems: &mut Problems) -> LimitSettings {
    match section(source, top, MANIFEST, "limits", problems) {
        None => LimitSettings::default(),
        Some(limits) => LimitSettings {
            rate: limits.rate("rate"),
            concurrency: limits.whole("concurrency"),
            poll: limits.duration("poll"),
            timeout: limits.duration("timeout"),
        },
    }
}

fn budget(source: &Source, top: &Section<'_>, problems: &mut Problems) -> BudgetSettings {
    match section(source, top, MANIFEST, "budget", problems) {
        None => BudgetSettings::default(),
        Some(budget) => BudgetSettings {
            run: budget.credits("run"),
            period: budget.credits("period"),
            keep: budget.credits("keep"),
            when_short: match budget.text("when_short") {
                Some("fit") => WhenShort::Fit,
                _ => WhenShort::Refuse,
            },
        },
    }
}
