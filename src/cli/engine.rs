//! Who computes: what was asked for, or the GPU where there is one.

use super::CliError;
use crate::gpu::{Gpu, GpuError};
use crate::kernel_io::heat::HeatError;

/// The adapter to compute on, or `None` for the CPU. Where nobody chose, no adapter means the CPU.
pub fn adapter(wants_gpu: Option<bool>) -> Result<Option<Gpu>, CliError> {
    match wants_gpu {
        Some(false) => Ok(None),
        Some(true) => Ok(Some(Gpu::headless()?)),
        None => match Gpu::headless() {
            Ok(gpu) => Ok(Some(gpu)),
            Err(GpuError::NoAdapter | GpuError::NoDevice { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        },
    }
}

/// Whether the CPU answers what the GPU refused so, if nobody insists on the GPU.
pub fn cpu_can(error: &CliError) -> bool {
    matches!(error, CliError::Gpu(GpuError::TooLarge { .. }) | CliError::Heat(HeatError::SumMightPass64Bits))
}
