//! The profiles of a manifest, each checked whether or not it is the chosen one.

use super::entries::BatchReader;
use super::read::settings_of;
use super::schema::PROFILE;
use super::section::Section;
use super::tree::{Node, Tree};

impl<'a> BatchReader<'a> {
    /// Checks the settings of every profile.
    pub(super) fn check_profiles(&mut self, node: Option<&'a Node>) {
        for member in node.map_or(&[][..], Node::members) {
            if matches!(member.node.tree, Tree::Table(_)) {
                self.check_profile(&member.key, &member.node);
            }
        }
    }

    fn check_profile(&mut self, name: &str, node: &'a Node) {
        let of = format!(" in profile `{name}`");
        let profile = Section::read(self.source, node, PROFILE, &of, self.problems);
        settings_of(self.source, &profile, self.problems);
        let mut reader = BatchReader {
            source: self.source,
            catalog: self.catalog,
            folder: self.folder,
            vars: profile.node("vars"),
            defaults: Default::default(),
            problems: self.problems,
        };
        reader.check_vars();
        reader.read_defaults(profile.node("defaults"));
    }
}
