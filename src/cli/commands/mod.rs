//! One file per command: its flags, their documentation, and what it does.

pub(crate) mod budget;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod costs;
pub(crate) mod credits;
pub(crate) mod ctl;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod resolve;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod simulate;
pub(crate) mod status;
