//! The adapter and device that everything draws and computes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a read-back or a wait for the device may take before it counts as hung.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// What can go wrong between us and the graphics driver.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    #[error(
        "no Vulkan, Metal or DX12 adapter found; on Debian `apt-get install mesa-vulkan-drivers` gives a software one"
    )]
    NoAdapter,
    #[error("the adapter {adapter} gave no device: {reason}; try another driver, or --engine cpu")]
    NoDevice { adapter: String, reason: String },
    #[error("the graphics device was lost: {0}; start tensorscope again")]
    Lost(String),
    #[error("the graphics device did not answer within {} s", WAIT_TIMEOUT.as_secs())]
    Timeout,
    #[error("the graphics device refused a command: {0}")]
    Validation(String),
    #[error("{what} needs {needed} bytes of GPU memory in one buffer, the adapter allows {allowed}")]
    TooLarge { what: &'static str, needed: u64, allowed: u64 },
}

/// An adapter opened with WebGPU's default features and limits, and nothing beyond them.
pub struct Gpu {
    pub instance: wgpu::Instance,
    pub adapter: wgpu::Adapter,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    lost: AtomicBool,
    first: Mutex<Option<String>>,
}

impl Faults {
    fn record(&self, message: String) {
        let mut first = self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        first.get_or_insert(message);
    }
}

/// The instance that windows make their surface on, before an adapter is chosen.
pub fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    })
}

/// The limits we live within: WebGPU's defaults, so that what runs here runs everywhere.
pub fn required_limits() -> wgpu::Limits {
    wgpu::Limits::default()
}

impl Gpu {
    /// The best adapter there is, without a window.
    pub fn headless() -> Result<Self, GpuError> {
        Self::on(instance(), None)
    }

    /// The best adapter that can present to `surface`, or the best there is.
    pub fn on(instance: wgpu::Instance, surface: Option<&wgpu::Surface<'_>>) -> Result<Self, GpuError> {
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            force_fallback_adapter: false,
            compatible_surface: surface,
            apply_limit_buckets: false,
        }))
        .map_err(|_| GpuError::NoAdapter)?;
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("tensorscope"),
            required_features: wgpu::Features::empty(),
            required_limits: required_limits(),
            ..Default::default()
        }))
        .map_err(|error| GpuError::NoDevice { adapter: adapter.get_info().name, reason: error.to_string() })?;

        let faults = Arc::new(Faults::default());
        let recorder = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| recorder.record(error.to_string())));
        let recorder = faults.clone();
        device.set_device_lost_callback(move |reason, message| {
            // Dropping the device reports a loss too; only an unwanted one is a fault.
            if reason != wgpu::DeviceLostReason::Destroyed {
                recorder.lost.store(true, Ordering::Release);
                recorder.record(message);
            }
        });
        Ok(Self { instance, adapter, device, queue, faults })
    }

    /// The adapter's name as its driver gives it, for status lines and JSON.
    pub fn adapter_name(&self) -> String {
        self.adapter.get_info().name
    }

    /// The first fault since the last call, if any: wgpu reports them beside the call that caused them.
    pub fn check(&self) -> Result<(), GpuError> {
        let fault = self.faults.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match fault {
            None => Ok(()),
            Some(message) if self.faults.lost.load(Ordering::Acquire) => Err(GpuError::Lost(message)),
            Some(message) => Err(GpuError::Validation(message)),
        }
    }

    /// Blocks until all submitted work is done.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.device
            .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(WAIT_TIMEOUT) })
            .map_err(|_| GpuError::Timeout)?;
        self.check()
    }

    /// Copies `bytes` bytes from `offset` of `buffer` (usage `COPY_SRC`) to memory, blocking.
    pub fn read_buffer(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> Result<Vec<u8>, GpuError> {
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read-back"),
            size: bytes.max(4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, bytes);
        self.queue.submit([encoder.finish()]);
        self.read_mapped(&staging, bytes)
    }

    /// Maps a `MAP_READ` buffer once the work submitted so far is done, and copies its first `bytes` bytes out.
    pub fn read_mapped(&self, staging: &wgpu::Buffer, bytes: u64) -> Result<Vec<u8>, GpuError> {
        let slice = staging.slice(0..bytes);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = failed.clone();
        slice.map_async(wgpu::MapMode::Read, move |result| flag.store(result.is_err(), Ordering::Release));
        self.wait()?;
        if failed.load(Ordering::Acquire) {
            return Err(GpuError::Validation("a buffer could not be mapped for reading".to_owned()));
        }
        let range = slice.get_mapped_range().map_err(|error| GpuError::Validation(error.to_string()))?;
        let copy = range.to_vec();
        drop(range);
        staging.unmap();
        Ok(copy)
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // lavapipe's worker threads outlive main otherwise, and race with the exit of the process.
        let _ = self.device.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(WAIT_TIMEOUT) });
    }
}
