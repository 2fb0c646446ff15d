//! The program as a user meets it: the real binary, on the simulator, with everything it says in one snapshot.

#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on must fail where it stands"
)]

mod test_env;

mod basics;
mod budget;
mod dates;
mod explain;
mod init;
mod options;
mod pace;
mod repeatable;
mod runs;
mod schema;
mod served;
