//! What a server's process has used so far, with all that it started, from `/proc` (proc(5)).

use std::collections::HashMap;
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
    /// Looks at a process and all that it started, but those in `apart` and what these started; fails if
    /// there is none, or it is somebody else's. The time of children that have ended is in it; memory that
    /// several of them share (the buffers of a PostgreSQL server) counts once.
    pub fn of_tree(pid: u32, apart: &[u32]) -> io::Result<Self> {
        let mut sum = Self::of(pid)?;
        let children = descendants(&parents()?, pid, apart);
        if children.is_empty() {
            return Ok(sum);
        }
        sum.rss_bytes = share_of_memory(pid);
        for child in children {
            // A child may end meanwhile.
            let Ok(child_usage) = Self::of(child) else {
                continue;
            };
            sum.user_seconds += child_usage.user_seconds;
            sum.system_seconds += child_usage.system_seconds;
            sum.voluntary_switches += child_usage.voluntary_switches;
            sum.involuntary_switches += child_usage.involuntary_switches;
            sum.rss_bytes += share_of_memory(child);
        }
        Ok(sum)
    }

    /// Looks at a single process. The time of its children that have ended is its own.
    fn of(pid: u32) -> io::Result<Self> {
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

/// `utime` and `stime`, fields 14 and 15, and those of children that have ended, 16 and 17.
fn times(stat: &str) -> Option<Usage> {
    let mut ticks = fields(stat)?.skip(11).map(str::parse::<u64>);
    let mut seconds = || Some(ticks.next()?.ok()? as f64 / TICKS_A_SECOND);
    let (user, system) = (seconds()?, seconds()?);
    Some(Usage {
        user_seconds: user + seconds()?,
        system_seconds: system + seconds()?,
        ..Usage::default()
    })
}

/// From the third on.
fn fields(stat: &str) -> Option<impl Iterator<Item = &str>> {
    // The name in parentheses may hold anything, parentheses too.
    Some(stat.rsplit_once(')')?.1.split_whitespace())
}

/// Each process's parent: field 4.
fn parents() -> io::Result<HashMap<u32, u32>> {
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = fields(&stat).and_then(|mut fields| fields.nth(1)?.parse().ok());
        parents.extend(parent.map(|parent| (pid, parent)));
    }
    Ok(parents)
}

/// All that a process started, and what these started.
fn descendants(parents: &HashMap<u32, u32>, pid: u32, apart: &[u32]) -> Vec<u32> {
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        let is_new = |child: &u32| !apart.contains(child) && !found.contains(child);
        let children = parents.iter().filter(|(_, its)| **its == parent);
        let children: Vec<u32> = children.map(|(child, _)| *child).filter(is_new).collect();
        found.extend(children);
        at += 1;
    }
    found.split_off(1)
}

/// Memory in bytes, what is shared by n processes counting an nth in each of them.
fn share_of_memory(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    number(&rollup.unwrap_or_default(), "Pss:") * 1024
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
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 3 0 250 50 100 20 20 0 9 0 100 1 2";
        let usage = times(stat).expect("a line of the kernel's");
        assert!((usage.user_seconds - 3.5).abs() < 1e-9);
        assert!((usage.system_seconds - 0.7).abs() < 1e-9);
        assert!((usage.cpu_seconds() - 4.2).abs() < 1e-9);
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
        let usage = Usage::of_tree(std::process::id(), &[]).expect("our own process can be read");
        assert!(usage.rss_bytes > 1 << 20, "{usage:?}");
        assert!(
            usage.voluntary_switches + usage.involuntary_switches > 0,
            "{usage:?}"
        );
    }

    #[test]
    fn what_is_named_by_itself_is_no_part_of_another() {
        let parents = [(2, 1), (3, 2), (4, 2), (5, 4), (6, 9)].into();
        let sorted = |apart: &[u32]| {
            let mut found = descendants(&parents, 2, apart);
            found.sort_unstable();
            found
        };
        assert_eq!(sorted(&[2]), [3, 4, 5]);
        assert_eq!(sorted(&[2, 4]), [3]);
    }

    #[test]
    fn the_time_of_a_child_is_its_parents_whether_it_has_ended_or_not() {
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let used = |script: String| {
            let mut shell = std::process::Command::new("sh")
                .args(["-c", &script])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("a shell");
            // It says so when the work is done, and lives on until its input ends.
            let mut said = [0];
            let output = shell.stdout.as_mut().expect("its output");
            std::io::Read::read_exact(output, &mut said).expect("a word");
            let usage = Usage::of_tree(shell.id(), &[]).expect("a process of ours");
            drop(shell.stdin.take());
            shell.wait().expect("its end");
            usage
        };
        let ended = used(format!("sh -c '{busy}'; echo; read wait"));
        let living = used(format!("sh -c '{busy}; echo; read wait'; :"));
        assert!(ended.cpu_seconds() > 0.02, "{ended:?}");
        assert!(living.cpu_seconds() > 0.02, "{living:?}");
        assert!(living.rss_bytes > 1 << 17, "{living:?}");
    }
}
