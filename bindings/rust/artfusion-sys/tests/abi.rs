// SPDX-License-Identifier: MIT
//! The declarations against `abi/table.tsv`, which a C compiler has measured: what differs fails,
//! and so does what only one of the two has. And the library that is linked against both.

use artfusion_sys::*;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::mem::{size_of, MaybeUninit};
use std::ptr::addr_of;

/// What the table says of one name: the rest of its line.
type Entries = BTreeMap<String, String>;

fn repository_file(path: &str) -> String {
    let path = format!("{}/../../../{}", env!("CARGO_MANIFEST_DIR"), path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {}", path, error))
}

fn table(kind: &str) -> Entries {
    let entries: Entries = repository_file("abi/table.tsv")
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, '\t');
            (parts.next() == Some(kind)).then(|| {
                let name = parts.next().expect("a name").to_owned();
                (name, parts.next().expect("a value").to_owned())
            })
        })
        .collect();
    assert!(!entries.is_empty(), "the table has no {}", kind);
    entries
}

/// The crate's source in one line, every white space a single one.
fn source() -> String {
    let code: Vec<&str> = [
        include_str!("../src/lib.rs"),
        include_str!("../src/sampler.rs"),
    ]
    .iter()
    .flat_map(|file| file.lines())
    .map(|line| line.split("//").next().unwrap())
    .flat_map(str::split_whitespace)
    .collect();
    code.join(" ")
}

/// The names behind each `before` in the source.
fn declared<'a>(source: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> + 'a {
    source.split(before).skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

fn expect_same(what: &str, ours: &Entries, theirs: &Entries) {
    let mut wrong = Vec::new();
    for (name, value) in theirs {
        match ours.get(name) {
            None => wrong.push(format!("{} is missing here", name)),
            Some(own) if own != value => {
                wrong.push(format!("{}: {} here, {} in the table", name, own, value));
            }
            Some(_) => {}
        }
    }
    let unknown = ours.keys().filter(|name| !theirs.contains_key(*name));
    wrong.extend(unknown.map(|name| format!("{} is not in the table", name)));
    assert!(wrong.is_empty(), "{}:\n{}", what, wrong.join("\n"));
}

macro_rules! constants {
    ($($name:ident)*) => {
        [$((stringify!($name).to_owned(), i64::from($name).to_string())),*]
    };
}

#[test]
fn constants_are_the_table_s() {
    let ours = Entries::from(constants! {
        ARTFUSION_ALL ARTFUSION_OK ARTFUSION_DONE
        ARTFUSION_ERROR_ARGUMENT ARTFUSION_ERROR_MEMORY ARTFUSION_ERROR_IO ARTFUSION_ERROR_FORMAT
        ARTFUSION_ERROR_UNSUPPORTED ARTFUSION_ERROR_LIMIT ARTFUSION_ERROR_STATE
        ARTFUSION_ERROR_CANCELLED ARTFUSION_ERROR_ENGINE ARTFUSION_ERROR_MISMATCH
        ARTFUSION_ERROR_NUMERIC ARTFUSION_ERROR_CHECKSUM
        ARTFUSION_DEVICE_AUTO ARTFUSION_DEVICE_CPU ARTFUSION_DEVICE_CUDA
        ARTFUSION_PRECISION_AUTO ARTFUSION_PRECISION_FLOAT32 ARTFUSION_PRECISION_BFLOAT16
        ARTFUSION_PRECISION_FLOAT16
        ARTFUSION_ISOLATION_NONE ARTFUSION_ISOLATION_PROCESS ARTFUSION_ISOLATION_AUTO
        ARTFUSION_LOG_NONE ARTFUSION_LOG_WARNING ARTFUSION_LOG_INFO ARTFUSION_LOG_DEBUG
        ARTFUSION_FILTER_BICUBIC ARTFUSION_FILTER_BOX ARTFUSION_FILTER_BILINEAR
        ARTFUSION_FILTER_LANCZOS
        ARTFUSION_FORMAT_AUTO ARTFUSION_FORMAT_PNG ARTFUSION_FORMAT_JPEG
        ARTFUSION_FORMAT_WEBP ARTFUSION_READING_VIEWED ARTFUSION_READING_REFERENCE
        ARTFUSION_SOLVER_DDIM ARTFUSION_SOLVER_DDPM ARTFUSION_SOLVER_DPMPP_2M
        ARTFUSION_SOLVER_DPMPP_2M_SDE ARTFUSION_SOLVER_UNIPC
        ARTFUSION_SPACING_UNIFORM ARTFUSION_SPACING_QUAD ARTFUSION_SPACING_TRAILING
        ARTFUSION_SPACING_LINSPACE
        ARTFUSION_SCHEDULE_LINEAR ARTFUSION_SCHEDULE_COSINE ARTFUSION_SCHEDULE_SQRT_LINEAR
        ARTFUSION_SCHEDULE_SQRT
        ARTFUSION_PREDICTION_EPS ARTFUSION_PREDICTION_V ARTFUSION_PREDICTION_X0
        ARTFUSION_RNG_COUNTER ARTFUSION_RNG_TORCH_CPU
        ARTFUSION_NOISE_NORMAL ARTFUSION_NOISE_UNIFORM ARTFUSION_NOISE_X_T ARTFUSION_NOISE_STEP
        ARTFUSION_NOISE_MASK
        ARTFUSION_LATENT_MODE ARTFUSION_LATENT_SCALED ARTFUSION_LATENT_CONTENT
        ARTFUSION_ENUM_SOLVER ARTFUSION_ENUM_SPACING ARTFUSION_ENUM_SCHEDULE
        ARTFUSION_ENUM_PREDICTION ARTFUSION_ENUM_DEVICE ARTFUSION_ENUM_FILTER ARTFUSION_ENUM_RNG
        ARTFUSION_ENUM_NOISE ARTFUSION_ENUM_PRECISION ARTFUSION_ENUM_ISOLATION
    });
    expect_same("constants", &ours, &table("constant"));

    let source = source();
    let mut names: Vec<&str> = declared(&source, "pub const ").collect();
    names.retain(|name| *name != "ARTFUSION_VERSION");
    names.sort_unstable();
    assert!(names.iter().eq(ours.keys()), "constants that no test knows");
}

fn pointee_size<T>(_: *const T) -> usize {
    size_of::<T>()
}

macro_rules! layout {
    ($sizes:ident, $fields:ident, $name:ident { $($field:ident)* }) => {
        $sizes.insert(stringify!($name).to_owned(), size_of::<$name>().to_string());
        let memory = MaybeUninit::<$name>::uninit();
        let base = memory.as_ptr();
        $(
            // SAFETY: only the address of the field is computed, inside `memory`.
            let field = unsafe { addr_of!((*base).$field) };
            $fields.insert(
                concat!(stringify!($name), ".", stringify!($field)).to_owned(),
                format!("{}\t{}", field as usize - base as usize, pointee_size(field)),
            );
        )*
    };
}

#[test]
fn structs_are_laid_out_as_the_table_says() {
    let (mut sizes, mut fields) = (Entries::new(), Entries::new());
    layout!(sizes, fields, artfusion_context_options {
        struct_size device device_index threads engine_path log log_user_data log_level precision
        memory_limit isolation isolation_timeout trusted
    });
    layout!(sizes, fields, artfusion_load_options {
        struct_size ignore_orientation max_pixels max_file_bytes background reading
        salvage reserved
    });
    layout!(sizes, fields, artfusion_save_options {
        struct_size format jpeg_quality png_compression webp_quality webp_lossless
    });
    layout!(sizes, fields, artfusion_model_info {
        struct_size latent_channels downsample size_multiple native_width native_height style_width
        style_min_size timesteps schedule prediction device name description licence origin
        weights_sha256 engine device_name arithmetic latent_shift latent_scale alphas_cumprod
        device_index threads isolation reserved
    });
    layout!(sizes, fields, artfusion_sampler_options {
        struct_size width height batch steps solver spacing rng noise keep_every seed content_scale
        style_scale content_start content_end style_start style_end eta temperature noise_dropout
        denoising_strength timesteps noise_callback noise_user_data step_callback step_user_data
        eps_callback eps_user_data
    });
    layout!(sizes, fields, artfusion_progress {
        struct_size step steps timestep passes batch seconds_encode seconds_denoise seconds_decode
        seconds_total
    });
    expect_same("sizes", &sizes, &table("size"));
    expect_same("fields", &fields, &table("field"));

    let source = source();
    let mut names: Vec<&str> = declared(&source, "pub struct artfusion_").collect();
    names.sort_unstable();
    let known = sizes.keys().map(|name| &name["artfusion_".len()..]);
    assert!(names.into_iter().eq(known), "structs that no test knows");
}

/// The Rust type of a C type such as `const artfusion_style *const *`.
fn rust_type(c: &str) -> String {
    let spaced = c.replace('*', " * ");
    let mut words = spaced.split_whitespace().peekable();
    let mut constant = words.next_if_eq(&"const").is_some();
    let mut rust = match words.next().expect("a type's name") {
        "char" => "c_char",
        "void" => "c_void",
        "uint8_t" => "u8",
        "int32_t" => "i32",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        "size_t" => "usize",
        "float" => "f32",
        "double" => "f64",
        own => own,
    }
    .to_owned();
    while words.next_if_eq(&"*").is_some() {
        rust = format!("*{} {}", if constant { "const" } else { "mut" }, rust);
        constant = words.next_if_eq(&"const").is_some();
    }
    assert!(words.next().is_none(), "the type {} is not understood", c);
    rust
}

/// A C declaration of the table as this crate should have it: `name(argument: type) -> type`.
fn rust_declaration(c: &str) -> String {
    let (head, arguments) = c.trim_end_matches(')').split_once('(').expect("a function");
    // A declarator is its type with a name behind.
    let split = |declarator: &str| {
        let declarator = declarator.trim().to_owned();
        let start = declarator
            .rfind(&[' ', '*'][..])
            .expect("a type and a name");
        let (c_type, name) = declarator.split_at(start + 1);
        (name.to_owned(), c_type.to_owned())
    };
    let (name, result) = split(head);
    let arguments: Vec<String> = arguments
        .split(',')
        .filter(|argument| *argument != "void")
        .map(|argument| {
            let (name, c_type) = split(argument);
            format!("{}: {}", name, rust_type(&c_type))
        })
        .collect();
    let result = match result.trim() {
        "void" => String::new(),
        result => format!(" -> {}", rust_type(result)),
    };
    format!("{}({}){}", name, arguments.join(", "), result)
}

#[test]
fn functions_are_declared_as_the_table_says() {
    let source = source();
    let ours: Entries = source
        .split("pub fn ")
        .skip(1)
        .map(|rest| {
            let text = rest.split(';').next().unwrap();
            // As rustfmt breaks long lists of arguments.
            let text = text.replace("( ", "(").replace(", )", ")");
            (text.split('(').next().unwrap().to_owned(), text)
        })
        .collect();
    let theirs: Entries = table("function")
        .into_iter()
        .map(|(name, c)| (name, rust_declaration(&c)))
        .collect();
    expect_same("functions", &ours, &theirs);
}

#[test]
fn the_release_is_the_header_s_and_the_library_s() {
    let header = repository_file("include/artfusion.h");
    let part = |name: &str| -> u32 {
        let define = format!("#define ARTFUSION_VERSION_{} ", name);
        let rest = header.split(&define).nth(1).expect("a release");
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    let (major, minor, patch) = (part("MAJOR"), part("MINOR"), part("PATCH"));
    assert_eq!(ARTFUSION_VERSION, major * 1_000_000 + minor * 1_000 + patch);
    assert_eq!(
        env!("CARGO_PKG_VERSION"),
        format!("{}.{}.{}", major, minor, patch)
    );
    // SAFETY: these take numbers, and the sentence is copied before the thread's next call.
    unsafe {
        assert_eq!(artfusion_version(), ARTFUSION_VERSION);
        assert_eq!(artfusion_check_version(ARTFUSION_VERSION), ARTFUSION_OK);
        let other = ARTFUSION_VERSION + 7_000_003;
        assert_eq!(artfusion_check_version(other), ARTFUSION_ERROR_UNSUPPORTED);
        let sentence = CStr::from_ptr(artfusion_error_message()).to_string_lossy();
        let made = format!("{}.{}.{}", major + 7, minor, patch + 3);
        let runs = format!("{}.{}.{}", major, minor, patch);
        assert!(
            sentence.contains(&made) && sentence.contains(&runs),
            "{}",
            sentence
        );
    }
}
