//! Random packets.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::MAX_ATTACHMENTS;

/// A namespace with or without a query, as it stands in a packet.
pub(super) fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("/".to_owned()),
        "/[a-zé😀0-9_-]{1,12}(\\?[a-z=&?]{0,8})?"
    ]
}

/// Name and arguments of an event. Names of one character are not reserved.
pub(super) fn event() -> impl Strategy<Value = Vec<Value>> {
    ("(.|.{20})", args()).prop_map(|(name, mut args)| {
        args.insert(0, name.into());
        args
    })
}

pub(super) fn args() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(value(), 0..5)
}

pub(super) fn attachments() -> impl Strategy<Value = Vec<Bytes>> {
    let attachment = any::<Vec<u8>>().prop_map(Bytes::from);
    prop::collection::vec(attachment, 0..=MAX_ATTACHMENTS)
}

/// The arguments with a placeholder for each attachment, in the order in which msgpack is read.
pub(super) fn place(mut args: Vec<Value>, attachments: usize) -> Vec<Value> {
    for num in 0..attachments {
        let placeholder = json!({"_placeholder": true, "num": num});
        args.push(if num % 2 == 0 {
            placeholder
        } else {
            json!({"nested": [placeholder]})
        });
    }
    args
}

/// Any JSON value; floats that both forms give back exactly.
pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) + 0.5)),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::hash_map(".{0,40}", inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
