// SPDX-License-Identifier: MIT
//! What a program with a window does: a preview after each step, and the user may stop.
//!
//!     cargo run --release --example preview -- mini.artfusion photo.jpg painting.jpg step- 3
//!
//! writes step-1.png, step-2.png and step-3.png and is then stopped; without the number, or with one
//! that is not reached, step-8.png is the result.

use artfusion::{Context, Image, Model, Options, Result, Sampler, ALL};
use std::ffi::{OsStr, OsString};
use std::process::exit;

const STEPS: u32 = 8;

fn preview(
    model: &OsStr,
    photo: &OsStr,
    painting: &OsStr,
    prefix: &OsStr,
    last: Option<u32>,
) -> Result<()> {
    let model = Model::open(&Context::new()?, model)?;
    let photo = Image::open(photo)?;
    let style = model.style(&Image::open(painting)?)?;

    let options = Options::new(&model)
        .size_for(&model, &photo, 0)?
        .steps(STEPS);
    let mut sampler = Sampler::new(&model, &options)?;
    sampler.set_content(ALL, &photo)?;
    sampler.set_style(ALL, &style)?;

    for step in sampler.steps() {
        let step = step?;
        let progress = step.progress();
        let mut path = prefix.to_owned();
        path.push(format!("{}.png", progress.step));
        step.preview(0)?.save(&path)?;
        println!("step {} of {}", progress.step, progress.steps);
        // The step after which the user has seen enough.
        if last == Some(progress.step) {
            println!("stopped");
            break;
        }
    }
    Ok(())
}

fn main() {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match arguments.as_slice() {
        [model, photo, painting, prefix] => preview(model, photo, painting, prefix, None),
        [model, photo, painting, prefix, last] => {
            match last.to_str().and_then(|last| last.parse().ok()) {
                Some(last) => preview(model, photo, painting, prefix, Some(last)),
                None => {
                    eprintln!("{} is no number of a step", last.to_string_lossy());
                    exit(2);
                }
            }
        }
        _ => {
            eprintln!("usage: preview MODEL PHOTO PAINTING PREFIX [LAST]");
            exit(2);
        }
    };
    if let Err(error) = done {
        eprintln!("{}", error);
        exit(1);
    }
}
