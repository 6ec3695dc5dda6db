use std::collections::HashSet;

use proptest::prelude::*;
use tokio::sync::{Semaphore, watch};

use super::*;

/// Remembers the batches; each commit waits for a permit.
#[derive(Debug)]
struct Recorder {
    batches: Mutex<Vec<Vec<u32>>>,
    begun: Semaphore,
    permits: Semaphore,
    /// This item cannot be stored.
    poison: Option<u32>,
    /// With this one the database goes away.
    outage: Option<u32>,
    /// With this one alone in its batch the database goes away.
    outage_alone: Option<u32>,
    /// Rows that somebody else has locked.
    locked: watch::Sender<HashSet<u32>>,
    /// Its row is locked when it is first alone in its batch.
    held_once: Mutex<Option<u32>>,
}

/// An organization has ten thousand items, each its own row but those of a number below ten.
const LANE: u32 = 10_000;

impl Recorder {
    fn new(permits: usize) -> Self {
        Self {
            batches: Mutex::default(),
            begun: Semaphore::new(0),
            permits: Semaphore::new(permits),
            poison: None,
            outage: None,
            outage_alone: None,
            locked: watch::Sender::default(),
            held_once: Mutex::default(),
        }
    }

    fn batches(&self) -> Vec<Vec<u32>> {
        self.batches.lock().unwrap().clone()
    }
}

#[async_trait]
impl Commit for Recorder {
    type Item = u32;
    type Output = u32;
    type Lane = u32;
    type Row = u32;

    const OPERATION: &'static str = "commit";

    fn lane(item: &u32) -> u32 {
        item / LANE
    }

    fn row(item: &u32) -> u32 {
        item % LANE % 10
    }

    async fn commit(&self, items: &[u32], locks: Locks) -> StoreResult<Vec<Fate<u32>>> {
        self.begun.add_permits(1);
        let free = |locked: &HashSet<u32>| items.iter().all(|n| !locked.contains(&Self::row(n)));
        if locks == Locks::Patient {
            let mut locked = self.locked.subscribe();
            locked.wait_for(|locked| free(locked)).await.unwrap();
        }
        self.permits.acquire().await.unwrap().forget();
        let mut held_once = self.held_once.lock().unwrap();
        if held_once.is_some() && items == [held_once.unwrap()] {
            *held_once = None;
            return Ok(vec![Fate::Held]);
        }
        drop(held_once);
        let locked = self.locked.borrow().clone();
        let is_held = |item: &u32| locked.contains(&Self::row(item));
        let mine: Vec<u32> = items.iter().copied().filter(|n| !is_held(n)).collect();
        self.batches.lock().unwrap().push(mine.clone());
        let has = |item: Option<u32>| item.is_some_and(|item| mine.contains(&item));
        if has(self.outage) || (mine.len() == 1 && has(self.outage_alone)) {
            return Err(unavailable("gone"));
        }
        if has(self.poison) {
            return Err(StoreError::Internal("poison".to_owned()));
        }
        let fate = |item: &u32| {
            if is_held(item) {
                Fate::Held
            } else {
                Fate::Done(Ok(item * 10))
            }
        };
        Ok(items.iter().map(fate).collect())
    }
}

/// Stores with a shortcut what is even.
struct Shortcut(Recorder);

#[async_trait]
impl Commit for Shortcut {
    type Item = u32;
    type Output = u32;
    type Lane = u32;
    type Row = u32;

    const OPERATION: &'static str = "commit";
    const HAS_SHORTCUT: bool = true;

    fn lane(item: &u32) -> u32 {
        Recorder::lane(item)
    }

    fn row(item: &u32) -> u32 {
        Recorder::row(item)
    }

    async fn commit(&self, items: &[u32], locks: Locks) -> StoreResult<Vec<Fate<u32>>> {
        if locks != Locks::AtOnce {
            return self.0.commit(items, locks).await;
        }
        let fate = |item: &u32| match item % 2 {
            0 => Fate::Done(Ok(item + 1)),
            _ => Fate::Held,
        };
        Ok(items.iter().map(fate).collect())
    }
}

const LONG: Duration = Duration::from_mins(1);

type Answers = Vec<tokio::task::JoinHandle<StoreResult<u32>>>;

/// Submits 0, waits until its commit is under way, and lets the others wait behind it.
async fn submit_behind(
    group: &Arc<GroupCommit<Recorder>>,
    recorder: &Recorder,
    others: impl IntoIterator<Item = u32>,
) -> Answers {
    let mut answers = submit(group, [0]).await;
    recorder.begun.acquire().await.unwrap().forget();
    answers.extend(submit(group, others).await);
    answers
}

/// Submits these, one after the other.
async fn submit(
    group: &Arc<GroupCommit<Recorder>>,
    items: impl IntoIterator<Item = u32>,
) -> Answers {
    let tasks = TaskTracker::new();
    let mut answers = Vec::new();
    for item in items {
        let group = Arc::clone(group);
        answers.push(tasks.spawn(async move { group.submit(item).await }));
        // On a runtime of one thread the task gets its place now.
        tokio::task::yield_now().await;
    }
    answers
}

fn is_busy(answer: &StoreResult<u32>) -> bool {
    matches!(answer, Err(StoreError::Busy { .. }))
}

fn group(recorder: Recorder) -> (Arc<GroupCommit<Recorder>>, Arc<Recorder>) {
    let recorder = Arc::new(recorder);
    (
        Arc::new(GroupCommit::start(Arc::clone(&recorder), LONG, 2)),
        recorder,
    )
}

#[tokio::test]
async fn what_arrives_during_a_commit_shares_the_next_one() {
    let (group, recorder) = group(Recorder::new(0));
    let answers = submit_behind(&group, &recorder, 1..=3).await;
    recorder.permits.add_permits(2);
    for (item, answer) in (0..).zip(answers) {
        assert_eq!(answer.await.unwrap().unwrap(), item * 10);
    }
    assert_eq!(recorder.batches(), [vec![0], vec![1, 2, 3]]);
}

#[tokio::test]
async fn what_a_shortcut_leaves_is_committed_in_full() {
    let shortcut = Arc::new(Shortcut(Recorder::new(2)));
    let group = GroupCommit::start(Arc::clone(&shortcut), LONG, 2);
    let answers = futures_util::future::join_all((2..6).map(|item| group.submit(item))).await;
    let answers: Vec<u32> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [3, 30, 5, 50]);
    assert_eq!(shortcut.0.batches(), [[3, 5]]);
}

#[tokio::test]
async fn who_comes_after_one_that_is_held_stays_behind_it() {
    let recorder = Recorder {
        poison: Some(11),
        held_once: Mutex::new(Some(1)),
        ..Recorder::new(100)
    };
    let (group, recorder) = group(recorder);
    let answers = futures_util::future::join_all([1, 11, 21].map(|item| group.submit(item))).await;
    assert_eq!(answers[0].as_ref().unwrap(), &10);
    assert!(answers[1].is_err());
    assert_eq!(answers[2].as_ref().unwrap(), &210);
    let mut stored = recorder.batches();
    stored.retain(|batch| !batch.contains(&11));
    assert_eq!(stored, [[1], [21]]);
}

#[tokio::test]
async fn a_batch_has_at_most_512_items() {
    for (others, sizes) in [(512, vec![1, 512]), (513, vec![1, 512, 1])] {
        let (group, recorder) = group(Recorder::new(0));
        let answers = submit_behind(&group, &recorder, 1..=others).await;
        recorder.permits.add_permits(3);
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        let found: Vec<_> = recorder.batches().iter().map(Vec::len).collect();
        assert_eq!(found, sizes);
    }
}

#[tokio::test]
async fn an_organization_alone_gets_half_of_the_4096_places_and_the_next_half_of_the_rest() {
    let (group, recorder) = group(Recorder::new(0));
    let noisy = submit_behind(&group, &recorder, 1..=2_048).await;
    let refused = group.submit(2_049).await;
    assert!(is_busy(&refused), "{refused:?}");
    let quiet = submit(&group, LANE..LANE + 1_024).await;
    let refused = group.submit(LANE + 1_024).await;
    assert!(is_busy(&refused), "{refused:?}");
    recorder.permits.add_permits(100);
    for answer in noisy.into_iter().chain(quiet) {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_that_would_wait_for_more_than_a_second_is_refused_and_told_when_to_come_again() {
    let (group, recorder) = group(Recorder::new(0));
    group.shared.lock().commit_time = Duration::from_millis(600);
    // 512 of them share the first commit to come, and 512 the second, 600 ms later.
    let answers = submit_behind(&group, &recorder, 1..=1_024).await;
    match group.submit(1_025).await {
        Err(StoreError::Busy { retry_after }) => {
            assert_eq!(retry_after, Duration::from_millis(1_200));
        }
        other => panic!("{other:?}"),
    }
    // Somebody else's turn comes with the next commit.
    let quiet = submit(&group, [LANE]).await;
    recorder.permits.add_permits(100);
    for answer in answers.into_iter().chain(quiet) {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_store_that_was_slow_takes_what_fits_into_the_next_commit() {
    let (group, recorder) = group(Recorder::new(0));
    group.shared.lock().commit_time = Duration::from_hours(1);
    let answers = submit_behind(&group, &recorder, 1..=512).await;
    assert!(is_busy(&group.submit(513).await));
    recorder.permits.add_permits(100);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert!(group.shared.lock().commit_time < Duration::from_hours(1));
}

#[tokio::test]
async fn a_quiet_organization_shares_the_next_commit_however_many_wait_of_a_noisy_one() {
    let (group, recorder) = group(Recorder::new(0));
    let noisy = submit_behind(&group, &recorder, 1..=2_000).await;
    let quiet = submit(&group, [LANE, LANE + 1]).await;
    recorder.permits.add_permits(100);
    for answer in noisy.into_iter().chain(quiet) {
        answer.await.unwrap().unwrap();
    }
    let batches = recorder.batches();
    assert_eq!(batches[1][..5], [1, LANE, 2, LANE + 1, 3]);
    assert_eq!(batches[1].len(), 512);
}

#[tokio::test]
async fn a_locked_row_holds_up_nobody_else() {
    let (group, recorder) = group(Recorder::new(100));
    recorder.locked.send_replace(HashSet::from([3]));
    let held = submit(&group, [3, 13]).await;
    let others = submit(&group, [1, 2, 4]).await;
    for answer in others {
        answer.await.unwrap().unwrap();
    }
    assert!(held.iter().all(|answer| !answer.is_finished()));
    // One that comes later goes the same way, and not through a commit of the others.
    let later = submit(&group, [23]).await;
    group.submit(5).await.unwrap();
    recorder.locked.send_replace(HashSet::new());
    for answer in held.into_iter().chain(later) {
        answer.await.unwrap().unwrap();
    }
    while !group.shared.asides.is_empty() {
        tokio::task::yield_now().await;
    }
    let with_23 = recorder
        .batches()
        .into_iter()
        .find(|batch| batch.contains(&23));
    assert!(with_23.unwrap().iter().all(|n| Recorder::row(n) == 3));
}

#[tokio::test]
async fn for_a_locked_row_256_wait_and_the_next_is_refused() {
    let (group, recorder) = group(Recorder::new(10_000));
    recorder.locked.send_replace(HashSet::from([3]));
    // The first is with its commit already, which waits for the row.
    let mut held = submit(&group, [3]).await;
    while recorder.begun.available_permits() < 2 {
        tokio::task::yield_now().await;
    }
    held.extend(submit(&group, (1..=256).map(|n| n * 10 + 3)).await);
    let refused = group.submit(9_993).await;
    assert!(is_busy(&refused), "{refused:?}");
    recorder.locked.send_replace(HashSet::new());
    for answer in held {
        answer.await.unwrap().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However the others flood: a batch that has no room for all has of each organization as many
    /// as of any other, or all that it has.
    #[test]
    fn a_batch_is_shared_evenly(counts in prop::collection::vec(1_u32..400, 2..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (group, recorder) = group(Recorder::new(0));
            let items = counts.iter().zip(0..).flat_map(|(count, lane)| {
                (1..=*count).map(move |n| lane * LANE + n)
            });
            let answers = submit_behind(&group, &recorder, items).await;
            recorder.permits.add_permits(100);
            group.close().await;
            for answer in answers {
                answer.await.unwrap().unwrap();
            }
            let batches = recorder.batches();
            let mut left = counts.clone();
            for batch in &batches[1..] {
                let of = |lane: u32| batch.iter().filter(|n| Recorder::lane(n) == lane).count();
                let shares: Vec<_> = (0..).zip(&left).map(|(lane, _)| of(lane)).collect();
                let most = shares.iter().max().copied().unwrap_or_default();
                for (share, left) in shares.iter().zip(&mut left) {
                    assert!(share + 1 >= most || *share == *left as usize, "{shares:?}");
                    *left -= u32::try_from(*share).unwrap();
                }
            }
        });
    }
}

#[tokio::test]
async fn a_bad_item_does_not_fail_its_neighbours() {
    let (group, recorder) = group(Recorder {
        poison: Some(2),
        ..Recorder::new(0)
    });
    let answers = submit_behind(&group, &recorder, 1..=3).await;
    recorder.permits.add_permits(10);
    for (item, answer) in (0..).zip(answers) {
        assert_eq!(answer.await.unwrap().is_ok(), item != 2, "item {item}");
    }
}

#[tokio::test]
async fn an_outage_fails_the_whole_batch_without_trying_each() {
    let (group, recorder) = group(Recorder {
        outage: Some(2),
        ..Recorder::new(0)
    });
    let answers = submit_behind(&group, &recorder, 1..=3).await;
    recorder.permits.add_permits(10);
    for (item, answer) in (0..).zip(answers) {
        assert_eq!(answer.await.unwrap().is_ok(), item == 0, "item {item}");
    }
    assert_eq!(recorder.batches(), [vec![0], vec![1, 2, 3]]);
}

#[tokio::test]
async fn an_outage_while_trying_each_fails_the_rest() {
    let (group, recorder) = group(Recorder {
        poison: Some(1),
        outage_alone: Some(2),
        ..Recorder::new(0)
    });
    let answers = submit_behind(&group, &recorder, 1..=4).await;
    recorder.permits.add_permits(10);
    for (item, answer) in (0..).zip(answers) {
        assert_eq!(answer.await.unwrap().is_ok(), item == 0, "item {item}");
    }
    assert_eq!(
        recorder.batches(),
        [vec![0], vec![1, 2, 3, 4], vec![1], vec![2]]
    );
}

#[tokio::test]
async fn a_commit_that_takes_too_long_has_failed() {
    let group = GroupCommit::start(Arc::new(Recorder::new(0)), Duration::from_millis(10), 2);
    let answer = group.submit(1).await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_item_whose_caller_has_gone_is_not_stored() {
    let (group, recorder) = group(Recorder::new(0));
    let answers = submit_behind(&group, &recorder, 1..=2).await;
    answers[1].abort();
    while !answers[1].is_finished() {
        tokio::task::yield_now().await;
    }
    recorder.permits.add_permits(2);
    group.close().await;
    assert_eq!(recorder.batches(), [vec![0], vec![2]]);
}

#[tokio::test]
async fn closing_commits_what_waits_and_takes_nothing_new() {
    let (group, recorder) = group(Recorder::new(0));
    let answers = submit_behind(&group, &recorder, 1..=2).await;
    recorder.permits.add_permits(2);
    group.close().await;
    assert_eq!(recorder.batches(), [vec![0], vec![1, 2]]);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    let refused = group.submit(3).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
}
