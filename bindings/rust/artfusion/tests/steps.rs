// SPDX-License-Identifier: MIT
//! Steps, closures, and panics that leave them.

#[allow(dead_code)] // Not every test needs all of it.
mod common;

use artfusion::{
    Context, Error, ErrorKind, LogLevel, Model, Noise, NoiseUse, Options, RngKind, Sampler, Solver,
};
use common::{finish, model_path, open_model, small, start};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow::{Break, Continue};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;

/// What a call panics with; it must.
fn panic_of<R>(call: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(_) => panic!("no panic came out"),
        Err(panic) => match panic.downcast_ref::<&str>() {
            Some(words) => (*words).to_owned(),
            None => panic!("another panic came out"),
        },
    }
}

fn cancelled<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{}", error);
}

#[test]
fn an_iterator_of_steps_with_previews() {
    let model = open_model();
    let options = small(&model).steps(3);
    let wanted = start(&model, &options, 2).and_then(finish).unwrap();
    let mut sampler = start(&model, &options, 2).unwrap();
    assert_eq!(sampler.progress().unwrap().timestep, None);

    let mut seen = Vec::new();
    let mut previews = Vec::new();
    for step in sampler.steps() {
        let step = step.unwrap();
        assert_eq!(step.progress().steps, 3);
        seen.push((step.progress().step, step.progress().timestep.unwrap()));
        previews.push(step.preview(0).unwrap().to_rgb());
        assert_eq!(step.preview(1).unwrap_err().kind(), ErrorKind::Argument);
        assert_ne!(step.x().unwrap(), [0.0; 0]);
        // After the last step x is the picture, before it x0 is what is known of it.
        assert_eq!(
            step.x().unwrap() == step.x0().unwrap(),
            step.progress().step == 3
        );
    }
    assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(
        seen.windows(2).all(|pair| pair[0].1 > pair[1].1),
        "{:?}",
        seen
    );
    assert!(previews[0] != previews[1] && previews[1] != previews[2]);
    assert_eq!(previews[2], wanted);
    assert_eq!(sampler.image(0).unwrap().to_rgb(), wanted);
    assert!(sampler.steps().next().is_none());
    assert!(sampler.next_step().unwrap().is_none());
}

#[test]
fn a_step_that_is_past_knows_it() {
    let model = open_model();
    let mut sampler = start(&model, &small(&model), 2).unwrap();
    let mut steps = sampler.steps();
    assert_eq!(steps.size_hint(), (0, Some(3)));
    assert_eq!((steps.len(), steps.is_empty()), (2, false));
    let first = steps.next().unwrap().unwrap();
    first.preview(0).unwrap();
    assert_eq!(steps.len(), 1);
    let second = steps.next().unwrap().unwrap();
    for error in [first.preview(0).err(), first.x().err(), first.x0().err()] {
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::State);
        assert_eq!(error.message(), "step 1 is past: the sampler has done 2");
    }
    assert_eq!((steps.len(), steps.is_empty()), (0, true));
    assert!(steps.next().is_none() && steps.next().is_none());
    assert_eq!(steps.size_hint(), (0, Some(0)));
    assert_eq!(steps.len(), 0);
    second.preview(0).unwrap();
}

#[test]
fn steps_one_by_one_are_a_run() {
    let model = open_model();
    let wanted = start(&model, &small(&model), 2).and_then(finish).unwrap();
    let mut sampler = start(&model, &small(&model), 2).unwrap();
    let mut count = 0;
    while let Some(step) = sampler.next_step().unwrap() {
        let preview = step.preview(0).unwrap();
        count += 1;
        assert_eq!(preview.to_rgb() == wanted, count == 2);
        assert!(sampler.x0().is_some());
    }
    assert_eq!(sampler.image(0).unwrap().to_rgb(), wanted);
}

#[test]
fn a_saved_run_goes_on_to_the_same_bytes() {
    let model = open_model();
    let options = small(&model)
        .steps(4)
        .solver(Solver::Dpmpp2mSde)
        .rng(RngKind::TorchCpu)
        .eta(0.7)
        .keep_every(1);
    let path = std::env::temp_dir().join(format!("artfusion-{}.state", std::process::id()));

    // By a closure, by the steps of an iterator, and by the sampler itself.
    let mut states = Vec::new();
    let mut first = start(&model, &options, 2).unwrap();
    first.on_step(|step| {
        states.push(step.encode_state().unwrap());
        Continue(())
    });
    first.run().unwrap();
    let wanted = first.x().unwrap().to_vec();
    let kept: Vec<Vec<f32>> = (first.kept().unwrap().iter())
        .map(|kept| kept.x.to_vec())
        .collect();
    drop(first);
    let mut second = start(&model, &options, 2).unwrap();
    let mut steps = second.steps();
    let past = steps.next().unwrap().unwrap();
    let present = steps.next().unwrap().unwrap();
    present.save_state(&path).unwrap();
    assert_eq!(
        past.encode_state().unwrap_err().kind(),
        ErrorKind::State,
        "a step that is past"
    );
    assert_eq!(past.save_state(&path).unwrap_err().kind(), ErrorKind::State);
    let bytes = second.encode_state().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);

    let finish = |mut sampler: Sampler<'_>, step| {
        assert_eq!(sampler.progress().unwrap().step, step);
        sampler.run().unwrap();
        assert_eq!(sampler.x().unwrap(), wanted);
        let all = sampler.kept().unwrap();
        assert!(all.iter().map(|kept| kept.x).eq(&kept));
    };
    let fresh = || Sampler::new(&model, &options).unwrap();
    let mut later = fresh();
    later.next_step().unwrap();
    later.load_state(&path).unwrap();
    finish(later, 2);
    for (state, step) in states.iter().zip(1..) {
        let mut later = fresh();
        later.decode_state(state).unwrap();
        finish(later, step);
    }
    second.save_state(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    std::fs::remove_file(&path).unwrap();

    // What is refused changes nothing.
    let mut other = start(&model, &options.clone().steps(3), 2).unwrap();
    other.next_step().unwrap();
    let before = other.encode_state().unwrap();
    let mut damaged = bytes.clone();
    damaged[200] ^= 1;
    for (wrong, kind) in [
        (&bytes[..], ErrorKind::Mismatch),
        (&damaged, ErrorKind::Checksum),
        (&[], ErrorKind::Format),
    ] {
        assert_eq!(other.decode_state(wrong).unwrap_err().kind(), kind);
    }
    for error in [
        other.load_state("/nowhere/a.state").unwrap_err(),
        other.save_state("/nowhere/a.state").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Io);
    }
    assert_eq!(other.encode_state().unwrap(), before);
}

#[test]
fn closures_see_and_change_a_run() {
    let model = open_model();
    let options = small(&model).solver(Solver::Ddpm);
    let wanted = start(&model, &options, 2).and_then(finish).unwrap();
    let count = model.info().latent_channels as usize * 8 * 8;

    // They borrow what is here, and see everything.
    let (mut seen, mut epses, mut uses) = (vec![], vec![], vec![]);
    let mut sampler = start(&model, &options, 2).unwrap();
    sampler.on_step(|step| {
        seen.push((step.progress().step, step.preview(0).unwrap().to_rgb()));
        Continue(())
    });
    sampler.on_eps(|progress, eps| {
        epses.push((progress.step, eps.len()));
        Continue(())
    });
    sampler.on_noise(|use_, step, values| {
        assert_eq!(values.len(), count);
        uses.push((use_, step));
        Noise::Generator
    });
    // Moved, with what its closures need.
    assert_eq!(finish(*Box::new(sampler)).unwrap(), wanted);
    assert_eq!((seen[0].0, seen[1].0), (1, 2));
    assert_eq!(seen[1].1, wanted);
    assert_eq!(epses, [(0, count), (1, count)]);
    assert_eq!(uses[..2], [(NoiseUse::XT, 0), (NoiseUse::Step, 0)]);

    // What eps and noise become is what the run gets.
    let mut sampler = start(&model, &options, 2).unwrap();
    sampler.on_eps(|_, eps| {
        eps.fill(0.0);
        Continue(())
    });
    assert_ne!(finish(sampler).unwrap(), wanted);
    let filled = |value: f32| {
        let mut sampler = start(&model, &options, 2)?;
        sampler.on_noise(move |_, _, values| {
            values.fill(value);
            Noise::Filled
        });
        finish(sampler)
    };
    assert_ne!(filled(0.5).unwrap(), filled(-0.5).unwrap());
    assert_eq!(filled(f32::NAN).unwrap_err().kind(), ErrorKind::Numeric);
}

#[test]
fn closures_end_a_call_and_the_run_goes_on() {
    let model = open_model();
    let wanted = start(&model, &small(&model), 2).and_then(finish).unwrap();
    let stop = AtomicBool::new(true);
    let once = || stop.swap(false, Ordering::SeqCst);

    let mut sampler = start(&model, &small(&model), 2).unwrap();
    sampler.on_step(|_| if once() { Break(()) } else { Continue(()) });
    cancelled(sampler.run());
    assert_eq!(sampler.progress().unwrap().step, 1);
    assert_eq!(finish(sampler).unwrap(), wanted);

    stop.store(true, Ordering::SeqCst);
    let mut sampler = start(&model, &small(&model), 2).unwrap();
    sampler.on_eps(|_, _| if once() { Break(()) } else { Continue(()) });
    let mut steps = sampler.steps();
    cancelled(steps.next().unwrap());
    // The error ends this iterator, not the run.
    assert!(steps.next().is_none());
    assert_eq!(sampler.steps().map(Result::unwrap).count(), 2);
    assert_eq!(sampler.image(0).unwrap().to_rgb(), wanted);

    stop.store(true, Ordering::SeqCst);
    let mut sampler = start(&model, &small(&model), 2).unwrap();
    sampler.on_noise(|_, _, _| match once() {
        true => Noise::Cancel,
        false => Noise::Generator,
    });
    cancelled(sampler.next_step());
    assert_eq!(finish(sampler).unwrap(), wanted);
}

#[test]
fn a_panic_of_a_closure_comes_out_of_its_call() {
    let model = open_model();
    let wanted = start(&model, &small(&model), 2).and_then(finish).unwrap();
    let calm = AtomicBool::new(false);
    let once = |words: &'static str| {
        if !calm.swap(true, Ordering::SeqCst) {
            std::panic::panic_any(words);
        }
    };
    type Set<'a> = &'a dyn Fn(&mut Sampler<'a>);
    let sets: [(&str, u32, Set<'_>); 3] = [
        ("step", 1, &|sampler| {
            sampler.on_step(|_| {
                once("step");
                Continue(())
            });
        }),
        ("eps", 0, &|sampler| {
            sampler.on_eps(|_, _| {
                once("eps");
                Continue(())
            });
        }),
        ("noise", 0, &|sampler| {
            sampler.on_noise(|_, _, _| {
                once("noise");
                Noise::Generator
            });
        }),
    ];
    for (words, done, set) in sets {
        calm.store(false, Ordering::SeqCst);
        let mut sampler = start(&model, &small(&model), 2).unwrap();
        set(&mut sampler);
        assert_eq!(panic_of(|| sampler.run()), words);
        // The call ended as if it had been cancelled, and the run goes on.
        assert_eq!(sampler.progress().unwrap().step, done);
        assert_eq!(finish(sampler).unwrap(), wanted);

        calm.store(false, Ordering::SeqCst);
        let mut sampler = start(&model, &small(&model), 2).unwrap();
        set(&mut sampler);
        let mut steps = sampler.steps();
        assert_eq!(panic_of(|| steps.next().map(|step| step.is_ok())), words);
        assert!(steps.next().is_none());
    }
}

#[test]
fn a_closure_may_use_the_library_and_panic_in_that() {
    let model = open_model();
    let inner = AtomicU32::new(0);
    let mut outer = start(&model, &small(&model), 2).unwrap();
    outer.on_step(|_| {
        let mut sampler = start(&model, &small(&model), 4).unwrap();
        sampler.on_eps(|_, _| {
            inner.fetch_add(1, Ordering::SeqCst);
            panic!("deep inside")
        });
        finish(sampler).map_or(Break(()), |_| Continue(()))
    });
    assert_eq!(panic_of(|| outer.run()), "deep inside");
    assert_eq!(inner.load(Ordering::SeqCst), 1);
    assert_eq!(outer.progress().unwrap().step, 1);
}

/// Panics when `left` reads are done, each time it is asked again.
struct Panicking<R> {
    reader: R,
    left: u32,
    panics: u32,
}

impl<R: Read> Read for Panicking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.panics += 1;
            panic!("no more");
        }
        self.left -= 1;
        self.reader.read(buffer)
    }
}

impl<R: Seek> Seek for Panicking<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.reader.seek(position)
    }
}

#[test]
fn a_panic_of_a_reader_or_a_log_comes_out_of_opening() {
    let context = Context::builder().threads(1).build().unwrap();
    let bytes = std::fs::read(model_path()).unwrap();
    for left in [0, 3] {
        let mut reader = Panicking {
            reader: Cursor::new(&bytes),
            left,
            panics: 0,
        };
        let open = || Model::from_reader(&context, &mut reader);
        assert_eq!(panic_of(open), "no more");
        // After that it is left alone.
        assert_eq!((reader.left, reader.panics), (0, 1));
    }
    // The thread is as good as before.
    Model::from_bytes(&context, &bytes).unwrap();

    let messages = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&messages);
    let context = Context::builder()
        .threads(1)
        .log(LogLevel::Info, move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            panic!("in the log")
        })
        .build()
        .unwrap();
    let path = model_path();
    assert_eq!(panic_of(|| Model::open(&context, path)), "in the log");
    assert_eq!(messages.load(Ordering::SeqCst), 1);
}

#[test]
fn a_sampler_without_anything_paints_from_null() {
    let model = open_model();
    let options: Options = small(&model);
    let plain = Sampler::new(&model, &options).and_then(finish).unwrap();
    assert_eq!(
        plain,
        Sampler::new(&model, &options).and_then(finish).unwrap()
    );
    assert_ne!(plain, start(&model, &options, 2).and_then(finish).unwrap());
}
