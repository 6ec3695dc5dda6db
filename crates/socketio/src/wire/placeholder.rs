//! `{"_placeholder":true,"num":n}`: where attachment `n` belongs in a payload.

use serde_json::{Map, Value};

use super::{DecodeError, packet::whole};

/// The value that stands for attachment `number`.
pub(super) fn of(number: usize) -> Value {
    let mut object = Map::new();
    object.insert("_placeholder".to_owned(), Value::Bool(true));
    object.insert("num".to_owned(), Value::from(number));
    Value::Object(object)
}

/// Whether the object claims to be a placeholder, by the test of socket.io-parser
/// (`lib/binary.ts`): nothing but `_placeholder` being `true`.
pub(super) fn is_one(object: &Map<String, Value>) -> bool {
    object.get("_placeholder") == Some(&Value::Bool(true))
}

/// Which of `attachments` the object stands for.
pub(super) fn number(object: &Map<String, Value>, attachments: usize) -> Option<usize> {
    let number = object.get("num")?.as_number()?;
    // JavaScript knows one kind of number: 1.0 is 1.
    let number = number
        .as_u64()
        .or_else(|| whole(number.as_f64()?)?.try_into().ok())?;
    usize::try_from(number).ok().filter(|&n| n < attachments)
}

/// Checks that every placeholder stands for one of `attachments` and no two for the same, and takes
/// away what else it holds: a reader of the payload replaces the whole object.
///
/// JavaScript lets several stand for the same attachment, but its encoder never writes that. Here
/// it would let a small packet become a large one when it is passed on as msgpack.
pub(super) fn check(value: &mut Value, attachments: usize) -> Result<(), DecodeError> {
    let mut free: Vec<bool> = vec![true; attachments];
    check_within(value, &mut free)
}

fn check_within(value: &mut Value, free: &mut [bool]) -> Result<(), DecodeError> {
    match value {
        Value::Object(object) if is_one(object) => {
            let number = number(object, free.len()).ok_or(DecodeError::Placeholder)?;
            if !std::mem::take(&mut free[number]) {
                return Err(DecodeError::Placeholder);
            }
            *value = of(number);
            Ok(())
        }
        Value::Object(object) => object
            .values_mut()
            .try_for_each(|value| check_within(value, free)),
        Value::Array(values) => values
            .iter_mut()
            .try_for_each(|value| check_within(value, free)),
        _ => Ok(()),
    }
}
