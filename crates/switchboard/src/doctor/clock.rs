//! Whether the clocks of this host and of what it stands on agree. How far apart they may be is said by
//! forwarding: nodes whose clocks are more than a minute apart refuse each other's requests, so each
//! may be off by half of that.

use super::finding::Finding;

const CHECK: &str = "clock";

/// From here on the times of messages of different nodes look wrong.
const NOTICED_MS: i64 = 1_000;
/// Half of what forwarding takes.
const WRONG_MS: i64 = 30_000;

/// By how much whose clock is ahead of this host's, in ms, of those that said so.
pub(super) fn judge(clocks: &[(&str, Option<i64>)]) -> Option<Finding> {
    let known = clocks
        .iter()
        .filter_map(|(whose, ahead)| Some((*whose, (*ahead)?)));
    let known: Vec<(&str, i64)> = known.collect();
    let worst = known.iter().map(|(_, ahead)| ahead.abs()).max()?;
    let told = known.iter().map(|(whose, ahead)| difference(whose, *ahead));
    let found = told.collect::<Vec<String>>().join(", ");
    let mend = "set the clock that is wrong, by NTP (`timedatectl set-ntp true`, chrony): ends of \
                tokens and times of messages are read from it, and nodes more than a minute apart \
                refuse what they forward to each other";
    Some(if worst > WRONG_MS {
        Finding::fail(CHECK, found, mend)
    } else if worst > NOTICED_MS {
        Finding::warn(CHECK, found, mend)
    } else {
        Finding::ok(CHECK, found)
    })
}

fn difference(whose: &str, ahead: i64) -> String {
    let span = span(ahead.unsigned_abs());
    if ahead.abs() <= NOTICED_MS {
        format!("{whose} is {span} from this host")
    } else if ahead > 0 {
        format!("this host is {span} behind {whose}")
    } else {
        format!("this host is {span} ahead of {whose}")
    }
}

/// `4 ms`, `2.5 s`, `61 min`, `3 h`: as exact as anybody needs.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{:.1} s", ms as f64 / 1e3),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_clock_is_well_to_a_second_and_wrong_beyond_half_a_minute() {
        for (ahead, expected) in [
            (0, Status::Ok),
            (-1_000, Status::Ok),
            (1_001, Status::Warn),
            (-30_000, Status::Warn),
            (30_001, Status::Fail),
            (-30_001, Status::Fail),
        ] {
            let judged = judge(&[("Redis", None), ("PostgreSQL", Some(ahead))]).unwrap();
            assert_eq!(judged.status, expected, "{ahead}: {}", judged.found);
        }
        assert_eq!(judge(&[("Redis", None)]), None);
    }

    #[test]
    fn who_is_ahead_is_told() {
        let judged = judge(&[("Redis", Some(-3_700_000)), ("PostgreSQL", Some(4))]).unwrap();
        let found = "this host is 61 min ahead of Redis, PostgreSQL is 4 ms from this host";
        assert_eq!(judged.found, found);
    }
}
