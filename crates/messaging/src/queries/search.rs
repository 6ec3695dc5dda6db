//! `message:search`: best first; pages show what there was when the first one was read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use switchboard_protocol::answers::{SearchResult, SearchResults};
use switchboard_protocol::calls::Search;
use switchboard_protocol::{ErrorObject, MessageId};

use super::not_ours;
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::{FoundPage, SearchPage};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: Search,
) -> Result<Outcome, ErrorObject> {
    let place = input.cursor.as_deref().map(place).transpose()?;
    let page = SearchPage {
        viewer: caller.viewer().clone(),
        query: input.query,
        conversation: input.conversation,
        newest: place.map(|(newest, _)| newest),
        after: place.map(|(_, after)| after),
        limit: usize::try_from(input.limit).unwrap_or(usize::MAX),
    };
    let page = app.store.search(page).await?;
    let next_cursor = cursor(&page);
    let results = page.found.into_iter().map(|found| SearchResult {
        message: found.message,
        snippet: found.snippet,
        rank: found.rank,
    });
    Outcome::of(&SearchResults {
        results: results.collect(),
        next_cursor,
    })
}

/// What the first page was of, and how far it goes.
type Place = (MessageId, (f64, MessageId));

fn cursor(page: &FoundPage) -> Option<String> {
    let (last, newest) = (page.found.last().filter(|_| page.has_more)?, page.newest?);
    let (rank, id) = (last.rank.to_bits(), last.message.id);
    Some(URL_SAFE_NO_PAD.encode(format!("{newest}/{rank:x}/{id}")))
}

fn place(cursor: &str) -> Result<Place, ErrorObject> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let mut parts = text.splitn(3, '/');
        let newest = parts.next()?.parse().ok()?;
        let rank = u64::from_str_radix(parts.next()?, 16).ok()?;
        let rank = Some(f64::from_bits(rank)).filter(|rank| rank.is_finite())?;
        Some((newest, (rank, parts.next()?.parse().ok()?)))
    };
    read().ok_or_else(not_ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_that_was_not_given_is_refused_and_nothing_worse(text in ".{0,64}") {
            let _ = place(&text);
            let _ = place(&URL_SAFE_NO_PAD.encode(&text));
        }
    }

    #[test]
    fn a_rank_is_read_back_to_the_last_bit() {
        let id = "01939c1e-0000-7000-8000-000000000001";
        for rank in [0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE] {
            let cursor = URL_SAFE_NO_PAD.encode(format!("{id}/{:x}/{id}", rank.to_bits()));
            assert_eq!(place(&cursor).unwrap().1.0.to_bits(), rank.to_bits());
        }
        let cursor = URL_SAFE_NO_PAD.encode(format!("{id}/{:x}/{id}", f64::NAN.to_bits()));
        assert!(place(&cursor).is_err());
    }
}
