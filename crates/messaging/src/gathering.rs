//! Calls of one organization that come while another one is under way share the next. Nothing waits
//! on purpose: a call that comes alone goes at once, and where many tasks are ready to run, those that
//! are may get in. Redis' scripts and some of the database's statements are asked this way.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use switchboard_protocol::OrganizationId;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

/// Most calls that share one: whoever carries it out keeps others waiting meanwhile.
const MOST: usize = 64;

/// Why a call has no answer although nothing went wrong with what it asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// Whoever asks is gone.
    #[error("nobody asks any more")]
    Over,
    /// There were fewer answers than calls.
    #[error("there were fewer answers than calls")]
    Short,
}

/// What can be asked for several at once.
#[async_trait]
pub trait Together: Send + Sync + 'static {
    /// What one call asks.
    type Item: Send + 'static;
    /// What it is answered.
    type Answer: Send + 'static;
    /// What those of a call that failed are told.
    type Error: Clone + From<Unanswered> + Send + 'static;

    /// One answer for each item, in their order.
    async fn ask(
        &self,
        organization: &OrganizationId,
        items: Vec<Self::Item>,
    ) -> Result<Vec<Self::Answer>, Self::Error>;
}

/// Gathers the calls of each organization. No more wait here than there are callers, who are bounded
/// by their sockets.
pub struct Gathering<T: Together> {
    shared: Arc<Shared<T>>,
    tasks: TaskTracker,
}

struct Shared<T: Together> {
    asked: T,
    /// Those that wait, of every organization with a call under way.
    waiting: Mutex<HashMap<OrganizationId, Vec<Waiting<T>>>>,
}

struct Waiting<T: Together> {
    item: T::Item,
    answer: oneshot::Sender<Result<T::Answer, T::Error>>,
}

impl<T: Together> fmt::Debug for Gathering<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathering")
            .field("organizations", &self.shared.lock().len())
            .finish_non_exhaustive()
    }
}

impl<T: Together> Gathering<T> {
    /// Asks `asked`, in tasks of `tasks`.
    pub fn new(asked: T, tasks: TaskTracker) -> Self {
        let waiting = Mutex::default();
        let shared = Arc::new(Shared { asked, waiting });
        Self { shared, tasks }
    }

    /// Asks, together with what else is asked meanwhile.
    pub async fn submit(
        &self,
        organization: &OrganizationId,
        item: T::Item,
    ) -> Result<T::Answer, T::Error> {
        let (answer, answered) = oneshot::channel();
        if self.shared.is_first(organization, Waiting { item, answer }) {
            let work = ask(Arc::clone(&self.shared), organization.clone());
            self.tasks.spawn(work);
        }
        answered
            .await
            .unwrap_or_else(|_| Err(Unanswered::Over.into()))
    }
}

impl<T: Together> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, Vec<Waiting<T>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets it wait; whether nobody asks for this organization yet.
    fn is_first(&self, organization: &OrganizationId, one: Waiting<T>) -> bool {
        let mut waiting = self.lock();
        if let Some(others) = waiting.get_mut(organization) {
            others.push(one);
            return false;
        }
        waiting.insert(organization.clone(), vec![one]);
        true
    }

    /// What is asked next; nothing when nobody waits any more, and then nobody asks either.
    fn next(&self, organization: &OrganizationId) -> Vec<Waiting<T>> {
        let mut waiting = self.lock();
        let Some(all) = waiting.get_mut(organization) else {
            return Vec::new();
        };
        if all.is_empty() {
            waiting.remove(organization);
            return Vec::new();
        }
        let rest = all.split_off(all.len().min(MOST));
        std::mem::replace(all, rest)
    }
}

async fn ask<T: Together>(shared: Arc<Shared<T>>, organization: OrganizationId) {
    loop {
        // Without this a worker would go on here at once, and leave those behind it that are ready.
        tokio::task::yield_now().await;
        let some = shared.next(&organization);
        if some.is_empty() {
            return;
        }
        let (items, answers): (Vec<_>, Vec<_>) =
            some.into_iter().map(|one| (one.item, one.answer)).unzip();
        let asked = shared.asked.ask(&organization, items).await;
        let mut given = asked.map(Vec::into_iter);
        for answer in answers {
            let one = match &mut given {
                Ok(given) => given.next().ok_or_else(|| Unanswered::Short.into()),
                Err(error) => Err(error.clone()),
            };
            // Whoever does not wait any more needs no answer.
            drop(answer.send(one));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{HubError, HubResult};
    use tokio::sync::Semaphore;

    /// Answers each item with how many were asked with it, when it may.
    struct Counting(Arc<Semaphore>);

    #[async_trait]
    impl Together for Counting {
        type Item = usize;
        type Answer = (usize, usize);
        type Error = HubError;

        async fn ask(
            &self,
            _: &OrganizationId,
            items: Vec<usize>,
        ) -> HubResult<Vec<(usize, usize)>> {
            self.0.acquire().await.unwrap().forget();
            let count = items.len();
            if items.contains(&usize::MAX) {
                return Err(HubError("away".into()));
            }
            Ok(items.into_iter().map(|item| (item, count)).collect())
        }
    }

    fn gathering() -> (Arc<Gathering<Counting>>, Arc<Semaphore>) {
        let turns = Arc::new(Semaphore::new(0));
        let gathering = Gathering::new(Counting(Arc::clone(&turns)), TaskTracker::new());
        (Arc::new(gathering), turns)
    }

    async fn all(
        items: impl IntoIterator<Item = usize>,
        organization: &str,
    ) -> Vec<HubResult<(usize, usize)>> {
        let (gathering, turns) = gathering();
        let organization = OrganizationId::new(organization).unwrap();
        let calls = items
            .into_iter()
            .map(|n| gathering.submit(&organization, n));
        turns.add_permits(100);
        futures_util::future::join_all(calls).await
    }

    fn sizes(answers: &[HubResult<(usize, usize)>]) -> Vec<usize> {
        answers.iter().map(|one| one.as_ref().unwrap().1).collect()
    }

    #[tokio::test]
    async fn one_alone_goes_at_once() {
        assert_eq!(sizes(&all([7], "acme").await), [1]);
    }

    /// With one worker: it carries out what a task spawned right after that task.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn those_who_are_ready_to_ask_go_together() {
        let (gathering, turns) = gathering();
        turns.add_permits(100);
        let tasks = TaskTracker::new();
        let many = tasks.spawn({
            let tasks = tasks.clone();
            async move {
                let ask = |n: usize| {
                    let gathering = Arc::clone(&gathering);
                    let organization = OrganizationId::new("acme").unwrap();
                    tasks.spawn(async move { gathering.submit(&organization, n).await })
                };
                let asked: Vec<_> = (0..10).map(ask).collect();
                futures_util::future::join_all(asked).await
            }
        });
        let answers: Vec<_> = many
            .await
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(sizes(&answers), [10; 10]);
    }

    #[tokio::test]
    async fn each_gets_its_own_answer_and_no_more_than_the_most_go_together() {
        for (count, batches) in [(MOST, vec![MOST]), (MOST + 1, vec![MOST, 1])] {
            let answers = all(0..count, "acme").await;
            let items: Vec<usize> = answers.iter().map(|one| one.as_ref().unwrap().0).collect();
            assert!(items.into_iter().eq(0..count));
            let expected = batches.into_iter().flat_map(|n| vec![n; n]);
            assert!(sizes(&answers).into_iter().eq(expected));
        }
    }

    #[tokio::test]
    async fn those_who_come_meanwhile_share_the_next_and_a_failure_is_theirs_alone() {
        let (gathering, turns) = gathering();
        let tasks = TaskTracker::new();
        let submit = |n: usize| {
            let gathering = Arc::clone(&gathering);
            let organization = OrganizationId::new("acme").unwrap();
            tasks.spawn(async move { gathering.submit(&organization, n).await })
        };
        let first = submit(usize::MAX);
        let is_under_way = || gathering.shared.lock().values().any(Vec::is_empty);
        while !is_under_way() {
            tokio::task::yield_now().await;
        }
        let others = [submit(1), submit(2)];
        tokio::task::yield_now().await;
        turns.add_permits(2);
        assert!(first.await.unwrap().is_err());
        for other in others {
            assert_eq!(other.await.unwrap().unwrap().1, 2);
        }
        // Nothing is kept; this would not end.
        while !gathering.shared.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn organizations_do_not_wait_for_each_other() {
        let (gathering, turns) = gathering();
        let [acme, other] = ["acme", "other"].map(|name| OrganizationId::new(name).unwrap());
        turns.add_permits(2);
        let (a, b) = tokio::join!(gathering.submit(&acme, 1), gathering.submit(&other, 2));
        assert_eq!((a.unwrap(), b.unwrap()), ((1, 1), (2, 1)));
    }
}
