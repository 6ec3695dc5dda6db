//! The scripts in Redis against the plain data structure that says what they are to do: the same
//! things happen to both, in any order, by any number of publishers that repeat themselves, come too
//! early, or die between storing and publishing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test builds on may fail it"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::value::RawValue;
use switchboard_hub::order::Ordering;
use switchboard_hub::{LogBounds, RedisHub, RedisOptions};
use switchboard_messaging::Hub;
use switchboard_messaging::hub::{Arrival, BusEvent, Channel, Missed, Position, Published, Room};
use switchboard_protocol::{ConversationId, DeliveryClass, OrganizationId, Timestamp, UserId};
use switchboard_testkit::redis::{fresh_prefix, url};
use tokio::sync::mpsc;
use uuid::Uuid;

const BOUNDS: LogBounds = LogBounds {
    length: 6,
    ttl_ms: 600_000,
};
const ROOMS: usize = 3;

/// Something that a node does.
#[derive(Clone, Debug)]
enum Act {
    /// It stores the next change of a conversation, and is yet to publish it.
    Store { room: usize },
    /// A publisher comes to publish what was stored: the one of this number of those that wait.
    Publish { which: usize },
    /// It publishes again what was published before.
    Repeat { which: usize },
    /// A publisher dies before it publishes.
    Die { which: usize },
    /// Whoever noticed publishes everything that was stored in a room from the start.
    Repair { room: usize },
    /// It publishes something that has no rev.
    Tell,
    /// A node finds its place, having delivered this much.
    Stand { room: usize, delivered: i64 },
    /// A client comes back that has everything up to some earlier place.
    Miss { back: u64, limit: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let room = 0..ROOMS;
    prop_oneof![
        4 => room.clone().prop_map(|room| Act::Store { room }),
        5 => any::<usize>().prop_map(|which| Act::Publish { which }),
        1 => any::<usize>().prop_map(|which| Act::Repeat { which }),
        1 => any::<usize>().prop_map(|which| Act::Die { which }),
        1 => room.clone().prop_map(|room| Act::Repair { room }),
        1 => Just(Act::Tell),
        1 => (room, 0i64..12).prop_map(|(room, delivered)| Act::Stand { room, delivered }),
        2 => (0u64..9, 1usize..9).prop_map(|(back, limit)| Act::Miss { back, limit }),
    ]
}

/// The world, twice.
struct World {
    hub: Arc<RedisHub>,
    arrivals: mpsc::Receiver<Arrival>,
    model: Ordering<String>,
    heads: [i64; ROOMS],
    waiting: Vec<(usize, i64)>,
    published: Vec<(usize, i64)>,
    /// What is yet to arrive.
    out: Vec<(u64, String)>,
}

fn organization() -> OrganizationId {
    OrganizationId::new("acme").unwrap()
}

fn room(number: usize) -> Room {
    match number {
        ROOMS => Room::User(UserId::new("alice").unwrap()),
        number => Room::Conversation(ConversationId(Uuid::from_u128(number as u128))),
    }
}

fn channel(number: usize) -> Channel {
    Channel {
        organization: organization(),
        room: room(number),
    }
}

impl World {
    async fn new() -> Self {
        let options = RedisOptions {
            key_prefix: fresh_prefix(),
            log: BOUNDS,
            command_timeout: std::time::Duration::from_secs(10),
            ..RedisOptions::new(&url(), "node")
        };
        let (hub, arrivals) = RedisHub::connect(options).await.unwrap();
        let channels: Vec<_> = (0..=ROOMS).map(channel).collect();
        switchboard_messaging::hub::Bus::subscribe(&*hub, &channels)
            .await
            .unwrap();
        let hub_dyn: &dyn Hub = &*hub;
        let epoch = hub_dyn.standing(&organization(), &[]).await.unwrap();
        Self {
            hub,
            arrivals,
            model: Ordering::new(epoch.position.epoch),
            heads: [1; ROOMS],
            waiting: Vec::new(),
            published: Vec::new(),
            out: Vec::new(),
        }
    }

    async fn act(&mut self, act: &Act) {
        match *act {
            Act::Store { room } => {
                self.heads[room] += 1;
                self.waiting.push((room, self.heads[room]));
            }
            Act::Publish { which } if !self.waiting.is_empty() => {
                let (room, rev) = self.waiting.remove(which % self.waiting.len());
                self.publish(room, Some(rev)).await;
            }
            Act::Repeat { which } if !self.published.is_empty() => {
                let (room, rev) = self.published[which % self.published.len()];
                self.publish(room, Some(rev)).await;
            }
            Act::Die { which } if !self.waiting.is_empty() => {
                self.waiting.remove(which % self.waiting.len());
            }
            Act::Repair { room } => {
                for rev in 2..=self.heads[room] {
                    self.publish(room, Some(rev)).await;
                }
            }
            Act::Tell => self.publish(ROOMS, None).await,
            Act::Stand { room, delivered } => self.stand(room, delivered).await,
            Act::Miss { back, limit } => self.miss(back, limit).await,
            Act::Publish { .. } | Act::Repeat { .. } | Act::Die { .. } => {}
        }
    }

    async fn publish(&mut self, number: usize, rev: Option<i64>) {
        let data = format!("\"{number}/{rev:?}\"");
        let event = BusEvent {
            channel: channel(number),
            audience: Vec::new(),
            name: "test:event".into(),
            data: RawValue::from_string(data.clone()).unwrap(),
            class: if rev.is_some() {
                DeliveryClass::Sequenced
            } else {
                DeliveryClass::Logged
            },
            rev,
            except: None,
            enters: None,
            at: Timestamp::from_millis(0),
            trace: None,
            position: None,
        };
        let hub: &dyn Hub = &*self.hub;
        let said = hub.publish(event).await.unwrap();
        let (expected, out) = self.model.publish(&room(number), (rev, data), BOUNDS, 0);
        assert_eq!(said, expected);
        self.out.extend(
            out.into_iter()
                .map(|(position, data)| (position.offset, data)),
        );
        if let (Some(rev), Published::Out(_)) = (rev, said) {
            self.published.push((number, rev));
        }
    }

    async fn stand(&mut self, number: usize, delivered: i64) {
        let rooms = [(room(number), delivered)];
        let hub: &dyn Hub = &*self.hub;
        let standing = hub.standing(&organization(), &rooms).await.unwrap();
        assert_eq!(standing.revs, self.model.standing(&rooms));
        assert_eq!(standing.position, self.model.position());
    }

    async fn miss(&mut self, back: u64, limit: usize) {
        let now = self.model.position();
        let after = Position {
            offset: now.offset.saturating_sub(back),
            ..now
        };
        let rooms: Vec<Room> = (0..=ROOMS).map(room).collect();
        let hub: &dyn Hub = &*self.hub;
        let found = hub
            .missed(&organization(), &rooms, &after, limit)
            .await
            .unwrap();
        let expected = self.model.missed(&rooms, &after, limit, (BOUNDS, 0));
        match (found, expected) {
            (Missed::Events(events), Ok(expected)) => {
                let found: Vec<_> = events
                    .into_iter()
                    .map(|event| (event.position.clone().unwrap(), event.data.get().to_owned()))
                    .collect();
                assert_eq!(found, expected);
            }
            (Missed::Unknown(_), Err(_)) => {}
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    /// Everything arrives in order, each once, and the revs of a room without a gap.
    async fn arrived(mut self) {
        let mut revs: [BTreeSet<i64>; ROOMS] = Default::default();
        for (next, (offset, data)) in (1..).zip(std::mem::take(&mut self.out)) {
            let arrival = self.arrivals.recv().await.expect("the hub is open");
            let Arrival::Event(event) = arrival else {
                panic!("nothing was lost")
            };
            let at = event.position.as_ref().map(|position| position.offset);
            assert_eq!((at, event.data.get()), (Some(offset), data.as_str()));
            assert_eq!(offset, next);
            let number = (0..ROOMS).find(|number| room(*number) == event.channel.room);
            if let (Some(number), Some(rev)) = (number, event.rev) {
                let last = revs[number].last().copied();
                assert!(
                    last.is_none_or(|last| rev == last + 1),
                    "{last:?} then {rev}"
                );
                revs[number].insert(rev);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_scripts_do_what_the_model_does(acts in prop::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for one in &acts {
                world.act(one).await;
            }
            world.arrived().await;
        });
    }
}
