// SPDX-License-Identifier: MIT
//! Tells cargo where libartfusion is: in ARTFUSION_LIB_DIR if that is set, else where pkg-config
//! says. pkg-config is called as a command, so that this crate needs no other. Documentation, as
//! docs.rs builds it, needs no library.

use std::env;
use std::process::{exit, Command};

/// The library has to be of the release that the declarations are of, or a later one.
const PACKAGE: &str = concat!("artfusion >= ", env!("CARGO_PKG_VERSION"));

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in [
        "ARTFUSION_LIB_DIR",
        "PKG_CONFIG",
        "PKG_CONFIG_PATH",
        "DOCS_RS",
    ] {
        println!("cargo:rerun-if-env-changed={}", name);
    }
    if env::var_os("DOCS_RS").is_some() {
        return;
    }
    match env::var("ARTFUSION_LIB_DIR") {
        Ok(directory) if !directory.is_empty() => {
            println!("cargo:rustc-link-search=native={}", directory);
            println!("cargo:rustc-link-lib=dylib=artfusion");
        }
        _ => match pkg_config() {
            Ok(flags) => link(&flags),
            Err(why) => {
                eprintln!(
                    "libartfusion was not found: {}\nInstall it, or set PKG_CONFIG_PATH to the \
                     folder of its artfusion.pc, or ARTFUSION_LIB_DIR to that of libartfusion.so.",
                    why
                );
                exit(1);
            }
        },
    }
}

fn pkg_config() -> Result<String, String> {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let output = Command::new(&program)
        .args(["--libs", PACKAGE])
        .output()
        .map_err(|error| format!("{} does not run: {}", program, error))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|_| format!("{}'s answer is no text", program))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

fn link(flags: &str) {
    for flag in flags.split_whitespace() {
        if let Some(directory) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={}", directory);
        } else if let Some(name) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={}", name);
        }
    }
}
