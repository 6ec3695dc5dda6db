//! A new database, while it grows.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{Connection, PgConnection};

use crate::world::World;

/// Longer than it takes until the number of messages is looked at.
const LOOKED_AT: Duration = Duration::from_millis(1_500);
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn statements_are_planned_anew_when_there_are_some_messages_and_not_before() {
    let world = World::on_postgres().await;
    let to = world.group("ann", &["ben"]).await;
    let mut connection = PgConnection::connect(&world.url).await.unwrap();
    let mut planned = async || -> bool {
        let sql =
            "select last_analyze is not null from pg_stat_user_tables where relname = 'messages'";
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    };
    let texts: Vec<String> = (0..249).map(|n| n.to_string()).collect();
    join_all(texts.iter().map(|text| world.say("ann", to, text))).await;
    tokio::time::sleep(LOOKED_AT).await;
    assert!(!planned().await);

    world.say("ann", to, "one more").await;
    let begun = Instant::now();
    while !planned().await {
        assert!(begun.elapsed() < PATIENCE, "nothing was planned anew");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
