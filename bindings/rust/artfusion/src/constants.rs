// SPDX-License-Identifier: MIT
//! The library's enumerations. A newer library may return constants that this crate does not know,
//! so each enumeration has a place for them.

use crate::error::{Error, Result};
use crate::ffi;
use artfusion_sys as sys;
use std::ffi::CStr;
use std::fmt;
use std::str::FromStr;

macro_rules! enumeration {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $constant:ident,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A number that this crate does not know yet.
            Other(i32),
        }

        impl $name {
            /// The constant with that number in `artfusion.h`.
            pub fn from_raw(value: i32) -> $name {
                match value {
                    $(sys::$constant => $name::$variant,)*
                    other => $name::Other(other),
                }
            }

            /// Its number in `artfusion.h`.
            pub fn to_raw(self) -> i32 {
                match self {
                    $($name::$variant => sys::$constant,)*
                    $name::Other(other) => other,
                }
            }
        }
    };
}

/// The names that command lines and configuration files use.
macro_rules! named {
    ($($name:ident $enumeration:ident;)*) => {
        $(
            impl fmt::Display for $name {
                /// The name for command lines and configuration files; a number has none.
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    // SAFETY: it takes numbers, and the names are static.
                    match unsafe { sys::artfusion_name_of(sys::$enumeration, self.to_raw()) } {
                        name if name.is_null() => write!(f, "{}", self.to_raw()),
                        name => f.write_str(&unsafe { CStr::from_ptr(name) }.to_string_lossy()),
                    }
                }
            }

            impl FromStr for $name {
                type Err = Error;

                /// The constant of a name. The error for an unknown name lists those that exist.
                fn from_str(name: &str) -> Result<$name> {
                    let name = ffi::c_string("the name", name)?;
                    let mut value = 0;
                    // SAFETY: a string and a number that live through the call.
                    ffi::check(unsafe {
                        sys::artfusion_value_of(sys::$enumeration, name.as_ptr(), &mut value)
                    })?;
                    Ok($name::from_raw(value))
                }
            }
        )*
    };
}

enumeration! {
    /// Where the networks run.
    Device {
        /// The CPU, unless the engine finds a CUDA GPU.
        Auto = ARTFUSION_DEVICE_AUTO,
        /// The CPU.
        Cpu = ARTFUSION_DEVICE_CPU,
        /// A GPU.
        Cuda = ARTFUSION_DEVICE_CUDA,
    }
}

enumeration! {
    /// What networks compute in.
    Precision {
        /// `BFloat16` if the device has instructions for it, otherwise `Float32`.
        Auto = ARTFUSION_PRECISION_AUTO,
        /// The slowest.
        Float32 = ARTFUSION_PRECISION_FLOAT32,
        /// For CPUs with AVX-512 BF16 or AMX and GPUs of compute capability 8.0 or more.
        BFloat16 = ARTFUSION_PRECISION_BFLOAT16,
        /// For CPUs with AVX-512 FP16 or AMX FP16 and GPUs of compute capability 7.0 or more.
        Float16 = ARTFUSION_PRECISION_FLOAT16,
    }
}

enumeration! {
    /// Where a model's networks run.
    Isolation {
        /// In the program's own process.
        None = ARTFUSION_ISOLATION_NONE,
        /// In a process of their own for each model. If it ends, that is an
        /// [`Engine`](crate::ErrorKind::Engine) error; a sampler continues from its step, to the
        /// bytes of an undisturbed run.
        Process = ARTFUSION_ISOLATION_PROCESS,
        /// In a process of their own, unless the model file came with the library or is
        /// [trusted](crate::ContextBuilder::trusted).
        Auto = ARTFUSION_ISOLATION_AUTO,
    }
}

enumeration! {
    /// How serious a message is.
    LogLevel {
        /// No message.
        None = ARTFUSION_LOG_NONE,
        /// Something is wrong.
        Warning = ARTFUSION_LOG_WARNING,
        /// What is done.
        Info = ARTFUSION_LOG_INFO,
        /// How it is done.
        Debug = ARTFUSION_LOG_DEBUG,
    }
}

enumeration! {
    /// How pixels are resampled.
    Filter {
        /// a = -0.5; what the models were trained with.
        Bicubic = ARTFUSION_FILTER_BICUBIC,
        /// The mean of what a pixel covers.
        Box = ARTFUSION_FILTER_BOX,
        /// Linear each way.
        Bilinear = ARTFUSION_FILTER_BILINEAR,
        /// Three lobes.
        Lanczos = ARTFUSION_FILTER_LANCZOS,
    }
}

enumeration! {
    /// The format of a picture's file.
    FileFormat {
        /// By the path's suffix: .png, .jpg, .jpeg, .webp.
        Auto = ARTFUSION_FORMAT_AUTO,
        /// Without loss.
        Png = ARTFUSION_FORMAT_PNG,
        /// Smaller.
        Jpeg = ARTFUSION_FORMAT_JPEG,
        /// Smaller still, with or without loss.
        WebP = ARTFUSION_FORMAT_WEBP,
    }
}

enumeration! {
    /// How a file's numbers become colours.
    Reading {
        /// As a person sees the picture in a browser: profiles are converted to sRGB, transparent
        /// pixels show the background, and the picture is turned upright by EXIF or XMP.
        Viewed = ARTFUSION_READING_VIEWED,
        /// As the published code reads: profiles are ignored and alpha is dropped.
        Reference = ARTFUSION_READING_REFERENCE,
    }
}

enumeration! {
    /// How a step gets from one noise level to the next.
    Solver {
        /// Song et al., arXiv 2010.02502.
        Ddim = ARTFUSION_SOLVER_DDIM,
        /// Ho et al., arXiv 2006.11239: ancestral.
        Ddpm = ARTFUSION_SOLVER_DDPM,
        /// Lu et al., arXiv 2211.01095: second order.
        Dpmpp2m = ARTFUSION_SOLVER_DPMPP_2M,
        /// The same for the SDE, with noise.
        Dpmpp2mSde = ARTFUSION_SOLVER_DPMPP_2M_SDE,
        /// Zhao et al., arXiv 2302.04867: UniPC-2, B2.
        UniPc = ARTFUSION_SOLVER_UNIPC,
    }
}

enumeration! {
    /// Which timesteps a run visits.
    Spacing {
        /// The reference's: ends at t = 1, then `alphas_cumprod[0]`.
        Uniform = ARTFUSION_SPACING_UNIFORM,
        /// The reference's quadratic one.
        Quad = ARTFUSION_SPACING_QUAD,
        /// Starts at the last timestep, ends at x0.
        Trailing = ARTFUSION_SPACING_TRAILING,
        /// From the last to the first timestep, evenly.
        Linspace = ARTFUSION_SPACING_LINSPACE,
    }
}

enumeration! {
    /// The noise of each training timestep.
    Schedule {
        /// Linear in sqrt(beta): the published model's.
        Linear = ARTFUSION_SCHEDULE_LINEAR,
        /// Nichol & Dhariwal, arXiv 2102.09672.
        Cosine = ARTFUSION_SCHEDULE_COSINE,
        /// Linear in beta.
        SqrtLinear = ARTFUSION_SCHEDULE_SQRT_LINEAR,
        /// The square root of `SqrtLinear`'s.
        Sqrt = ARTFUSION_SCHEDULE_SQRT,
    }
}

enumeration! {
    /// What the UNet predicts.
    Prediction {
        /// The noise.
        Eps = ARTFUSION_PREDICTION_EPS,
        /// v = sqrt(a) eps - sqrt(1 - a) x0: arXiv 2202.00512.
        V = ARTFUSION_PREDICTION_V,
        /// The picture.
        X0 = ARTFUSION_PREDICTION_X0,
    }
}

enumeration! {
    /// A random number generator.
    RngKind {
        /// Philox 4x32-10: picture n's numbers depend on the seed and n alone, not on the batch.
        Counter = ARTFUSION_RNG_COUNTER,
        /// The numbers of `torch.manual_seed(seed)` on the CPU, to the last bit.
        TorchCpu = ARTFUSION_RNG_TORCH_CPU,
    }
}

enumeration! {
    /// The distribution of the noise that a run starts from.
    NoiseKind {
        /// With mean 0 and variance 1.
        Normal = ARTFUSION_NOISE_NORMAL,
        /// In [0, 1), as the published notebook draws it.
        Uniform = ARTFUSION_NOISE_UNIFORM,
    }
}

enumeration! {
    /// What noise is for.
    NoiseUse {
        /// The start.
        XT = ARTFUSION_NOISE_X_T,
        /// What a stochastic solver adds in a step.
        Step = ARTFUSION_NOISE_STEP,
        /// What brings the masked latent to a step's timestep.
        Mask = ARTFUSION_NOISE_MASK,
    }
}

enumeration! {
    /// Which latent of a picture.
    LatentKind {
        /// The encoder's posterior mode.
        Mode = ARTFUSION_LATENT_MODE,
        /// (mode - shift) * scale: what is diffused.
        Scaled = ARTFUSION_LATENT_SCALED,
        /// `Scaled`, with each channel's mean removed and divided by its standard deviation: the
        /// content condition.
        Content = ARTFUSION_LATENT_CONTENT,
    }
}

named! {
    Solver ARTFUSION_ENUM_SOLVER;
    Spacing ARTFUSION_ENUM_SPACING;
    Schedule ARTFUSION_ENUM_SCHEDULE;
    Prediction ARTFUSION_ENUM_PREDICTION;
    Device ARTFUSION_ENUM_DEVICE;
    Filter ARTFUSION_ENUM_FILTER;
    RngKind ARTFUSION_ENUM_RNG;
    NoiseKind ARTFUSION_ENUM_NOISE;
    Precision ARTFUSION_ENUM_PRECISION;
    Isolation ARTFUSION_ENUM_ISOLATION;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        assert_eq!(Solver::Dpmpp2mSde.to_string(), "dpmpp_2m_sde");
        assert_eq!("trailing".parse(), Ok(Spacing::Trailing));
        assert_eq!("sqrt_linear".parse(), Ok(Schedule::SqrtLinear));
        assert_eq!("torch_cpu".parse(), Ok(RngKind::TorchCpu));
        assert_eq!("bfloat16".parse(), Ok(Precision::BFloat16));
        assert_eq!(Precision::Float32.to_string(), "float32");
        assert!("double".parse::<Precision>().is_err());
        assert_eq!("process".parse(), Ok(Isolation::Process));
        assert_eq!(Isolation::Auto.to_string(), "auto");
        let error = "euler".parse::<Solver>().unwrap_err();
        assert!(error.message().contains("unipc"), "{}", error);
        assert!("dd\0im".parse::<Solver>().is_err());
        assert_eq!(Filter::from_raw(77), Filter::Other(77));
        assert_eq!(Filter::Other(77).to_string(), "77");
    }
}
