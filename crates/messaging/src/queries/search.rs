//! `message:search`: best first; pages show what there was when the first one was read.

use switchboard_protocol::answers::{SearchResult, SearchResults};
use switchboard_protocol::calls::Search;
use switchboard_protocol::{ErrorObject, MessageId};

use crate::actor::Caller;
use crate::cursor;
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
    let next_cursor = place_after(&page);
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

fn place_after(page: &FoundPage) -> Option<String> {
    let (last, newest) = (page.found.last().filter(|_| page.has_more)?, page.newest?);
    let (rank, id) = (last.rank.to_bits(), last.message.id);
    Some(cursor::write(format_args!("{newest}/{rank:x}/{id}")))
}

fn place(cursor: &str) -> Result<Place, ErrorObject> {
    cursor::read(cursor, |text| {
        let mut parts = text.splitn(3, '/');
        let newest = parts.next()?.parse().ok()?;
        let rank = u64::from_str_radix(parts.next()?, 16).ok()?;
        let rank = Some(f64::from_bits(rank)).filter(|rank| rank.is_finite())?;
        Some((newest, (rank, parts.next()?.parse().ok()?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    cursor::hostile_cursors_are_refused!(place);

    #[test]
    fn a_rank_is_read_back_to_the_last_bit() {
        let id = "01939c1e-0000-7000-8000-000000000001";
        for rank in [0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE] {
            let cursor = cursor::write(format_args!("{id}/{:x}/{id}", rank.to_bits()));
            assert_eq!(place(&cursor).unwrap().1.0.to_bits(), rank.to_bits());
        }
        let cursor = cursor::write(format_args!("{id}/{:x}/{id}", f64::NAN.to_bits()));
        assert!(place(&cursor).is_err());
    }
}
