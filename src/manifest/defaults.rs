//! Variables and defaults: what entries share, checked where it stands.

use std::collections::BTreeSet;

use super::cell::literal;
use super::diagnostic::{ProblemKind, did_you_mean};
use super::entries::BatchReader;
use super::entry::{EXTRA, Named};
use super::tree::{Node, Tree};

impl<'a> BatchReader<'a> {
    /// Checks that variables are plain values.
    pub(super) fn check_vars(&mut self) {
        for member in self.vars.map_or(&[][..], Node::members) {
            if let Err(span) = literal(&member.node) {
                self.refuse_filling(span, "in `vars`");
            }
        }
    }

    /// Reads the tables of defaults; a parameter that none of the operations has is a slip of the pen.
    pub(super) fn read_defaults(&mut self, node: Option<&'a Node>) {
        for member in node.map_or(&[][..], Node::members) {
            let name = member.key.as_str();
            let operations = match Named::find(self.catalog, name) {
                Some(named) => named.operations(),
                None if name == "*" => self.catalog.ids().collect(),
                None => {
                    let message = format!("unknown operation `{name}` in `defaults`");
                    let meant = self.catalog.nearest(name);
                    let label = meant.map(|meant| format!("did you mean `{meant}`?"));
                    self.refuse(ProblemKind::Key, member.key_span, message, label);
                    continue;
                }
            };
            if !matches!(member.node.tree, Tree::Table(_)) {
                let message = format!("`{name}` in `defaults` takes a table of parameters");
                let label = Some(format!("this is {}", member.node.kind()));
                self.refuse(ProblemKind::Value, member.node.span, message, label);
                continue;
            }
            let mut known: BTreeSet<&str> = BTreeSet::from([EXTRA]);
            for id in operations {
                known.extend(
                    self.catalog
                        .get(id)
                        .params
                        .iter()
                        .map(|param| param.name.as_str()),
                );
            }
            let choices = self.catalog.choices.iter();
            let choices = choices.filter(|choice| name == "*" || choice.name == name);
            known.extend(choices.map(|choice| choice.by.as_str()));
            for param in member.node.members() {
                if !known.contains(param.key.as_str()) {
                    let message = format!("unknown parameter `{}` of `{name}`", param.key);
                    let meant = did_you_mean(&param.key, known.iter().copied());
                    let label = meant.map(|meant| format!("did you mean `{meant}`?"));
                    self.refuse(ProblemKind::Key, param.key_span, message, label);
                }
            }
            self.defaults.tables.insert(name, &member.node);
        }
    }
}
