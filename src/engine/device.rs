//! The device, chosen once. Candle's name for it does not leave the engine and the model reader.

use crate::error::{Error, Result};
use candle_core::Device;

/// Where tensors live.
#[derive(Debug, Clone)]
pub struct EngineDevice(pub(crate) Device);

impl EngineDevice {
    /// `cpu`, or `cuda:N` in a build with CUDA.
    ///
    /// # Errors
    /// Kind `Usage` for another name, or a device that this build or machine does not have.
    pub fn from_name(name: &str) -> Result<Self> {
        if name == "cpu" {
            return Ok(EngineDevice(Device::Cpu));
        }
        let ordinal = name.strip_prefix("cuda:").and_then(|ordinal| ordinal.parse().ok());
        let Some(ordinal) = ordinal else {
            return Err(Error::usage(format!("unknown device `{name}`")).hint("use `cpu` or `cuda:0`"));
        };
        Device::new_cuda(ordinal).map(EngineDevice).map_err(|source| {
            Error::usage(format!("device `{name}` is not available"))
                .because(source)
                .hint("use `--device cpu`")
        })
    }
}

/// The name that results carry.
pub fn describe_device(device: &EngineDevice) -> String {
    match device.0.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}
