//! What a request has besides what is given: fields that an operation always has, or that a parameter implies.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operation::Operation;

/// A field that is sent without being given.
#[derive(Clone, Debug, PartialEq)]
pub struct Besides {
    /// The field of the request.
    pub field: String,
    /// Its value.
    pub value: Value,
    /// The parameter that implies it; none when the operation always has it.
    pub by: Option<String>,
}

impl Operation {
    /// Returns the fields that are sent besides the parameters that are given, and besides defaults.
    ///
    /// As in a request, a later parameter wins over an earlier one, and what is given over what is implied.
    #[must_use]
    pub fn besides(&self, is_given: &dyn Fn(&str) -> bool) -> Vec<Besides> {
        let given = || self.params.iter().filter(|param| is_given(&param.name));
        let fixed = self.fixed.iter().map(|pair| (pair, None));
        let implied = given().flat_map(|param| {
            let pairs = param.implies.iter();
            pairs.map(|pair| (pair, Some(param.name.clone())))
        });
        let mut fields = BTreeMap::new();
        for ((field, value), by) in fixed.chain(implied) {
            fields.insert(field, (value, by));
        }
        for param in given() {
            fields.remove(&param.field);
        }
        let besides = fields.into_iter().map(|(field, (value, by))| Besides {
            field: field.clone(),
            value: value.clone(),
            by,
        });
        besides.collect()
    }
}
