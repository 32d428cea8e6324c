// SPDX-License-Identifier: MIT
//! What the tests share: the model of the repository, and pictures.

use artfusion::{Context, Image, Model, Options, Result, Sampler, ALL};
use std::path::PathBuf;

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .join(path)
}

/// ARTFUSION_MODEL, or the small model of the repository.
pub fn model_path() -> PathBuf {
    match std::env::var_os("ARTFUSION_MODEL") {
        Some(path) => path.into(),
        None => repository("models/mini.artfusion"),
    }
}

pub fn open_model() -> Model {
    let context = Context::builder().threads(1).build().unwrap();
    // The context is dropped here: the model keeps what it needs of it.
    Model::open(&context, model_path()).unwrap()
}

/// A picture that no two seeds have in common.
pub fn picture(width: u32, height: u32, seed: u32) -> Image {
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..3 * width).map(move |x| (x * (seed + 1) + y * y + 31 * seed) as u8))
        .collect();
    Image::from_rgb(width, height, &pixels).unwrap()
}

/// 64 x 64 pixels in two steps.
pub fn small(model: &Model) -> Options {
    Options::new(model).size(64, 64).steps(2)
}

/// A sampler of two pictures of those seeds.
pub fn start<'a>(model: &Model, options: &Options, seed: u32) -> Result<Sampler<'a>> {
    let mut sampler = Sampler::new(model, options)?;
    sampler.set_content(ALL, &picture(64, 64, seed))?;
    sampler.set_style(ALL, &model.style(&picture(80, 48, seed + 1))?)?;
    Ok(sampler)
}

/// The pixels of what comes out of it.
pub fn finish(mut sampler: Sampler<'_>) -> Result<Vec<u8>> {
    sampler.run()?;
    Ok(sampler.image(0)?.to_rgb())
}
