use std::sync::Mutex;

use tokio::sync::Semaphore;

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
}

impl Recorder {
    fn new(permits: usize) -> Self {
        Self {
            batches: Mutex::default(),
            begun: Semaphore::new(0),
            permits: Semaphore::new(permits),
            poison: None,
            outage: None,
            outage_alone: None,
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

    async fn commit(&self, items: &[u32]) -> StoreResult<Vec<StoreResult<u32>>> {
        self.begun.add_permits(1);
        self.permits.acquire().await.unwrap().forget();
        self.batches.lock().unwrap().push(items.to_vec());
        let has = |item: Option<u32>| item.is_some_and(|item| items.contains(&item));
        if has(self.outage) || (items.len() == 1 && has(self.outage_alone)) {
            return Err(unavailable("gone"));
        }
        if has(self.poison) {
            return Err(StoreError::Internal("poison".to_owned()));
        }
        Ok(items.iter().map(|item| Ok(item * 10)).collect())
    }
}

const LONG: Duration = Duration::from_mins(1);

type Answers = Vec<tokio::task::JoinHandle<StoreResult<u32>>>;

/// Submits 0, waits until its commit is under way, and lets the others wait behind it.
async fn submit_behind(
    group: &Arc<GroupCommit<Recorder>>,
    recorder: &Recorder,
    others: u32,
) -> Answers {
    let tasks = TaskTracker::new();
    let submit = |item| {
        let group = Arc::clone(group);
        tasks.spawn(async move { group.submit(item).await })
    };
    let mut answers = vec![submit(0)];
    recorder.begun.acquire().await.unwrap().forget();
    for item in 1..=others {
        answers.push(submit(item));
    }
    while group.queue.max_capacity() - group.queue.capacity() < (others as usize).min(MAX_WAITING) {
        tokio::task::yield_now().await;
    }
    answers
}

fn group(recorder: Recorder) -> (Arc<GroupCommit<Recorder>>, Arc<Recorder>) {
    let recorder = Arc::new(recorder);
    (
        Arc::new(GroupCommit::start(Arc::clone(&recorder), LONG)),
        recorder,
    )
}

#[tokio::test]
async fn what_arrives_during_a_commit_shares_the_next_one() {
    let (group, recorder) = group(Recorder::new(0));
    let answers = submit_behind(&group, &recorder, 3).await;
    recorder.permits.add_permits(2);
    for (item, answer) in (0..).zip(answers) {
        assert_eq!(answer.await.unwrap().unwrap(), item * 10);
    }
    assert_eq!(recorder.batches(), [vec![0], vec![1, 2, 3]]);
}

#[tokio::test]
async fn a_batch_has_at_most_512_items() {
    for (others, sizes) in [(512, vec![1, 512]), (513, vec![1, 512, 1])] {
        let (group, recorder) = group(Recorder::new(0));
        let answers = submit_behind(&group, &recorder, others).await;
        recorder.permits.add_permits(3);
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        let found: Vec<_> = recorder.batches().iter().map(Vec::len).collect();
        assert_eq!(found, sizes);
    }
}

#[tokio::test]
async fn the_queue_takes_4096_and_refuses_the_next() {
    let (group, recorder) = group(Recorder::new(0));
    let answers = submit_behind(&group, &recorder, 4_096).await;
    let refused = group.submit(9_999).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    recorder.permits.add_permits(100);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_bad_item_does_not_fail_its_neighbours() {
    let (group, recorder) = group(Recorder {
        poison: Some(2),
        ..Recorder::new(0)
    });
    let answers = submit_behind(&group, &recorder, 3).await;
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
    let answers = submit_behind(&group, &recorder, 3).await;
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
    let answers = submit_behind(&group, &recorder, 4).await;
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
    let group = GroupCommit::start(Arc::new(Recorder::new(0)), Duration::from_millis(10));
    let answer = group.submit(1).await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn an_item_whose_caller_has_gone_is_not_stored() {
    let (group, recorder) = group(Recorder::new(0));
    let answers = submit_behind(&group, &recorder, 2).await;
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
    let answers = submit_behind(&group, &recorder, 2).await;
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
