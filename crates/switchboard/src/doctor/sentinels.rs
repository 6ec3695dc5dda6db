//! Whether the sentinels know the primary by the name that the URL has.

use switchboard_hub::{RedisTrouble, SentinelsAsked};

use super::finding::Finding;

const CHECK: &str = "redis.sentinels";

pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    /// Whether one of them can say where the primary is.
    pub(super) usable: bool,
}

pub(super) fn judge(asked: &SentinelsAsked) -> Judged {
    let service = &asked.service;
    let (mut know, mut others, mut troubles) = (0, Vec::new(), Vec::new());
    for sentinel in &asked.sentinels {
        match &sentinel.names {
            Ok(names) if names.contains(service) => know += 1,
            Ok(names) => others.extend(names.iter().cloned()),
            Err(trouble) => troubles.push((&sentinel.address, trouble)),
        }
    }
    others.sort();
    others.dedup();
    let count = asked.sentinels.len();
    let finding = if know == count {
        Finding::ok(CHECK, format!("all {count} know the primary `{service}`"))
    } else if troubles.len() == count {
        match troubles.first() {
            Some((_, trouble)) => unreachable(trouble),
            None => Finding::fail(CHECK, "the URL names none", "add them to redis.url"),
        }
    } else if know == 0 {
        unknown(service, &others, count - troubles.len())
    } else {
        some(service, (know, count), &troubles)
    };
    Judged {
        findings: vec![finding],
        usable: know > 0,
    }
}

fn unknown(service: &str, others: &[String], asked: usize) -> Finding {
    let known = match others {
        [] => "they watch nothing".to_owned(),
        names => format!("they know: {}", names.join(", ")),
    };
    let mend = match others {
        [] => format!("tell the sentinels of it: `sentinel monitor {service} HOST PORT QUORUM`"),
        [only] => format!("set sentinelServiceName={only} in redis.url"),
        _ => "set sentinelServiceName in redis.url to the one of these that is meant".to_owned(),
    };
    let found = format!("none of {asked} sentinels knows a primary called `{service}`; {known}");
    Finding::fail(CHECK, found, mend)
}

fn some(
    service: &str,
    (know, count): (usize, usize),
    troubles: &[(&String, &RedisTrouble)],
) -> Finding {
    let told = troubles.iter().map(|(who, why)| format!("{who}: {why}"));
    let told: Vec<String> = told.collect();
    let found = format!(
        "{know} of {count} know the primary `{service}`; {}",
        told.join(", ")
    );
    let mend = "mend those, or take them out of redis.url: a failover needs most of the sentinels";
    Finding::warn(CHECK, found, mend)
}

/// None of them said anything.
pub(super) fn unreachable(trouble: &RedisTrouble) -> Finding {
    let mend = match trouble {
        RedisTrouble::Credentials(_) => {
            "set redis.sentinel_password (or redis.sentinel_password_file): sentinels are never \
             given the password of Redis"
        }
        _ => {
            "start the sentinels, or let redis.url name where they listen (26379 unless told \
             otherwise) and this host reach them"
        }
    };
    let found = format!("no sentinel says where Redis is: {trouble}");
    Finding::fail(CHECK, found, mend)
}

#[cfg(test)]
mod tests {
    use switchboard_hub::SentinelFacts;

    use super::super::finding::Status;
    use super::*;

    fn judged(names: &[Result<Vec<&str>, &str>]) -> (Finding, bool) {
        let sentinels = names.iter().map(|names| SentinelFacts {
            address: "s:1".to_owned(),
            names: match names {
                Ok(names) => Ok(names.iter().map(|name| (*name).to_owned()).collect()),
                Err(why) => Err(RedisTrouble::Unreachable((*why).to_owned())),
            },
        });
        let judged = judge(&SentinelsAsked {
            service: "main".to_owned(),
            sentinels: sentinels.collect(),
        });
        (judged.findings[0].clone(), judged.usable)
    }

    #[test]
    fn a_wrong_name_is_answered_with_those_that_there_are() {
        let (finding, usable) = judged(&[Ok(vec!["prod"]), Ok(vec!["prod"])]);
        assert!(!usable);
        assert!(finding.found.contains("they know: prod"), "{finding:?}");
        assert_eq!(
            finding.mend.as_deref(),
            Some("set sentinelServiceName=prod in redis.url")
        );
    }

    #[test]
    fn a_sentinel_that_is_away_is_worth_a_word_and_all_of_them_are_a_failure() {
        let (finding, usable) = judged(&[Ok(vec!["main"]), Err("refused")]);
        assert_eq!((finding.status, usable), (Status::Warn, true));
        let (finding, usable) = judged(&[Err("refused"), Err("refused")]);
        assert_eq!((finding.status, usable), (Status::Fail, false));
        let (finding, usable) = judged(&[Ok(vec!["x", "main"])]);
        assert_eq!((finding.status, usable), (Status::Ok, true));
    }
}
