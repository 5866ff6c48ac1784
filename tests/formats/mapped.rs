//! Mapped files, and files that shrink meanwhile.

use std::fs::File;
use std::io::Write;
use tensorscope::formats::error::ReadError;
use tensorscope::formats::mapped::MappedFile;

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn truncate(file: &tempfile::NamedTempFile, bytes: u64) {
    File::options().write(true).open(file.path()).unwrap().set_len(bytes).unwrap();
}

#[test]
fn gives_the_bytes_and_the_path() {
    let file = file_of(b"twelve bytes");
    let mapped = MappedFile::open(file.path()).unwrap();
    assert_eq!(mapped.bytes(), b"twelve bytes");
    assert_eq!(mapped.path(), file.path());
    mapped.check().unwrap();
}

#[test]
fn an_empty_file_is_an_empty_slice() {
    let file = file_of(b"");
    let mapped = MappedFile::open(file.path()).unwrap();
    assert!(mapped.bytes().is_empty());
    mapped.check().unwrap();
}

#[test]
fn folders_and_missing_files_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let error = MappedFile::open(folder.path()).unwrap_err();
    assert!(matches!(error, ReadError::Unusable { .. }) && error.to_string().contains("folder"), "{error}");
    let missing = folder.path().join("missing.bin");
    let error = MappedFile::open(&missing).unwrap_err();
    assert!(matches!(error, ReadError::Io { .. }) && error.to_string().contains("missing.bin"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_without_reading_it() {
    let error = MappedFile::open("/dev/zero").unwrap_err();
    assert!(matches!(error, ReadError::Unusable { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_cut_short_while_mapped_reads_as_zeros_and_says_so() {
    let file = file_of(&vec![7_u8; 1 << 20]);
    let mapped = MappedFile::open(file.path()).unwrap();
    assert_eq!(mapped.bytes()[(1 << 20) - 1], 7);
    truncate(&file, 0);
    assert_eq!(mapped.bytes()[(1 << 20) - 1], 0);
    assert_eq!(mapped.bytes()[0], 0);
    assert!(mapped.bytes().iter().all(|&byte| byte == 0));
    assert!(matches!(mapped.check(), Err(ReadError::Shrunk { .. })));

    // Grown back to its old length, the file is another one; what was read is still not to be trusted.
    truncate(&file, 1 << 20);
    assert!(matches!(mapped.check(), Err(ReadError::Shrunk { .. })));
}

#[test]
fn a_file_cut_short_is_told_before_anything_is_read() {
    let file = file_of(&vec![7_u8; 1 << 16]);
    let mapped = MappedFile::open(file.path()).unwrap();
    truncate(&file, 1 << 15);
    assert!(matches!(mapped.check(), Err(ReadError::Shrunk { .. })));
    assert_eq!(mapped.bytes()[0], 7);
}

#[cfg(unix)]
#[test]
fn many_threads_may_lose_their_files_at_once() {
    let threads: Vec<_> = (0..8_u8)
        .map(|k| {
            std::thread::Builder::new()
                .name(format!("mapper {k}"))
                .spawn(move || {
                    for round in 0..40_usize {
                        let (kept, lost) = (file_of(&vec![k + 1; 40_000]), file_of(&vec![k + 1; 40_000 + round]));
                        let (kept, cut) =
                            (MappedFile::open(kept.path()).unwrap(), MappedFile::open(lost.path()).unwrap());
                        truncate(&lost, 5_000);
                        let read: Vec<u8> = cut.bytes().to_vec();
                        assert!(read[..5_000].iter().all(|&byte| byte == k + 1));
                        assert!(read[8_192..].iter().all(|&byte| byte == 0));
                        assert!(cut.check().is_err());
                        assert!(kept.bytes().iter().all(|&byte| byte == k + 1));
                        kept.check().unwrap();
                    }
                })
                .unwrap()
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// The handler answers for our mappings only: someone else's bus error ends the process as before. Runs itself in a
/// process of its own.
#[cfg(unix)]
#[test]
fn a_bus_error_elsewhere_still_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    const CHILD: &str = "TENSORSCOPE_TEST_FOREIGN_SIGBUS";
    if std::env::var_os(CHILD).is_some() {
        let _ours = MappedFile::open(file_of(b"ours").path()).unwrap();
        let file = file_of(&vec![7_u8; 1 << 16]);
        // SAFETY: cut short on purpose below.
        let foreign = unsafe { memmap2::Mmap::map(file.as_file()) }.unwrap();
        truncate(&file, 0);
        std::process::exit(i32::from(foreign[100]));
    }
    let test = "formats::mapped::a_bus_error_elsewhere_still_ends_the_process";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{output:?}");
}

#[test]
fn a_mapping_can_own_the_memory_of_a_column() {
    fn allocation<T: std::panic::RefUnwindSafe + Send + Sync + 'static>(_: &T) {}
    allocation(&MappedFile::open(file_of(b"x").path()).unwrap());
}
