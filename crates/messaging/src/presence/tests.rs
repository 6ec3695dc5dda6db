use uuid::Uuid;

use super::*;

fn heads(count: usize) -> Vec<Head> {
    let head = Head {
        conversation: ConversationId(Uuid::nil()),
        rev: 1,
        member_count: 2,
    };
    vec![head; count]
}

#[test]
fn as_many_as_there_was_room_for_may_not_be_all_unless_no_more_are_told() {
    for (count, most, are_all_of_them) in [
        (0, 0, false),
        (0, 1, true),
        (9, 10, true),
        (10, 10, false),
        (199, 199, false),
        (200, 200, true),
        (300, 300, true),
    ] {
        assert_eq!(
            are_all(&heads(count), most),
            are_all_of_them,
            "{count} of {most}"
        );
    }
}

#[test]
fn conversations_of_five_hundred_are_told_and_larger_ones_are_not() {
    for (member_count, count) in [(MAX_MEMBERS, 1), (MAX_MEMBERS + 1, 0)] {
        let head = Head {
            member_count,
            ..heads(1)[0]
        };
        assert_eq!(small([head].iter()).len(), count);
    }
}
