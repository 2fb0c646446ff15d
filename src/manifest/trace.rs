//! Finds out where the values of one job come from, by reading the manifest's text once more.
//!
//! The expansion keeps no origins, so that a million jobs stay small and fast; whoever asks for one job pays for it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::Value;

use crate::catalog::{Besides, Catalog, Choice, Operation, OperationId};
use crate::model::{Input, ManifestOptions, Ordinal};

use super::batch::Draft;
use super::diagnostic::{Problem, ProblemKind, Problems};
use super::entry::{EXTRA, Entry, Named, Variant};
use super::merged::Merged;
use super::origin::{Chosen, JobOrigins, Layer, ParamOrigin, ParamSource, ValueOrigin};
use super::settings::Manifest;
use super::source::Source;
use super::trace_rows::{RowPlaces, changed, row_places};
use super::tree::{Member, Node, Tree};
use super::uploads::add_uploads;

impl Manifest {
    /// Finds out where the values of one job come from; nothing when the expansion has no such place.
    ///
    /// # Errors
    /// All problems of the rows before it, or a file that has changed since the manifest was read.
    pub fn origins(
        &self,
        catalog: &Catalog,
        ordinal: Ordinal,
    ) -> Result<Option<JobOrigins>, Problems> {
        let mut seen = None;
        self.expand(catalog, &mut |draft| {
            if draft.ordinal != ordinal {
                return ControlFlow::Continue(());
            }
            seen = Some(Seen::of(draft, catalog));
            ControlFlow::Break(())
        })?;
        let Some(seen) = seen else { return Ok(None) };
        let text = Text::read(self, catalog)?;
        Ok(Some(Tracer::new(self, catalog, &seen, &text)?.job()))
    }

    /// Asks for the whole batch, whatever the options say; tells whether they asked for less.
    pub fn select_all(&mut self) -> bool {
        self.batch.selection.take().is_some()
    }
}

/// What a draft lends, kept.
pub(super) struct Seen {
    pub(super) entry: usize,
    pub(super) row: u32,
    pub(super) take: u32,
    pub(super) operation: OperationId,
    pub(super) because: Option<String>,
    pub(super) inputs: BTreeMap<String, Input>,
    pub(super) priced: BTreeMap<String, Value>,
    pub(super) needs: Vec<Ordinal>,
    pub(super) save: Option<String>,
}

impl Seen {
    fn of(draft: &Draft<'_>, catalog: &Catalog) -> Self {
        let params = &catalog.get(draft.operation).params;
        let priced = params.iter().filter_map(|param| {
            let value = (draft.input)(&param.name)?;
            Some((param.name.clone(), value.clone()))
        });
        let inputs = match Input::from_canonical(draft.inputs) {
            Ok(Input::Table(inputs)) => inputs,
            _ => unreachable!("the expansion writes inputs as a canonical table"),
        };
        Self {
            entry: usize::try_from(draft.entry_index).unwrap_or(usize::MAX),
            row: draft.row,
            take: draft.take.max(1),
            operation: draft.operation,
            because: draft.chosen_because.map(str::to_owned),
            inputs,
            priced: priced.collect(),
            needs: draft.needs.to_vec(),
            save: draft.save.map(str::to_owned),
        }
    }
}

/// The manifest's text, read once more.
pub(super) struct Text {
    pub(super) source: Source,
    pub(super) root: Node,
    pub(super) profiles: Option<Node>,
    /// The variables without any option.
    pub(super) plain_vars: Option<Node>,
}

impl Text {
    fn read(manifest: &Manifest, catalog: &Catalog) -> Result<Self, Problems> {
        let batch = &manifest.batch;
        let read = |options: &ManifestOptions| {
            let mut source = Source::new(&batch.source.label, &batch.source.text);
            let mut problems = Problems::default();
            let merged = Merged::read(
                &mut source,
                batch.format,
                &manifest.folder,
                options,
                &mut problems,
            )?;
            problems.or(())?;
            Ok::<_, Problems>((source, merged))
        };
        let (source, mut merged) = read(&manifest.options)?;
        let texts = |files: &[super::include::Included]| -> Vec<_> {
            files.iter().map(|file| file.text.clone()).collect()
        };
        if texts(&merged.included) != texts(&batch.included) {
            let message = "a file that the manifest includes has changed meanwhile";
            return Err(Problem::new(ProblemKind::File, message).into());
        }
        add_uploads(&mut merged.root, catalog);
        let (_, plain) = read(&ManifestOptions::default())?;
        Ok(Self {
            source,
            plain_vars: member(&plain.root, "vars").cloned(),
            root: merged.root,
            profiles: merged.profiles,
        })
    }
}

/// Finds a key's value in a table.
pub(super) fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).map(|member| &member.node)
}

/// Follows the values of one job back to where they are written.
pub(super) struct Tracer<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) seen: &'a Seen,
    pub(super) text: &'a Text,
    pub(super) entry: &'a Entry,
    pub(super) variant: &'a Variant,
    pub(super) operation: &'a Operation,
    pub(super) choice: Option<&'a Choice>,
    /// The entry as it is written.
    pub(super) node: &'a Node,
    /// The profile that is laid over the manifest.
    pub(super) profile: Option<(&'a str, &'a Node)>,
    /// The row, and where it stands.
    pub(super) row: u32,
    pub(super) place: RowPlaces,
}

impl<'a> Tracer<'a> {
    fn new(
        manifest: &'a Manifest,
        catalog: &'a Catalog,
        seen: &'a Seen,
        text: &'a Text,
    ) -> Result<Self, Problems> {
        let entry = &manifest.batch.entries[seen.entry];
        // Two words of a choice may stand for the same operation.
        let of = |variant: &&Variant| {
            variant.operation == seen.operation && variant.chosen_because == seen.because
        };
        let changed = || Problems::from(changed(&entry.info.id));
        let nodes = match member(&text.root, "job").map(|node| &node.tree) {
            Some(Tree::List(nodes)) => nodes.as_slice(),
            _ => &[],
        };
        let node = nodes.get(seen.entry).ok_or_else(changed)?;
        let named = member(node, "operation").and_then(Node::as_text);
        let choice = match named.and_then(|name| Named::find(catalog, name)) {
            Some(Named::Choice(choice)) => Some(choice),
            _ => None,
        };
        let profile = manifest.options.profile.as_deref();
        let profile = profile.and_then(|name| {
            let profiles = text.profiles.as_ref()?;
            Some((name, member(profiles, name)?))
        });
        let row = match seen.row {
            0 => 0,
            row => (row - 1) / entry.matrix.combinations,
        };
        Ok(Self {
            place: row_places(manifest, entry, row)?,
            manifest,
            seen,
            text,
            entry,
            variant: entry.variants.iter().find(of).ok_or_else(changed)?,
            operation: catalog.get(seen.operation),
            choice,
            node,
            profile,
            row,
        })
    }

    fn job(&self) -> JobOrigins {
        let seen = self.seen;
        let save = seen.save.clone().zip(member(self.node, "save"));
        JobOrigins {
            entry: self.entry.info.clone(),
            place: self.text.source.place(self.entry.span),
            operation: seen.operation,
            chosen: self.choice.map(|choice| self.chosen(choice)),
            because: seen.because.clone(),
            row: self.row_origin(),
            params: self.params(),
            besides: self.besides(),
            priced: seen.priced.clone(),
            files: self.manifest.batch.shelf.names(),
            needs: seen.needs.clone(),
            save: save.map(|(path, node)| (path, self.value(Layer::Save, node))),
        }
    }

    fn chosen(&self, choice: &Choice) -> Chosen {
        let found = self.find(&choice.by, &["*", &choice.name]);
        Chosen {
            name: choice.name.clone(),
            by: choice.by.clone(),
            word: self.variant.word.clone(),
            origin: found.map(|(layer, member)| self.value(layer, &member.node)),
        }
    }

    fn params(&self) -> Vec<ParamOrigin> {
        let besides = self.besides();
        let params = self.operation.params.iter();
        let known = params.map(|param| (param.name.as_str(), param.default.as_ref(), &param.field));
        let mut params = Vec::new();
        for (name, default, field) in known {
            let value = self.seen.inputs.get(name).cloned();
            let is_given = value.is_some();
            let written = self.written(name);
            // What a parameter implies goes before what would be sent without it.
            let default = default.filter(|_| besides.iter().all(|it| it.field != *field));
            let source = match written {
                Some(origin) if is_given => ParamSource::Manifest(origin),
                Some(origin) => ParamSource::Empty(origin),
                None if default.is_some() => ParamSource::Catalog,
                None => continue,
            };
            params.push(ParamOrigin {
                name: name.to_owned(),
                value: value.or_else(|| default.cloned().map(Input::from)),
                source,
            });
        }
        if let Some((value, origin)) = self.seen.inputs.get(EXTRA).zip(self.written(EXTRA)) {
            params.push(ParamOrigin {
                name: EXTRA.to_owned(),
                value: Some(value.clone()),
                source: ParamSource::Manifest(origin),
            });
        }
        params
    }

    fn besides(&self) -> Vec<Besides> {
        let inputs = &self.seen.inputs;
        self.operation.besides(&|name| inputs.contains_key(name))
    }

    /// Finds what the manifest says of a parameter.
    fn written(&self, name: &str) -> Option<ValueOrigin> {
        let fields = &self.variant.fields;
        fields.iter().find(|field| field.name == name)?;
        let mut tables = vec!["*", &*self.operation.name];
        tables.extend(self.choice.map(|choice| choice.name.as_str()));
        let (layer, member) = self.find(name, &tables)?;
        Some(self.value(layer, &member.node))
    }

    /// Finds the table that decides a parameter, as `Defaults::merge` lays them over one another.
    fn find(&self, name: &str, tables: &[&str]) -> Option<(Layer, &'a Member)> {
        if let Some(own) = member(self.node, "with").and_then(|with| with.get(name)) {
            return Some((Layer::With, own));
        }
        let defaults = member(&self.text.root, "defaults")?;
        tables.iter().rev().find_map(|table| {
            let found = member(defaults, table)?.get(name)?;
            Some((Layer::Defaults((*table).to_owned()), found))
        })
    }
}
