//! A local file where a clip belongs: an upload of its own, shared by all that name the file.
//!
//! `clip = { file = "track.mp3" }` becomes a reference to a job that is added to the manifest, once for each file and
//! family. From there on everything goes its usual way: reuse, prices, order.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, ParamType};

use super::entry::Named;
use super::shelf::named_file;
use super::tree::{Member, Node, Span, Tree};

/// A job that was added.
pub(super) struct Upload {
    /// Its id.
    pub(super) id: String,
    /// The file, as the manifest names it.
    pub(super) file: String,
    /// How many values name it.
    pub(super) uses: usize,
    operation: String,
    span: Span,
}

/// Adds a job for each file that stands where a clip belongs, and puts references in the files' places.
pub(super) fn add_uploads(root: &mut Node, catalog: &Catalog) -> Vec<Upload> {
    let mut uploads = Uploads {
        catalog,
        ids: ids(root),
        made: Vec::new(),
    };
    let Tree::Table(members) = &mut root.tree else {
        return Vec::new();
    };
    for member in members.iter_mut() {
        match (member.key.as_str(), &mut member.node.tree) {
            ("defaults", Tree::Table(tables)) => {
                for table in tables {
                    uploads.table(&table.key, &mut table.node);
                }
            }
            ("job", Tree::List(entries)) => {
                for entry in entries {
                    uploads.entry(entry);
                }
            }
            _ => {}
        }
    }
    let jobs = members.iter_mut().find(|member| member.key == "job");
    if let Some(Tree::List(entries)) = jobs.map(|member| &mut member.node.tree) {
        entries.extend(uploads.made.iter().map(Upload::node));
    }
    uploads.made
}

fn ids(root: &Node) -> BTreeSet<String> {
    let jobs = root.get("job").map(|member| &member.node.tree);
    let Some(Tree::List(entries)) = jobs else {
        return BTreeSet::new();
    };
    let ids = entries.iter().filter_map(|entry| entry.get("id"));
    ids.filter_map(|member| member.node.as_text().map(str::to_owned))
        .collect()
}

struct Uploads<'c> {
    catalog: &'c Catalog,
    ids: BTreeSet<String>,
    made: Vec<Upload>,
}

impl Uploads<'_> {
    fn entry(&mut self, entry: &mut Node) {
        let operation = entry.get("operation").and_then(|it| it.node.as_text());
        let Some(operation) = operation.map(str::to_owned) else {
            return;
        };
        let Tree::Table(members) = &mut entry.tree else {
            return;
        };
        if let Some(with) = members.iter_mut().find(|member| member.key == "with") {
            self.table(&operation, &mut with.node);
        }
    }

    /// Replaces the files among the parameters of an operation.
    fn table(&mut self, operation: &str, parameters: &mut Node) {
        let Some(named) = Named::find(self.catalog, operation) else {
            return;
        };
        let family = operation.split('.').next().unwrap_or_default();
        let upload = format!("{family}.upload");
        if self.catalog.find(&upload).is_none() {
            return;
        }
        let takes_clip = |name: &str| {
            let mut operations = named.operations().into_iter();
            operations.any(|id| {
                let param = self.catalog.get(id).param(name);
                param.is_some_and(|param| matches!(param.kind, ParamType::Clip))
            })
        };
        let Tree::Table(members) = &mut parameters.tree else {
            return;
        };
        let mut found = Vec::new();
        for (at, member) in members.iter().enumerate() {
            let file = named_file(&member.node).and_then(Node::as_text);
            // What is another file in each row is no upload that jobs can share.
            if let Some(file) = file.filter(|file| !file.contains('$') && takes_clip(&member.key)) {
                found.push((at, file.to_owned()));
            }
        }
        for (at, file) in found {
            let node = &mut members[at].node;
            let id = self.id(&upload, &file, node.span);
            node.tree = Tree::Text(format!("${{jobs.{id}.clip_id}}"));
        }
    }

    /// Returns the id of the job that uploads a file, which is made for its first use.
    fn id(&mut self, operation: &str, file: &str, span: Span) -> String {
        let known = |upload: &&mut Upload| upload.operation == operation && upload.file == file;
        if let Some(upload) = self.made.iter_mut().find(known) {
            upload.uses += 1;
            return upload.id.clone();
        }
        let plain = format!("upload-{}", slug(file));
        let more = (2..).map(|count: u32| format!("{plain}-{count}"));
        let mut candidates = std::iter::once(plain.clone()).chain(more);
        let id = candidates
            .find(|id| !self.ids.contains(id))
            .unwrap_or(plain.clone());
        self.ids.insert(id.clone());
        self.made.push(Upload {
            id: id.clone(),
            file: file.to_owned(),
            uses: 1,
            operation: operation.to_owned(),
            span,
        });
        id
    }
}

impl Upload {
    fn node(&self) -> Node {
        let text = |text: &str| Tree::Text(text.to_owned());
        let file = self.table([("file", text(&self.file))]);
        let with = self.table([("url", file)]);
        let members = [
            ("id", text(&self.id)),
            ("operation", text(&self.operation)),
            ("with", with),
        ];
        Node {
            span: self.span,
            tree: self.table(members),
        }
    }

    fn table<const N: usize>(&self, members: [(&str, Tree); N]) -> Tree {
        let member = |(key, tree): (&str, Tree)| Member {
            key: key.to_owned(),
            key_span: self.span,
            node: Node {
                span: self.span,
                tree,
            },
        };
        Tree::Table(members.into_iter().map(member).collect())
    }
}

/// Makes a part of an id out of a file's name.
fn slug(file: &str) -> String {
    let name = std::path::Path::new(file).file_stem();
    let name = name.map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    match words.is_empty() {
        true => "file".to_owned(),
        false => words.join("-"),
    }
}
