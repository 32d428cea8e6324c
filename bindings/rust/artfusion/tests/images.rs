// SPDX-License-Identifier: MIT
//! Pictures, paths, random numbers, schedules: what needs no model.

#[allow(dead_code)] // Not every test needs all of it.
mod common;

use artfusion::{
    ddim_coefficients, schedule_betas, timesteps, Context, Device, ErrorKind, FileFormat, Filter,
    Image, ImageView, LoadOptions, Precision, Reading, Rng, RngKind, SaveOptions, Schedule,
    Spacing,
};
use common::{picture, repository};
use std::fs;

#[test]
fn pictures_go_through_files_and_memory() {
    let image = picture(40, 24, 1);
    let png = image
        .encode(&SaveOptions::new().format(FileFormat::Png))
        .unwrap();
    let again = Image::decode(&png).unwrap();
    assert_eq!((again.width(), again.height()), (40, 24));
    assert_eq!(again.to_rgb(), image.to_rgb());

    let path = std::env::temp_dir().join(format!("artfusion-ü-{}.png", std::process::id()));
    image.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), png);
    assert_eq!(Image::open(&path).unwrap().to_rgb(), image.to_rgb());
    let stored = SaveOptions::new().png_compression(0);
    image.save_with(&path, &stored).unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 40 * 24 * 3);
    fs::remove_file(&path).unwrap();

    let jpeg = |quality| {
        let options = SaveOptions::new()
            .format(FileFormat::Jpeg)
            .jpeg_quality(quality);
        image.encode(&options).map(|bytes| bytes.len())
    };
    assert!(jpeg(20).unwrap() < jpeg(95).unwrap());
    assert_eq!(jpeg(101).unwrap_err().kind(), ErrorKind::Argument);
    let nameless = image.encode(&SaveOptions::new()).unwrap_err();
    assert!(nameless.message().contains("format"), "{}", nameless);
}

#[test]
fn loading_keeps_to_its_limits() {
    let path = repository("examples/images/pagoda.jpg");
    let few = LoadOptions::new().max_pixels(100);
    assert_eq!(
        Image::open_with(&path, &few).unwrap_err().kind(),
        ErrorKind::Limit
    );
    let bytes = fs::read(&path).unwrap();
    let short = LoadOptions::new().max_file_bytes(100);
    assert_eq!(
        Image::open_with(&path, &short).unwrap_err().kind(),
        ErrorKind::Limit
    );
    let all = LoadOptions::new()
        .ignore_orientation(true)
        .background([1, 2, 3]);
    let (image, same) = (Image::decode_with(&bytes, &all), Image::open(&path));
    assert_eq!(image.unwrap().to_rgb(), same.unwrap().to_rgb());
    assert_eq!(
        Image::decode(&bytes[..1000]).unwrap_err().kind(),
        ErrorKind::Format
    );
    assert_eq!(Image::decode(&[]).unwrap_err().kind(), ErrorKind::Format);
}

#[test]
fn a_background_shows_where_a_picture_is_transparent() {
    // One pixel of 8 bits grey and alpha, both 0.
    const CLEAR: &[u8] =
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x04\0\0\0\xb5\x1c\x0c\x02\
        \0\0\0\x0bIDATx\xdac``\0\0\0\x03\0\x01+\x09M\x84\0\0\0\0IEND\xaeB`\x82";
    let pixels = |options: &LoadOptions| Image::decode_with(CLEAR, options).map(|i| i.to_rgb());
    assert_eq!(pixels(&LoadOptions::new()), Ok(vec![255; 3]));
    assert_eq!(pixels(&LoadOptions::new().drop_alpha()), Ok(vec![0; 3]));
    let reference = LoadOptions::new().reading(Reading::Reference);
    assert_eq!(pixels(&reference), Ok(vec![0; 3]));
    let red = LoadOptions::new().background([250, 2, 3]);
    assert_eq!(pixels(&red), Ok(vec![250, 2, 3]));
}

#[test]
fn webp_is_written_and_damage_is_salvaged_with_a_warning() {
    let image = picture(40, 24, 1);
    let webp = SaveOptions::new().format(FileFormat::WebP);
    let lossless = image.encode(&webp.clone().webp_lossless(true)).unwrap();
    assert_eq!(Image::decode(&lossless).unwrap().to_rgb(), image.to_rgb());
    let size = |quality| {
        image
            .encode(&webp.clone().webp_quality(quality))
            .unwrap()
            .len()
    };
    assert!(size(1) < size(100));

    let png = image.encode(&SaveOptions::new().format(FileFormat::Png));
    let png = png.unwrap();
    let cut = &png[..png.len() - 12]; // without its end
    assert_eq!(Image::decode(cut).unwrap_err().kind(), ErrorKind::Format);
    let read = Image::decode_with(cut, &LoadOptions::new().salvage(true)).unwrap();
    assert_eq!(read.to_rgb(), image.to_rgb());
    assert!(read.warning().contains("all pixels are there"));
    assert_eq!(Image::decode(&png).unwrap().warning(), "");
}

#[test]
fn resizing() {
    let image = picture(40, 24, 1);
    let sizes = |image: Image| (image.width(), image.height());
    let box_ = Filter::Box;
    assert_eq!(sizes(image.resize(7, 9, box_).unwrap()), (7, 9));
    assert_eq!(sizes(image.resize_fit(20, 20, box_).unwrap()), (20, 12));
    assert_eq!(sizes(image.resize_cover(20, 20, box_).unwrap()), (20, 20));
    let same = image.resize(40, 24, Filter::Lanczos).unwrap();
    assert_eq!(same.pixels(), image.pixels());
    for size in [0, 65_536, u32::MAX] {
        assert_eq!(
            image.resize(size, 9, box_).unwrap_err().kind(),
            ErrorKind::Argument
        );
        assert_eq!(Image::new(size, 3).unwrap_err().kind(), ErrorKind::Argument);
    }
    let other = image.resize(7, 9, Filter::Other(99)).unwrap_err();
    assert!(other.message().contains("99"), "{}", other);
}

#[test]
fn pixels_by_rows() {
    let mut image = Image::new(3, 2).unwrap();
    assert_eq!(image.pixels(), [0; 18]);
    image.row_mut(1)[0] = 7;
    image.pixels_mut()[17] = 9;
    assert_eq!(image.row(1), [7, 0, 0, 0, 0, 0, 0, 0, 9]);
    assert_eq!(image.to_rgb()[9], 7);
    assert_eq!(image.stride(), 9);
    assert_eq!(
        Image::from_rgb(2, 2, &[0; 11]).unwrap_err().kind(),
        ErrorKind::Argument
    );
}

#[test]
#[should_panic(expected = "row 2 of 2")]
fn no_row_beyond_the_last() {
    Image::new(3, 2).unwrap().row(2);
}

#[test]
fn views_have_gaps_between_rows_and_none_behind() {
    let pixels: Vec<u8> = (0..16).collect();
    // Two rows of two pixels, ten bytes apart: 10 + 6 bytes.
    let view = ImageView::with_stride(&pixels, 2, 2, 10).unwrap();
    assert_eq!(view.row(1), [10, 11, 12, 13, 14, 15]);
    assert_eq!(view.pixels().len(), 16);
    let packed = Image::from_rgb(2, 2, &view.to_rgb()).unwrap();
    let smaller = [
        view.resize(1, 1, Filter::Box),
        packed.resize(1, 1, Filter::Box),
    ];
    let [of_view, of_packed] = smaller.map(|image| image.unwrap().to_rgb());
    assert_eq!(of_view, of_packed);

    for (width, height, stride) in [
        (2, 2, 11), // a byte too few
        (2, 2, 5),  // rows that overlap
        (2, 0, 6),
        (0, 2, 6),
        (2, 3, usize::MAX / 2), // as many bytes as no memory has
        (u32::MAX, 1, usize::MAX),
    ] {
        let error = ImageView::with_stride(&pixels, width, height, stride).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument, "{}", error);
    }
    assert!(ImageView::new(&pixels[..12], 2, 2).is_ok());
    assert!(ImageView::new(&pixels, 2, 2).is_err());
}

#[test]
fn paths_that_are_none() {
    let missing = Image::open("/nowhere/photo.png").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert!(
        missing.to_string().contains("/nowhere/photo.png"),
        "{}",
        missing
    );
    assert_eq!(
        Image::open("pho\0to.png").unwrap_err().kind(),
        ErrorKind::Argument
    );
    let suffix = picture(2, 2, 1).save("picture.tiff").unwrap_err();
    assert_eq!(suffix.kind(), ErrorKind::Argument);
    let call = artfusion::stylize_file("m", "/nowhere/photo.png", "s", "o.png").unwrap_err();
    assert_eq!(call, missing);
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::OsStr::from_bytes(b"pho\xffto.png");
        let error = Image::open(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.message().contains("UTF-8"), "{}", error);
    }
}

#[test]
fn contexts_check_their_options() {
    let major: u32 = env!("CARGO_PKG_VERSION_MAJOR").parse().unwrap();
    assert_eq!(artfusion::version() / 1_000_000, major);
    Context::builder()
        .device(Device::Cpu)
        .device_index(0)
        .threads(1)
        .precision(Precision::Float32)
        .build()
        .unwrap();
    let error = |builder: artfusion::ContextBuilder| builder.build().unwrap_err();
    assert!(error(Context::builder().threads(1025))
        .message()
        .contains("1025"));
    assert!(error(Context::builder().device(Device::Other(9)))
        .message()
        .contains('9'));
    assert!(error(Context::builder().precision(Precision::Other(9)))
        .message()
        .contains("precision is 9"));
    let path = error(Context::builder().engine_path("en\0gine"));
    assert_eq!(path.kind(), ErrorKind::Argument);
}

#[test]
fn random_numbers_are_a_sequence() {
    let draw = |seed, counts: &[usize]| -> Vec<f32> {
        let mut rng = Rng::new(RngKind::Counter, seed).unwrap();
        let mut all = Vec::new();
        for &count in counts {
            let mut values = vec![f32::NAN; count];
            rng.normal(&mut values).unwrap();
            all.extend(values);
        }
        all
    };
    assert_eq!(draw(1, &[8]), draw(1, &[8]));
    assert_ne!(draw(1, &[8]), draw(2, &[8]));
    let twice = draw(1, &[8, 8]);
    assert_ne!(twice[..8], twice[8..]);
    let mut values = [f32::NAN; 100];
    Rng::new(RngKind::TorchCpu, 3)
        .unwrap()
        .uniform(&mut values)
        .unwrap();
    assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
    assert!(Rng::new(RngKind::Other(5), 0).is_err());
}

#[test]
fn schedules() {
    let betas = schedule_betas(Schedule::Linear, 0.0015, 0.0195, 1000).unwrap();
    assert_eq!(betas.len(), 1000);
    assert!((betas[0] - 0.0015).abs() < 1e-12 && (betas[999] - 0.0195).abs() < 1e-12);
    let alphas_cumprod: Vec<f64> = betas
        .iter()
        .scan(1.0, |product, beta| {
            *product *= 1.0 - beta;
            Some(*product)
        })
        .collect();
    let visited = timesteps(Spacing::Uniform, 10, 1000).unwrap();
    let made = ddim_coefficients(&alphas_cumprod, Spacing::Uniform, &visited, 0.0).unwrap();
    let alphas: Vec<f64> = visited
        .iter()
        .map(|&t| alphas_cumprod[t as usize])
        .collect();
    assert_eq!(made.alphas, alphas);
    assert_eq!(made.alphas_prev[..9], alphas[1..]);
    assert_eq!(made.alphas_prev[9], alphas_cumprod[0]);
    assert_eq!(made.sigmas, [0.0; 10]);

    assert!(schedule_betas(Schedule::Linear, 2.0, 0.1, 10).is_err());
    assert!(timesteps(Spacing::Uniform, 1001, 1000).is_err());
    assert!(timesteps(Spacing::Uniform, u32::MAX, 1000).is_err());
    assert!(ddim_coefficients(&alphas_cumprod, Spacing::Uniform, &[1000], 0.0).is_err());
}
