//! `switchboard verify`: many clients against a live cluster, and a judgement of whether it keeps its
//! promises: acked means stored; once; in order, no gap, no double.
//!
//! Nothing of the servers' code is used: what is known of them is what their documentation says
//! (`docs/api/guide.md`), so that a mistake on one side does not hide in the other.
//!
//! [`run()`] starts a `member` for every client. A member owns a `client` socket, repeats its calls
//! until they are answered, and has what it hears judged by `checks`. What members know together is
//! on the `board`; `report` is made of that.

mod board;
mod cast;
mod checks;
mod client;
mod facts;
mod member;
mod options;
mod progress;
mod report;
mod run;
mod tally;

pub use checks::defect::{Example, Kind};
pub use options::{Options, Timing};
pub use progress::{Phase, Progress};
pub use report::{Connections, Delivery, Report, Sending, Shape, Spread};
pub use run::{Failure, Parts, Signer, run};
