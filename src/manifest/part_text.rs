//! A tree as TOML: each job a table of its own, everything else on one line.

use super::tree::{Node, Tree};

/// Writes a manifest's tree, with this name.
pub(super) fn write(root: &Node, name: &str) -> String {
    let mut out = String::from("name = ");
    text(name, &mut out);
    out.push('\n');
    let members = root.members().iter();
    let (jobs, others): (Vec<_>, Vec<_>) = members
        .filter(|member| member.key != "name")
        .partition(|member| member.key == "job");
    for member in others {
        line(&member.key, &member.node, &mut out);
    }
    for job in jobs {
        let Tree::List(entries) = &job.node.tree else {
            continue;
        };
        for entry in entries {
            out.push_str("\n[[job]]\n");
            for member in entry.members() {
                line(&member.key, &member.node, &mut out);
            }
        }
    }
    out
}

fn line(key: &str, node: &Node, out: &mut String) {
    // TOML has no word for nothing; what is not said means the same.
    if node.tree == Tree::Null {
        return;
    }
    name(key, out);
    out.push_str(" = ");
    value(node, out);
    out.push('\n');
}

fn value(node: &Node, out: &mut String) {
    match &node.tree {
        Tree::Null => out.push_str("\"\""),
        Tree::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Tree::Whole(number) => out.push_str(&number.to_string()),
        // The shortest form that reads back as the same number, with a point in it.
        Tree::Number(number) => out.push_str(&format!("{number:?}")),
        Tree::Text(words) => text(words, out),
        Tree::List(items) => {
            out.push('[');
            for (at, item) in items
                .iter()
                .filter(|item| item.tree != Tree::Null)
                .enumerate()
            {
                out.push_str(if at > 0 { ", " } else { "" });
                value(item, out);
            }
            out.push(']');
        }
        Tree::Table(members) => {
            out.push_str("{ ");
            let members = members
                .iter()
                .filter(|member| member.node.tree != Tree::Null);
            for (at, member) in members.enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                name(&member.key, out);
                out.push_str(" = ");
                value(&member.node, out);
            }
            out.push_str(" }");
        }
    }
}

fn name(key: &str, out: &mut String) {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) {
        out.push_str(key);
    } else {
        text(key, out);
    }
}

fn text(words: &str, out: &mut String) {
    out.push('"');
    for c in words.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::toml_text;
    use super::super::tree::{Member, Span};
    use super::*;

    fn node(tree: Tree) -> Node {
        Node {
            span: Span::default(),
            tree,
        }
    }

    fn table(members: Vec<(String, Node)>) -> Tree {
        let member = |(key, node)| Member {
            key,
            key_span: Span::default(),
            node,
        };
        Tree::Table(members.into_iter().map(member).collect())
    }

    fn any_node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Tree::Flag),
            any::<i64>().prop_map(Tree::Whole),
            prop::num::f64::NORMAL.prop_map(Tree::Number),
            any::<String>().prop_map(Tree::Text),
        ];
        leaf.prop_map(node).prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| table(members.into_iter().collect())),
            ]
            .prop_map(node)
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same(value in any_node(), key in any::<String>()) {
            let entry = node(table(vec![(key.clone(), value.clone())]));
            let jobs = node(Tree::List(vec![entry]));
            let root = node(table(vec![("job".to_owned(), jobs), ("vars".to_owned(), value)]));
            let written = write(&root, "a \"name\"\u{7f}");
            let read = toml_text::read(&written).unwrap().to_value();
            let mut wanted = root.to_value();
            wanted["name"] = "a \"name\"\u{7f}".into();
            prop_assert_eq!(read, wanted);
        }
    }
}
