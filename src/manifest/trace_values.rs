//! Where one value of a job is written, and what is filled in there.

use super::cell::literal;
use super::origin::{Ingredient, Layer, Teller, ValueOrigin};
use super::template::{self, Name, Piece};
use super::trace::{Tracer, member};
use super::trace_rows::RowPlaces;
use super::tree::{Node, Span, Tree};

impl<'a> Tracer<'a> {
    pub(super) fn value(&self, layer: Layer, node: &'a Node) -> ValueOrigin {
        let mut ingredients = Vec::new();
        self.ingredients(node, &mut ingredients);
        let of_profile = match &layer {
            Layer::With | Layer::Save => None,
            Layer::Defaults(table) => self.in_profile("defaults").and_then(|it| member(it, table)),
        };
        ValueOrigin {
            teller: self.teller(node.span, of_profile),
            place: self.text.source.place(node.span),
            layer,
            ingredients,
        }
    }

    fn in_profile(&self, key: &str) -> Option<&'a Node> {
        member(self.profile?.1, key)
    }

    /// Says who wrote a value; `of_profile` is the profile's own table of such values.
    fn teller(&self, span: Span, of_profile: Option<&Node>) -> Teller {
        let members = of_profile.map_or(&[][..], Node::members);
        let file = self.text.source.place(span).file;
        match self.profile {
            Some((name, _)) if members.iter().any(|member| member.node.span == span) => {
                Teller::Profile(name.to_owned())
            }
            _ if file == self.text.source.label => Teller::Manifest,
            _ if &*file == "--var" => Teller::Flag,
            _ => Teller::Included,
        }
    }

    fn ingredients(&self, node: &Node, found: &mut Vec<Ingredient>) {
        match &node.tree {
            Tree::Text(text) => {
                let pieces = template::parse(text).unwrap_or_default();
                found.extend(pieces.into_iter().filter_map(|piece| match piece {
                    Piece::Text(_) => None,
                    Piece::Name(name, _) => self.ingredient(name),
                }));
            }
            Tree::List(items) => items.iter().for_each(|item| self.ingredients(item, found)),
            Tree::Table(members) => {
                let nodes = members.iter().map(|member| &member.node);
                nodes.for_each(|node| self.ingredients(node, found));
            }
            _ => {}
        }
    }

    fn ingredient(&self, name: Name) -> Option<Ingredient> {
        Some(match name {
            Name::Var(path) => return self.var(&path),
            Name::Matrix(key) => return self.axis(key),
            Name::Take => Ingredient::Take(self.seen.take),
            Name::RunDate => Ingredient::RunDate(self.manifest.batch.date.clone()?),
            Name::Each => return self.column(None),
            Name::EachField(field) => return self.column(Some(field)),
            Name::Job(id, path) => Ingredient::Job {
                id,
                path: path.to_string(),
            },
        })
    }

    fn var(&self, path: &[String]) -> Option<Ingredient> {
        let (first, rest) = path.split_first()?;
        let within = |vars: &'a Node| {
            let top = member(vars, first)?;
            let node = rest.iter().try_fold(top, |node, key| member(node, key))?;
            Some((top, node))
        };
        let (top, node) = within(member(&self.text.root, "vars")?)?;
        let teller = self.teller(top.span, self.in_profile("vars"));
        let plain = self.text.plain_vars.as_ref().and_then(within);
        let is_replaced = matches!(teller, Teller::Profile(_) | Teller::Flag);
        Some(Ingredient::Var {
            name: path.join("."),
            value: literal(node).ok()?,
            place: self.text.source.place(node.span),
            replaces: plain
                .filter(|_| is_replaced)
                .and_then(|(_, node)| literal(node).ok()),
            teller,
        })
    }

    fn axis(&self, key: String) -> Option<Ingredient> {
        let matrix = &self.entry.matrix;
        let axis = matrix.axes.iter().position(|axis| axis.name == key)?;
        let (value, span) = matrix.item(axis, self.combination());
        Some(Ingredient::Matrix {
            key,
            value: value.clone(),
            place: self.text.source.place(*span),
        })
    }

    fn column(&self, name: Option<String>) -> Option<Ingredient> {
        match (&self.place, name) {
            (RowPlaces::Known(row, fields), name) => {
                let field = name.as_ref().and_then(|name| fields.get(name));
                Some(Ingredient::Column {
                    place: field.unwrap_or(row).clone(),
                    name,
                })
            }
            (RowPlaces::Nowhere, field) => field.map(|field| Ingredient::Item { field }),
        }
    }
}
