//! What users have not read.

use switchboard_messaging::hub::{Counted, UnreadNote};
use switchboard_protocol::{ConversationId, OrganizationId, UserId};
use uuid::Uuid;

use crate::harness::{Harness, Node, acme, alice, bob, globex};

fn conversation(n: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(n))
}

fn counted(n: u128, count: i64, rev: i64, read_seq: i64) -> Counted {
    Counted {
        conversation: conversation(n),
        count,
        rev,
        read_seq,
    }
}

fn note(user: UserId, is_all: bool, counts: &[Counted]) -> UnreadNote {
    UnreadNote {
        user,
        counts: counts.to_vec(),
        is_all,
    }
}

impl Node {
    /// Alice's total after this.
    async fn notes(&self, is_all: bool, counts: &[Counted]) -> Option<i64> {
        let notes = [note(alice(), is_all, counts)];
        self.hub.unread_note(&acme(), &notes).await.unwrap()[0]
    }

    async fn knows(&self, organization: &OrganizationId, user: UserId) -> Option<Vec<(u128, i64)>> {
        let known = self.hub.unread_known(organization, &[user]).await.unwrap();
        let counts = known.into_iter().next().unwrap()?;
        Some(
            counts
                .into_iter()
                .map(|(id, count)| (id.0.as_u128(), count))
                .collect(),
        )
    }
}

pub(crate) async fn a_total_is_known_once_everything_is(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    assert_eq!(a.notes(false, &[counted(1, 5, 3, 0)]).await, None);
    assert_eq!(a.knows(&acme(), alice()).await, None);
    assert_eq!(
        a.notes(true, &[counted(1, 5, 3, 0), counted(2, 1, 9, 4)])
            .await,
        Some(6)
    );
    assert_eq!(
        b.notes(false, &[counted(2, 0, 9, 5), counted(3, 2, 2, 0)])
            .await,
        Some(7)
    );
    let known = b.knows(&acme(), alice()).await;
    assert_eq!(known, Some(vec![(1, 5), (2, 0), (3, 2)]));
    assert_eq!(
        a.notes(true, &[]).await,
        Some(0),
        "what was noted before is void"
    );
    assert_eq!(a.knows(&acme(), alice()).await, Some(vec![]));
}

pub(crate) async fn an_older_count_replaces_no_newer_one(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    assert_eq!(a.notes(true, &[counted(1, 5, 10, 4)]).await, Some(5));
    for older in [
        counted(1, 4, 9, 4),
        counted(1, 7, 10, 3),
        counted(1, 9, 9, 3),
    ] {
        assert_eq!(a.notes(false, &[older]).await, Some(5), "{older:?}");
    }
    for newer in [
        counted(1, 6, 11, 4),
        counted(1, 0, 11, 5),
        counted(1, 0, 11, 5),
    ] {
        assert_eq!(
            a.notes(false, &[newer]).await,
            Some(newer.count),
            "{newer:?}"
        );
    }
}

pub(crate) async fn of_counts_that_contradict_each_other_none_is_known(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    for other in [counted(1, 0, 9, 5), counted(1, 9, 11, 3)] {
        assert_eq!(
            a.notes(true, &[counted(1, 5, 10, 4), counted(2, 1, 1, 0)])
                .await,
            Some(6)
        );
        assert_eq!(a.notes(false, &[other]).await, None, "{other:?}");
        assert_eq!(a.notes(false, &[counted(2, 2, 2, 0)]).await, None);
        assert_eq!(a.knows(&acme(), alice()).await, None);
    }
    assert_eq!(a.notes(true, &[counted(1, 1, 11, 5)]).await, Some(1));
}

pub(crate) async fn many_users_are_noted_at_once_in_that_order(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let users: Vec<UserId> = (0..450)
        .map(|n| UserId::new(&format!("u{n}")).unwrap())
        .collect();
    let all =
        |(n, user): (usize, &UserId)| note(user.clone(), n != 7, &[counted(1, n as i64, 1, 0)]);
    let notes: Vec<_> = users.iter().enumerate().map(all).collect();
    let totals = a.hub.unread_note(&acme(), &notes).await.unwrap();
    let expected: Vec<_> = (0..450).map(|n| (n != 7).then_some(n)).collect();
    assert_eq!(totals, expected);
    let known = a.hub.unread_known(&acme(), &users).await.unwrap();
    let known: Vec<_> = known
        .into_iter()
        .map(|one| Some(one?.into_values().sum()))
        .collect();
    assert_eq!(known, expected);
    assert_eq!(a.hub.unread_note(&acme(), &[]).await.unwrap(), []);
    assert_eq!(a.hub.unread_known(&acme(), &[]).await.unwrap(), []);
}

pub(crate) async fn unread_counts_of_users_and_organizations_are_apart(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    assert_eq!(a.notes(true, &[counted(1, 5, 1, 0)]).await, Some(5));
    assert_eq!(a.knows(&globex(), alice()).await, None);
    assert_eq!(a.knows(&acme(), bob()).await, None);
    let theirs = [note(alice(), true, &[counted(1, 3, 1, 0)])];
    assert_eq!(
        a.hub.unread_note(&globex(), &theirs).await.unwrap(),
        [Some(3)]
    );
    assert_eq!(a.knows(&acme(), alice()).await, Some(vec![(1, 5)]));
}
