//! What the numbers of a run depend on, gathered: hashes of inputs, settings, device, versions.

use super::changes::as_json;
use super::resume::RunIdentity;
use super::{RunPlan, Speaker};
use crate::engine::{EngineDevice, EngineDtype};
use crate::error::{Error, Result};
use crate::models::LoadedModel;
use crate::output::records::{FORMAT_VERSION, Identity};
use crate::output::sha256_of;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

/// sha256 of everything that a run is made from.
pub(super) fn inputs(plan: &RunPlan, speaker: &Speaker, weights_sha256: &str) -> Identity {
    Identity {
        weights_sha256: weights_sha256.to_owned(),
        config_sha256: speaker.files.config_sha256.clone(),
        tokenizer_sha256: speaker.files.tokenizer_sha256.clone(),
        tokenizer_config_sha256: speaker.files.tokenizer_config_sha256.clone(),
        template_sha256: speaker.template_sha256.clone(),
        study_sha256: plan.study.sha256.clone(),
        human_data_sha256: plan.human_data.as_ref().map(|data| data.sha256.clone()),
        human_responses_sha256: plan.human_data.as_ref().and_then(|data| data.responses_sha256.clone()),
    }
}

/// What is computed, by what.
///
/// # Errors
/// Kind `Output`; never for settings that were read from a command line.
pub(super) fn run_identity(
    plan: &RunPlan,
    device: &EngineDevice,
    readout_count: u64,
    inputs: Identity,
    loaded: &LoadedModel,
) -> Result<RunIdentity> {
    Ok(RunIdentity {
        format_version: FORMAT_VERSION,
        inputs,
        parameter_count: loaded.parameter_count,
        stored_dtype: loaded.stored_dtype.clone(),
        plan: as_json(&plan.settings)?,
        device: device.name(),
        dtype: device.dtype().to_string(),
        kernel: device.kernel_name(),
        versions: versions(),
        cell_count: plan.cells.len(),
        readout_count,
    })
}

/// Whether a kernel comes to the same bits whatever shares a batch: this program's own do, candle's operations round with the shapes that they are given.
pub fn is_repeatable(kernel: &str) -> bool {
    !kernel.starts_with("candle-")
}

/// Whether two kernels come to the same bits: those whose multiply-adds are fused do, whatever the width of their vectors.
pub fn come_to_the_same_bits(one: &str, other: &str) -> bool {
    // `avx512-bf16` is not among them: it takes denormals for zero.
    const FUSED: [&[&str]; 2] =
        [&["avx512-f32", "avx2-f32", "neon-f32"], &["avx512-bf16-widened", "avx2-bf16", "neon-bf16"]];
    one == other || FUSED.iter().any(|kernels| kernels.contains(&one) && kernels.contains(&other))
}

/// The device that computed a run, or one that comes to the same bits.
///
/// # Errors
/// Kind `Usage` where this machine has none.
pub fn device_for(name: &str, dtype: EngineDtype, kernel: &str) -> Result<EngineDevice> {
    let all = EngineDevice::all(name, dtype);
    let own = all.iter().find(|device| device.kernel_name() == kernel);
    let alike = || all.iter().find(|device| come_to_the_same_bits(&device.kernel_name(), kernel));
    own.or_else(alike).cloned().ok_or_else(|| {
        Error::usage(format!("{kernel} on {name} computed this, and nothing here comes to the same bits"))
    })
}

/// The kernel that a run is to be held against where this machine has `here`: its own name, as long as it makes no difference.
pub(super) fn kernel_for<'a>(of_run: &'a str, here: &'a str) -> &'a str {
    if come_to_the_same_bits(of_run, here) { of_run } else { here }
}

/// Hexadecimal digits that tell builds apart.
const BUILD_LEN: usize = 16;

/// The beginning of the sha256 of this program's own file: two builds of one version may come to other numbers. `unknown` where the system does not let it
/// be read.
fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        // On Linux it can be read when another file has its name by now.
        let own = PathBuf::from("/proc/self/exe");
        let path = if own.exists() { own } else { std::env::current_exe().unwrap_or_default() };
        sha256_of(&path).map_or("unknown".to_owned(), |sha256| sha256[..BUILD_LEN].to_owned())
    })
}

/// This program's version and build, and versions of the libraries that numbers depend on, as locked.
pub fn versions() -> BTreeMap<String, String> {
    let lock: toml::Table =
        toml::from_str(include_str!("../../Cargo.lock")).expect("cargo writes valid TOML");
    let own = [("respondent", env!("CARGO_PKG_VERSION")), ("build", build())];
    let mut versions: BTreeMap<String, String> =
        own.into_iter().map(|(name, version)| (name.to_owned(), version.to_owned())).collect();
    for package in lock["package"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if ["candle-core", "gemm", "libm", "statrs", "tokenizers", "minijinja"].contains(&name) {
            versions.insert(name.to_owned(), package["version"].as_str().unwrap_or_default().to_owned());
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kernel of every CPU, those that come to the same bits in one row.
    const KERNELS: [&[&str]; 6] = [
        &["avx512-f32", "avx2-f32", "neon-f32"],
        &["portable-f32"],
        &["candle-f32"],
        &["avx512-bf16"],
        &["avx512-bf16-widened", "avx2-bf16", "neon-bf16"],
        &["portable-bf16"],
    ];

    #[test]
    fn kernels_stand_in_for_those_of_their_row_alone() {
        for (row, names) in KERNELS.iter().enumerate() {
            for (other_row, others) in KERNELS.iter().enumerate() {
                for (one, other) in names.iter().flat_map(|one| others.iter().map(move |other| (one, other)))
                {
                    assert_eq!(come_to_the_same_bits(one, other), row == other_row, "{one} and {other}");
                }
            }
        }
    }

    #[test]
    fn this_machine_s_kernels_are_known_and_found_by_their_names() {
        for dtype in [EngineDtype::F32, EngineDtype::Bf16] {
            let all = EngineDevice::all("cpu", dtype);
            assert!(!all.is_empty());
            for device in all {
                let name = device.kernel_name();
                assert!(KERNELS.iter().any(|row| row.contains(&name.as_str())), "{name}");
                assert_eq!(device_for("cpu", dtype, &name).unwrap().kernel_name(), name);
            }
        }
        let elsewhere = device_for("cpu", EngineDtype::F32, "sse9-f32").unwrap_err();
        assert!(elsewhere.to_string().starts_with("sse9-f32 on cpu computed this"), "{elsewhere}");
    }
}
