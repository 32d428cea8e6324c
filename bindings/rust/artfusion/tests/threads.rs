// SPDX-License-Identifier: MIT
//! Threads, cancelling, and who outlives whom.

#[allow(dead_code)] // Not every test needs all of it.
mod common;

use artfusion::{ErrorKind, Sampler};
use common::{finish, open_model, small, start};
use std::ops::ControlFlow::Continue;
use std::sync::mpsc;
use std::thread;

#[test]
fn two_samplers_of_one_model_at_once_are_as_one_after_the_other() {
    let model = open_model();
    let options = small(&model);
    let run = |seed| start(&model, &options, seed).and_then(finish).unwrap();
    let one_by_one = [run(2), run(5)];
    assert_ne!(one_by_one[0], one_by_one[1]);
    let at_once = thread::scope(|scope| {
        let threads = [scope.spawn(|| run(2)), scope.spawn(|| run(5))];
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(at_once, one_by_one);
}

#[test]
fn another_thread_cancels() {
    let model = open_model();
    let options = small(&model).steps(40);
    let mut sampler = start(&model, &options, 2).unwrap();
    let canceller = sampler.canceller();
    let another = canceller.clone();
    let (first, running) = mpsc::channel();
    // Hands over after the first step, and waits for the other thread to have cancelled.
    let (cancelled, proceed) = mpsc::channel();
    sampler.on_step(move |step| {
        if step.progress().step == 1 {
            first.send(()).unwrap();
            proceed.recv().unwrap();
        }
        Continue(())
    });
    let error = thread::scope(|scope| {
        scope.spawn(move || {
            running.recv().unwrap();
            another.cancel();
            cancelled.send(()).unwrap();
        });
        sampler.run().unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error);
    assert_eq!(sampler.progress().unwrap().step, 1);
    // Once: the next call is not cancelled.
    assert!(sampler.next_step().unwrap().is_some());
    // With nothing running it is the next call, which does no step.
    canceller.cancel();
    let error = sampler.next_step().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error);
    assert_eq!(sampler.progress().unwrap().step, 2);
}

#[test]
fn a_sampler_changes_threads_between_steps() {
    let model = open_model();
    let wanted = start(&model, &small(&model), 2).and_then(finish).unwrap();
    let mut steps = 0;
    let mut sampler = start(&model, &small(&model), 2).unwrap();
    sampler.on_step(|_| {
        steps += 1;
        Continue(())
    });
    sampler.next_step().unwrap().unwrap();
    let pixels = thread::scope(|scope| scope.spawn(|| finish(sampler)).join().unwrap());
    assert_eq!(pixels.unwrap(), wanted);
    assert_eq!(steps, 2);
}

#[test]
fn what_a_sampler_needs_lives_as_long_as_it() {
    let model = open_model();
    let wanted = start(&model, &small(&model), 2).and_then(finish).unwrap();
    // `start` has dropped the pictures and the style, `open_model` the context.
    let sampler = start(&model, &small(&model), 2).unwrap();
    drop(model);
    assert_eq!(finish(sampler).unwrap(), wanted);
}

#[test]
fn a_canceller_keeps_nothing_and_does_nothing_when_its_sampler_is_gone() {
    let model = open_model();
    let sampler: Sampler<'static> = start(&model, &small(&model), 2).unwrap();
    let canceller = sampler.canceller();
    drop(sampler);
    canceller.cancel();
    thread::spawn(move || canceller.cancel()).join().unwrap();

    // Dropped while another thread cancels all the time: whichever is last ends it, once.
    for _ in 0..50 {
        let sampler = Sampler::new(&model, &small(&model)).unwrap();
        let canceller = sampler.canceller();
        let (started, waiting) = mpsc::channel();
        let other = thread::spawn(move || {
            started.send(()).unwrap();
            (0..10_000).for_each(|_| canceller.cancel());
        });
        waiting.recv().unwrap();
        drop(sampler);
        other.join().unwrap();
    }
}
