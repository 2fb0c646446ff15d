//! Operations and price lists, as data: what can be asked for, how it is asked for, and what it costs.
//!
//! The data stands in `operations.toml` and `prices/*.toml`, embedded in the binary and parsed once.

mod besides;
mod costs;
mod gives;
mod laws;
mod load;
mod lookup;
mod nearest;
mod operation;
mod overlay;
mod param;
mod price;
mod price_file;
mod price_text;
mod raw;
mod shape;
#[cfg(test)]
mod tests;

pub use besides::Besides;
pub use costs::{BEYOND_GUIDE, CostRow, cost_rows, render_costs};
pub use gives::{ReferenceError, ResultField};
pub use nearest::{nearest, nearest_few};
pub use operation::{
    Added, Availability, Catalog, CatalogError, Choice, ChoiceOption, FileProblem, GuideRow, Kind,
    Method, Operation, OperationId, Param, ParamType, PollShape, ResultKind, SIMULATOR,
};
pub use price::{Basis, Condition, PriceEntry, PriceList, PriceLists, Priced};
