//! Pictures on disk: whole or not at all.

use std::fs;

use tensorscope::app::png::{PngError, write_png};

fn read(path: &std::path::Path) -> (png::OutputInfo, Vec<u8>) {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    bytes.truncate(info.buffer_size());
    (info, bytes)
}

#[test]
fn pictures_come_back_as_they_went() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let opaque: Vec<u8> = (0..3 * 2).flat_map(|k| [k, 2 * k, 255 - k, 255]).collect();
    write_png(&path, [3, 2], &opaque).unwrap();
    let (info, rgb) = read(&path);
    assert_eq!((info.width, info.height, info.color_type), (3, 2, png::ColorType::Rgb));
    let expected: Vec<u8> = opaque.chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
    assert_eq!(rgb, expected);

    // A second picture replaces the first.
    let translucent: Vec<u8> = (0..2 * 2).flat_map(|k| [k, k, k, 100 + k]).collect();
    write_png(&path, [2, 2], &translucent).unwrap();
    let (info, rgba) = read(&path);
    assert_eq!((info.width, info.color_type), (2, png::ColorType::Rgba));
    assert_eq!(rgba, translucent);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the picture is left");
}

#[test]
fn a_failed_picture_leaves_nothing_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_png(&folder.path().join("missing/picture.png"), [1, 1], &[0; 4]).unwrap_err();
    assert!(error.to_string().contains("name a file in a folder that exists"), "{error}");

    // A folder is not taken for a file.
    let taken = folder.path().join("picture.png");
    fs::create_dir(&taken).unwrap();
    assert!(matches!(write_png(&taken, [1, 1], &[0; 4]), Err(PngError::Write { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(taken.is_dir());

    assert!(matches!(write_png("/".as_ref(), [1, 1], &[0; 4]), Err(PngError::NoName { .. })));
}

#[cfg(unix)]
#[test]
fn a_picture_is_written_where_its_link_leads() {
    let folder = tempfile::tempdir().unwrap();
    let (link, file) = (folder.path().join("link.png"), folder.path().join("file.png"));
    write_png(&file, [1, 1], &[1, 2, 3, 255]).unwrap();
    std::os::unix::fs::symlink("file.png", &link).unwrap();
    write_png(&link, [1, 1], &[4, 5, 6, 255]).unwrap();
    assert!(link.is_symlink());
    assert_eq!(read(&file).1, [4, 5, 6]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn an_old_picture_survives_where_nothing_may_be_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    write_png(&path, [1, 1], &[1, 2, 3, 255]).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let outcome = write_png(&path, [1, 1], &[4, 5, 6, 255]);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Root may write everywhere; everybody else gets the error and keeps the picture.
    let expected = if outcome.is_ok() { [4, 5, 6] } else { [1, 2, 3] };
    assert_eq!(read(&path).1, expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn bytes_that_are_not_a_picture_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    for (size_px, bytes) in [([2, 2], 15), ([0, 0], 0), ([u32::MAX, u32::MAX], 16)] {
        assert!(matches!(write_png(&path, size_px, &vec![0; bytes]), Err(PngError::Shape { .. })));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
