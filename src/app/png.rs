//! PNG files that are there whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::export::whole_file::write_whole;

/// Why a picture could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    #[error("cannot write {}: {source}; name a file in a folder that exists and that you may write to", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: no room for this picture: {source}; free space there or choose another folder", path.display())]
    Full { path: PathBuf, source: io::Error },
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
    let png = encode_png(size_px, width as usize * 4, rgba)
        .map_err(|source| PngError::Write { path: path.to_owned(), source })?;
    write_encoded(path, &png)
}

/// Writes what [`encode_png`] gave to `path`, whole or not at all. An error leaves `path` as it was.
pub fn write_encoded(path: &Path, png: &[u8]) -> Result<(), PngError> {
    if path.file_name().is_none() {
        return Err(PngError::NoName { path: path.to_owned() });
    }
    write_whole(path, |writer| writer.write_all(png)).map_err(|source| {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                PngError::Full { path, source }
            }
            _ => PngError::Write { path, source },
        }
    })
}

/// A picture as a PNG file. Its rows are `row_bytes` apart, from the top, and each begins with width * 4 bytes. Without
/// transparency it is stored without alpha.
pub fn encode_png([width, height]: [u32; 2], row_bytes: usize, rgba: &[u8]) -> io::Result<Vec<u8>> {
    let used_bytes = width as usize * 4;
    let rows = || rgba.chunks(row_bytes.max(1)).take(height as usize).filter_map(|row| row.get(..used_bytes));
    // Looked at by rows: what is not opaque shows early.
    let opaque = rows().all(|row| row.as_chunks::<4>().0.iter().fold(u8::MAX, |all, pixel| all & pixel[3]) == u8::MAX);
    let channels = if opaque { 3 } else { 4 };
    let mut pixels = vec![0; width as usize * height as usize * channels];
    for (row, packed) in rows().zip(pixels.chunks_exact_mut((width as usize * channels).max(1))) {
        if opaque {
            let (from, _) = row.as_chunks::<4>();
            let (to, _) = packed.as_chunks_mut::<3>();
            for ([r, g, b, _], to) in from.iter().zip(to) {
                *to = [*r, *g, *b];
            }
        } else {
            packed.copy_from_slice(row);
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_depth(png::BitDepth::Eight);
    // A film is many pictures: the default takes several times as long for a few percent of the size.
    encoder.set_compression(png::Compression::Fast);
    encoder.set_color(if opaque { png::ColorType::Rgb } else { png::ColorType::Rgba });
    let mut encoded = encoder.write_header()?;
    encoded.write_image_data(&pixels)?;
    encoded.finish()?;
    Ok(file)
}
