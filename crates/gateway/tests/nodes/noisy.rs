//! An organization with more to say than its node can deliver keeps nobody else waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::json;
use serde_json::value::RawValue;
use switchboard_messaging::hub::{Bus as _, BusEvent, Channel, Room};
use switchboard_messaging::{Clock, SystemClock};
use switchboard_protocol::{DeliveryClass, OrganizationId, Timestamp, UserId};
use tokio::sync::Notify;

use crate::support::{Client, Cluster, Fate, Node, Setup};

/// More than waits for one organization (16,384) and for the node (8,192).
const TOO_MANY: usize = 30_000;
/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever asks it next gets no answer before it is told to go on. A shard asks when it has
/// delivered a message.
#[derive(Debug, Default)]
struct Trap {
    set: AtomicBool,
    caught: Notify,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Trap {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl Clock for Trap {
    fn now(&self) -> Timestamp {
        if self.set.swap(false, Ordering::SeqCst) {
            self.caught.notify_one();
            tokio::task::block_in_place(|| {
                let open = self.open.lock().unwrap();
                let opened = self.opened.wait_while(open, |open| !*open);
                drop(opened.unwrap());
            });
        }
        SystemClock.now()
    }
}

async fn connect(node: &Node, user: &str, organization: &str) -> Client {
    let token = node.token(user, organization, Duration::from_hours(1));
    node.connect_with(&token).await.unwrap()
}

/// Something short for all of alice's sockets.
fn noise() -> BusEvent {
    BusEvent {
        channel: Channel {
            organization: OrganizationId::new("acme").unwrap(),
            room: Room::User(UserId::new("alice").unwrap()),
        },
        audience: Vec::new(),
        name: "noise".to_owned(),
        data: RawValue::from_string("1".to_owned()).unwrap(),
        class: DeliveryClass::Volatile,
        rev: None,
        except: None,
        enters: None,
        at: SystemClock.now(),
        trace: None,
        position: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_full_queue_of_one_organization_delays_no_other() {
    let trap = Arc::new(Trap::default());
    let setup = Setup {
        clock: Arc::clone(&trap) as _,
        ..Setup::default()
    };
    let cluster = Cluster::with(2, setup).await;
    let (here, there) = (cluster.node(1), cluster.node(2));
    let mut alice = connect(here, "alice", "acme").await;
    let mut bob = connect(here, "bob", "globex").await;
    let carol = connect(there, "carol", "acme").await;
    let dora = connect(there, "dora", "globex").await;
    let loud = carol.group(&["alice"]).await;
    let quiet = dora.group(&["bob"]).await;
    alice.wait_for("conversation:created").await;
    bob.wait_for("conversation:created").await;

    // Alice's organization gets stuck with a message.
    there.hub.treat_revs(|_| Fate::Held);
    carol.say(&loud, "first").await;
    there.hub.clear_up();
    trap.set.store(true, Ordering::SeqCst);
    there.hub.release().await;
    let caught = tokio::time::timeout(PATIENCE, trap.caught.notified()).await;
    caught.expect("alice's organization should be stuck");
    let noisy = async {
        for _ in 0..TOO_MANY {
            there.hub.publish(noise()).await.unwrap();
        }
    };
    let published = tokio::time::timeout(PATIENCE, noisy).await.is_ok();
    let heard = if published {
        let payload = json!({"conversationId": quiet, "content": "hello"});
        dora.call("message:send", payload).await;
        tokio::time::timeout(PATIENCE, bob.wait_for("message:new"))
            .await
            .ok()
    } else {
        None
    };
    let is_stuck = !*trap.open.lock().unwrap();
    trap.open();
    assert!(published, "what the hub brings is not taken any more");
    let heard = heard.expect("bob should have heard of it");
    assert_eq!(heard.payload()["message"]["content"], "hello");
    assert!(is_stuck);

    // What was left out meanwhile is only noise; the order goes on.
    carol.say(&loud, "second").await;
    assert_eq!(alice.revs_until(3).await, [2, 3]);
}
