//! Makes searchable what was stored by a version that could not search: little by little, beside
//! everything else.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Messages at a time.
const SOME: i64 = 200;
/// Between two of them, so that sends have the database in between.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked whether there are any: while versions are mixed there may be.
const LOOK: Duration = Duration::from_mins(10);

/// Runs until `stop`.
pub async fn fill_in(store: Arc<dyn Store>, stop: CancellationToken) {
    let mut filled = 0;
    loop {
        let pause = match store.index_messages(SOME).await {
            Ok(0) => {
                if filled > 0 {
                    tracing::info!(messages = filled, "older messages are searchable now");
                }
                filled = 0;
                LOOK
            }
            Ok(count) => {
                filled += count;
                PAUSE
            }
            Err(error) => {
                tracing::debug!(%error, "older messages not made searchable");
                LOOK
            }
        };
        let pause = tokio::time::sleep(pause);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}
