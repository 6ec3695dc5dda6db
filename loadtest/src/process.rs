//! What a server's process has used so far, from `/proc`.

use std::fs;
use std::io;

use serde::Serialize;

/// `USER_HZ`: the unit of `/proc/<pid>/stat` on every architecture that Linux still runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// One look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Processor time in user mode, in seconds since the process began.
    pub user_seconds: f64,
    /// Processor time in the kernel, in seconds since the process began.
    pub system_seconds: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// Times that a thread gave up its processor to wait, over the threads that there are.
    pub voluntary_switches: u64,
    /// Times that a thread was interrupted, over the threads that there are.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Looks at a process; fails if there is none, or it is somebody else's.
    pub fn of(pid: u32) -> io::Result<Self> {
        let folder = format!("/proc/{pid}");
        let mut usage = times(&fs::read_to_string(format!("{folder}/stat"))?)
            .ok_or_else(|| io::Error::other("/proc/<pid>/stat has another form"))?;
        let status = fs::read_to_string(format!("{folder}/status"))?;
        usage.rss_bytes = number(&status, "VmRSS:") * 1024;
        // The process's own status counts the switches of its first thread only.
        for thread in fs::read_dir(format!("{folder}/task"))? {
            // A thread may end meanwhile.
            let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
            usage.voluntary_switches += number(&status, "voluntary_ctxt_switches:");
            usage.involuntary_switches += number(&status, "nonvoluntary_ctxt_switches:");
        }
        Ok(usage)
    }

    /// Processor time in all, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    /// What was used since `earlier`; memory is as it is now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            user_seconds: self.user_seconds - earlier.user_seconds,
            system_seconds: self.system_seconds - earlier.system_seconds,
            rss_bytes: self.rss_bytes,
            voluntary_switches: self
                .voluntary_switches
                .saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(earlier.involuntary_switches),
        }
    }
}

/// `utime` and `stime`, fields 14 and 15 (proc(5)).
fn times(stat: &str) -> Option<Usage> {
    // The name in parentheses may hold anything, parentheses too.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let mut seconds = || Some(ticks.next()?.ok()? as f64 / TICKS_A_SECOND);
    Some(Usage {
        user_seconds: seconds()?,
        system_seconds: seconds()?,
        ..Usage::default()
    })
}

/// The number behind a name at the beginning of a line; 0 if there is no such line.
fn number(status: &str, name: &str) -> u64 {
    let mut lines = status.lines();
    let found = lines.find_map(|line| line.strip_prefix(name));
    let mut words = found.unwrap_or_default().split_whitespace();
    words.next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 3 0 250 50 0 0 20 0 9 0 100 1 2";
        let usage = times(stat).expect("a line of the kernel's");
        assert!((usage.user_seconds - 2.5).abs() < 1e-9);
        assert!((usage.system_seconds - 0.5).abs() < 1e-9);
        assert!((usage.cpu_seconds() - 3.0).abs() < 1e-9);
        assert_eq!(times("7 (a) S 1"), None);
        assert_eq!(times(""), None);
    }

    #[test]
    fn numbers_are_those_of_whole_names() {
        let status =
            "VmRSS:\t  2048 kB\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(number(status, "VmRSS:"), 2048);
        assert_eq!(number(status, "voluntary_ctxt_switches:"), 5);
        assert_eq!(number(status, "nonvoluntary_ctxt_switches:"), 3);
        assert_eq!(number(status, "VmSwap:"), 0);
    }

    #[test]
    fn this_process_has_memory_and_threads_that_waited() {
        let usage = Usage::of(std::process::id()).expect("our own process can be read");
        assert!(usage.rss_bytes > 1 << 20, "{usage:?}");
        assert!(
            usage.voluntary_switches + usage.involuntary_switches > 0,
            "{usage:?}"
        );
    }
}
