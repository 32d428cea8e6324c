// SPDX-License-Identifier: MIT
//! A photo in a painting's style, step by step:
//!
//!     cargo run --release --example stylize -- mini.artfusion photo.jpg painting.jpg result.png

use artfusion::{Context, Image, Model, Options, Result, Sampler, ALL};
use std::path::PathBuf;
use std::process::exit;

fn stylize(model: &PathBuf, photo: &PathBuf, painting: &PathBuf, result: &PathBuf) -> Result<()> {
    let model = Model::open(&Context::new()?, model)?;
    let photo = Image::open(photo)?;
    let style = model.style(&Image::open(painting)?)?;

    let options = Options::new(&model).size_for(&model, &photo, 0)?;
    let mut sampler = Sampler::new(&model, &options)?;
    sampler.set_content(ALL, &photo)?;
    sampler.set_style(ALL, &style)?;
    sampler.run()?;
    sampler.image(0)?.save(result)
}

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let done = match arguments.as_slice() {
        [model, photo, painting, result] => stylize(model, photo, painting, result),
        _ => {
            eprintln!("usage: stylize MODEL PHOTO PAINTING RESULT");
            exit(2);
        }
    };
    if let Err(error) = done {
        eprintln!("{}", error);
        exit(1);
    }
}
