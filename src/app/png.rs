//! PNG files that are there whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::export::whole_file::write_whole;

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

/// Writes `rgba` (width * height * 4 bytes, rows from the top) to `path`, whole or not at all. Pictures without transparency are stored without alpha. An error leaves `path` as it was.
pub fn write_png(path: &Path, size_px: [u32; 2], rgba: &[u8]) -> Result<(), PngError> {
    let [width, height] = size_px;
    let expected = (width as usize).checked_mul(height as usize).and_then(|pixels| pixels.checked_mul(4));
    if expected != Some(rgba.len()) || rgba.is_empty() {
        return Err(PngError::Shape { path: path.to_owned(), width, height, pixels: rgba.len() });
    }
    if path.file_name().is_none() {
        return Err(PngError::NoName { path: path.to_owned() });
    }
    write_whole(path, |writer| encode(writer, size_px, rgba))
        .map_err(|source| PngError::Write { path: path.to_owned(), source })
}

/// A picture as the bytes of its file; `None` where they are not pixels of that size.
pub fn png_bytes(size_px: [u32; 2], rgba: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    encode(&mut bytes, size_px, rgba).ok()?;
    Some(bytes)
}

fn encode(writer: &mut impl Write, size_px: [u32; 2], rgba: &[u8]) -> io::Result<()> {
    let mut encoder = png::Encoder::new(writer, size_px[0], size_px[1]);
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
    Ok(())
}
