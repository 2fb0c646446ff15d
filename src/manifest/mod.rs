//! Text to jobs: reads TOML or YAML into a tree with places, checks it against the catalog, and expands it.
//!
//! A manifest is data. This room reads the manifest and the row files it names, runs nothing, reads no
//! environment, and writes nothing.

mod batch;
mod cell;
mod check;
mod defaults;
mod diagnostic;
mod emit;
mod entries;
mod entry;
mod expand;
mod glob;
mod graph;
mod heads;
mod include;
mod json_schema;
mod made;
mod matrix;
mod merged;
mod options;
mod origin;
mod overlay;
mod part;
mod part_text;
mod profiles;
mod program;
mod read;
mod render;
mod row;
mod row_source;
mod rows;
mod rules;
mod save;
mod schema;
mod section;
mod select;
mod settings;
mod shelf;
mod sound_file;
mod source;
mod template;
mod toml_text;
mod trace;
mod trace_rows;
mod trace_values;
mod tree;
mod units;
mod uploads;
mod variant;
mod yaml_text;

#[cfg(test)]
mod tests;

pub use batch::{Draft, EntryInfo};
pub use diagnostic::{MAX_SHOWN, Place, Problem, ProblemKind, Problems};
pub use expand::Sink;
pub use json_schema::{is_our_schema, json_schema};
pub use origin::{
    Chosen, Ingredient, JobOrigins, Layer, ParamOrigin, ParamSource, RowOrigin, RowsOf, Teller,
    ValueOrigin,
};
pub use part::Part;
pub use settings::{BudgetSettings, LimitSettings, Manifest, ProviderSettings, WhenShort};
pub use source::{Format, MAX_BYTES};
pub use tree::Span;
pub use units::{parse_duration, parse_rate};
