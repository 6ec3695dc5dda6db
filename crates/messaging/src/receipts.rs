//! Receipts of large groups: gathered for a moment, and told to the other nodes all at once. A group of
//! 1,000 that reads a message is 1,000 rows changed, and a few events between nodes; clients get each
//! receipt as an event of its own.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchboard_protocol::server_events::ReceiptMoved;
use switchboard_protocol::{DeliveryClass, ServerEvent, UserId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Clock;
use crate::hub::{BusEvent, Channel, Hub, Position};
use crate::publish;

/// Nodes tell each other of several receipts with this. It reaches no client.
pub const RECEIPTS_EVENT: &str = "receipts";

/// Members of a group whose receipts are told one by one.
const SMALL: i64 = 50;
/// How long those of a larger one are gathered.
const WINDOW: Duration = Duration::from_millis(200);
/// Most that are told at once.
const MOST: usize = 500;

/// Several receipts, as they go from node to node.
#[derive(Debug, Serialize, Deserialize)]
struct Gathered {
    receipts: Vec<One>,
}

#[derive(Debug, Serialize, Deserialize)]
struct One {
    name: String,
    data: Box<RawValue>,
    /// Public id of the socket that caused it, which has the ack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    except: Option<String>,
}

/// A receipt, and the socket that caused it.
type Receipt = (ServerEvent, Option<String>);

/// By user and name: a later one takes the place of an earlier one.
type Waiting = HashMap<(UserId, &'static str), Receipt>;

/// Gathers receipts. Cheap to clone.
#[derive(Clone)]
pub struct ReceiptService {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<dyn Hub>,
    clock: Arc<dyn Clock>,
    /// What waits in each conversation; there is a timer for each.
    waiting: Mutex<HashMap<Channel, Waiting>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl fmt::Debug for ReceiptService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiptService").finish_non_exhaustive()
    }
}

impl ReceiptService {
    /// A service whose timers run on `tasks`; at `stop` what was gathered goes out at once.
    pub fn new(
        hub: Arc<dyn Hub>,
        clock: Arc<dyn Clock>,
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                hub,
                clock,
                waiting: Mutex::default(),
                tasks,
                stop,
            }),
        }
    }

    /// Whether the receipts of so many members are gathered.
    pub(crate) fn gathers(members: i64) -> bool {
        members > SMALL
    }

    /// Tells of a receipt within [`WINDOW`].
    pub(crate) fn gather(&self, channel: Channel, event: ServerEvent, except: Option<&str>) {
        let (ServerEvent::MessageDelivered(ReceiptMoved { user_id, .. })
        | ServerEvent::MessageRead(ReceiptMoved { user_id, .. })) = &event
        else {
            return;
        };
        let who = (user_id.clone(), event.name());
        let receipt = (event, except.map(str::to_owned));
        let is_first = {
            let mut all = self.waiting();
            let waiting = all.entry(channel.clone()).or_default();
            let is_first = waiting.is_empty();
            // Two calls of a user may get here in another order than they moved the watermark.
            let later = waiting
                .get(&who)
                .is_none_or(|(known, _)| up_to(known) <= up_to(&receipt.0));
            if later {
                waiting.insert(who, receipt);
            }
            is_first
        };
        if is_first {
            let service = self.clone();
            self.inner.tasks.spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(WINDOW) => {}
                    () = service.inner.stop.cancelled() => {}
                }
                service.tell(channel).await;
            });
        }
    }

    async fn tell(&self, channel: Channel) {
        let Some(waiting) = self.waiting().remove(&channel) else {
            return;
        };
        let receipts: Vec<Receipt> = waiting.into_values().collect();
        for some in receipts.chunks(MOST) {
            let Some(data) = together(some) else { return };
            let event = BusEvent {
                channel: channel.clone(),
                audience: Vec::new(),
                name: RECEIPTS_EVENT.to_owned(),
                data,
                class: DeliveryClass::Logged,
                rev: None,
                except: None,
                enters: None,
                at: self.inner.clock.now(),
                trace: None,
                position: None,
            };
            if let Err(error) = self.inner.hub.publish(event).await {
                tracing::debug!(cause = error.0, "receipts not published");
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Channel, Waiting>> {
        let waiting = self.inner.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }
}

fn up_to(event: &ServerEvent) -> i64 {
    match event {
        ServerEvent::MessageDelivered(moved) | ServerEvent::MessageRead(moved) => moved.up_to_seq,
        _ => 0,
    }
}

fn together(receipts: &[Receipt]) -> Option<Box<RawValue>> {
    let one = |(event, except): &Receipt| {
        Some(One {
            name: event.name().to_owned(),
            data: publish::raw(event).ok()?,
            except: except.clone(),
        })
    };
    let receipts = receipts.iter().map(one).collect::<Option<Vec<_>>>()?;
    publish::raw(&Gathered { receipts }).ok()
}

/// The receipts that an event gathers, each as the event that it is for clients; `None` for any other
/// event.
///
/// All but the last are placed just before the event itself: who is cut off in between gets them all
/// once more, which moves no watermark, rather than lose some.
pub fn apart(event: &BusEvent) -> Option<Vec<BusEvent>> {
    if event.name != RECEIPTS_EVENT {
        return None;
    }
    let Ok(Gathered { receipts }) = serde_json::from_str(event.data.get()) else {
        tracing::error!("receipts that cannot be read");
        return Some(Vec::new());
    };
    let count = receipts.len();
    let before = event.position.as_ref().map(|position| Position {
        offset: position.offset.saturating_sub(1),
        ..position.clone()
    });
    let one = |(index, one): (usize, One)| BusEvent {
        name: one.name,
        data: one.data,
        except: one.except,
        position: if index + 1 == count {
            event.position.clone()
        } else {
            before.clone()
        },
        ..event.clone()
    };
    Some(receipts.into_iter().enumerate().map(one).collect())
}
