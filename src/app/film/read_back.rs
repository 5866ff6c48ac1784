//! Pictures come back from the GPU through a ring of buffers: one is filled while others are encoded and the next is drawn

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::gpu::{Gpu, GpuError};

/// A fixed number of buffers of one size. What is not free is being filled or looked at.
pub struct Ring {
    places: Arc<Places>,
    size_px: [u32; 2],
    row_bytes: u32,
}

struct Places {
    free: Mutex<Vec<wgpu::Buffer>>,
    freed: Condvar,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Vec<wgpu::Buffer>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, buffer: wgpu::Buffer) {
        self.lock().push(buffer);
        self.freed.notify_all();
    }
}

impl Ring {
    /// Bytes of one buffer.
    pub fn bytes_of([width, height]: [u32; 2]) -> u64 {
        u64::from(row_bytes(width)) * u64::from(height)
    }

    pub fn new(gpu: &Gpu, size_px: [u32; 2], places: usize) -> Result<Self, GpuError> {
        let (needed, allowed) = (Self::bytes_of(size_px), gpu.device.limits().max_buffer_size);
        if needed > allowed {
            return Err(GpuError::TooLarge { what: "a picture of that size", needed, allowed });
        }
        let buffer = || {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("film read-back"),
                size: needed,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let free = (0..places).map(|_| buffer()).collect();
        gpu.check()?;
        let places = Arc::new(Places { free: Mutex::new(free), freed: Condvar::new() });
        Ok(Self { places, size_px, row_bytes: row_bytes(size_px[0]) })
    }

    pub fn has_free(&self) -> bool {
        !self.places.lock().is_empty()
    }

    /// Waits until a buffer is given back, or `patience` is at its end.
    pub fn wait_for_free(&self, patience: Duration) {
        let free = self.places.lock();
        if free.is_empty() {
            // A poisoned lock is taken as it is, everywhere.
            drop(self.places.freed.wait_timeout(free, patience));
        }
    }

    /// Submits a copy of `texture`, which has the ring's size. `arrived` gets the pixels from within a later poll of the
    /// device, or nothing where they did not come. False, and nothing done, where no buffer is free.
    pub fn read(
        &self,
        gpu: &Gpu,
        texture: &wgpu::Texture,
        arrived: impl FnOnce(Option<Pixels>) + Send + 'static,
    ) -> bool {
        let Some(buffer) = self.places.lock().pop() else { return false };
        let label = Some("film read-back");
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label });
        let layout =
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(self.row_bytes), rows_per_image: None };
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo { buffer: &buffer, layout },
            texture.size(),
        );
        gpu.queue.submit([encoder.finish()]);
        let (places, size_px, row_bytes) = (self.places.clone(), self.size_px, self.row_bytes);
        let mapped = buffer.clone();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| match result {
            Ok(()) => arrived(Some(Pixels { buffer: Some(mapped), places, size_px, row_bytes })),
            Err(_) => {
                places.give_back(mapped);
                arrived(None);
            }
        });
        true
    }
}

/// Rows of pixels are padded where textures are copied to buffers.
fn row_bytes(width: u32) -> u32 {
    (width.saturating_mul(4)).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT)
}

/// A picture in a buffer of the ring, which goes back when this is dropped.
pub struct Pixels {
    buffer: Option<wgpu::Buffer>,
    places: Arc<Places>,
    pub size_px: [u32; 2],
    /// From the beginning of a row to that of the next.
    pub row_bytes: u32,
}

impl Pixels {
    /// Shows the bytes: R, G, B and A, rows from the top with padding. Nothing where the device is gone.
    pub fn look<R>(&self, at: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let bytes = self.buffer.as_ref()?.get_mapped_range(..).ok()?;
        Some(at(&bytes))
    }
}

impl Drop for Pixels {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            buffer.unmap();
            self.places.give_back(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_ring_never_holds_more_pictures_than_it_has_places() {
        let gpu = Gpu::headless().unwrap();
        let (size_px, extent) = ([3, 2], wgpu::Extent3d { width: 3, height: 2, depth_or_array_layers: 1 });
        let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: extent,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::COPY_SRC | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let bytes: Vec<u8> = (0..24).collect();
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(12), rows_per_image: None };
        gpu.queue.write_texture(texture.as_image_copy(), &bytes, layout, extent);

        let ring = Ring::new(&gpu, size_px, 2).unwrap();
        let (send, arrivals) = channel();
        let read = || {
            let send = send.clone();
            ring.read(&gpu, &texture, move |pixels| send.send(pixels.unwrap()).unwrap())
        };
        assert!(read() && read() && !read() && !ring.has_free());
        gpu.wait().unwrap();
        let held = [arrivals.recv().unwrap(), arrivals.recv().unwrap()];
        assert!(!read(), "both are looked at");
        let rows = held[0].look(|bytes| [bytes[..12].to_vec(), bytes[256..268].to_vec()].concat()).unwrap();
        assert_eq!(rows, bytes);
        drop(held);
        assert!(read() && read() && !read());
        gpu.wait().unwrap();
    }
}
