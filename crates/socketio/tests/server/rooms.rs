//! Rooms and broadcasts.

use switchboard_socketio::{Packet, SendError};

use crate::support::{Client, Lab};

/// A client of `/` in the given rooms besides `early`.
async fn member_of(lab: &Lab, rooms: &[&str]) -> Client {
    let mut client = lab.joined().await;
    for room in rooms {
        client.send(&format!("2[\"join\",\"{room}\"]")).await;
        lab.until_event("join").await;
    }
    client
}

/// What a client got before the packet that all of `early` get now.
async fn got(lab: &Lab, client: &mut Client) -> Vec<String> {
    lab.io
        .broadcast(
            "/",
            "early",
            &Packet::event("/", "fence", &0).unwrap(),
            None,
        )
        .await;
    let mut packets = Vec::new();
    loop {
        match client.recv().await {
            fence if fence.contains("fence") => return packets,
            packet => packets.push(packet),
        }
    }
}

#[tokio::test]
async fn reaches_the_members_of_a_room_but_the_excepted_one() {
    let lab = Lab::start().await;
    let mut ann = member_of(&lab, &["a"]).await;
    let mut bob = member_of(&lab, &["a"]).await;
    let mut eve = member_of(&lab, &[]).await;
    let packet = Packet::event("/", "hi", &"all").unwrap();
    assert_eq!(lab.io.broadcast("/", "a", &packet, None).await, 2);
    let sockets = lab.io.sockets_in("/", "a");
    let except = sockets
        .iter()
        .find(|socket| socket.id().as_str() == bob.id)
        .unwrap()
        .id();
    assert_eq!(lab.io.broadcast("/", "a", &packet, Some(&except)).await, 1);
    assert_eq!(got(&lab, &mut ann).await, [r#"2["hi","all"]"#; 2]);
    assert_eq!(
        got(&lab, &mut bob).await,
        [r#"2["hi","all"]"#, r#"2["fence",0]"#][..1]
    );
    assert!(got(&lab, &mut eve).await.is_empty());
    assert_eq!(lab.io.broadcast("/", "nobody", &packet, None).await, 0);
    assert_eq!(lab.io.broadcast("/nowhere", "a", &packet, None).await, 0);
}

#[tokio::test]
async fn reaches_a_member_of_several_rooms_once() {
    let lab = Lab::start().await;
    let mut ann = member_of(&lab, &["a", "b"]).await;
    let mut bob = member_of(&lab, &["b"]).await;
    let packet = Packet::event("/", "hi", &1).unwrap();
    let rooms = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    assert_eq!(lab.io.broadcast_rooms("/", &rooms, &packet, None).await, 2);
    assert_eq!(
        lab.io
            .broadcast_rooms("/", &rooms[..1], &packet, None)
            .await,
        1
    );
    assert_eq!(lab.io.broadcast_rooms("/", &[], &packet, None).await, 0);
    assert_eq!(got(&lab, &mut ann).await.len(), 2);
    assert_eq!(got(&lab, &mut bob).await.len(), 1);
}

#[tokio::test]
async fn no_longer_reaches_who_left_the_room() {
    let lab = Lab::start().await;
    let mut ann = member_of(&lab, &["a"]).await;
    ann.send("2[\"leave\",\"a\"]").await;
    lab.until_event("leave").await;
    assert_eq!(
        lab.io
            .broadcast("/", "a", &Packet::event("/", "hi", &1).unwrap(), None)
            .await,
        0
    );
    let socket = lab.io.sockets().pop().unwrap();
    assert_eq!(socket.rooms(), ["early"]);
    assert!(!socket.leave("a"));
}

#[tokio::test]
async fn keeps_namespaces_apart() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.join("0/chat,").await;
    let chat = Packet::event("/chat", "hi", &1).unwrap();
    assert_eq!(lab.io.broadcast("/", "early", &chat, None).await, 0);
    let root = lab.io.sockets_in("/", "early").pop().unwrap();
    assert!(matches!(root.emit(&chat), Err(SendError::WrongNamespace)));
    assert_eq!(lab.io.broadcast("/chat", "early", &chat, None).await, 1);
    assert_eq!(client.recv().await, r#"2/chat,["hi",1]"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_nobody_in_a_room_however_join_and_disconnect_race() {
    let lab = Lab::start().await;
    for round in 0..100 {
        let client = lab.joined().await;
        let socket = lab.io.sockets_in("/", "early").pop().unwrap();
        let racer = socket.clone();
        let joins = tokio::task::spawn_blocking(move || {
            let mut refused = 0;
            for n in 0..200 {
                refused += usize::from(!racer.join(&format!("room {}", n % 20)));
            }
            refused
        });
        if round % 2 == 0 {
            socket.close();
        } else {
            client.vanish();
        }
        lab.next_end().await;
        joins.await.unwrap();
        assert!(!socket.join("late"));
        assert!(socket.rooms().is_empty());
        for n in 0..20 {
            assert!(lab.io.sockets_in("/", &format!("room {n}")).is_empty());
        }
    }
}
