//! One tree laid over another, key by key: tables that the schema knows are joined, everything else is replaced.

use super::schema::{Key, Shape};
use super::tree::{Node, Tree};

/// Lays `over` over `base`, both tables of these keys; what stays keeps its place, and so does what comes.
pub(super) fn overlay(base: &mut Node, over: Node, keys: &[Key]) {
    let shape = |name: &str| keys.iter().find(|key| key.name == name);
    join(base, over, &|name, below, above| {
        let shape = shape(name).map_or(&Shape::List, |key| &key.shape);
        lay(below, above, shape);
    });
}

fn lay(base: &mut Node, over: Node, shape: &Shape) {
    let replace = |_: &str, below: &mut Node, above: Node| *below = above;
    match shape {
        Shape::Section(keys) => overlay(base, over, keys),
        Shape::Values => join(base, over, &replace),
        Shape::Defaults => join(base, over, &|_, below, above| join(below, above, &replace)),
        Shape::Profiles(keys) => join(base, over, &|_, below, above| overlay(below, above, keys)),
        _ => *base = over,
    }
}

/// Joins two tables, with `both` for keys that both have; what is no table is replaced.
fn join(base: &mut Node, over: Node, both: &dyn Fn(&str, &mut Node, Node)) {
    let (Tree::Table(below), Tree::Table(_)) = (&mut base.tree, &over.tree) else {
        *base = over;
        return;
    };
    base.span = over.span;
    let Tree::Table(members) = over.tree else {
        return;
    };
    for member in members {
        match below.iter_mut().find(|known| known.key == member.key) {
            Some(known) => {
                known.key_span = member.key_span;
                both(&member.key, &mut known.node, member.node);
            }
            None => below.push(member),
        }
    }
}

/// Takes a key out of a table.
pub(super) fn take(node: &mut Node, key: &str) {
    if let Tree::Table(members) = &mut node.tree {
        members.retain(|member| member.key != key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::MANIFEST;
    use super::super::toml_text;
    use super::*;

    #[test]
    fn tables_are_joined_and_values_replaced() {
        let base = "name = 'a'\nvars = { a = 1, b = { c = 1 } }\nlimits = { rate = '1/s', poll = '9s' }\n\
            [defaults.'*']\nduration = 120\ntags = 'x'\n[provider.simulator]\nseed = 1\ncredits = 5\n\
            [profile.dev]\nbudget.run = 10\nbudget.keep = 1\n[profile.full]\nprices = 'p'";
        let over = "vars = { b = { d = 2 }, e = 3 }\nlimits.rate = '2/s'\n\
            [defaults.'*']\nduration = 30\n[defaults.'suno.create']\nmodel = 'm'\n[provider.simulator]\nseed = 2\n\
            [profile.dev]\nbudget.run = 20\n[profile.mine]\nvars.a = 2";
        let mut tree = toml_text::read(base).unwrap();
        overlay(&mut tree, toml_text::read(over).unwrap(), MANIFEST);
        let wanted = "name = 'a'\nvars = { a = 1, b = { d = 2 }, e = 3 }\nlimits = { rate = '2/s', poll = '9s' }\n\
            [defaults.'*']\nduration = 30\ntags = 'x'\n[defaults.'suno.create']\nmodel = 'm'\n\
            [provider.simulator]\nseed = 2\ncredits = 5\n\
            [profile.dev]\nbudget.run = 20\nbudget.keep = 1\n[profile.full]\nprices = 'p'\n[profile.mine]\nvars.a = 2";
        assert_eq!(tree.to_value(), toml_text::read(wanted).unwrap().to_value());
    }

    #[test]
    fn what_is_no_table_is_replaced_whole() {
        let mut tree = toml_text::read("limits = { rate = '1/s' }\nvars = 3").unwrap();
        let over = toml_text::read("limits = 'fast'\nvars = { a = 1 }").unwrap();
        let wanted = over.to_value();
        overlay(&mut tree, over, MANIFEST);
        assert_eq!(tree.to_value(), wanted);
    }
}
