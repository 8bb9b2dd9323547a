//! The default build has no network code: not in its dependencies, not in its sources, and not in what it does.

use super::harness::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Crates that open connections, or are there for those that do.
const CLIENTS: &[&str] = &[
    "attohttpc",
    "curl",
    "hf-hub",
    "http",
    "hyper",
    "isahc",
    "mio",
    "native-tls",
    "openssl",
    "quinn",
    "reqwest",
    "ring",
    "rustls",
    "socket2",
    "tokio",
    "tungstenite",
    "ureq",
];

fn toml_file(path: &str) -> toml::Table {
    std::fs::read_to_string(repository(path)).unwrap().parse().unwrap()
}

/// Names of what the manifest depends on, for tests and benches too; optional ones only where they are asked for.
fn direct_dependencies(with_optional: bool) -> Vec<String> {
    let manifest = toml_file("Cargo.toml");
    // Those of some platforms are walked for all.
    let platforms =
        manifest["target"].as_table().unwrap().values().map(|platform| platform.as_table().unwrap());
    let mut names = Vec::new();
    for tables in [&manifest].into_iter().chain(platforms) {
        let tables = ["dependencies", "dev-dependencies"].into_iter().filter_map(|name| tables.get(name));
        for (name, detail) in tables.flat_map(|table| table.as_table().unwrap()) {
            assert!(detail.get("package").is_none(), "{name} is renamed, and the walk goes by names");
            let optional = detail.get("optional").is_some_and(|optional| optional.as_bool().unwrap());
            if with_optional || !optional {
                names.push(name.clone());
            }
        }
    }
    names
}

/// Everything that the lock file has below some crates. A lock file holds what any feature needs, so this is never too little.
fn below(direct: Vec<String>) -> BTreeSet<String> {
    let lock = toml_file("Cargo.lock");
    let mut dependencies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let listed = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
        // `name` or `name version`; two versions of one name are walked as one.
        let names = listed.map(|entry| entry.as_str().unwrap().split(' ').next().unwrap().to_owned());
        dependencies.entry(package["name"].as_str().unwrap().to_owned()).or_default().extend(names);
    }
    let mut found = BTreeSet::new();
    let mut waiting = direct;
    while let Some(name) = waiting.pop() {
        if found.insert(name.clone()) {
            waiting.extend(dependencies.get(&name).expect("the lock file is complete").clone());
        }
    }
    found
}

#[test]
fn nothing_that_the_default_build_depends_on_speaks_to_a_network() {
    let default = below(direct_dependencies(false));
    assert!(default.contains("candle-core") && default.contains("libc"), "the walk goes somewhere");
    for client in CLIENTS {
        assert!(!default.contains(*client), "{client} is a dependency of the default build");
    }
    let all = below(direct_dependencies(true));
    assert!(all.contains("ureq") && all.contains("rustls"), "the walk would find a client");
    let features = toml_file("Cargo.toml")["features"].as_table().unwrap().clone();
    assert!(!features.contains_key("default"), "no feature is on unasked");
}

#[test]
fn only_the_hub_module_opens_connections() {
    let mut folders = vec![repository("src")];
    let mut file_count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let code = std::fs::read_to_string(&path).unwrap();
            let in_hub = path.starts_with(repository("src/models/hub"));
            assert!(!code.contains("std::net"), "{} opens sockets", path.display());
            assert!(in_hub || !code.contains("hf_hub"), "{} speaks to a hub", path.display());
            file_count += 1;
        }
    }
    assert!(file_count > 100, "the sources are there");
    let models = std::fs::read_to_string(repository("src/models/mod.rs")).unwrap();
    assert!(models.contains("#[cfg(feature = \"hub\")]\npub mod hub;"), "the hub is behind its feature");
}

/// What `strace` saw of sockets, or why it could not look.
fn traced(place: &Path, command: &[&str]) -> Result<Vec<String>, String> {
    let log = place.join("strace.log");
    let outcome = Command::new("strace")
        .args(["-f", "-e", "trace=socket,connect", "-o"])
        .arg(&log)
        .args(command)
        .current_dir(place)
        .output()
        .map_err(|source| format!("strace cannot be started: {source}"))?;
    let trace = std::fs::read_to_string(&log).unwrap_or_default();
    if !trace.contains("+++ exited with") {
        return Err(format!("strace cannot trace here: {}", String::from_utf8_lossy(&outcome.stderr)));
    }
    assert!(outcome.status.success(), "{command:?}: {}", String::from_utf8_lossy(&outcome.stderr));
    Ok(trace.lines().filter(|line| line.contains("AF_INET")).map(str::to_owned).collect())
}

/// In a network namespace of its own there is no interface but a loopback that is down.
#[test]
fn the_main_job_needs_no_network() {
    let alone = |program: &str, arguments: &[&str], place: &Path| {
        Command::new("unshare")
            .args(["--map-root-user", "--net", program])
            .args(arguments)
            .current_dir(place)
            .output()
    };
    let place = tempfile::tempdir().unwrap();
    // That it is cut off is seen first: not even this machine answers.
    let reach = "exec 3<>/dev/udp/192.0.2.1/9";
    match alone("bash", &["-c", reach], place.path()) {
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("unreachable") => {}
        Ok(output) => return eprintln!("skipped: no namespace: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => return eprintln!("skipped: unshare: {error}"),
    }
    let output = alone(env!("CARGO_BIN_EXE_respondent"), &["--quiet"], place.path()).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(place.path().join("results/isear-control-001/report.html").is_file(), "the main job was done");
}

#[test]
fn the_main_job_opens_no_socket() {
    let place = tempfile::tempdir().unwrap();
    // First a program that does open one, without sending anything, so that an empty trace means something.
    match traced(place.path(), &["bash", "-c", "exec 3<>/dev/udp/127.0.0.1/9"]) {
        Err(why) => return eprintln!("skipped: {why}"),
        Ok(sockets) => assert!(!sockets.is_empty(), "strace shows sockets"),
    }
    let sockets = traced(place.path(), &[env!("CARGO_BIN_EXE_respondent"), "--quiet"]).unwrap();
    assert!(place.path().join("results/isear-control-001/report.html").is_file(), "the main job was done");
    assert_eq!(sockets, Vec::<String>::new());
}
