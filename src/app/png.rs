//! PNG files that are there whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a picture could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    #[error("cannot write {}: {source}; name a file in a folder that exists and that you may write to", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write {}: it names no file; give a name such as picture.png", path.display())]
    NoName { path: PathBuf },
    #[error("cannot encode {}: {pixels} bytes are not {width} x {height} pixels of 4 bytes", path.display())]
    Shape { path: PathBuf, width: u32, height: u32, pixels: usize },
}

/// Writes `rgba` (width * height * 4 bytes, rows from the top) to `path` by way of a temporary name beside it, so that
/// no reader ever sees a part. Pictures without transparency are stored without alpha. An error leaves `path` as it was.
pub fn write_png(path: &Path, size_px: [u32; 2], rgba: &[u8]) -> Result<(), PngError> {
    let [width, height] = size_px;
    let expected = (width as usize).checked_mul(height as usize).and_then(|pixels| pixels.checked_mul(4));
    if expected != Some(rgba.len()) || rgba.is_empty() {
        return Err(PngError::Shape { path: path.to_owned(), width, height, pixels: rgba.len() });
    }
    let Some(name) = path.file_name() else { return Err(PngError::NoName { path: path.to_owned() }) };

    // Unique among processes and threads that write to one folder.
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".{}-{}.part", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    let temporary = path.with_file_name(temporary_name);

    encode(&temporary, size_px, rgba).and_then(|()| fs::rename(&temporary, path)).map_err(|source| {
        // Nothing more can be done where even this fails.
        let _ = fs::remove_file(&temporary);
        PngError::Write { path: path.to_owned(), source }
    })
}

fn encode(path: &Path, size_px: [u32; 2], rgba: &[u8]) -> io::Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut writer = BufWriter::new(file);
    let mut encoder = png::Encoder::new(&mut writer, size_px[0], size_px[1]);
    encoder.set_depth(png::BitDepth::Eight);
    // A film is many pictures: the default takes several times as long for a few percent of the size.
    encoder.set_compression(png::Compression::Fast);
    let opaque = rgba.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX);
    encoder.set_color(if opaque { png::ColorType::Rgb } else { png::ColorType::Rgba });
    let mut encoded = encoder.write_header()?;
    if opaque {
        let rgb: Vec<u8> = rgba.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        encoded.write_image_data(&rgb)?;
    } else {
        encoded.write_image_data(rgba)?;
    }
    encoded.finish()?;
    writer.flush()
}
