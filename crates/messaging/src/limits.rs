//! How often each call may be made: the presets, and what an operator changes of them.

use std::collections::HashMap;
use std::time::Duration;

use switchboard_protocol::ClientEvent;

use crate::rate::Rate;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A column of the rate-limit table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// For chats among colleagues.
    #[default]
    Standard,
    /// For strangers.
    Strict,
    /// For buyers and sellers.
    Marketplace,
}

impl Preset {
    fn send(self) -> Rate {
        match self {
            Self::Standard => Rate::new(100, MINUTE),
            Self::Strict => Rate::new(10, MINUTE),
            Self::Marketplace => Rate::new(100, HOUR),
        }
    }

    fn change(self) -> Rate {
        match self {
            Self::Standard | Self::Marketplace => Rate::new(30, MINUTE),
            Self::Strict => Rate::new(3, MINUTE),
        }
    }

    fn create(self) -> Rate {
        match self {
            Self::Standard => Rate::new(60, HOUR),
            Self::Strict | Self::Marketplace => Rate::new(20, HOUR),
        }
    }

    fn other(self) -> Rate {
        match self {
            Self::Standard | Self::Marketplace => Rate::new(300, MINUTE),
            Self::Strict => Rate::new(60, MINUTE),
        }
    }
}

/// The rate of every call.
#[derive(Clone, Debug, Default)]
pub struct RateTable {
    preset: Preset,
    default: Option<Rate>,
    events: HashMap<String, Rate>,
    organization: Option<Rate>,
    connects: Option<Rate>,
    failed_connects: Option<Rate>,
}

impl RateTable {
    /// A preset with what an operator set: `events` by name beats `default`, which stands for
    /// every call that the preset does not name.
    pub fn new(preset: Preset, default: Option<Rate>, events: HashMap<String, Rate>) -> Self {
        Self {
            preset,
            default,
            events,
            organization: None,
            connects: None,
            failed_connects: None,
        }
    }

    /// With rates for what one address may try: connects, and those of them that fail.
    #[must_use]
    pub fn with_connects(self, connects: Option<Rate>, failed_connects: Option<Rate>) -> Self {
        Self {
            connects,
            failed_connects,
            ..self
        }
    }

    /// The rate of all connects of an address, if there is one.
    pub fn of_connects(&self) -> Option<Rate> {
        self.connects
    }

    /// The rate of connects of an address that fail, if there is one.
    pub fn of_failed_connects(&self) -> Option<Rate> {
        self.failed_connects
    }

    /// With a rate for all calls of an organization together.
    #[must_use]
    pub fn with_organization(self, organization: Option<Rate>) -> Self {
        Self {
            organization,
            ..self
        }
    }

    /// The rate of all calls of an organization together, if there is one.
    pub fn of_organization(&self) -> Option<Rate> {
        self.organization
    }

    /// The rate of a call.
    pub fn of(&self, event: ClientEvent) -> Rate {
        if let Some(rate) = self.events.get(event.name()) {
            return *rate;
        }
        match event {
            ClientEvent::MessageSend => self.preset.send(),
            ClientEvent::MessageEdit | ClientEvent::MessageDelete => self.preset.change(),
            ClientEvent::MessageTyping => Rate::new(5, SECOND * 10),
            ClientEvent::ConversationCreate => self.preset.create(),
            _ => self.other(),
        }
    }

    /// The rate of requests of a name: a client event's, or one of their own.
    pub fn of_requests(&self, name: &str) -> Rate {
        if let Some(event) = ClientEvent::from_name(name) {
            return self.of(event);
        }
        let named = self.events.get(name).copied();
        named.unwrap_or_else(|| self.other())
    }

    /// The rate of calls that nothing else is said about.
    pub fn other(&self) -> Rate {
        self.default.unwrap_or_else(|| self.preset.other())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_beats_the_preset_and_the_default_only_the_rest() {
        let (slow, slower) = (Rate::new(2, SECOND), Rate::new(1, SECOND));
        let events = HashMap::from([("message:edit".to_owned(), slow)]);
        let table = RateTable::new(Preset::Strict, Some(slower), events);
        assert_eq!(table.of(ClientEvent::MessageEdit), slow);
        assert_eq!(table.of(ClientEvent::MessageSend), Rate::new(10, MINUTE));
        assert_eq!(table.of(ClientEvent::MessageHistory), slower);
        assert_eq!(table.of_requests("message:edit"), slow);
        assert_eq!(table.of_requests("service:events"), slower);
    }
}
