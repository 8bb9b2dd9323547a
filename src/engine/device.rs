//! The device and the arithmetic, chosen once. Candle's names for them do not leave the engine and the model reader.

use super::StoredFormat;
use super::kernels::{Arithmetic, Isa, Kernel};
use super::packed::kept_bytes_per_value;
use crate::error::{Error, Result};
use candle_core::{DType, Device};
use std::fmt;

/// In which numbers weights and activations are multiplied. Sums, norms and attention are f32 on CPUs either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineDtype {
    #[default]
    F32,
    Bf16,
}

impl fmt::Display for EngineDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EngineDtype::F32 => "f32",
            EngineDtype::Bf16 => "bf16",
        })
    }
}

/// Where the decoder runs, and how.
#[derive(Debug, Clone)]
pub struct EngineDevice {
    device: Device,
    dtype: EngineDtype,
    /// `None`: candle's operations.
    kernel: Option<Kernel>,
}

impl EngineDevice {
    /// `cpu`, or `cuda:N` in a build with CUDA; in f32, with the best kernel there is.
    ///
    /// # Errors
    /// Kind `Usage` for another name, or a device that this build or machine does not have.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::new(name, EngineDtype::F32, AUTO_KERNEL)
    }

    /// The same with a dtype and a kernel: `auto`, an instruction set, `portable` (none), or `candle` (its operations).
    ///
    /// # Errors
    /// Kind `Usage` for a name that is unknown, or a combination that this build or machine does not have.
    pub fn new(name: &str, dtype: EngineDtype, kernel: &str) -> Result<Self> {
        if name == "cpu" {
            return Ok(EngineDevice { device: Device::Cpu, dtype, kernel: cpu_kernel(dtype, kernel)? });
        }
        let ordinal = name.strip_prefix("cuda:").or((name == "cuda").then_some("0"));
        let Some(ordinal) = ordinal.and_then(|ordinal| ordinal.parse().ok()) else {
            return Err(Error::usage(format!("unknown device `{name}`")).hint("use `cpu` or `cuda:0`"));
        };
        if ![AUTO_KERNEL, CANDLE].contains(&kernel) {
            return Err(Error::usage(format!("the kernel `{kernel}` runs on the CPU, not on `{name}`")));
        }
        let device = Device::new_cuda(ordinal).map_err(|source| {
            Error::usage(format!("device `{name}` is not available"))
                .because(super::first_line(&source))
                .hint("use `--device cpu`")
        })?;
        Ok(EngineDevice { device, dtype, kernel: None })
    }

    /// What everything else is held against: candle's operations on the CPU, in f32.
    pub fn reference() -> Self {
        EngineDevice { device: Device::Cpu, dtype: EngineDtype::F32, kernel: None }
    }

    /// Every way that there is to compute on a device in a dtype, best first; none where there is no such device.
    pub fn all(name: &str, dtype: EngineDtype) -> Vec<Self> {
        let kernels = Isa::all().into_iter().map(Isa::name).chain([CANDLE]);
        kernels.filter_map(|kernel| Self::new(name, dtype, kernel).ok()).collect()
    }

    pub fn is_cpu(&self) -> bool {
        self.device.is_cpu()
    }

    pub fn dtype(&self) -> EngineDtype {
        self.dtype
    }

    /// Bytes that a weight takes once it is loaded.
    pub fn bytes_per_value(&self) -> u64 {
        match self.dtype {
            EngineDtype::F32 => 4,
            EngineDtype::Bf16 => 2,
        }
    }

    /// The same for values that are stored in this format, which may stay quantised; their scales included.
    pub fn bytes_per_value_of(&self, format: StoredFormat) -> f64 {
        let kept = match (format, self.kernel) {
            (StoredFormat::Ggml(dtype), Some(_)) => kept_bytes_per_value(dtype),
            _ => None,
        };
        kept.unwrap_or(self.bytes_per_value() as f64)
    }

    /// The name that results carry, such as `cpu` or `cuda:0`.
    pub fn name(&self) -> String {
        match self.device.location() {
            candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
            candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
            candle_core::DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
        }
    }

    /// The arithmetic that results name, such as `avx512-f32` or `candle-f32`.
    pub fn kernel_name(&self) -> String {
        self.kernel.map_or_else(|| format!("candle-{}", self.dtype), Kernel::name)
    }

    pub(super) fn kernel(&self) -> Option<Kernel> {
        self.kernel
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn candle_dtype(&self) -> DType {
        match self.dtype {
            EngineDtype::F32 => DType::F32,
            EngineDtype::Bf16 => DType::BF16,
        }
    }
}

/// The best kernel of a machine, whichever that is.
pub const AUTO_KERNEL: &str = "auto";

/// The kernel of candle's operations: a reference on CPUs, and all that GPUs have.
const CANDLE: &str = "candle";

fn cpu_kernel(dtype: EngineDtype, name: &str) -> Result<Option<Kernel>> {
    let arithmetic = match dtype {
        EngineDtype::F32 => Arithmetic::F32,
        EngineDtype::Bf16 => Arithmetic::Bf16,
    };
    if name == CANDLE {
        return match dtype {
            EngineDtype::F32 => Ok(None),
            // It would widen every weight on every call.
            EngineDtype::Bf16 => {
                Err(Error::usage("candle's operations multiply no bf16 on a CPU").hint("use `--dtype f32`"))
            }
        };
    }
    let all = Isa::all();
    let found = all.iter().find(|isa| name == AUTO_KERNEL || isa.name() == name);
    found.map(|isa| Some(Kernel::new(*isa, arithmetic))).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|isa| isa.name()).chain([CANDLE]).collect();
        Error::usage(format!("this CPU has no kernel `{name}`")).hint(format!("it has: {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_refused() {
        for (name, dtype, kernel, message) in [
            ("tpu", EngineDtype::F32, "auto", "unknown device `tpu`"),
            ("cpu", EngineDtype::F32, "sse9", "this CPU has no kernel `sse9`"),
            ("cpu", EngineDtype::Bf16, "candle", "candle's operations multiply no bf16 on a CPU"),
        ] {
            let error = EngineDevice::new(name, dtype, kernel).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn every_cpu_has_a_kernel_of_each_dtype() {
        let name = |dtype, kernel| EngineDevice::new("cpu", dtype, kernel).unwrap().kernel_name();
        assert_eq!(name(EngineDtype::F32, "candle"), "candle-f32");
        assert_eq!(name(EngineDtype::F32, "portable"), "portable-f32");
        assert_eq!(name(EngineDtype::Bf16, "portable"), "portable-bf16");
        assert!(!name(EngineDtype::Bf16, "auto").starts_with("candle-"));
    }
}
