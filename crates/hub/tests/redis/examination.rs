//! What an operator is told of a Redis, by a user who may do no more than a node's.

use switchboard_hub::{RedisExamination, RedisOptions, RedisTrouble, ask_sentinels};
use switchboard_messaging::{Clock as _, SystemClock};
use switchboard_testkit::redis::{Door, PrivateCluster, PrivateRedis, PrivateSentinel};

use crate::Node;

async fn examine(url: &str) -> RedisExamination {
    let options = RedisOptions::new(url, "doctor");
    RedisExamination::connect(&options, 1).await.unwrap()
}

#[tokio::test]
async fn a_server_is_examined_with_the_rights_of_a_node_and_nothing_is_left_behind() {
    let redis = PrivateRedis::start_behind(Door::default().with_user()).await;
    let examination = examine(&redis.url()).await;
    let servers = examination.servers().await.unwrap();
    assert!(servers[0].major_version() >= 7, "{servers:?}");
    assert_eq!(servers[0].policy, "noeviction");
    assert!(redis.url().ends_with(&servers[0].address), "{servers:?}");
    assert_eq!(examination.slots().await.unwrap(), None);
    examination.hears_itself().await.unwrap();
    let time = examination.runs_scripts().await.unwrap();
    let apart = time.as_millis() - SystemClock.now().as_millis();
    assert!(apart.abs() < 5_000, "{apart}");
    assert_eq!(examination.nodes().await.unwrap(), []);

    let _node = Node::connect(&redis.url(), "sb", "node-1").await;
    assert_eq!(examination.nodes().await.unwrap()[0].id, "node-1");
    let written = redis.ask(&["KEYS", "*examined*"]).await;
    let ttl = redis.ask(&["PTTL", &written]).await;
    let ttl: i64 = ttl.trim_start_matches("(integer) ").parse().unwrap();
    assert!((1..=10_000).contains(&ttl), "{written}: {ttl}");
    examination.close().await;
}

#[tokio::test]
async fn a_cluster_and_a_primary_behind_sentinel_are_examined_too() {
    let cluster = PrivateCluster::start(Door::default().with_user()).await;
    let examination = examine(&cluster.url()).await;
    let servers = examination.servers().await.unwrap();
    let replicas: Vec<u64> = servers.iter().map(|one| one.replicas).collect();
    assert_eq!(replicas, [1, 1, 1]);
    assert_eq!(examination.slots().await.unwrap(), Some(16_384));
    examination.hears_itself().await.unwrap();
    examination.runs_scripts().await.unwrap();

    let watched = PrivateSentinel::start(Door::default().with_user()).await;
    let examination = examine(&watched.url()).await;
    let servers = examination.servers().await.unwrap();
    assert_eq!((servers.len(), servers[0].replicas), (1, 1));
    let asked = ask_sentinels(&RedisOptions::new(&watched.url(), "doctor")).await;
    let asked = asked.unwrap().unwrap();
    assert_eq!((asked.service.as_str(), asked.sentinels.len()), ("main", 3));
    for sentinel in asked.sentinels {
        assert_eq!(sentinel.names, Ok(vec!["main".to_owned()]));
    }
}

#[tokio::test]
async fn why_it_cannot_be_used_is_told_apart() {
    let mut redis = PrivateRedis::start_behind(Door::default().with_password()).await;
    let mut options = RedisOptions::new(&redis.url(), "doctor");
    options.password = Some("not it".into());
    let trouble = |options: RedisOptions| async move {
        RedisExamination::connect(&options, 1).await.unwrap_err()
    };
    let refused = trouble(options.clone()).await;
    assert!(
        matches!(refused, RedisTrouble::Credentials(_)),
        "{refused:?}"
    );
    redis.kill();
    let gone = trouble(options.clone()).await;
    let expected = RedisTrouble::Unreachable("Connection refused".into());
    assert_eq!(gone, expected);
    options.key_prefix = "{}".into();
    assert!(matches!(trouble(options).await, RedisTrouble::Unusable(_)));
}
