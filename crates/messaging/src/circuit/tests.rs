use super::*;

const PATIENCE: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn circuit() -> Circuit {
    Circuit::new("test", PATIENCE)
}

fn away(_: &&str) -> Verdict {
    Verdict::Away
}

async fn succeeds(circuit: &Circuit) -> Result<u32, Cut<&'static str>> {
    circuit.run(DEADLINE, async { Ok(1) }, away).await
}

async fn fails_after(circuit: &Circuit, time: Duration) -> Result<u32, Cut<&'static str>> {
    let work = async {
        tokio::time::sleep(time).await;
        Err("gone")
    };
    circuit.run(DEADLINE, work, away).await
}

async fn hangs(circuit: &Circuit) -> Result<u32, Cut<&'static str>> {
    circuit.run(DEADLINE, std::future::pending(), away).await
}

#[tokio::test(start_paused = true)]
async fn the_third_failure_in_a_row_opens_it() {
    let circuit = circuit();
    for _ in 0..2 {
        assert_eq!(
            fails_after(&circuit, Duration::ZERO).await,
            Err(Cut::Failed("gone"))
        );
    }
    assert!(circuit.is_closed());
    assert_eq!(succeeds(&circuit).await, Ok(1));
    for _ in 0..2 {
        let _ = fails_after(&circuit, Duration::ZERO).await;
        assert!(circuit.is_closed());
    }
    let _ = fails_after(&circuit, Duration::ZERO).await;
    assert_eq!(succeeds(&circuit).await, Err(Cut::Open));
    assert_eq!(circuit.outage().unwrap().why, "gone");
}

#[tokio::test(start_paused = true)]
async fn one_call_that_waited_in_silence_opens_it_and_lets_go_who_waits() {
    let circuit = circuit();
    let begun = Instant::now();
    let late = async {
        tokio::time::sleep(DEADLINE.saturating_sub(MILLISECOND)).await;
        hangs(&circuit).await
    };
    let (first, second) = tokio::join!(hangs(&circuit), late);
    assert_eq!((first, second), (Err(Cut::Late), Err(Cut::Open)));
    assert!(begun.elapsed() < DEADLINE + Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn one_failure_opens_it_from_the_patience_on_only() {
    let quick = circuit();
    let _ = fails_after(&quick, PATIENCE.saturating_sub(MILLISECOND)).await;
    assert!(quick.is_closed());
    let slow = circuit();
    let _ = fails_after(&slow, PATIENCE).await;
    assert!(!slow.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_among_answered_ones_does_not_open_it() {
    let circuit = circuit();
    let others = async {
        tokio::time::sleep(DEADLINE / 2).await;
        succeeds(&circuit).await
    };
    let (slow, other) = tokio::join!(hangs(&circuit), others);
    assert_eq!((slow, other), (Err(Cut::Late), Ok(1)));
    assert!(circuit.is_closed());
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_an_answer_never_opens_it() {
    let circuit = circuit();
    for _ in 0..10 {
        let work = async { Err::<u32, _>("wrong type") };
        let _ = circuit.run(DEADLINE, work, |_| Verdict::Answered).await;
    }
    assert!(circuit.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_opens_it_at_once() {
    let circuit = circuit();
    let work = async { Err::<u32, _>("reset") };
    let _ = circuit.run(DEADLINE, work, |_| Verdict::Broken).await;
    assert_eq!(circuit.phase(), Phase::Open);
}

#[tokio::test(start_paused = true)]
async fn only_an_answered_probe_closes_it_and_the_outage_is_one() {
    let circuit = circuit();
    circuit.open("gone");
    let outage = circuit.outage().unwrap();
    tokio::time::advance(DEADLINE).await;
    circuit.half_open();
    assert_eq!(succeeds(&circuit).await, Err(Cut::Open));
    circuit.open("still gone");
    assert_eq!(circuit.outage(), Some(outage));
    assert!(!circuit.recovered_within(DEADLINE));
    circuit.half_open();
    circuit.close();
    assert_eq!(succeeds(&circuit).await, Ok(1));
    assert_eq!(circuit.outage(), None);
    assert!(circuit.recovered_within(DEADLINE));
    tokio::time::advance(DEADLINE).await;
    assert!(!circuit.recovered_within(DEADLINE));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_nobody_needs_changes_nothing() {
    let circuit = circuit();
    circuit.half_open();
    assert!(circuit.is_closed());
    circuit.close();
    assert!(!circuit.recovered_within(DEADLINE));
}
