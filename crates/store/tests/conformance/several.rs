//! Several conversations, in one reading.

use crate::altering::removing;
use crate::on_both_databases;
use crate::world::{World, acme, stranger, unused_conversation, user, viewer};

on_both_databases!(
    several_conversations_are_seen_as_somebody_finds_them,
    members_of_several_are_the_first_of_each,
);

async fn several_conversations_are_seen_as_somebody_finds_them(world: World) {
    let mine = world.group("ann", &["ben"]).await;
    let theirs = world.group("ben", &["cid"]).await;
    let former = world.group("ben", &["ann"]).await;
    world.alter("ben", former, removing(&["ann"])).await;
    world.say("ben", mine, "unread").await;
    let asked = [mine, theirs, former, unused_conversation()];
    let sights = world.store.sights(&viewer("ann"), &asked).await.unwrap();
    assert_eq!(sights.len(), 3);
    let of = |id| {
        sights
            .iter()
            .find(|sight| sight.conversation == id)
            .unwrap()
    };
    assert_eq!((&of(theirs).seen, &of(former).seen), (&None, &None));
    let seen = of(mine).seen.as_ref().unwrap();
    let view = world.store.view(&viewer("ann"), mine).await.unwrap();
    assert_eq!(seen.view, view.unwrap());
    assert_eq!(seen.view.unread_count, 1);
    let membership = world.store.membership(&viewer("ann"), mine).await;
    let member = membership.unwrap().unwrap().member.unwrap();
    assert_eq!(seen.joined_at, member.joined_at);
    let strangers = world.store.sights(&stranger("ann"), &asked).await;
    assert_eq!(strangers.unwrap(), []);
    assert_eq!(world.store.sights(&viewer("ann"), &[]).await.unwrap(), []);
}

async fn members_of_several_are_the_first_of_each(world: World) {
    let large = world.group("zoe", &["ann", "ben", "cid"]).await;
    let small = world.group("dan", &["eve"]).await;
    world.alter("zoe", large, removing(&["ann"])).await;
    let asked = [large, small, unused_conversation()];
    let members = world.store.members_of(&acme(), &asked, 2).await.unwrap();
    let of = |id| {
        let mut names: Vec<_> = members.iter().filter(|(of, _)| *of == id).collect();
        names.sort();
        names
            .into_iter()
            .map(|(_, user)| user.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(large), [user("ben"), user("zoe")]);
    assert_eq!(of(small), [user("dan"), user("eve")]);
    let globex = stranger("zoe").organization;
    let theirs = world.store.members_of(&globex, &asked, 2).await;
    assert_eq!(theirs.unwrap(), []);
}
