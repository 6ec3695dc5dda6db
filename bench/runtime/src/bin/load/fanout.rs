//! Deliveries to rooms, at a rate or at the highest rate that the server sustains.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    Target,
    client::{Client, Source},
    fleet::Fleet,
    latency::millis,
    pace::{self, Outcome, Plan},
    parse_seconds, process, report,
};

/// A rate is sustained while 99 of 100 deliveries take less than this …
const P99: u64 = 100_000_000;
/// … and is given up at once when one takes this long.
const GIVE_UP: u64 = 1_000_000_000;
/// Before each measurement, at its rate.
const WARM_UP: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;
/// The search ends when the sustained and the failed rate are this close.
const CLOSE: f64 = 1.04;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value_t = 10)]
    rooms: usize,
    #[arg(long, default_value_t = 100)]
    room_size: usize,
    /// Deliveries a second over all rooms, or `max`
    #[arg(long, value_parser = parse_rate)]
    rate: Rate,
    /// Time of a measurement; of one step, with --rate max
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    seconds: Duration,
    /// Bytes of each payload
    #[arg(long, default_value_t = 150)]
    payload: usize,
    /// With --rate max, the first rate
    #[arg(long, default_value_t = 40_000.0)]
    start: f64,
    /// With --rate max, when the search ends at the latest
    #[arg(long, default_value = "180", value_parser = parse_seconds)]
    limit: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Rate {
    Fixed(f64),
    Max,
}

fn parse_rate(text: &str) -> Result<Rate> {
    match text {
        "max" => Ok(Rate::Max),
        number => Ok(Rate::Fixed(number.parse()?)),
    }
}

/// A fleet with its publisher.
struct Setup {
    fleet: Fleet,
    publisher: usize,
    rooms: Vec<String>,
}

impl Setup {
    fn new(args: &Args) -> Result<Self> {
        let mut setup = Self {
            fleet: Fleet::new()?,
            publisher: 0,
            rooms: (0..args.rooms).map(|room| format!("r{room}")).collect(),
        };
        setup.connect(args)?;
        Ok(setup)
    }

    /// Connects the members of all rooms, and a publisher that is in none.
    fn connect(&mut self, args: &Args) -> Result<()> {
        let target = args.target.url;
        for index in 0..args.rooms * args.room_size {
            let from = Source {
                index,
                ..Source::default()
            };
            let room = &self.rooms[index % args.rooms];
            self.fleet.add(Client::join_room(target, from, room)?)?;
            if index % 250 == 0 {
                self.fleet.turn(Duration::ZERO, |_, _| {})?;
            }
        }
        let publisher = Client::join_root(target, Source::default())?;
        self.publisher = self.fleet.add(publisher)?;
        Ok(())
    }

    /// Everybody leaves and comes back: what waits inside the server would spoil the next measurement.
    fn renew(&mut self, args: &Args) -> Result<()> {
        self.fleet = Fleet::new()?;
        std::thread::sleep(Duration::from_millis(500));
        self.connect(args)
    }
}

/// One measurement at one rate.
struct Step {
    rate: f64,
    outcome: Outcome,
    expected: u64,
    cpu_us: u64,
    /// Of the load generator itself: near all of the time, it is what limits the rate.
    own_cpu_us: u64,
    lost: usize,
}

impl Step {
    fn measure(setup: &mut Setup, args: &Args, rate: f64) -> Result<Self> {
        let plan = |time| Plan {
            rooms: &setup.rooms,
            events_per_second: rate / args.room_size as f64,
            payload: args.payload,
            time,
            give_up: GIVE_UP,
        };
        let (fleet, publisher) = (&mut setup.fleet, setup.publisher);
        let size = args.room_size;
        let warm = pace::run(fleet, publisher, &plan(WARM_UP), size, |_, _| {})?;
        let cpu = process::cpu_us(args.target.pid)?;
        let own_cpu = process::cpu_us(std::process::id())?;
        let outcome = if warm.gave_up {
            warm
        } else {
            pace::run(fleet, publisher, &plan(args.seconds), size, |_, _| {})?
        };
        Ok(Self {
            rate,
            expected: outcome.published * size as u64,
            cpu_us: process::cpu_us(args.target.pid)? - cpu,
            own_cpu_us: process::cpu_us(std::process::id())? - own_cpu,
            lost: fleet.lost(),
            outcome,
        })
    }

    /// Every delivery arrived, and in time.
    fn is_sustained(&self) -> bool {
        self.is_complete() && self.outcome.latency.quantile(0.99) < P99
    }

    fn is_complete(&self) -> bool {
        let delivered = self.outcome.latency.count();
        !self.outcome.gave_up && self.lost == 0 && delivered >= self.expected && delivered > 0
    }

    fn deliveries_per_second(&self) -> f64 {
        self.outcome.latency.count() as f64 / (self.outcome.nanos.max(1) as f64 / 1e9)
    }

    fn json(&self, args: &Args) -> Value {
        let latency = &self.outcome.latency;
        let core_percent = |us: u64| us * 100_000 / self.outcome.nanos.max(1);
        let per_delivery = |us: u64| (us * 1000 / latency.count().max(1)) as f64 / 1000.0;
        json!({
            "rooms": args.rooms,
            "room_size": args.room_size,
            "payload": args.payload,
            "rate": self.rate.round(),
            "deliveries_per_s": self.deliveries_per_second().round(),
            "cpu_us_per_delivery": per_delivery(self.cpu_us),
            "load_cpu_us_per_delivery": per_delivery(self.own_cpu_us),
            "server_core_percent": core_percent(self.cpu_us),
            "load_core_percent": core_percent(self.own_cpu_us),
            "p50_ms": millis(latency.quantile(0.5)),
            "p99_ms": millis(latency.quantile(0.99)),
            "max_ms": millis(latency.max()),
            "deliveries": latency.count(),
            "missing": self.expected.saturating_sub(latency.count()),
            "connections_lost": self.lost,
        })
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    process::ensure_files(args.rooms * args.room_size)?;
    match args.rate {
        Rate::Fixed(rate) => {
            let mut setup = Setup::new(args)?;
            let step = Step::measure(&mut setup, args, rate)?;
            report::print("fanout", step.json(args));
            Ok(())
        }
        Rate::Max => find_highest(args),
    }
}

/// Raises the rate until it fails, then halves the distance.
fn find_highest(args: &Args) -> Result<()> {
    let end = Instant::now() + args.limit;
    let mut setup = Setup::new(args)?;
    let mut trail = Vec::new();
    let mut best: Option<Step> = None;
    let mut failed: Option<f64> = None;
    let mut rate = args.start;
    while Instant::now() < end {
        let step = try_rate(&mut setup, args, rate, &mut trail)?;
        if step.is_sustained() {
            best = Some(step);
        } else {
            failed = Some(rate);
        }
        let sustained = best.as_ref().map_or(0.0, |it| it.rate);
        rate = match failed {
            None => rate * 1.6,
            Some(failed) if sustained > 0.0 && failed / sustained < CLOSE => break,
            Some(failed) if sustained > 0.0 => f64::midpoint(failed, sustained),
            Some(failed) => failed / 2.0,
        };
    }
    let best = best.context("no rate was sustained")?;
    let mut result = best.json(args);
    result["trail"] = trail.into();
    report::print("fanout-max", result);
    Ok(())
}

/// A rate fails when it fails each of [`TRIES`] times: something else on the machine may have had the core.
fn try_rate(setup: &mut Setup, args: &Args, rate: f64, trail: &mut Vec<Value>) -> Result<Step> {
    let mut tries = 1;
    loop {
        let step = Step::measure(setup, args, rate)?;
        trail.push(json!([rate.round(), step.is_sustained()]));
        if step.is_sustained() {
            return Ok(step);
        }
        setup.renew(args)?;
        if tries == TRIES {
            return Ok(step);
        }
        tries += 1;
    }
}
