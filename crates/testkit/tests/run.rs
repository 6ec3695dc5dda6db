//! The `switchboard-testkit` binary, as a script or a JavaScript test uses it.
#![expect(clippy::unwrap_used, reason = "everything in this file is a test")]

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_switchboard-testkit");
const PRINT_ADDRESSES: &str = "echo $SWITCHBOARD_TEST_REDIS $SWITCHBOARD_TEST_POSTGRES";

fn run(script: &str) -> Output {
    Command::new(BINARY)
        .args(["run", "sh", "-c", script])
        .output()
        .unwrap()
}

/// The ports in the text that has the two addresses.
fn ports(text: &str) -> [u16; 2] {
    let ports: Vec<u16> = text
        .split("127.0.0.1:")
        .skip(1)
        .map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap()
        })
        .collect();
    ports
        .try_into()
        .unwrap_or_else(|_| panic!("no two addresses in {text:?}"))
}

fn is_refused(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port))
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn wait_until_refused(ports: [u16; 2]) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !ports.iter().all(|port| is_refused(*port)) {
        assert!(
            Instant::now() < patience,
            "a server still listens on one of {ports:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The server in `folder` may still be writing its last words.
fn remove_when_unused(folder: &str) {
    let patience = Instant::now() + Duration::from_secs(20);
    while std::fs::remove_dir_all(folder).is_err_and(|error| error.kind() != ErrorKind::NotFound) {
        assert!(Instant::now() < patience, "could not remove {folder}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    line
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    assert!(
        Command::new("sh")
            .args(["-c", "kill -s $0 $1", signal, &pid])
            .status()
            .unwrap()
            .success()
    );
}

fn start(args: &[&str]) -> Child {
    Command::new(BINARY)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn start_printing_addresses() -> Child {
    start(&[
        "run",
        "sh",
        "-c",
        &format!("{PRINT_ADDRESSES}; exec sleep 600"),
    ])
}

#[test]
fn the_servers_are_there_while_the_command_runs_and_gone_after_it() {
    let script = format!(
        "{PRINT_ADDRESSES}; for url in $SWITCHBOARD_TEST_REDIS $SWITCHBOARD_TEST_POSTGRES; do \
         port=${{url##*:}}; bash -c \"exec 3<>/dev/tcp/127.0.0.1/${{port%%/*}}\" || exit 1; done"
    );
    let output = run(&script);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "a server did not listen: {stdout}");
    assert!(stdout.starts_with("redis://127.0.0.1:"), "{stdout}");
    assert!(
        stdout.contains(" postgres://postgres@127.0.0.1:"),
        "{stdout}"
    );
    assert!(
        ports(&stdout).into_iter().all(is_refused),
        "a server outlived its run: {stdout}"
    );
}

#[test]
fn the_exit_code_is_the_commands() {
    assert_eq!(run("exit 0").status.code(), Some(0));
    assert_eq!(run("exit 7").status.code(), Some(7));
    assert_eq!(run("kill -s KILL $$").status.code(), Some(128 + 9));
}

#[test]
fn a_command_that_does_not_exist_fails_and_leaves_no_server() {
    let output = Command::new(BINARY)
        .args(["run", "/no/such/program"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.contains("could not run /no/such/program"),
        "{stderr}"
    );
    assert!(
        ports(&stderr).into_iter().all(is_refused),
        "a server outlived its run: {stderr}"
    );
}

#[test]
fn two_runs_at_once_have_servers_of_their_own() {
    let mut children = [start_printing_addresses(), start_printing_addresses()];
    let lines = children.each_mut().map(first_line);
    let [one, other] = lines.each_ref().map(|line| ports(line));
    assert!(
        one.iter().all(|port| !other.contains(port)),
        "{one:?} and {other:?}"
    );
    for port in one.into_iter().chain(other) {
        assert!(
            TcpStream::connect(("127.0.0.1", port)).is_ok(),
            "nobody listens on {port}"
        );
    }
    for mut child in children {
        send("TERM", &child);
        assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    }
    assert!(one.into_iter().chain(other).all(is_refused));
}

#[test]
fn an_interrupted_run_ends_its_command_and_stops_its_servers() {
    let mut child = start_printing_addresses();
    let ports = ports(&first_line(&mut child));
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(128 + 2));
    assert!(ports.into_iter().all(is_refused));
}

#[test]
fn the_servers_of_a_killed_run_die_too() {
    let mut child = Command::new(BINARY)
        .arg("servers")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ports = ports(&first_line(&mut child));
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    wait_until_refused(ports);

    // Nobody was left to remove the folders; their names are in what it had said.
    let said = String::from_utf8(output.stderr).unwrap();
    let folders: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split_once(", in "))
        .map(|it| it.1)
        .collect();
    assert_eq!(folders.len(), 2, "{said}");
    for folder in folders {
        assert!(folder.contains("/switchboard-"), "{folder}");
        remove_when_unused(folder);
    }
}

#[test]
fn servers_says_where_they_are_and_runs_until_stdin_is_closed() {
    let mut child = start(&["servers"]);
    let addresses: serde_json::Value = serde_json::from_str(&first_line(&mut child)).unwrap();
    let text = format!("{} {}", addresses["redis"], addresses["postgres"]);
    for port in ports(&text) {
        assert!(
            TcpStream::connect(("127.0.0.1", port)).is_ok(),
            "nobody listens on {port}"
        );
    }
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(ports(&text).into_iter().all(is_refused));
}

#[test]
fn a_call_without_a_command_is_answered_with_the_usage() {
    let output = Command::new(BINARY).arg("run").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage:"));
}

/// An executable file that stands in for the gateway.
fn stand_in(script: &str) -> tempfile::TempPath {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(script.as_bytes()).unwrap();
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o755))
        .unwrap();
    file.into_temp_path() // closed: a file that is open for writing cannot be run
}

fn run_with_gateway(gateway: &std::path::Path, script: &str) -> Output {
    let gateway = gateway.to_str().unwrap();
    Command::new(BINARY)
        .args(["run", "--gateway", gateway, "sh", "-c", script])
        .output()
        .unwrap()
}

#[test]
fn a_gateway_is_started_on_its_own_addresses_and_gone_after_the_run() {
    let gateway = stand_in(
        "#!/usr/bin/env node\n\
         const http = require('node:http');\n\
         for (const name of ['HTTP', 'ADMIN']) {\n\
           const [host, port] = process.env[`SWITCHBOARD__${name}__LISTEN`].split(':');\n\
           http.createServer((request, response) => response.end(name)).listen(port, host);\n\
         }\n",
    );
    let output = run_with_gateway(&gateway, "echo $SWITCHBOARD_E2E_URL");
    let url = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && url.starts_with("http://127.0.0.1:"),
        "{url}"
    );
    let port = url.trim().rsplit_once(':').unwrap().1.parse().unwrap();
    assert!(is_refused(port));
}

#[test]
fn a_gateway_that_does_not_start_fails_the_run_in_its_own_words() {
    let gateway = stand_in("#!/bin/sh\necho \"bad configuration: $1\"; exit 78\n");
    let output = run_with_gateway(&gateway, "echo never");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("the gateway ended: bad configuration: serve"),
        "{stderr}"
    );
    assert!(
        ports(&stderr).into_iter().all(is_refused),
        "a server outlived its run: {stderr}"
    );
}

#[test]
fn a_redis_of_each_shape_is_described_in_one_line_and_gone_when_stdin_closes() {
    let shapes: [(&[&str], &str, usize, usize); 3] = [
        (&["--tls", "--password"], "rediss://:", 1, 0),
        (&["--topology", "sentinel"], "redis-sentinel://", 2, 3),
        (&["--topology", "cluster"], "redis-cluster://", 6, 0),
    ];
    for (options, url, nodes, sentinels) in shapes {
        let mut child = start(&[&["redis"], options].concat());
        let line: serde_json::Value = serde_json::from_str(&first_line(&mut child)).unwrap();
        assert!(line["url"].as_str().unwrap().starts_with(url), "{line}");
        let ports = |kind: &str| -> Vec<u64> {
            let all = line[kind].as_array().into_iter().flatten();
            all.map(|one| one["port"].as_u64().unwrap()).collect()
        };
        let (of_nodes, of_sentinels) = (ports("nodes"), ports("sentinels"));
        assert_eq!((of_nodes.len(), of_sentinels.len()), (nodes, sentinels));
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
        for port in [of_nodes, of_sentinels].concat() {
            assert!(is_refused(u16::try_from(port).unwrap()), "{line}");
        }
    }
}
