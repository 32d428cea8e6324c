// SPDX-License-Identifier: MIT
//! Networks in a process of their own, whose end ends one call. One test, since it counts processes.
#![cfg(target_os = "linux")]

#[allow(dead_code)] // Not every test needs all of it.
mod common;

use artfusion::{Context, ErrorKind, Isolation, Model, Result};
use common::{finish, model_path, repository, small, start};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Processes of engines that this one has started.
fn engines() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn open(isolation: Isolation) -> Model {
    let context = Context::builder()
        .threads(1)
        .isolation(isolation)
        .isolation_timeout(Duration::from_secs(300))
        .build()
        .unwrap();
    Model::open(&context, model_path()).unwrap()
}

fn build(isolation: Isolation, limit: Duration, digest: &str) -> Result<Context> {
    Context::builder()
        .isolation(isolation)
        .isolation_timeout(limit)
        .trusted(digest)
        .build()
}

#[test]
fn an_engine_that_is_killed_ends_one_call() {
    let plain = open(Isolation::None);
    assert_eq!(plain.info().isolation, Isolation::None);
    let options = small(&plain).steps(4);
    let undisturbed = finish(start(&plain, &options, 1).unwrap()).unwrap();

    let apart = open(Isolation::Process);
    assert_eq!(apart.info().isolation, Isolation::Process);
    let engine = engines();
    assert_eq!(engine.len(), 1);
    let mut sampler = start(&apart, &options, 1).unwrap();
    sampler.next_step().unwrap();
    let killed = Command::new("kill").args(["-KILL", &engine[0]]).status();
    assert!(killed.unwrap().success());
    let error = sampler.run().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    assert!(
        error.message().contains("was ended by SIGKILL"),
        "{}",
        error
    );
    assert_eq!(sampler.progress().unwrap().step, 1);
    assert_eq!(finish(sampler).unwrap(), undisturbed);
    assert_eq!(engines().len(), 1);
    drop(apart);
    assert!(engines().is_empty());

    let second = Duration::from_secs(1);
    let digest = "0".repeat(64);
    let error = build(Isolation::Other(9), second, &digest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
    let error = build(Isolation::Auto, second, "mini").unwrap_err();
    assert!(
        error.message().contains("64 hexadecimal digits"),
        "{}",
        error
    );
    assert!(build(Isolation::Auto, second, "mi\0ni").is_err());

    // As it came with the library.
    let context = build(Isolation::Auto, Duration::MAX, &digest).unwrap();
    let model = Model::open(&context, repository("models/mini.artfusion")).unwrap();
    assert_eq!(model.info().isolation, Isolation::None);
    // A part of a millisecond is no absence of a limit.
    let context = build(Isolation::Process, Duration::from_nanos(1), &digest).unwrap();
    let error = Model::open(&context, model_path()).unwrap_err();
    assert!(
        error.message().contains("did not answer within 0.001 s"),
        "{}",
        error
    );
    assert!(engines().is_empty());
}
