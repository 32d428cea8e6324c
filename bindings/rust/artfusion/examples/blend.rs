// SPDX-License-Identifier: MIT
//! A photo in a style between two paintings':
//!
//!     cargo run --release --example blend -- \
//!         mini.artfusion photo.jpg first.jpg second.jpg 0.5 result.png
//!
//! The share, from 0 to 1, is that of the second painting.

use artfusion::{Context, Image, Model, Options, Result, Sampler, Style, ALL};
use std::path::PathBuf;
use std::process::exit;

fn blend(paths: [&PathBuf; 5], share: f64) -> Result<()> {
    let [model, photo, first, second, result] = paths;
    let model = Model::open(&Context::new()?, model)?;
    let photo = Image::open(photo)?;
    let first = model.style(&Image::open(first)?)?;
    let second = model.style(&Image::open(second)?)?;
    let between = Style::blend(&[(&first, 1.0 - share), (&second, share)])?;

    let options = Options::new(&model).size_for(&model, &photo, 0)?;
    let mut sampler = Sampler::new(&model, &options)?;
    sampler.set_content(ALL, &photo)?;
    sampler.set_style(ALL, &between)?;
    sampler.run()?;
    sampler.image(0)?.save(result)
}

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let done = match arguments.as_slice() {
        [model, photo, first, second, share, result] => {
            match share.to_str().and_then(|share| share.parse().ok()) {
                Some(share) => blend([model, photo, first, second, result], share),
                None => {
                    eprintln!("{} is no share, such as 0.5", share.display());
                    exit(2);
                }
            }
        }
        _ => {
            eprintln!("usage: blend MODEL PHOTO FIRST SECOND SHARE RESULT");
            exit(2);
        }
    };
    if let Err(error) = done {
        eprintln!("{}", error);
        exit(1);
    }
}
