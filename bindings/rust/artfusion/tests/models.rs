// SPDX-License-Identifier: MIT
//! Where models come from, what they say of themselves, and how long their log lives.

#[allow(dead_code)] // Not every test needs all of it.
mod common;

use artfusion::{default_model_path, Context, Device, ErrorKind, LogLevel, Model, Precision};
use common::{finish, model_path, open_model, small, start};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Of the library's own source tree, or what the environment names.
#[test]
fn the_default_model_is_found() {
    let path = default_model_path().unwrap();
    match std::env::var_os("ARTFUSION_MODEL") {
        Some(named) => assert_eq!(path, PathBuf::from(named)),
        None => {
            assert!(path.ends_with("models/mini.artfusion"), "{:?}", path);
            Model::open(&Context::new().unwrap(), path).unwrap();
        }
    }
}

#[test]
fn a_model_knows_what_it_is() {
    let model = open_model();
    let info = model.info();
    assert_eq!(info.weights_sha256.len(), 64);
    assert_eq!(info.latent_shift.len(), info.latent_channels as usize);
    assert_eq!(info.latent_scale.len(), info.latent_channels as usize);
    assert_eq!(info.alphas_cumprod.len(), info.timesteps as usize);
    assert!(info.alphas_cumprod.windows(2).all(|pair| pair[0] > pair[1]));
    assert_eq!((info.device, info.threads), (Device::Cpu, 1));
    assert!(
        !info.name.is_empty() && info.engine.contains(' '),
        "{:?}",
        info
    );
    assert_eq!(model.fit_size(200, 100, 64).unwrap(), (64, 32));
    assert_eq!(
        model.fit_size(0, 100, 64).unwrap_err().kind(),
        ErrorKind::Argument
    );
}

#[test]
fn networks_compute_in_what_was_asked_for() {
    let context = Context::builder()
        .threads(1)
        .precision(Precision::Float32)
        .build()
        .unwrap();
    let model = Model::open(&context, model_path()).unwrap();
    assert_eq!(model.info().arithmetic, "float32");
}

#[test]
fn models_come_from_anywhere() {
    let context = Context::builder().threads(1).build().unwrap();
    let sha = |model: Model| model.info().weights_sha256.clone();
    let by_path = sha(Model::open(&context, model_path()).unwrap());
    let mut bytes = std::fs::read(model_path()).unwrap();
    assert_eq!(sha(Model::from_bytes(&context, &bytes).unwrap()), by_path);
    let mut file = File::open(model_path()).unwrap();
    assert_eq!(
        sha(Model::from_reader(&context, &mut file).unwrap()),
        by_path
    );

    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let changed = Model::from_bytes(&context, &bytes).unwrap_err();
    assert_eq!(changed.kind(), ErrorKind::Format, "{}", changed);
    assert!(changed.message().contains("damaged"), "{}", changed);
    let none = Model::from_bytes(&context, &[]).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Format, "{}", none);
    let nowhere = Model::open(&context, "/nowhere/m.artfusion").unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Io);
    assert_eq!(
        nowhere.to_string(),
        "/nowhere/m.artfusion: No such file or directory"
    );
}

/// A model of 1000 bytes whose disk is broken.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::Other, "the disk is on fire"))
    }
}

impl Seek for Broken {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match position {
            SeekFrom::End(0) => Ok(1000),
            _ => Ok(0),
        }
    }
}

#[test]
fn a_reader_s_own_words_are_in_the_error() {
    let error = Model::from_reader(&Context::new().unwrap(), Broken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.message().contains("the disk is on fire"), "{}", error);
}

#[test]
fn the_log_outlives_the_context() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let context = Context::builder()
        .threads(1)
        .log(LogLevel::Info, move |level, message| {
            kept.lock().unwrap().push((level, message.to_owned()));
        })
        .build()
        .unwrap();
    let model = Model::open(&context, model_path()).unwrap();
    drop(context);
    {
        let lines = lines.lock().unwrap();
        let (level, message) = &lines[0];
        assert_eq!(*level, LogLevel::Info);
        assert!(message.contains(&model.info().name), "{}", message);
    }
    let sampler = start(&model, &small(&model), 2).unwrap();
    drop(model);
    // The sampler has a share in it still, and is the last.
    assert_eq!(Arc::strong_count(&lines), 2);
    finish(sampler).unwrap();
    assert_eq!(Arc::strong_count(&lines), 1);
}
