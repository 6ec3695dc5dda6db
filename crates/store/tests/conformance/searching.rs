//! Full-text search.

use switchboard_messaging::store::{FoundPage, SearchPage};
use switchboard_protocol::{ConversationId, MessageId};

use crate::on_both_databases;
use crate::world::{World, stranger, viewer};

on_both_databases!(
    everything_is_found_by_what_people_type,
    the_best_come_first,
    hits_are_shown_as_html,
    only_ones_own_conversations_are_searched,
    what_was_edited_is_found_by_what_it_says_now,
    tombstones_are_not_found,
    pages_follow_each_other_whatever_is_said_meanwhile,
    no_query_is_an_error,
    what_was_stored_before_there_was_search_is_made_searchable,
);

const CORPUS: &[&str] = &[
    "The quick brown fox jumps over the lazy dog",
    "Die Größe der Wörter zählt, schön!",
    "die groesse der woerter zaehlt schon",
    "Our R&D team: 1 < 2 && a > b",
    "Invoice #4711 from ann@example.com, see https://example.org/path?x=1",
    "invoices of last year",
    "ok 👍🏽",
    "👍👍👍 and 🎉",
    "日本語のテキスト",
    "it isn't \"quoted\" or 'quoted'",
    "NEAR AND OR NOT are words",
    "fox",
    "&lt;b&gt; is text",
];

fn page(query: &str) -> SearchPage {
    SearchPage {
        viewer: viewer("ben"),
        query: query.to_owned(),
        conversation: None,
        newest: None,
        after: None,
        limit: 100,
    }
}

async fn search(world: &World, query: &str) -> FoundPage {
    world.store.search(page(query)).await.unwrap()
}

async fn contents(world: &World, query: &str) -> Vec<String> {
    let found = search(world, query).await.found;
    found
        .into_iter()
        .map(|found| found.message.content)
        .collect()
}

async fn with_corpus(world: &World) -> ConversationId {
    let to = world.group("ann", &["ben"]).await;
    for text in CORPUS {
        world.say("ann", to, text).await;
    }
    to
}

async fn everything_is_found_by_what_people_type(world: World) {
    with_corpus(&world).await;
    for (query, places) in [
        ("lazy DOG", &[0][..]),
        ("lazy cat", &[]),
        ("\"brown fox\"", &[0]),
        ("\"fox brown\"", &[]),
        // "ß" is no "SS".
        ("GRÖSSE", &[]),
        ("gro\u{308}ße", &[1]),
        ("GRÖßE", &[1]),
        ("schon", &[2]),
        ("R&D", &[3]),
        ("D&R", &[]),
        ("1 < 2", &[3]),
        ("4711", &[4]),
        ("ann@example.com", &[4]),
        ("example", &[4]),
        ("invoice", &[4]),
        ("invoice*", &[4, 5]),
        ("👍", &[6, 7]),
        ("\"👍👍\"", &[7]),
        ("🎉", &[7]),
        ("日本", &[8]),
        ("本日", &[]),
        ("isn't", &[9]),
        ("\"quoted or quoted\"", &[9]),
        ("fox -lazy", &[11]),
        ("fox OR invoices", &[0, 5, 11]),
        ("near not", &[10]),
        ("lt b gt", &[12]),
    ] {
        let mut expected: Vec<&str> = places.iter().map(|place| CORPUS[*place]).collect();
        let mut found = contents(&world, query).await;
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
    }
}

async fn the_best_come_first(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let long = format!("apple {}", "and something else ".repeat(20));
    for text in ["pear", &long, "apple", "apple apple apple", "apple"] {
        world.say("ann", to, text).await;
    }
    let page = search(&world, "apple").await;
    let seqs: Vec<i64> = page.found.iter().map(|found| found.message.seq).collect();
    assert_eq!(seqs, [4, 5, 3, 2]);
    assert!(page.found.windows(2).all(|two| two[0].rank >= two[1].rank));
    assert!(!page.has_more);
}

async fn hits_are_shown_as_html(world: World) {
    with_corpus(&world).await;
    let snippet = async |query| search(&world, query).await.found[0].snippet.clone();
    let team = "Our <mark>R&amp;D</mark> team: 1 &lt; 2 &amp;&amp; a &gt; b";
    assert_eq!(snippet("r&d").await, team);
    assert_eq!(
        snippet("\"lt b\"").await,
        "&amp;<mark>lt;b</mark>&amp;gt; is text"
    );
    assert_eq!(
        snippet("wört*").await,
        "Die Größe der <mark>Wörter</mark> zählt, schön!"
    );
}

async fn only_ones_own_conversations_are_searched(world: World) {
    let ours = world.group("ann", &["ben"]).await;
    let other = world.group("ben", &["cid"]).await;
    let theirs = world.group("ann", &["cid"]).await;
    let left = world.group("ann", &["ben"]).await;
    for (name, to) in [
        ("ann", ours),
        ("cid", other),
        ("cid", theirs),
        ("ann", left),
    ] {
        world.say(name, to, &format!("secret of {to}")).await;
    }
    world.remove("ben", left).await;
    let in_ours = [format!("secret of {ours}"), format!("secret of {other}")];
    let mut found = contents(&world, "secret").await;
    found.sort();
    let mut expected = in_ours.clone();
    expected.sort();
    assert_eq!(found, expected);
    for (conversation, count) in [(ours, 1), (other, 1), (theirs, 0), (left, 0)] {
        let conversation = Some(conversation);
        let one = SearchPage {
            conversation,
            ..page("secret")
        };
        let found = world.store.search(one).await.unwrap().found;
        assert_eq!(found.len(), count);
    }
    for viewer in [stranger("ben"), stranger("ann"), viewer("eve")] {
        let nobody = SearchPage {
            viewer,
            ..page("secret")
        };
        assert_eq!(world.store.search(nobody).await.unwrap().found, []);
    }
}

async fn what_was_edited_is_found_by_what_it_says_now(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let message = world.say("ann", to, "before").await.id;
    world.edit("ann", message, "after").await;
    assert_eq!(contents(&world, "before").await, [""; 0]);
    assert_eq!(contents(&world, "after").await, ["after"]);
}

async fn tombstones_are_not_found(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let message = world.say("ann", to, "gone").await.id;
    assert_eq!(contents(&world, "gone").await, ["gone"]);
    world.delete("ann", message).await;
    assert_eq!(contents(&world, "gone").await, [""; 0]);
}

async fn pages_follow_each_other_whatever_is_said_meanwhile(world: World) {
    let to = world.group("ann", &["ben"]).await;
    for n in 1..=25 {
        world.say("ann", to, &"word ".repeat(n % 4 + 1)).await;
    }
    let all: Vec<MessageId> = search(&world, "word")
        .await
        .found
        .iter()
        .map(|found| found.message.id)
        .collect();
    assert_eq!(all.len(), 25);
    let mut seen = Vec::new();
    let (mut newest, mut after) = (None, None);
    loop {
        let next = SearchPage {
            newest,
            after,
            limit: 10,
            ..page("word")
        };
        let page = world.store.search(next).await.unwrap();
        newest = page.newest;
        let last = page.found.last().unwrap();
        after = Some((last.rank, last.message.id));
        seen.extend(page.found.iter().map(|found| found.message.id));
        if !page.has_more {
            break;
        }
        world.say("ann", to, "word word word word word").await;
    }
    assert_eq!(seen, all);
}

async fn no_query_is_an_error(world: World) {
    with_corpus(&world).await;
    for query in [
        "",
        " ",
        "\"",
        "\"\"",
        "'",
        "-",
        "--",
        "*",
        "**",
        "& | !",
        "fox & | ! (dog)",
        "fox:*",
        "words:fox",
        "^fox",
        "{words}: fox",
        "NEAR(fox dog)",
        "AND",
        "fox AND",
        "NOT fox",
        "or",
        "or or or",
        "\\",
        "%",
        "';--",
        "<script>",
        "\u{0}",
        "fox\u{0}",
        "-\"fox",
        "<->",
        "fox <2> dog",
        "👍🏽",
        "\u{300}",
        "-fox -dog",
    ] {
        search(&world, query).await;
    }
    let long = "word ".repeat(40);
    search(&world, &long).await;
}

/// As a database looks that an earlier version has written.
async fn what_was_stored_before_there_was_search_is_made_searchable(world: World) {
    let to = with_corpus(&world).await;
    let gone = world.say("ann", to, "gone").await.id;
    world.delete("ann", gone).await;
    if world.is_postgres() {
        world.sql("update messages set search = null").await;
    } else {
        world
            .sql("delete from message_words; delete from searchable")
            .await;
    }
    assert_eq!(contents(&world, "fox").await, [""; 0]);
    let (one, other) = (
        world.store.index_messages(10),
        world.store.index_messages(10),
    );
    let (one, other) = tokio::join!(one, other);
    assert_eq!(one.unwrap() + other.unwrap(), CORPUS.len() + 1);
    assert_eq!(world.store.index_messages(10).await.unwrap(), 0);
    assert_eq!(contents(&world, "fox -lazy").await, ["fox"]);
    if world.is_postgres() {
        // Nor does a node that knows nothing of search leave it wrong.
        let id = world.history(to).await[11].id;
        let edit = format!("update messages set content = 'wolf' where id = '{id}'");
        world.sql(&edit).await;
        assert_eq!(contents(&world, "fox -lazy").await, [""; 0]);
        assert_eq!(world.store.index_messages(10).await.unwrap(), 1);
        assert_eq!(contents(&world, "wolf").await, ["wolf"]);
    }
}
