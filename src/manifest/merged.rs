//! A manifest's tree as it holds: its own text over what it includes, and what is said beside it over both.

use std::path::Path;

use crate::model::ManifestOptions;

use super::diagnostic::{Problem, ProblemKind, Problems};
use super::include::{Included, Includes};
use super::options;
use super::select::Asked;
use super::source::{Format, Source};
use super::tree::{Node, Tree};

/// A manifest's tree, put together.
pub(super) struct Merged {
    pub(super) root: Node,
    /// The profiles, as they were before one was laid over the rest.
    pub(super) profiles: Option<Node>,
    pub(super) included: Vec<Included>,
    pub(super) asked: Asked,
}

impl Merged {
    /// Reads a manifest's text with all that it includes, and applies the options.
    ///
    /// The error is for a text that is no manifest at all; other problems are added to `problems`.
    pub(super) fn read(
        source: &mut Source,
        format: Format,
        folder: &Path,
        options: &ManifestOptions,
        problems: &mut Problems,
    ) -> Result<Self, Problems> {
        let root = source.parse(format)?;
        if !matches!(root.tree, Tree::Table(_)) {
            let label = &source.label;
            let message = match root.tree {
                Tree::Null => format!("`{label}` is empty"),
                _ => format!("`{label}` is {}, not a table of keys", root.kind()),
            };
            return Err(Problem::new(ProblemKind::Syntax, message).into());
        }
        let (mut root, included) = Includes::new(source, problems).read(root, folder);
        let profiles = root.get("profile").map(|member| member.node.clone());
        let asked = options::apply(&mut root, options, source, problems);
        Ok(Self {
            root,
            profiles,
            included,
            asked,
        })
    }
}
