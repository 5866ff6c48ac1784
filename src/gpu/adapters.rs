//! What adapters the machine has, for `doctor`.

use serde::Serialize;

use super::context::{Gpu, instance, required_limits};

/// An adapter as its driver describes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdapterReport {
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// `discrete`, `integrated`, `virtual`, `cpu` or `other`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub driver: String,
    /// Largest part of a buffer that a kernel can be given.
    pub storage_binding_bytes: u64,
    pub buffer_bytes: u64,
    /// Longest side of a picture, in pixels.
    pub texture_side: u32,
    /// Whether it has all that WebGPU's default limits promise.
    pub usable: bool,
}

impl AdapterReport {
    fn of(adapter: &wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        let limits = adapter.limits();
        Self {
            name: info.name,
            backend: info.backend.to_str().to_owned(),
            kind: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => "discrete",
                wgpu::DeviceType::IntegratedGpu => "integrated",
                wgpu::DeviceType::VirtualGpu => "virtual",
                wgpu::DeviceType::Cpu => "cpu",
                wgpu::DeviceType::Other => "other",
            },
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            storage_binding_bytes: limits.max_storage_buffer_binding_size,
            buffer_bytes: limits.max_buffer_size,
            texture_side: limits.max_texture_dimension_2d,
            usable: required_limits().check_limits(&limits),
        }
    }
}

/// Every adapter of the machine, in the order in which the drivers give them.
pub fn adapters() -> Vec<AdapterReport> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    pollster::block_on(instance().enumerate_adapters(backends)).iter().map(AdapterReport::of).collect()
}

impl Gpu {
    /// The adapter in use, as `doctor` describes it.
    pub fn report(&self) -> AdapterReport {
        AdapterReport::of(&self.adapter)
    }
}
