use super::*;

const QUEUED: Class = Class::Queued(Haste::Now);
const VOLATILE: Class = Class::Volatile(Haste::Now);

fn text(length: usize) -> Frame {
    Frame::text(&"x".repeat(length))
}

/// A frame that counts so much in the queue. In front of its text are the header, of two bytes or
/// four, and the engine's one.
fn frame_of(size: usize) -> Frame {
    let wire = size - OVERHEAD;
    let header = if wire > 127 { 4 } else { 2 };
    let frame = text(wire - header - 1);
    assert_eq!(cost(&frame), size);
    frame
}

fn websocket() -> Outgoing {
    Outgoing::new(Transport::WebSocket)
}

#[test]
fn takes_as_many_bytes_as_the_limit_and_not_one_more() {
    let mut outgoing = websocket();
    assert!(outgoing.push(&[frame_of(600)], QUEUED, 1000).is_ok());
    assert!(outgoing.push(&[frame_of(400)], QUEUED, 1000).is_ok());
    assert_eq!(outgoing.bytes(), 1000);
    let one_more = outgoing.push(&[frame_of(67)], QUEUED, 1000);
    assert!(matches!(one_more, Err(SendError::Full)));
}

#[test]
fn takes_one_packet_larger_than_the_limit_when_nothing_else_waits() {
    let mut outgoing = websocket();
    assert!(outgoing.push(&[text(5000)], QUEUED, 1000).is_ok());
    let next = outgoing.push(&[frame_of(67)], QUEUED, 1000);
    assert!(matches!(next, Err(SendError::Full)));
}

#[test]
fn skips_volatile_frames_from_half_of_the_limit_on() {
    let mut outgoing = websocket();
    assert!(outgoing.push(&[frame_of(490)], QUEUED, 1000).is_ok());
    assert!(outgoing.push(&[frame_of(67)], VOLATILE, 1000).is_ok());
    let next = outgoing.push(&[frame_of(67)], VOLATILE, 1000);
    assert!(matches!(next, Err(SendError::Full)));
    assert!(outgoing.push(&[frame_of(400)], QUEUED, 1000).is_ok());
}

#[test]
fn counts_bytes_until_they_are_written() {
    let mut outgoing = websocket();
    let mut batch = VecDeque::new();
    outgoing.push(&[frame_of(900)], QUEUED, 1000).unwrap();
    assert!(outgoing.refill(0, &mut batch));
    assert!(outgoing.is_empty());
    let early = outgoing.push(&[frame_of(200)], QUEUED, 1000);
    assert!(matches!(early, Err(SendError::Full)));
    batch.clear();
    assert!(!outgoing.refill(900, &mut batch));
    assert!(outgoing.push(&[frame_of(200)], QUEUED, 1000).is_ok());
}

#[test]
fn asks_for_one_flush_however_much_is_queued() {
    let mut outgoing = websocket();
    let first = outgoing.push(&[text(1)], QUEUED, 1000).unwrap();
    assert!(matches!(first, Next::Flush));
    let second = outgoing.push(&[text(1)], QUEUED, 1000).unwrap();
    assert!(matches!(second, Next::Nothing));
    let mut batch = VecDeque::new();
    assert!(outgoing.refill(0, &mut batch));
    batch.clear();
    assert!(!outgoing.refill(200, &mut batch));
    let third = outgoing.push(&[text(1)], QUEUED, 1000).unwrap();
    assert!(matches!(third, Next::Flush));
}

#[test]
fn takes_nothing_after_its_last_words() {
    let mut outgoing = websocket();
    outgoing.push(&[text(1)], QUEUED, 1000).unwrap();
    outgoing.close(Some(text(2)));
    let after = outgoing.push(&[text(1)], QUEUED, 1000);
    assert!(matches!(after, Err(SendError::Closed)));
    let mut batch = VecDeque::new();
    outgoing.refill(0, &mut batch);
    assert_eq!(batch.len(), 2);
}

#[test]
fn a_close_packet_is_the_answer_to_a_poll_of_its_own() {
    let mut outgoing = Outgoing::new(Transport::Polling);
    outgoing.push(&[text(1), text(2)], QUEUED, 1000).unwrap();
    outgoing.close(Some(Frame::engine("1")));
    assert_eq!(outgoing.take_payload().len(), 2);
    assert_eq!(outgoing.bytes(), cost(&Frame::engine("1")));
    let last = outgoing.take_payload();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].packet_text(), "1");
    assert_eq!(outgoing.bytes(), 0);
}

#[test]
fn what_only_ends_a_poll_goes_with_what_is_before_it() {
    let mut outgoing = Outgoing::new(Transport::Polling);
    outgoing.push(&[text(1)], QUEUED, 1000).unwrap();
    outgoing.close(Some(Frame::engine("6")));
    assert_eq!(outgoing.take_payload().len(), 2);
}

#[test]
fn keeps_no_memory_of_a_long_queue() {
    let mut outgoing = websocket();
    let mut batch = VecDeque::new();
    for _ in 0..100 {
        outgoing.push(&[text(1)], QUEUED, 10_000).unwrap();
    }
    outgoing.refill(0, &mut batch);
    batch.clear();
    outgoing.refill(10_000, &mut batch);
    assert!(batch.capacity() <= KEPT && outgoing.frames.capacity() <= KEPT);
}

#[test]
fn does_not_count_what_answers_a_connect() {
    let mut outgoing = websocket();
    outgoing
        .push(&[frame_of(5000)], Class::Opening, 1000)
        .unwrap();
    outgoing.push(&[frame_of(1000)], QUEUED, 1000).unwrap();
    let next = outgoing.push(&[frame_of(67)], QUEUED, 1000);
    assert!(matches!(next, Err(SendError::Full)));
    outgoing.count_written(5000);
    assert_eq!(outgoing.bytes(), 1000);
    let next = outgoing.push(&[frame_of(67)], QUEUED, 1000);
    assert!(matches!(next, Err(SendError::Full)));
}

fn said_to_a_room(outgoing: &mut Outgoing) -> Next {
    let class = Class::Queued(Haste::Rests);
    outgoing.push(&[text(1)], class, 1000).unwrap()
}

#[test]
fn what_is_urgent_is_not_left_to_the_end_of_a_rest() {
    let mut outgoing = websocket();
    outgoing.note_written(100);
    assert!(matches!(said_to_a_room(&mut outgoing), Next::Flush));
    assert_eq!(outgoing.due_or_rest(106, 10), Due::Rest(4));
    // The flusher comes back by itself.
    assert!(matches!(said_to_a_room(&mut outgoing), Next::Nothing));
    let next = outgoing.push(&[text(1)], QUEUED, 1000).unwrap();
    assert!(matches!(next, Next::Flush));
    assert_eq!(outgoing.due(106, 10), Due::Write);
}

#[test]
fn a_rest_ends_after_the_interval_also_when_the_clock_goes_round() {
    let mut outgoing = websocket();
    outgoing.note_written(u32::MAX - 2);
    said_to_a_room(&mut outgoing);
    assert_eq!(outgoing.due_or_rest(3, 10), Due::Rest(4));
    outgoing.rested();
    assert_eq!(outgoing.due(6, 10), Due::Rest(1));
    assert_eq!(outgoing.due(7, 10), Due::Write);
    assert_eq!(outgoing.due(7, 0), Due::Write);
}

fn mentioned(outgoing: &mut Outgoing) -> Next {
    let class = Class::Queued(Haste::Whenever);
    outgoing.push(&[text(1)], class, 1000).unwrap()
}

#[test]
fn what_nobody_waits_for_is_looked_after_once_and_flushed_if_it_is_still_there() {
    let mut outgoing = websocket();
    assert!(matches!(mentioned(&mut outgoing), Next::FlushInAWhile));
    assert!(matches!(mentioned(&mut outgoing), Next::Nothing));
    assert!(matches!(outgoing.waited(), Next::Flush));
    let mut batch = VecDeque::new();
    assert!(outgoing.refill(0, &mut batch));
    batch.clear();
    assert!(!outgoing.refill(2 * cost(&text(1)), &mut batch));
    assert!(matches!(mentioned(&mut outgoing), Next::FlushInAWhile));
    // It goes with something else.
    assert!(matches!(said_to_a_room(&mut outgoing), Next::Flush));
    assert!(outgoing.refill(0, &mut batch));
    assert!(matches!(outgoing.waited(), Next::Nothing));
}

#[test]
fn a_poll_is_not_answered_for_what_nobody_waits_for() {
    let mut outgoing = Outgoing::new(Transport::Polling);
    outgoing.sink = Sink::Polls(Some(Waker::noop().clone()));
    assert!(matches!(mentioned(&mut outgoing), Next::FlushInAWhile));
    assert!(matches!(outgoing.waited(), Next::Wake(_)));
}
