// SPDX-License-Identifier: MIT
//! Styles and samplers with the networks of the repository's model.

#[allow(dead_code)] // Not every test needs all of it.
mod common;

use artfusion::{
    stylize_file, Context, Denoise, ErrorKind, Filter, Image, ImageView, LatentKind, Model,
    NoiseKind, Options, RngKind, Sampler, Solver, Spacing, Style, ALL,
};
use artfusion_sys as sys;
use common::{finish, model_path, open_model, picture, small, start};
use std::mem::MaybeUninit;
use std::ptr;

#[test]
fn the_bytes_are_those_of_the_c_calls() {
    let model = open_model();
    let ours = start(&model, &small(&model), 2).and_then(finish).unwrap();

    let path = model_path().to_str().unwrap().to_owned() + "\0";
    let (mut content, mut painting) = (picture(64, 64, 2).to_rgb(), picture(80, 48, 3).to_rgb());
    // SAFETY: as artfusion.h has it; the handles are destroyed once, at the end.
    let theirs = unsafe {
        let ok = |status| assert_eq!(status, sys::ARTFUSION_OK);
        let (mut context, mut model) = (ptr::null_mut(), ptr::null_mut());
        let mut context_options = MaybeUninit::uninit();
        ok(sys::artfusion_context_options_init(
            context_options.as_mut_ptr(),
            56,
        ));
        let mut context_options = context_options.assume_init();
        context_options.threads = 1;
        ok(sys::artfusion_context_create(
            &context_options,
            &mut context,
        ));
        ok(sys::artfusion_model_open_file(
            context,
            path.as_ptr().cast(),
            &mut model,
        ));
        let mut images = [ptr::null_mut(); 3];
        let pixels = content.as_mut_ptr();
        ok(sys::artfusion_image_wrap(
            pixels,
            64,
            64,
            192,
            &mut images[0],
        ));
        let pixels = painting.as_mut_ptr();
        ok(sys::artfusion_image_wrap(
            pixels,
            80,
            48,
            240,
            &mut images[1],
        ));
        let mut style = ptr::null_mut();
        ok(sys::artfusion_style_from_image(
            model, images[1], &mut style,
        ));
        let mut options = MaybeUninit::uninit();
        ok(sys::artfusion_sampler_options_init(
            options.as_mut_ptr(),
            184,
            model,
        ));
        let mut options = options.assume_init();
        options.width = 64;
        options.height = 64;
        options.steps = 2;
        let mut sampler = ptr::null_mut();
        ok(sys::artfusion_sampler_create(model, &options, &mut sampler));
        ok(sys::artfusion_sampler_set_content(
            sampler,
            sys::ARTFUSION_ALL,
            images[0],
        ));
        ok(sys::artfusion_sampler_set_style(
            sampler,
            sys::ARTFUSION_ALL,
            style,
        ));
        ok(sys::artfusion_sampler_run(sampler));
        ok(sys::artfusion_sampler_image(sampler, 0, &mut images[2]));
        let pixels = sys::artfusion_image_pixels(images[2]);
        let bytes = std::slice::from_raw_parts(pixels, 64 * 192).to_vec();
        images
            .iter()
            .for_each(|&image| sys::artfusion_image_destroy(image));
        sys::artfusion_style_destroy(style);
        sys::artfusion_sampler_destroy(sampler);
        sys::artfusion_model_destroy(model);
        sys::artfusion_context_destroy(context);
        bytes
    };
    assert_eq!(ours, theirs);
    let other = start(&model, &small(&model).seed(1), 2)
        .and_then(finish)
        .unwrap();
    assert_ne!(other, theirs);
}

/// A photo and a painting that are larger than the native size and not square are one picture by every
/// way, at the photo's proportions.
#[test]
fn one_call_makes_what_the_others_make() {
    let scratch = std::env::temp_dir().join(format!("artfusion-call-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    let file = |name: &str| scratch.join(name);
    picture(300, 200, 2).save(file("photo.png")).unwrap();
    picture(280, 350, 3).save(file("painting.png")).unwrap();
    stylize_file(
        model_path(),
        file("photo.png"),
        file("painting.png"),
        file("out.png"),
    )
    .unwrap();
    let wanted = Image::open(file("out.png")).unwrap();
    std::fs::remove_dir_all(&scratch).unwrap();

    // On as many threads as that: others may round otherwise.
    let model = Model::open(&Context::new().unwrap(), model_path()).unwrap();
    let (photo, painting) = (picture(300, 200, 2), picture(280, 350, 3));
    let options = Options::new(&model);
    let ours = model.stylize(&photo, &painting, &options).unwrap();
    assert_eq!((ours.width(), ours.height()), (256, 171));
    assert!(ours.to_rgb() == wanted.to_rgb());

    // A size that was set is kept, and a batch is no single picture.
    let small = options.clone().size(64, 64).steps(1);
    let square = model.stylize(&photo, &painting, &small).unwrap();
    assert_eq!((square.width(), square.height()), (64, 64));
    let small = options
        .clone()
        .steps(1)
        .size_for(&model, &photo, 64)
        .unwrap();
    assert_eq!(small.get_size(), (64, 43));
    let error = model
        .stylize(&photo, &painting, &small.batch(2))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
    assert!(error.message().contains("batch is 2"), "{}", error);
}

#[test]
fn a_style_is_read_at_the_native_size() {
    let model = open_model();
    let painting = picture(280, 350, 3);
    let fitted = painting.resize_fit(256, 256, Filter::Bicubic).unwrap();
    let read = model.style(&painting).unwrap();
    assert_eq!(read.values(), model.style_exact(&fitted).unwrap().values());
    assert_ne!(
        read.values(),
        model.style_exact(&painting).unwrap().values()
    );
}

#[test]
fn presets_change_options() {
    let model = open_model();
    let presets = model.presets();
    assert!(presets.contains(&"bold"), "{:?}", presets);
    let defaults = Options::new(&model).timesteps([500, 200]).seed(7);
    assert_eq!(defaults.get_steps(), 2);
    assert_eq!(defaults.get_timesteps(), Some(&[500, 200][..]));
    let bold = defaults.clone().preset(&model, "bold").unwrap();
    assert_ne!(bold.get_style_scale(), defaults.get_style_scale());
    assert_eq!((bold.get_seed(), bold.get_timesteps()), (7, None));
    let error = defaults.clone().preset(&model, "none such").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
    assert!(
        presets.iter().all(|name| error.message().contains(name)),
        "{}",
        error
    );
    assert!(defaults.preset(&model, "bo\0ld").is_err());
    let published = Options::published();
    assert_eq!(
        (published.get_size(), published.get_steps()),
        ((256, 256), 250)
    );
}

/// Every option is checked by the library, which so has seen it: its sentence names the field.
#[test]
fn every_option_arrives() {
    let model = open_model();
    let refused = |options: Options, field: &str| {
        let error = Sampler::new(&model, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument, "{}", field);
        assert!(error.message().starts_with(field), "{}: {}", field, error);
    };
    let o = || small(&model);
    refused(o().size(0, 64), "width");
    refused(o().size(64, 65_536), "height");
    refused(o().batch(257), "batch");
    refused(o().batch(u32::MAX), "batch");
    refused(o().steps(0), "steps");
    refused(o().solver(Solver::Other(90)), "solver");
    refused(o().spacing(Spacing::Other(90)), "spacing");
    refused(o().rng(RngKind::Other(90)), "rng");
    refused(o().noise(NoiseKind::Other(90)), "noise");
    refused(o().content_scale(f64::NAN), "content_scale");
    refused(o().style_scale(f64::NAN), "style_scale");
    refused(o().content_start(2.0), "content_start");
    refused(o().content_end(2.0), "content_end");
    refused(o().style_start(2.0), "style_start");
    refused(o().style_end(2.0), "style_end");
    refused(o().eta(-1.0), "eta");
    refused(o().temperature(-1.0), "temperature");
    refused(o().noise_dropout(1.0), "noise_dropout");
    refused(o().denoising_strength(1.5), "denoising_strength");
    refused(o().timesteps([3, 4]), "timesteps[1]");
    // The library would read three timesteps where there are two.
    refused(
        o().timesteps([4, 3]).steps(3),
        "steps is 3, and 2 timesteps",
    );

    // The seed and what is kept have no value that is refused.
    let options = o().keep_every(1).seed(u64::MAX);
    assert_eq!(
        (options.get_keep_every(), options.get_seed()),
        (1, u64::MAX)
    );
    let mut sampler = Sampler::new(&model, &options).unwrap();
    assert!(sampler.kept().unwrap().is_empty() && sampler.x().is_none());
    sampler.run().unwrap();
    let (x, x0) = (sampler.x().unwrap(), sampler.x0().unwrap());
    assert_eq!(x.len(), model.info().latent_channels as usize * 8 * 8);
    let kept = sampler.kept().unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept[0].x0.is_none() && kept[1].x0.is_some());
    assert_eq!((kept[2].x, kept[2].x0), (x, Some(x0)));
}

#[test]
fn styles_are_values_that_can_be_blended() {
    let model = open_model();
    let first = model.style(&picture(80, 48, 3)).unwrap();
    let second = model.style(&picture(80, 48, 9)).unwrap();
    assert_eq!(first.values().len(), model.info().style_width as usize);
    assert_ne!(first.values(), second.values());
    let again = model.style_from_values(first.values()).unwrap();
    assert_eq!(again.values(), first.values());
    let null = model.null_style().unwrap();
    assert_ne!(null.values(), first.values());
    let blend = Style::blend(&[(&first, 0.25), (&second, 0.75)]).unwrap();
    drop(model);
    for ((a, b), ab) in first
        .values()
        .iter()
        .zip(second.values())
        .zip(blend.values())
    {
        assert!((0.25 * a + 0.75 * b - ab).abs() <= 1e-5 * (1.0 + ab.abs()));
    }
    assert_eq!(Style::blend(&[]).unwrap_err().kind(), ErrorKind::Argument);
    let nan = Style::blend(&[(&first, f64::NAN)]).unwrap_err();
    assert_eq!(nan.kind(), ErrorKind::Argument);
}

#[test]
fn saved_styles_are_the_styles() {
    let model = open_model();
    let style = model.style(&picture(80, 48, 3)).unwrap();
    let bytes = style.encode().unwrap();
    let path = std::env::temp_dir().join(format!("artfusion-{}.style", std::process::id()));
    style.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(model.load_style(&path).unwrap().values(), style.values());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(model.decode_style(&bytes).unwrap().values(), style.values());

    let mut damaged = bytes.clone();
    damaged[100] ^= 1;
    for (wrong, kind) in [
        (&damaged[..], ErrorKind::Checksum),
        (&bytes[..40], ErrorKind::Format),
        (&[], ErrorKind::Format),
    ] {
        assert_eq!(model.decode_style(wrong).unwrap_err().kind(), kind);
    }
    let nowhere = model.load_style("/nowhere/a.style").unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Io);
    assert_eq!(
        style.save("/nowhere/a.style").unwrap_err().kind(),
        ErrorKind::Io
    );
    assert_eq!(style.save("a\0b").unwrap_err().kind(), ErrorKind::Argument);
}

#[test]
fn memory_is_known_and_limited() {
    let model = open_model();
    let options = |model: &Model, batch| small(model).steps(1).batch(batch);
    let needed = |model: &Model, batch| model.memory_needed(&options(model, batch));
    let (one, four) = (needed(&model, 1).unwrap(), needed(&model, 4).unwrap());
    assert!(65536 < one && one < four, "{} and {}", one, four);
    let refused = model.memory_needed(&small(&model).steps(0)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Argument);
    let refused = model.memory_needed(&small(&model).timesteps([4]).steps(2));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Argument);

    let context = Context::builder()
        .threads(1)
        .memory_limit(four - 1)
        .build()
        .unwrap();
    let limited = Model::open(&context, model_path()).unwrap();
    assert!(needed(&limited, 4).unwrap() < four);
    Sampler::new(&limited, &options(&limited, 4)).unwrap();
    let error = Sampler::new(&limited, &small(&limited).size(256, 256)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.message().contains("memory_limit"), "{}", error);
}

#[test]
fn any_size_comes_out_and_latents_are_whole() {
    let model = open_model();
    let options = Options::new(&model).size(65, 3).steps(1);
    let mut sampler = Sampler::new(&model, &options).unwrap();
    assert_eq!(sampler.latent_size().unwrap(), (12, 4)); // of 96 x 32 pixels
    sampler.set_content(ALL, &picture(9, 7, 1)).unwrap();
    sampler.set_mask(ALL, &[0.0; 48]).unwrap();
    sampler.run().unwrap();
    let image = sampler.image(0).unwrap();
    assert_eq!((image.width(), image.height()), (65, 3));
}

#[test]
fn the_stages_check_their_lengths() {
    let model = open_model();
    let info = model.info();
    let (channels, d) = (info.latent_channels as usize, info.downsample as usize);
    let image = picture(64, 32, 4);
    let (w, h) = (64 / d, 32 / d);
    let latent = model.encode(&image, LatentKind::Scaled).unwrap();
    assert_eq!(latent.len(), channels * w * h);
    assert_ne!(latent, model.encode(&image, LatentKind::Mode).unwrap());
    // The pixels are the same wherever they are.
    let pixels = image.to_rgb();
    let view = ImageView::new(&pixels, 64, 32).unwrap();
    assert_eq!(latent, model.encode(&view, LatentKind::Scaled).unwrap());
    assert!(model
        .encode(&picture(63, 32, 4), LatentKind::Scaled)
        .is_err());

    let rgb = model.decode(&latent, 1, w as u32, h as u32).unwrap();
    assert_eq!(rgb.len(), 3 * 64 * 32);
    assert!(rgb.iter().any(|value| value.abs() > 0.01));
    for (batch, width, height) in [(2, w, h), (1, w + 1, h), (u32::MAX as usize, w, h)] {
        let decoded = model.decode(&latent, batch as u32, width as u32, height as u32);
        let error = decoded.unwrap_err();
        assert!(error.message().starts_with("latent has"), "{}", error);
    }

    let content = model.encode(&image, LatentKind::Content).unwrap();
    let style = model.style(&image).unwrap();
    let pass = Denoise {
        x: &latent,
        timesteps: &[500],
        content: Some(&content),
        styles: Some(style.values()),
        latent_width: w as u32,
        latent_height: h as u32,
    };
    let eps = model.denoise(&pass).unwrap();
    assert_eq!(eps.len(), latent.len());
    let null = Denoise {
        content: None,
        styles: None,
        ..pass
    };
    assert_ne!(eps, model.denoise(&null).unwrap());
    let short = &latent[1..];
    for (wrong, what) in [
        (Denoise { x: short, ..pass }, "x has"),
        (
            Denoise {
                timesteps: &[5, 4],
                ..pass
            },
            "x has",
        ),
        (
            Denoise {
                content: Some(short),
                ..pass
            },
            "content has",
        ),
        (
            Denoise {
                styles: Some(&style.values()[1..]),
                ..pass
            },
            "styles has",
        ),
        (
            Denoise {
                timesteps: &[100_000],
                ..pass
            },
            "timesteps[0]",
        ),
        (
            Denoise {
                x: &[],
                timesteps: &[],
                content: None,
                styles: None,
                ..pass
            },
            "batch",
        ),
    ] {
        let error = model.denoise(&wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.message().starts_with(what), "{}: {}", what, error);
    }
}

#[test]
fn latents_and_masks_are_what_a_run_is_of() {
    let model = open_model();
    let options = small(&model).batch(2);
    let latent = model
        .encode(&picture(64, 64, 2), LatentKind::Scaled)
        .unwrap();
    let image = |sampler: &mut Sampler<'_>, index| sampler.image(index).unwrap().to_rgb();

    // From pictures and from their latents, for all or one by one.
    let mut one = start(&model, &options, 2).unwrap();
    let mut other = Sampler::new(&model, &options).unwrap();
    other.set_content_latent(0, &latent).unwrap();
    other.set_content_latent(1, &latent).unwrap();
    other.clear_content(1).unwrap();
    other
        .set_style(0, &model.style(&picture(80, 48, 3)).unwrap())
        .unwrap();
    other
        .set_style(ALL, &model.style(&picture(80, 48, 3)).unwrap())
        .unwrap();
    one.run().unwrap();
    other.run().unwrap();
    assert_eq!(image(&mut one, 0), image(&mut other, 0));
    assert_ne!(image(&mut one, 1), image(&mut other, 1));
    assert_eq!(one.image(2).unwrap_err().kind(), ErrorKind::Argument);
    let late = one.clear_style(ALL).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::State);

    // A mask of ones has the init latent in every step's input: the more steps, the nearer the end.
    let eight = small(&model).steps(8);
    let mut kept = start(&model, &eight, 8).unwrap();
    kept.set_init_latent(ALL, &latent).unwrap();
    kept.set_mask(0, &[1.0; 64]).unwrap();
    let mut painted = start(&model, &eight, 8).unwrap();
    painted.set_init_latent(0, &latent).unwrap();
    painted.set_mask(ALL, &[1.0; 64]).unwrap();
    painted.clear_mask(ALL).unwrap();
    let far = |sampler: &mut Sampler<'_>| -> f32 {
        sampler.run().unwrap();
        let x = sampler.x().unwrap();
        x.iter().zip(&latent).map(|(a, b)| (a - b).powi(2)).sum()
    };
    let (near, far) = (far(&mut kept), far(&mut painted));
    assert!(near < 0.75 * far, "{} and {}", near, far);

    let mut sampler = Sampler::new(&model, &small(&model)).unwrap();
    for error in [
        sampler.set_mask(ALL, &[1.0; 63]).unwrap_err(),
        sampler.set_mask(ALL, &[1.5; 64]).unwrap_err(),
        sampler.set_init_latent(ALL, &latent[1..]).unwrap_err(),
        sampler.set_content_latent(1, &latent).unwrap_err(),
        sampler.set_content_latent(0, &[]).unwrap_err(),
        sampler
            .set_content(u32::MAX, &picture(8, 8, 1))
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Argument, "{}", error);
    }
    assert_eq!(sampler.image(0).unwrap_err().kind(), ErrorKind::State);
}
