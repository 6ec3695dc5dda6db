//! What to run against, how hard, and with whose patience.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::facts::Names;

/// The shape of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster's addresses: `http://127.0.0.1:8080`.
    pub urls: Vec<String>,
    /// A name that no other run has: it is part of users' and messages' ids. `[a-z0-9]{1,16}`.
    pub run: String,
    /// What all choices come from.
    pub seed: u64,
    /// How many clients, each a user of its own.
    pub clients: usize,
    /// How many conversations they have.
    pub conversations: usize,
    /// How many members each conversation has.
    pub members: RangeInclusive<usize>,
    /// How many organizations the conversations are spread over.
    pub organizations: usize,
    /// Sends a second, over all clients, whether the earlier ones are answered or not.
    pub rate: f64,
    /// How long is sent.
    pub duration: Duration,
    /// How long after that may pass until all is answered and delivered.
    pub grace: Duration,
    /// The clients' patience.
    pub timing: Timing,
}

/// What a front end configures of its client, with the defaults of `socket.io-client`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// `reconnectionDelay`: about how long before the first attempt to come back.
    pub reconnect_delay: Duration,
    /// `reconnectionDelayMax`: the longest such delay.
    pub reconnect_delay_max: Duration,
    /// `randomizationFactor`, 0 to 1.
    pub randomization: f64,
    /// `timeout`: how long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take before the call is repeated.
    pub ack_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            reconnect_delay: Duration::from_secs(1),
            reconnect_delay_max: Duration::from_secs(5),
            randomization: 0.5,
            connect_timeout: Duration::from_secs(20),
            ack_timeout: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// The longest that a server's `retryAfterMs` is followed. An hour's bucket would stop a run.
    pub(crate) fn longest_wait(&self) -> Duration {
        Duration::from_mins(1).max(self.reconnect_delay_max)
    }
}

/// Sends a minute that one user may make by the server's defaults.
const SENDS_PER_MINUTE: f64 = 100.0;

/// Conversations that one user may make within an hour by the server's defaults.
const CREATIONS: usize = 60;

impl Options {
    /// What is wrong with the shape, in words for whoever chose it.
    pub fn check(&self) -> Result<(), String> {
        let (least, most) = (*self.members.start(), *self.members.end());
        if self.urls.is_empty() {
            return Err("needs at least one address".to_owned());
        }
        if let Some(url) = self.urls.iter().find(|url| !is_address(url)) {
            return Err(format!(
                "{url} is no address: http://host:port or https://host"
            ));
        }
        if self.organizations == 0 || self.conversations < self.organizations {
            return Err("needs at least one conversation in every organization".to_owned());
        }
        if least < 2 || most < least {
            return Err("a conversation needs at least two members".to_owned());
        }
        if most > 100 {
            return Err("a conversation may have at most 100 members".to_owned());
        }
        let smallest = self.clients / self.organizations;
        if smallest < most {
            return Err(format!(
                "{most} members need at least {} clients in {} organizations",
                most * self.organizations,
                self.organizations
            ));
        }
        if self.conversations.div_ceil(self.organizations) > smallest * CREATIONS {
            return Err(format!(
                "a client may make {CREATIONS} conversations: fewer of them, or more clients"
            ));
        }
        if !(0.01..=10_000.0).contains(&self.rate) {
            return Err("the rate must be 0.01 to 10000 sends a second".to_owned());
        }
        Ok(())
    }

    /// Whether a server with its default limits would slow this down.
    pub fn exceeds_default_rates(&self) -> bool {
        self.rate * 60.0 > SENDS_PER_MINUTE * self.clients as f64
    }

    /// The organization that a client or conversation with this number belongs to.
    pub(crate) fn organization(&self, number: usize) -> String {
        format!("verify-{}", number % self.organizations + 1)
    }

    /// What users and messages are called.
    pub(crate) fn names(&self) -> Names {
        let run = self.run.clone();
        Names { run }
    }
}

fn is_address(url: &str) -> bool {
    let host = ["http://", "https://", "ws://", "wss://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['?', '#', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            urls: vec!["http://127.0.0.1:8080".to_owned()],
            run: "r1".to_owned(),
            seed: 1,
            clients: 50,
            conversations: 10,
            members: 5..=10,
            organizations: 1,
            rate: 50.0,
            duration: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            timing: Timing::default(),
        }
    }

    #[test]
    fn the_defaults_can_be_run_and_stay_below_the_servers_limits() {
        assert_eq!(options().check(), Ok(()));
        assert!(!options().exceeds_default_rates());
    }

    #[test]
    fn a_limit_is_where_it_is_said_to_be() {
        let with = |change: fn(&mut Options)| {
            let mut options = options();
            change(&mut options);
            options.check().is_ok()
        };
        assert!(with(|o| o.clients = 10) && !with(|o| o.clients = 9));
        assert!(with(|o| o.organizations = 5) && !with(|o| o.organizations = 6));
        assert!(with(|o| o.members = 2..=2) && !with(|o| o.members = 1..=2));
        assert!(
            with(|o| (o.clients, o.members) = (100, 2..=100))
                && !with(|o| (o.clients, o.members) = (101, 2..=101))
        );
        assert!(with(|o| o.conversations = 3000) && !with(|o| o.conversations = 3001));
        assert!(with(|o| o.rate = 10_000.0) && !with(|o| o.rate = 10_000.1));
        assert!(with(|o| o.rate = 0.01) && !with(|o| o.rate = 0.009));
        assert!(!with(|o| o.rate = 0.0) && !with(|o| o.rate = f64::NAN));
        assert!(!with(|o| o.conversations = 0) && !with(|o| o.organizations = 0));
        assert!(!with(|o| o.urls.clear()));
        assert!(!with(|o| o.urls.push("localhost:8080".to_owned())));
        assert!(!with(|o| o.urls.push("https://".to_owned())));
    }

    #[test]
    fn more_than_a_hundred_sends_a_minute_and_client_are_noticed() {
        let rate = |rate| Options { rate, ..options() }.exceeds_default_rates();
        assert!(!rate(83.3) && rate(83.4));
    }
}
