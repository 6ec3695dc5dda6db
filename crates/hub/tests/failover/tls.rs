//! Who is believed, and who is let in.

use std::time::Instant;

use switchboard_hub::{RedisHub, RedisOptions, RedisTls};
use switchboard_testkit::redis::{Certificates, Door, PrivateRedis};

use crate::node::{Pair, options};

async fn refusal(options: RedisOptions) -> String {
    RedisHub::connect(options).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_redis_with_tls_comes_back_after_a_restart() {
    let mut redis = PrivateRedis::start_behind(Door::default().with_user().with_tls()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    redis.restart().await;
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_redis_of_another_authority_is_not_believed() {
    let redis = PrivateRedis::start_behind(Door::default().with_tls()).await;
    let other = Certificates::make().unwrap();
    let mut wrong = options(&redis.url(), redis.door(), "a");
    wrong.tls.ca_file = Some(other.ca_file());
    let why = refusal(wrong).await;
    assert!(why.contains("InvalidCertificate"), "{why}");

    // Nor by a machine that does not know the authority either.
    let mut unknown = options(&redis.url(), redis.door(), "a");
    unknown.tls = RedisTls::default();
    refusal(unknown).await;
}

#[tokio::test]
async fn a_redis_that_wants_certificates_lets_in_who_has_one() {
    let redis = PrivateRedis::start_behind(Door::default().with_client_certificates()).await;
    let anonymous = options(&redis.url(), redis.door(), "a");
    let made = redis.door().certificates().unwrap();
    let mut named = anonymous.clone();
    named.tls.cert_file = Some(made.client_cert_file());
    named.tls.key_file = Some(made.client_key_file());
    assert!(RedisHub::connect(named).await.is_ok());
    refusal(anonymous).await;
}

#[tokio::test]
async fn a_password_is_needed_and_not_shown_when_it_is_wrong() {
    let redis = PrivateRedis::start_behind(Door::default().with_user().with_tls()).await;
    let mut wrong = options(&redis.url(), redis.door(), "a");
    wrong.password = Some("hunter2".into());
    let why = refusal(wrong).await;
    assert!(why.contains("WRONGPASS"), "{why}");
    assert!(!why.contains("hunter2"), "{why}");
}
