//! A file mapped read-only, which stays readable (as zeros) when something cuts the file short meanwhile.
#![expect(unsafe_code, reason = "mappings and signal handlers have no safe interface")]

use super::error::ReadError;
use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A read-only mapping of a whole regular file. An empty file has no mapping and gives an empty slice.
///
/// When the file shrinks while it is mapped, the lost bytes read as zeros instead of killing the process; [`check`]
/// tells. Whoever takes something from the bytes calls it afterwards, before trusting the result.
///
/// [`check`]: MappedFile::check
#[derive(Debug)]
pub struct MappedFile {
    path: PathBuf,
    /// Kept open so that `check` asks about this very file, even when another one took its name.
    file: File,
    content: Option<Content>,
}

/// Fields drop in order: the range leaves the registry before its addresses are free for others.
#[derive(Debug)]
struct Content {
    guard: guard::Registered,
    map: Mmap,
}

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// `Io` when it cannot be opened or mapped, `Unusable` when it is a folder or no regular file.
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<Self>, ReadError> {
        let path = path.as_ref();
        let io = |source| ReadError::io(path, source);
        // Asked before opening, since opening a named pipe waits for its other end.
        let metadata = std::fs::metadata(path).map_err(io)?;
        if metadata.is_dir() {
            return Err(ReadError::unusable(path, "this is a folder, not a file", "name a file in it"));
        }
        if !metadata.is_file() {
            return Err(ReadError::unusable(
                path,
                "this is no regular file",
                "copy its content to a file and open that",
            ));
        }
        let file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        let content = match bytes {
            0 => None,
            _ => {
                let len = usize::try_from(bytes).map_err(|_| {
                    ReadError::unusable(path, "it is larger than this machine's address space", "use a 64-bit system")
                })?;
                // SAFETY: the mapping is private to this struct and only read. Others may still change the file; the
                // readers take every byte as untrusted, and `guard` answers for pages that vanish.
                let map = unsafe { MmapOptions::new().len(len).map(&file) }.map_err(io)?;
                Some(Content { guard: guard::register(map.as_ptr() as usize, len).map_err(io)?, map })
            }
        };
        Ok(Arc::new(Self { path: path.to_owned(), file, content }))
    }

    /// The file's bytes as of opening it.
    pub fn bytes(&self) -> &[u8] {
        self.content.as_ref().map_or(&[], |content| &content.map)
    }

    /// Copies the bytes from `at` on into all of `target`.
    ///
    /// # Errors
    /// `Shrunk` when they are not there any more, `Io` when they cannot be read.
    pub fn read_at(&self, at: usize, target: &mut [u8]) -> Result<(), ReadError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileExt;
            self.file.read_exact_at(target, at as u64).map_err(|source| match source.kind() {
                std::io::ErrorKind::UnexpectedEof => ReadError::Shrunk { path: self.path.clone() },
                _ => ReadError::io(&self.path, source),
            })
        }
        #[cfg(not(unix))]
        {
            let end = at.checked_add(target.len());
            let there = end.and_then(|end| self.bytes().get(at..end));
            let there = there.ok_or_else(|| ReadError::Shrunk { path: self.path.clone() })?;
            target.copy_from_slice(there);
            Ok(())
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether all that was mapped is still there.
    ///
    /// # Errors
    /// `Shrunk` when bytes vanished or the file is shorter now, `Io` when it cannot be asked.
    pub fn check(&self) -> Result<(), ReadError> {
        let Some(content) = &self.content else { return Ok(()) };
        let bytes_now = self.file.metadata().map_err(|source| ReadError::io(&self.path, source))?.len();
        if content.guard.shrunk() || bytes_now < content.map.len() as u64 {
            return Err(ReadError::Shrunk { path: self.path.clone() });
        }
        Ok(())
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

/// The SIGBUS handler and the registry of address ranges it answers for.
#[cfg(unix)]
mod guard {
    use libc::{c_int, c_void, sigaction, siginfo_t};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};

    /// One range of the registry, which is a list that only grows: nodes are leaked and used again, so that the handler
    /// can walk it at any moment without a lock.
    #[derive(Debug)]
    struct Slot {
        taken: AtomicBool,
        /// Odd while `start` and `len` change; the handler skips such a slot. It cannot be the one that faulted: a
        /// range is registered before anyone reads it, and leaves after the last read.
        version: AtomicUsize,
        start: AtomicUsize,
        len: AtomicUsize,
        shrunk: AtomicBool,
        next: AtomicPtr<Slot>,
    }

    static HEAD: AtomicPtr<Slot> = AtomicPtr::new(std::ptr::null_mut());

    /// What the handler needs, written before it is installed.
    struct Installed {
        page_bytes: usize,
        former: sigaction,
    }

    // Of `sigaction` only numbers and a function's address are read, never changed after `set`.
    static INSTALLED: OnceLock<Installed> = OnceLock::new();

    /// A range in the registry; leaves it on drop.
    #[derive(Debug)]
    pub struct Registered(&'static Slot);

    impl Registered {
        pub fn shrunk(&self) -> bool {
            self.0.shrunk.load(Ordering::Acquire)
        }
    }

    impl Drop for Registered {
        fn drop(&mut self) {
            self.0.set(0, 0);
            self.0.taken.store(false, Ordering::Release);
        }
    }

    /// Puts a mapping into the registry, and the handler into the process at the first call.
    pub fn register(start: usize, len: usize) -> std::io::Result<Registered> {
        install()?;
        let slot = slots().find(|slot| !slot.taken.swap(true, Ordering::AcqRel)).unwrap_or_else(push_slot);
        slot.shrunk.store(false, Ordering::Release);
        slot.set(start, len);
        Ok(Registered(slot))
    }

    impl Slot {
        /// Only the one who has `taken` the slot calls this.
        fn set(&self, start: usize, len: usize) {
            self.version.fetch_add(1, Ordering::AcqRel);
            fence(Ordering::Release);
            self.start.store(start, Ordering::Relaxed);
            self.len.store(len, Ordering::Relaxed);
            self.version.fetch_add(1, Ordering::Release);
        }

        /// Address after the range's last byte, if `address` is in the range.
        fn end_if_holding(&self, address: usize) -> Option<usize> {
            let version = self.version.load(Ordering::Acquire);
            let start = self.start.load(Ordering::Relaxed);
            let len = self.len.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            let steady = version.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == version;
            (steady && address.wrapping_sub(start) < len).then(|| start.wrapping_add(len))
        }
    }

    fn slots() -> impl Iterator<Item = &'static Slot> {
        let mut next = HEAD.load(Ordering::Acquire);
        std::iter::from_fn(move || {
            // SAFETY: every pointer in the list came from `Box::leak` and is never freed.
            let slot: &'static Slot = unsafe { next.as_ref() }?;
            next = slot.next.load(Ordering::Acquire);
            Some(slot)
        })
    }

    /// A new slot at the head of the list, taken already.
    fn push_slot() -> &'static Slot {
        let slot: &'static Slot = Box::leak(Box::new(Slot {
            taken: AtomicBool::new(true),
            version: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            shrunk: AtomicBool::new(false),
            next: AtomicPtr::new(std::ptr::null_mut()),
        }));
        let pointer = std::ptr::from_ref(slot).cast_mut();
        let mut head = HEAD.load(Ordering::Acquire);
        loop {
            slot.next.store(head, Ordering::Release);
            match HEAD.compare_exchange_weak(head, pointer, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return slot,
                Err(now) => head = now,
            }
        }
    }

    fn install() -> std::io::Result<()> {
        static RESULT: OnceLock<Result<(), i32>> = OnceLock::new();
        RESULT
            .get_or_init(|| {
                let code = || std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
                // SAFETY: plain libc calls on zeroed, then filled, local structures. `INSTALLED` is complete before
                // `on_sigbus` can run.
                unsafe {
                    let mut former: sigaction = std::mem::zeroed();
                    if libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut former) != 0 {
                        return Err(code());
                    }
                    let page_bytes = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).map_err(|_| code())?;
                    INSTALLED.get_or_init(|| Installed { page_bytes, former });
                    let mut ours: sigaction = std::mem::zeroed();
                    ours.sa_sigaction = on_sigbus as *const () as usize;
                    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                    libc::sigemptyset(&raw mut ours.sa_mask);
                    match libc::sigaction(libc::SIGBUS, &raw const ours, std::ptr::null_mut()) {
                        0 => Ok(()),
                        _ => Err(code()),
                    }
                }
            })
            .map_err(std::io::Error::from_raw_os_error)
    }

    /// Puts zeros where a page of ours vanished; hands everything else to the former handler.
    ///
    /// Runs in a signal handler: no locks, no allocation, only atomics and system calls.
    extern "C" fn on_sigbus(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let Some(installed) = INSTALLED.get() else { return };
        // SAFETY: the kernel passes a valid `siginfo_t`; for SIGBUS it carries the address.
        let address = unsafe { (*info).si_addr() } as usize;
        if !put_zeros_at(address, installed.page_bytes) {
            chain(&installed.former, signal, info, context);
        }
    }

    /// A file that lost one page has lost all after it as well, so that the rest of the mapping goes at once: a reader
    /// that runs on through gigabytes would fault at every page otherwise.
    fn put_zeros_at(address: usize, page_bytes: usize) -> bool {
        let Some((slot, end)) = slots().find_map(|slot| Some((slot, slot.end_if_holding(address)?))) else {
            return false;
        };
        let page = address - address % page_bytes;
        slot.shrunk.store(true, Ordering::Release);
        // SAFETY: replaces pages inside a mapping that is ours, alive (it is being read) and read-only anyway.
        let mapped = unsafe {
            libc::mmap(
                page as *mut c_void,
                end - page,
                libc::PROT_READ,
                libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        mapped != libc::MAP_FAILED
    }

    fn chain(former: &sigaction, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: a handler that is neither default nor ignore is a function of the kind that its flags say. Else the
        // former disposition comes back, and the signal with it: a fault repeats itself, one that was sent is raised.
        unsafe {
            match former.sa_sigaction {
                libc::SIG_DFL => {
                    libc::sigaction(signal, former, std::ptr::null_mut());
                    libc::raise(signal);
                }
                libc::SIG_IGN => {
                    // Only a sent signal can be ignored; a fault would come back for ever.
                    if (*info).si_code > 0 {
                        libc::sigaction(signal, former, std::ptr::null_mut());
                    }
                }
                handler if former.sa_flags & libc::SA_SIGINFO != 0 => {
                    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = std::mem::transmute(handler);
                    handler(signal, info, context);
                }
                handler => {
                    let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
                    handler(signal);
                }
            }
        }
    }
}

/// Systems without SIGBUS lock a mapped file against truncation.
#[cfg(not(unix))]
mod guard {
    #[derive(Debug)]
    pub struct Registered;

    impl Registered {
        pub fn shrunk(&self) -> bool {
            false
        }
    }

    pub fn register(_start: usize, _len: usize) -> std::io::Result<Registered> {
        Ok(Registered)
    }
}
