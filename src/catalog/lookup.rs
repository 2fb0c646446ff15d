//! Finding operations: by place, by name, by what is sent, and whether a provider has them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::nearest::nearest;
use super::operation::{Availability, Catalog, Choice, Method, Operation, OperationId};

static ACTIVE: Availability = Availability::Active;

impl Catalog {
    /// Returns the operation with that place.
    ///
    /// # Panics
    /// When the id comes from another catalog.
    #[must_use]
    pub fn get(&self, id: OperationId) -> &Operation {
        &self.operations[usize::from(id.0)]
    }

    /// Returns all places, in order.
    pub fn ids(&self) -> impl Iterator<Item = OperationId> + use<> {
        let count = u16::try_from(self.operations.len()).expect("the loader counted them");
        (0..count).map(OperationId)
    }

    /// Finds an operation by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<OperationId> {
        self.ids().find(|id| &*self.get(*id).name == name)
    }

    /// Finds a choice by name.
    #[must_use]
    pub fn find_choice(&self, name: &str) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.name == name)
    }

    /// Returns the names of all operations, then those of all choices.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let operations = self.operations.iter().map(|operation| &*operation.name);
        operations.chain(self.choices.iter().map(|choice| &*choice.name))
    }

    /// Finds the name that was perhaps meant by one that is not known.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.names())
    }

    /// Tells whether an operation works at a provider; one that is not listed has it active.
    #[must_use]
    pub fn availability(&self, id: OperationId, provider: &str) -> &Availability {
        self.get(id)
            .availability
            .iter()
            .find(|(name, _)| name == provider)
            .map_or(&ACTIVE, |(_, availability)| availability)
    }

    /// Finds the operation that a request asks for, and the values that stand in its path, by field.
    ///
    /// Several operations can share a path. A field tells them apart when they fix different values of it;
    /// a body without that field asks for the one that the endpoint falls back to, if there is one.
    #[must_use]
    pub fn match_request(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Option<(OperationId, Vec<(String, String)>)> {
        let here: Vec<(OperationId, Vec<(String, String)>)> = self
            .ids()
            .filter(|id| self.get(*id).method == method)
            .filter_map(|id| Some((id, fill(&self.get(id).path, path)?)))
            .collect();
        let first = self.get(here.first()?.0);
        let telling: BTreeSet<&str> = here
            .iter()
            .flat_map(|(id, _)| &self.get(*id).fixed)
            .filter(|(field, value)| {
                let same = |operation: &Operation| operation.fixed.get(*field) == Some(*value);
                !same(first) || !here.iter().all(|(id, _)| same(self.get(*id)))
            })
            .map(|(field, _)| field.as_str())
            .collect();
        let unnamed = telling.iter().all(|field| body.get(field).is_none());
        here.into_iter().find(|(id, _)| {
            let operation = self.get(*id);
            let named = telling
                .iter()
                .all(|field| body.get(field) == operation.fixed.get(*field));
            named || (unnamed && operation.when_unnamed)
        })
    }
}

/// Matches a path with a template; gives the values of its places.
fn fill(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (mut left, mut right) = (template.split('/'), path.split('/'));
    let mut values = Vec::new();
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Some(values),
            (Some(expected), Some(found)) => {
                let place = expected
                    .strip_prefix('{')
                    .and_then(|rest| rest.strip_suffix('}'));
                match place {
                    Some(name) if !found.is_empty() => {
                        values.push((name.to_owned(), found.to_owned()));
                    }
                    None if expected == found => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_lead_back_to_their_operation() {
        let catalog = Catalog::builtin();
        for (method, path, body, name) in [
            (
                Method::Post,
                "/api/v1/sonic/create",
                json!({"task_type": "concat_music", "use_suno_cdn": true}),
                Some("suno.concat"),
            ),
            (
                Method::Post,
                "/api/v1/sonic/create",
                json!({"mv": "sonic-v6"}),
                Some("suno.create"),
            ),
            (
                Method::Post,
                "/api/v1/sonic/create",
                json!({"task_type": "dance"}),
                None,
            ),
            (Method::Post, "/api/v1/producer/create", json!({}), None),
            (
                Method::Post,
                "/api/v1/nuro/create",
                json!({"type": "bgm"}),
                Some("nuro.instrumental"),
            ),
            (
                Method::Post,
                "/api/v1/sonic/wav",
                json!({"clip_id": "c"}),
                Some("suno.wav"),
            ),
            (Method::Get, "/api/v1/sonic/wav", Value::Null, None),
            (Method::Post, "/api/v1/sonic/wavs", json!({}), None),
        ] {
            let found = catalog.match_request(method, path, &body);
            let found = found.map(|(id, _)| &*catalog.get(id).name);
            assert_eq!(found, name, "{path} {body}");
        }
    }

    #[test]
    fn values_in_the_path_are_given_by_field() {
        let catalog = Catalog::builtin();
        let path = "/api/v1/sonic/task/t-1";
        let (id, values) = catalog
            .match_request(Method::Get, path, &Value::Null)
            .unwrap();
        assert_eq!(&*catalog.get(id).name, "suno.status");
        assert_eq!(values, [("task_id".to_owned(), "t-1".to_owned())]);
        let empty = catalog.match_request(Method::Get, "/api/v1/sonic/task/", &Value::Null);
        assert_eq!(empty, None);
    }

    #[test]
    fn every_operation_is_found_by_its_own_request() {
        let catalog = Catalog::builtin();
        for id in catalog.ids() {
            let operation = catalog.get(id);
            let path = operation.path.replace("{task_id}", "t");
            let body = Value::Object(operation.fixed.clone());
            let (found, _) = catalog
                .match_request(operation.method, &path, &body)
                .unwrap();
            assert_eq!(found, id, "{}", operation.name);
        }
    }

    #[test]
    fn availability_is_known_by_provider() {
        let catalog = Catalog::builtin();
        let status = |name, provider| catalog.availability(catalog.find(name).unwrap(), provider);
        for id in catalog.ids() {
            let at = catalog.availability(id, "simulator");
            assert_eq!(*at, Availability::Active, "{}", catalog.get(id).name);
        }
        assert!(matches!(
            status("nuro.vocal", "aimusicapi"),
            Availability::Retired { .. }
        ));
        assert_eq!(*status("nuro.vocal", "musicapi"), Availability::Active);
        assert!(matches!(
            status("suno.persona", "aimusicapi"),
            Availability::Unavailable { .. }
        ));
        assert_eq!(*status("suno.create", "aimusicapi"), Availability::Active);
    }

    #[test]
    fn a_wrong_name_finds_the_right_one() {
        let catalog = Catalog::builtin();
        assert_eq!(catalog.nearest("suno.craete"), Some("suno.create"));
        assert_eq!(catalog.nearest("music.creat"), Some("music.create"));
        assert_eq!(catalog.nearest("tambourine"), None);
    }
}
