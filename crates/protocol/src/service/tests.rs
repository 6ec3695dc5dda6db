use proptest::prelude::*;
use serde_json::json;

use super::*;

const CONVERSATION: &str = "01939c1e-0000-7000-8000-000000000001";

fn event(changes: &Value) -> Decoded<PostEvent> {
    let mut body = json!({"to": {"userIds": ["ann"]}, "event": "order:paid", "data": {"n": 1}});
    let (Some(body_fields), Some(changes)) = (body.as_object_mut(), changes.as_object()) else {
        panic!("no objects")
    };
    body_fields.extend(changes.clone());
    PostEvent::decode(Fields::of(&body).unwrap())
}

fn first_path<T: std::fmt::Debug>(decoded: Decoded<T>) -> String {
    decoded.unwrap_err()[0].path.clone()
}

#[test]
fn an_event_is_logged_and_of_normal_priority_unless_it_says_otherwise() {
    let plain = event(&json!({})).unwrap();
    assert_eq!(
        (plain.class, plain.priority, plain.expires_in),
        (DeliveryClass::Logged, Priority::Normal, None)
    );
    let other = event(&json!({"class": "volatile", "priority": "critical", "expiresIn": 5}));
    let other = other.unwrap();
    assert_eq!(
        (other.class, other.priority, other.expires_in),
        (DeliveryClass::Volatile, Priority::Critical, Some(5))
    );
    assert_eq!(first_path(event(&json!({"class": "sequenced"}))), "class");
}

#[test]
fn an_event_is_for_exactly_one_kind_of_recipients() {
    let to = |to: Value| event(&json!({"to": to})).map(|event| event.to);
    assert_eq!(
        to(json!({"organization": true})),
        Ok(Recipients::Organization(None))
    );
    assert!(to(json!({"organization": "acme"})).is_ok());
    assert!(to(json!({"conversationIds": [CONVERSATION]})).is_ok());
    for (bad, path) in [
        (json!({}), "to"),
        (json!(null), "to"),
        (json!("ann"), "to"),
        (json!({"userIds": []}), "to.userIds"),
        (json!({"userIds": ["a b"]}), "to.userIds[0]"),
        (json!({"organization": false}), "to.organization"),
        (
            json!({"userIds": ["ann"], "organization": true}),
            "to.organization",
        ),
        (json!({"conversationIds": ["x"]}), "to.conversationIds[0]"),
    ] {
        assert_eq!(first_path(to(bad.clone())), path, "{bad}");
    }
}

#[test]
fn so_many_recipients_and_not_one_more() {
    let users = |count: usize| {
        let ids: Vec<String> = (0..count).map(|n| format!("u{n}")).collect();
        event(&json!({"to": {"userIds": ids}}))
    };
    assert!(users(MAX_USERS).is_ok());
    assert_eq!(first_path(users(MAX_USERS + 1)), "to.userIds");
    let conversations = |count: usize| {
        let ids = vec![CONVERSATION; count];
        event(&json!({"to": {"conversationIds": ids}}))
    };
    assert!(conversations(MAX_CONVERSATIONS).is_ok());
    assert_eq!(
        first_path(conversations(MAX_CONVERSATIONS + 1)),
        "to.conversationIds"
    );
}

#[test]
fn an_event_expires_after_a_second_to_thirty_days() {
    let expires = |seconds: i64| event(&json!({"expiresIn": seconds}));
    assert!(expires(1).is_ok() && expires(MAX_EXPIRES_IN).is_ok());
    assert_eq!(first_path(expires(0)), "expiresIn");
    assert_eq!(first_path(expires(MAX_EXPIRES_IN + 1)), "expiresIn");
}

#[test]
fn names_of_the_gateway_and_of_socket_io_are_not_a_services_to_use() {
    let named = |name: &str| event(&json!({"event": name}));
    for good in ["order:paid", "notification:new", "Etwas Neues"] {
        assert!(named(good).is_ok(), "{good}");
    }
    assert!(named(&"n".repeat(MAX_EVENT_NAME)).is_ok());
    assert!(named(&"n".repeat(MAX_EVENT_NAME + 1)).is_err());
    for sequenced in SERVER_EVENTS {
        if sequenced.class == DeliveryClass::Sequenced {
            assert!(named(sequenced.name).is_err(), "{}", sequenced.name);
        }
    }
    for bad in [
        "",
        "a\nb",
        "connect",
        "disconnect",
        "error",
        "session:ready",
        "session:taken",
        "queue:events",
        "presence:changed",
    ] {
        assert_eq!(first_path(named(bad)), "event", "{bad:?}");
    }
}

#[test]
fn a_message_needs_its_conversation_and_content() {
    let decode = |body: &Value| PostMessage::decode(Fields::of(body).unwrap());
    assert!(decode(&json!({"conversationId": CONVERSATION, "content": "x"})).is_ok());
    assert_eq!(decode(&json!({})).unwrap_err().len(), 2);
}

#[test]
fn tokens_are_revoked_by_jti_or_by_user_and_time() {
    let decode = |body: &Value| RevokeTokens::decode(Fields::of(body).unwrap());
    let before = "2026-01-31T12:00:00.000Z";
    assert!(decode(&json!({"jti": "j"})).is_ok());
    assert!(decode(&json!({"userId": "ann", "before": before})).is_ok());
    for bad in [
        json!({}),
        json!({"userId": "ann"}),
        json!({"before": before}),
        json!({"jti": "j", "userId": "ann", "before": before}),
        json!({"userId": "ann", "before": "yesterday"}),
        json!({"jti": "j".repeat(MAX_TOKEN_ID + 1)}),
    ] {
        assert!(decode(&bad).is_err(), "{bad}");
    }
    assert!(decode(&json!({"jti": "j".repeat(MAX_TOKEN_ID)})).is_ok());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(CONVERSATION)),
        ".*".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "to",
        "userIds",
        "conversationIds",
        "organization",
        "event",
        "data",
        "class",
        "expiresIn",
        "conversationId",
        "content",
        "jti",
        "userId",
        "before",
        "reason",
    ]);
    leaf.prop_recursive(3, 32, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names.clone(), inner, 0..8).prop_map(|map| {
                Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

fn keeps_to_its_schema<T>(body: &Value, decode: fn(Fields<'_>) -> Decoded<T>) -> bool {
    let Ok(fields) = Fields::of(body) else {
        return true;
    };
    let schema = Fields::describe(decode).schema();
    match decode(fields) {
        Ok(_) => jsonschema::is_valid(schema.as_value(), body),
        Err(details) => !details.is_empty(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_comes_in_is_refused_with_details_or_fits_the_schema(body in any_json()) {
        prop_assert!(keeps_to_its_schema(&body, PostEvent::decode));
        prop_assert!(keeps_to_its_schema(&body, PostMessage::decode));
        prop_assert!(keeps_to_its_schema(&body, RevokeTokens::decode));
        prop_assert!(keeps_to_its_schema(&body, DisconnectUser::decode));
    }
}
