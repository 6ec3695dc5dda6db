//! Orders and logs in process.

use std::collections::HashMap;

use async_trait::async_trait;
use switchboard_messaging::hub::{
    BusEvent, HubResult, Missed, Order, Position, Published, Room, Standing,
};
use switchboard_protocol::OrganizationId;

use super::MemoryHub;
use crate::order::{LogBounds, Ordering};
use crate::redis::new_epoch;

/// The orders of all organizations.
#[derive(Debug, Default)]
pub(super) struct Orders(HashMap<OrganizationId, Ordering<BusEvent>>);

impl Orders {
    fn of(&mut self, organization: &OrganizationId) -> &mut Ordering<BusEvent> {
        let orders = self.0.entry(organization.clone());
        orders.or_insert_with(|| Ordering::new(new_epoch()))
    }

    /// Publishes an event; gives what goes out by that, in order.
    pub(super) fn publish(
        &mut self,
        event: BusEvent,
        bounds: LogBounds,
        now: i64,
    ) -> (Published, Vec<BusEvent>) {
        let channel = event.channel.clone();
        let order = self.of(&channel.organization);
        let (published, out) = order.publish(&channel.room, (event.rev, event), bounds, now);
        (published, placed(out))
    }
}

/// The events, each with the place that it got.
fn placed(events: Vec<(Position, BusEvent)>) -> Vec<BusEvent> {
    let placed = |(position, event)| BusEvent {
        position: Some(position),
        ..event
    };
    events.into_iter().map(placed).collect()
}

#[async_trait]
impl Order for MemoryHub {
    async fn standing(
        &self,
        organization: &OrganizationId,
        rooms: &[(Room, i64)],
    ) -> HubResult<Standing> {
        let state = &mut *self.shared.lock();
        let order = state.orders.of(organization);
        let revs = order.standing(rooms);
        let position = order.position();
        Ok(Standing { position, revs })
    }

    async fn missed(
        &self,
        organization: &OrganizationId,
        rooms: &[Room],
        after: &Position,
        limit: usize,
    ) -> HubResult<Missed> {
        let now = self.shared.now().as_millis();
        let state = &mut *self.shared.lock();
        let bounds = (state.log, now);
        let order = state.orders.of(organization);
        Ok(match order.missed(rooms, after, limit, bounds) {
            Ok(events) => Missed::Events(placed(events)),
            Err(lost) => Missed::Unknown(lost),
        })
    }
}
