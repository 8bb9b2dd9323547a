//! Which vector instructions this CPU has, asked once. A value of [`Isa`] is the proof that they are there: it cannot be made
//! otherwise, and what needs it takes it. One of them asks for nothing, so that every CPU has the same loops.

/// Instructions found on this CPU, or none beyond what the program was compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(pub(super) Level);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512 {
        /// Whether it multiplies bf16 as it is.
        bf16: bool,
    },
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Isa {
    /// All that this CPU has, best first; the last is portable.
    pub fn all() -> Vec<Isa> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let fma = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if fma && avx512 {
                found.push(Isa(Level::Avx512 { bf16: is_x86_feature_detected!("avx512bf16") }));
            }
            if fma {
                found.push(Isa(Level::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        found.push(Isa(Level::Neon));
        found.push(Isa(Level::Portable));
        found
    }

    /// f32 values in two vectors: the columns of a panel, and the queries that attend together.
    pub fn columns(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 { .. } => 32,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => 16,
            #[cfg(target_arch = "aarch64")]
            Level::Neon => 8,
            Level::Portable => 8,
        }
    }

    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 { .. } => "avx512",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Level::Neon => "neon",
            Level::Portable => "portable",
        }
    }
}

/// Defines safe functions `name(isa, arguments)` that run `body(arguments)`, a plain function marked `#[inline(always)]`,
/// compiled once for each instruction set. The compiler vectorises the body; its operations and their order are fixed by
/// the source, so all versions give the same bits. `name[multiply_add](arguments)` hands the body how these are made as its
/// first argument; then the portable version has bits of its own.
macro_rules! compiled_for_each_isa {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident $([$by:ident])? ($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? = $body:path;)*) => {$(
        $(#[$meta])*
        $visibility fn $name(isa: $crate::engine::kernels::Isa, $($argument: $type),*) $(-> $output)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512($($argument: $type),*) $(-> $output)? {
                $body($($by::Fused,)? $($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($argument: $type),*) $(-> $output)? {
                $body($($by::Fused,)? $($argument),*)
            }
            use $crate::engine::kernels::isa::Level;
            match isa.0 {
                // SAFETY: an `Isa` of this level exists only where the CPU was found to have the features.
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 { .. } => unsafe { avx512($($argument),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => unsafe { avx2($($argument),*) },
                #[cfg(target_arch = "aarch64")]
                Level::Neon => $body($($by::Fused,)? $($argument),*),
                Level::Portable => $body($($by::Rounded,)? $($argument),*),
            }
        }
    )*};
}
pub(super) use compiled_for_each_isa;
