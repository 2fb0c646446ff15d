//! Files that a manifest includes: settings that several share. What the manifest says itself is laid over them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Problem, ProblemKind, Problems, listed};
use super::overlay::{overlay, take};
use super::schema::{INCLUDED, MANIFEST};
use super::section::Section;
use super::source::{Format, Source};
use super::tree::{Node, Span, Tree};

/// More files than this are a slip of the pen.
const MAX_FILES: usize = 50;

/// A file that was read into a manifest.
#[derive(Clone, Debug)]
pub(super) struct Included {
    /// As it was named.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) text: Arc<str>,
}

/// Reads what a manifest includes, and what that includes; each file once.
pub(super) struct Includes<'s> {
    source: &'s mut Source,
    problems: &'s mut Problems,
    files: Vec<Included>,
    /// Where the files are that were read, whatever they were called.
    known: Vec<PathBuf>,
    /// The files that include what is read now, the manifest first: where each is, and how it is called.
    under_way: Vec<(PathBuf, String)>,
}

impl<'s> Includes<'s> {
    /// Begins with a manifest.
    pub(super) fn new(source: &'s mut Source, problems: &'s mut Problems) -> Self {
        let label = source.label.to_string();
        let manifest = Path::new(&label).canonicalize().ok();
        Self {
            source,
            problems,
            files: Vec::new(),
            known: Vec::new(),
            under_way: manifest.map(|path| (path, label)).into_iter().collect(),
        }
    }

    /// Lays a manifest over what it includes, which is looked for in `folder`; returns the files too.
    pub(super) fn read(mut self, root: Node, folder: &Path) -> (Node, Vec<Included>) {
        let root = self.over(root, folder);
        (root, self.files)
    }

    fn over(&mut self, root: Node, folder: &Path) -> Node {
        let named = match root.get("include").map(|member| &member.node.tree) {
            Some(Tree::List(items)) => items.clone(),
            _ => return root,
        };
        let span = root.span;
        let mut joined = Node {
            span,
            tree: Tree::Table(Vec::new()),
        };
        for item in named {
            // What is no text is told of with the manifest's other keys.
            let Some(name) = item.as_text() else { continue };
            match self.file(name, folder, item.span) {
                Ok(Some(node)) => overlay(&mut joined, node, MANIFEST),
                Ok(None) => {}
                Err(problem) => self.problems.push(match problem.place {
                    None => problem.at(self.source.place(item.span)),
                    Some(_) => problem,
                }),
            }
        }
        overlay(&mut joined, root, MANIFEST);
        joined.span = span;
        joined
    }

    /// Reads a file with all that it includes; nothing when it was read before.
    fn file(&mut self, name: &str, folder: &Path, span: Span) -> Result<Option<Node>, Problem> {
        let path = folder.join(name);
        let Some(format) = Format::of(&path) else {
            let message = format!("`{name}` is neither `.toml` nor `.yaml`");
            return Err(Problem::new(ProblemKind::Value, message));
        };
        let found = path.canonicalize().and_then(|found| match found.is_file() {
            true => Ok(found),
            // A device or a pipe could have no end.
            false => Err(std::io::Error::other("not a plain file")),
        });
        let found = found.map_err(|error| {
            Problem::new(ProblemKind::File, format!("can't read `{name}`: {error}"))
        })?;
        self.refuse_circle(name, &found)?;
        if self.known.contains(&found) {
            return Ok(None);
        }
        if self.known.len() == MAX_FILES {
            let message = format!("more than {MAX_FILES} files are included");
            return Err(Problem::new(ProblemKind::TooMuch, message));
        }
        let file = Source::read(&path)?;
        self.files.push(Included {
            name: name.to_owned(),
            path: path.clone(),
            text: Arc::clone(&file.text),
        });
        self.known.push(found.clone());
        let Some(node) = self.tree(&file, format, span) else {
            return Ok(None);
        };
        self.under_way.push((found, name.to_owned()));
        let mut node = self.over(node, path.parent().unwrap_or(Path::new("")));
        self.under_way.pop();
        take(&mut node, "include");
        Ok(Some(node))
    }

    fn refuse_circle(&self, name: &str, found: &Path) -> Result<(), Problem> {
        let first = self.under_way.iter().position(|(path, _)| path == found);
        let Some(first) = first else { return Ok(()) };
        let around = self.under_way[first..]
            .iter()
            .map(|(_, name)| name.as_str());
        let around: Vec<&str> = around.chain([name]).collect();
        let message = match around.len() {
            2 => format!("`{name}` includes itself"),
            _ => format!(
                "files include one another in a circle: {}",
                listed(around, ", ")
            ),
        };
        Err(Problem::new(ProblemKind::Cycle, message))
    }

    /// Parses a file, checks its keys, and leaves out those it can't have; nothing when it can't be used.
    fn tree(&mut self, file: &Source, format: Format, span: Span) -> Option<Node> {
        let mut node = match file.parse(format) {
            Ok(node) => node,
            Err(found) => {
                let by = self.source.place(span).file;
                self.problems.join(found, &format!("`{by}` includes it"));
                return None;
            }
        };
        let (_, whole) = self.source.add(&file.label, &file.text);
        node.move_by(whole.start);
        let Tree::Table(_) = node.tree else {
            let message = format!("`{}` is {}, not a table of keys", file.label, node.kind());
            let problem = Problem::new(ProblemKind::Syntax, message);
            self.problems.push(problem.at(self.source.place(span)));
            return None;
        };
        let of = " of an included file";
        let section = Section::read(self.source, &node, INCLUDED, of, self.problems);
        let right = section.to_map();
        if let Tree::Table(members) = &mut node.tree {
            members.retain(|member| right.contains_key(&member.key));
        }
        Some(node)
    }
}
