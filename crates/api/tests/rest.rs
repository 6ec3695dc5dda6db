//! What the HTTP API answers, on the parts of the embedded default.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod support;

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Answer, Door, KEY, OTHER_KEY};
use switchboard_api::rest::MAX_BODY;
use switchboard_messaging::Rate;

fn event(to: &Value) -> Value {
    json!({"to": to, "event": "order:paid", "data": {"n": 1}})
}

fn for_ann() -> Value {
    event(&json!({"userIds": ["ann"]}))
}

fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.body["code"], code, "{answer:?}");
    assert_eq!(answer.body["status"], status);
    assert_eq!(answer.body["type"], "about:blank");
    let words = [&answer.body["title"], &answer.body["detail"]];
    assert!(words.iter().all(|text| text.is_string()), "{answer:?}");
}

#[tokio::test]
async fn whoever_is_no_service_gets_nowhere() {
    let door = Door::open().await;
    let nobody = door
        .ask(Method::POST, "/service/events", None, &for_ann())
        .await;
    is_problem(&nobody, 401, "UNAUTHENTICATED");
    assert_eq!(nobody.header("www-authenticate"), "Bearer");
    for bad in [
        "Bearer nonsense",
        "Basic abc",
        "Bearer wrong-key-of-thirty-two-bytes-len",
    ] {
        let answer = door
            .ask(Method::POST, "/service/events", Some(bad), &for_ann())
            .await;
        is_problem(&answer, 401, "UNAUTHENTICATED");
    }
    let user = door.token("ann", "acme", &["operator"]);
    let answer = door
        .ask(Method::POST, "/service/events", Some(&user), &for_ann())
        .await;
    is_problem(&answer, 403, "FORBIDDEN");
    let old = door.token_for("svc", "acme", &["service"], Duration::ZERO);
    let answer = door
        .ask(Method::GET, "/service/stats", Some(&old), &json!({}))
        .await;
    is_problem(&answer, 401, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_token_with_the_role_and_an_api_key_are_good() {
    let door = Door::open().await;
    let token = door.token("svc", "acme", &["service"]);
    for credential in [token, format!("Bearer {KEY}")] {
        let answer = door
            .ask(
                Method::POST,
                "/service/events",
                Some(&credential),
                &for_ann(),
            )
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        assert_eq!(
            (&answer.body["live"], &answer.body["queued"]),
            (&json!(0), &json!(1))
        );
    }
    let headers = [("x-api-key", KEY)];
    let answer = door.send(Method::GET, "/service/stats", &headers, "").await;
    assert_eq!(answer.body["queue"]["waiting"], 2, "{answer:?}");
}

#[tokio::test]
async fn every_mistake_of_a_body_is_told_at_once() {
    let door = Door::open().await;
    let bad = json!({"to": {"userIds": ["a b"]}, "event": "message:new", "class": "sequenced"});
    let answer = door.post("/service/events", &bad).await;
    is_problem(&answer, 422, "VALIDATION_FAILED");
    let details = answer.body["details"].as_array().unwrap();
    let paths: Vec<_> = details
        .iter()
        .map(|detail| detail["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["to.userIds[0]", "event", "class"]);
    for bad in ["[]", "{", "\"x\"", "\u{0}"] {
        let headers = [("x-api-key", KEY)];
        let answer = door
            .send(Method::POST, "/service/events", &headers, bad)
            .await;
        is_problem(&answer, 422, "VALIDATION_FAILED");
    }
}

#[tokio::test]
async fn a_body_may_have_100_kib_and_no_more() {
    let door = Door::open().await;
    let of = |bytes: usize| {
        let mut body = for_ann();
        body["data"] = json!("");
        let overhead = body.to_string().len();
        body["data"] = json!("x".repeat(bytes - overhead));
        body
    };
    let just = door.post("/service/events", &of(MAX_BODY)).await;
    assert_eq!(just.status, StatusCode::ACCEPTED, "{:?}", just.body);
    let over = door.post("/service/events", &of(MAX_BODY + 1)).await;
    is_problem(&over, 413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_path_that_there_is_not_is_a_problem() {
    let door = Door::open().await;
    is_problem(
        &door.post("/service/nothing", &json!({})).await,
        404,
        "NOT_FOUND",
    );
    is_problem(&door.get("/").await, 404, "NOT_FOUND");
    let method = door
        .ask(Method::DELETE, "/service/events", None, &json!({}))
        .await;
    is_problem(&method, 405, "NOT_FOUND");
    assert_eq!(method.header("allow"), "POST");
}

#[tokio::test]
async fn an_empty_bucket_says_when_to_come_back() {
    let slow = Rate::new(2, Duration::from_mins(1));
    let door = Door::with_rates(&[("service:events", slow)]).await;
    for _ in 0..2 {
        let answer = door.post("/service/events", &json!({})).await;
        is_problem(&answer, 422, "VALIDATION_FAILED");
    }
    let answer = door.post("/service/events", &for_ann()).await;
    is_problem(&answer, 429, "RATE_LIMITED");
    assert_eq!(answer.header("ratelimit-limit"), "2");
    assert_eq!(answer.header("ratelimit-remaining"), "0");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    // Others have buckets of their own.
    let other = format!("Bearer {OTHER_KEY}");
    let answer = door
        .ask(Method::POST, "/service/events", Some(&other), &for_ann())
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_repeated_request_is_carried_out_once() {
    let door = Door::open().await;
    let first = door.post_once("one", &for_ann()).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = door.post_once("one", &for_ann()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = door.post_once("two", &for_ann()).await;
    assert_ne!(other.body["id"], first.body["id"]);
    let stats = door.get("/service/stats").await;
    assert_eq!(stats.body["queue"]["waiting"], 2);
    let reused = door
        .post_once("one", &event(&json!({"userIds": ["ben"]})))
        .await;
    is_problem(&reused, 422, "VALIDATION_FAILED");
    assert_eq!(reused.body["details"][0]["path"], "Idempotency-Key");
}

#[tokio::test]
async fn what_only_asks_is_answered_anew() {
    let door = Door::open().await;
    let headers = [("x-api-key", KEY), ("idempotency-key", "one")];
    let stats = async || door.send(Method::GET, "/service/stats", &headers, "").await;
    assert_eq!(stats().await.body["queue"]["waiting"], 0);
    door.post("/service/events", &for_ann()).await;
    assert_eq!(stats().await.body["queue"]["waiting"], 1);
}

#[tokio::test]
async fn a_request_that_was_refused_may_be_mended_under_its_key() {
    let door = Door::open().await;
    let bad = door.post_once("one", &json!({})).await;
    is_problem(&bad, 422, "VALIDATION_FAILED");
    let good = door.post_once("one", &for_ann()).await;
    assert_eq!(good.status, StatusCode::ACCEPTED, "{good:?}");
}

#[tokio::test]
async fn a_key_has_1_to_255_printable_characters() {
    let door = Door::open().await;
    let longest = door.post_once(&"k".repeat(255), &for_ann()).await;
    assert_eq!(longest.status, StatusCode::ACCEPTED);
    for bad in [String::new(), "k".repeat(256), "\u{e9}".to_owned()] {
        let answer = door.post_once(&bad, &for_ann()).await;
        is_problem(&answer, 422, "VALIDATION_FAILED");
    }
}

#[tokio::test]
async fn who_is_there_is_sent_it_and_who_is_not_gets_it_later() {
    let door = Door::open().await;
    door.comes("ann").await;
    let to = json!({"userIds": ["ann", "ben", "ann", "cleo"]});
    let answer = door.post("/service/events", &event(&to)).await;
    assert_eq!(
        (&answer.body["live"], &answer.body["queued"]),
        (&json!(1), &json!(2))
    );
    let mut volatile = event(&to);
    volatile["class"] = json!("volatile");
    let answer = door.post("/service/events", &volatile).await;
    assert_eq!(
        (&answer.body["live"], &answer.body["queued"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(door.queued("ben").await, 1);
    assert_eq!(door.queued("ann").await, 0);
}

#[tokio::test]
async fn conversations_and_organizations_are_a_tenants_own() {
    let door = Door::open().await;
    let id = door.group("ann", &["ben"]).await;
    door.comes("ann").await;
    let to = json!({"conversationIds": [id]});
    let answer = door.post("/service/events", &event(&to)).await;
    assert_eq!(
        (&answer.body["live"], &answer.body["queued"]),
        (&json!(1), &json!(1))
    );
    let to_all = event(&json!({"organization": "acme"}));
    let answer = door.post("/service/events", &to_all).await;
    assert_eq!(
        (&answer.body["live"], &answer.body["queued"]),
        (&json!(1), &json!(1))
    );

    let other = format!("Bearer {OTHER_KEY}");
    let theirs = async |body: &Value| {
        door.ask(Method::POST, "/service/events", Some(&other), body)
            .await
    };
    is_problem(&theirs(&event(&to)).await, 404, "NOT_FOUND");
    is_problem(&theirs(&to_all).await, 404, "NOT_FOUND");
    // The same names are other people there.
    let answer = theirs(&for_ann()).await;
    assert_eq!(
        (&answer.body["live"], &answer.body["queued"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(door.queued("ann").await, 0);
}

#[tokio::test]
async fn dead_letters_come_in_pages_and_can_be_tried_again() {
    let door = Door::open().await;
    for name in ["ann", "ben", "cleo"] {
        door.post("/service/events", &event(&json!({"userIds": [name]})))
            .await;
        door.gives_up(name).await;
    }
    let first = door.get("/service/dead-letters?limit=2").await;
    assert_eq!(
        first.body["items"].as_array().unwrap().len(),
        2,
        "{first:?}"
    );
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let path = format!("/service/dead-letters?limit=2&cursor={cursor}");
    let second = door.get(&path).await;
    assert_eq!(second.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(second.body["nextCursor"], Value::Null);
    let letter = &second.body["items"][0];
    assert_eq!(
        (&letter["userId"], &letter["event"]),
        (&json!("ann"), &json!("order:paid"))
    );

    let path = format!(
        "/service/dead-letters/{}/retry",
        letter["id"].as_str().unwrap()
    );
    let other = format!("Bearer {OTHER_KEY}");
    let theirs = door
        .ask(Method::POST, &path, Some(&other), &json!({}))
        .await;
    is_problem(&theirs, 404, "NOT_FOUND");
    assert_eq!(
        door.post(&path, &json!({})).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(door.queued("ann").await, 1);
    is_problem(&door.post(&path, &json!({})).await, 404, "NOT_FOUND");
    is_problem(
        &door.post("/service/dead-letters/x/retry", &json!({})).await,
        404,
        "NOT_FOUND",
    );
    let of_ben = door.get("/service/dead-letters?userId=ben").await;
    assert_eq!(of_ben.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_has_1_to_100_dead_letters() {
    let door = Door::open().await;
    for good in ["limit=1", "limit=100", ""] {
        let answer = door.get(&format!("/service/dead-letters?{good}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{good}");
    }
    for bad in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        "cursor=9.9",
        "userId=a%20b",
    ] {
        let answer = door.get(&format!("/service/dead-letters?{bad}")).await;
        is_problem(&answer, 422, "VALIDATION_FAILED");
    }
}

#[tokio::test]
async fn without_the_store_nothing_is_accepted() {
    let door = Door::open().await;
    door.close_store().await;
    for answer in [
        door.post("/service/events", &for_ann()).await,
        door.post_once("one", &for_ann()).await,
        door.get("/service/stats").await,
    ] {
        is_problem(&answer, 503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn the_openapi_document_is_at_the_root_and_below_the_prefix() {
    let door = Door::open().await;
    let below = door.get("/openapi.json").await;
    assert_eq!(below.status, StatusCode::OK);
    let root = door.at_root(Method::GET, "/openapi.json").await;
    assert_eq!(root.body, below.body);
    assert!(root.body["paths"]["/service/events"]["post"].is_object());
}

#[tokio::test]
async fn with_an_empty_prefix_routes_begin_at_the_root() {
    let door = Door::at("").await;
    assert_eq!(
        door.post("/service/events", &for_ann()).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(
        door.get("/openapi.json").await.body["servers"][0]["url"],
        "/"
    );
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_and_others_organizations_keep_theirs() {
    let door = Door::open().await;
    let token = door.token("svc", "acme", &["service"]);
    let theirs = door.token("svc", "globex", &["service"]);
    let stats = async |token: &str| {
        let nothing = json!({});
        let answer = door.ask(Method::GET, "/service/stats", Some(token), &nothing);
        answer.await.status
    };
    let before = json!({"userId": "svc", "before": "2999-01-01T00:00:00.000Z"});
    let answer = door.post("/service/tokens/revoke", &before).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(stats(&token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(stats(&theirs).await, StatusCode::OK);
    for bad in [json!({}), json!({"userId": "svc"}), json!({"jti": ""})] {
        let answer = door.post("/service/tokens/revoke", &bad).await;
        is_problem(&answer, 422, "VALIDATION_FAILED");
    }
}

#[tokio::test]
async fn a_user_is_sent_away_by_a_name_that_users_may_have_and_a_short_reason() {
    let door = Door::open().await;
    let of = async |id: &str, reason: Value| {
        let path = format!("/service/users/{id}/disconnect");
        door.post(&path, &json!({"reason": reason})).await
    };
    assert_eq!(of("ann", Value::Null).await.status, StatusCode::OK);
    assert_eq!(
        of("a:b@c", json!("x".repeat(200))).await.status,
        StatusCode::OK
    );
    is_problem(
        &of("ann", json!("x".repeat(201))).await,
        422,
        "VALIDATION_FAILED",
    );
    is_problem(&of("a%20b", Value::Null).await, 422, "VALIDATION_FAILED");
}

#[tokio::test]
async fn a_system_message_is_stored_once_and_only_in_conversations_of_the_organization() {
    let door = Door::open().await;
    let id = door.group("ann", &["ben"]).await;
    let body = json!({"conversationId": id, "content": "ben has left", "metadata": {"a": 1}});
    let headers = [("x-api-key", KEY), ("idempotency-key", "m1")];
    let post = async |headers: &[(&'static str, &str)], body: &Value| {
        let body = body.to_string();
        door.send(Method::POST, "/service/messages", headers, &body)
            .await
    };
    let sent = post(&headers, &body).await;
    assert_eq!(sent.status, StatusCode::CREATED, "{sent:?}");
    let message = &sent.body["message"];
    assert_eq!(
        (&message["type"], &message["content"]),
        (&json!("system"), &body["content"])
    );
    assert_eq!(
        (&message["seq"], &message["metadata"]),
        (&json!(1), &body["metadata"])
    );
    assert_eq!(post(&headers, &body).await.body, sent.body);
    let next = post(&headers[..1], &body).await;
    assert_eq!(next.body["message"]["seq"], 2);

    is_problem(
        &post(&[("x-api-key", OTHER_KEY)], &body).await,
        404,
        "NOT_FOUND",
    );
    for bad in [json!({}), json!({"conversationId": id, "content": " "})] {
        is_problem(&post(&headers[..1], &bad).await, 422, "VALIDATION_FAILED");
    }
}
